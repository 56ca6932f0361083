"""A Python script is a program like any other, with `State`."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import llmspell
from llmspell import InvalidArgument, Store
from llmspell.config import ScriptSettings
from llmspell.errors import ScriptError
from llmspell.scripting import python
from llmspell.scripting.run import Run, Script

Execute = Callable[..., Run]


@pytest.fixture
def memory() -> Iterator[Store]:
    with llmspell.open(backend="memory") as store:
        yield store


@pytest.fixture
def execute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: Store) -> Execute:
    """Run a text from a file in a folder of its own; what belongs to the process is put back after the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    for name, value in (("argv", sys.argv), ("path", list(sys.path))):
        monkeypatch.setattr(sys, name, value)
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)

    def run(
        source: str | bytes, *arguments: str, state: bool = True, name: str = "jobs/script.py", file: bool = True
    ) -> Run:
        content = source.encode() if isinstance(source, str) else source
        if file:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(content)
        script = Script(content, name, os.path.dirname(name) or ".", arguments, name if file else None)
        done = Run(script, memory if state else None, ScriptSettings())
        python.execute(done)
        return done

    return run


def failure_of(execute: Execute, source: str | bytes, **options: bool) -> ScriptError:
    with pytest.raises(ScriptError) as caught:
        execute(source, **options)
    return caught.value


def cause_of(failure: ScriptError) -> BaseException:
    assert failure.__cause__ is not None
    return failure.__cause__


def test_a_script_has_the_open_store_itself(execute: Execute, memory: Store) -> None:
    run = execute("State.save('app', 'key', [1, State.null, State.array(())])")
    assert memory.load("app", "key") == [1, None, []]
    assert run.exit_code == 0
    assert sys.modules["__main__"].__dict__["State"] is memory


def test_it_is_the_main_module_with_its_file_arguments_and_folder(
    execute: Execute, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sys.path[1:]
    execute(
        "import sys, __main__\n"
        "print(__name__, __file__, sys.argv, sys.path[0], __main__.__dict__ is globals(), sys.path[1:] == OTHERS)".replace(
            "OTHERS", repr(before)
        ),
        "--month",
        "7",
    )
    script = tmp_path / "jobs" / "script.py"
    assert capsys.readouterr().out == (
        f"__main__ {script} ['jobs/script.py', '--month', '7'] {script.parent} True True\n"
    )


def test_a_text_that_is_no_file_looks_for_modules_in_the_working_directory(
    execute: Execute, capsys: pytest.CaptureFixture[str]
) -> None:
    execute("import sys; print(sys.argv, repr(sys.path[0]), '__file__' in globals())", "x", name="exec", file=False)
    assert capsys.readouterr().out == "['exec', 'x'] '' False\n"
    assert str(failure_of(execute, "\n1 / 0", file=False)).startswith("<jobs/script.py>:2: ZeroDivisionError")


def test_the_folder_of_a_link_is_that_of_the_file_that_it_leads_to(
    execute: Execute, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x.py").write_text("")
    (tmp_path / "link.py").symlink_to(tmp_path / "real" / "x.py")
    execute("", name="link.py")
    assert sys.path[0] == str(tmp_path / "real")


def test_modules_beside_it_can_be_imported_and_import_state_from_main(
    execute: Execute, tmp_path: Path, memory: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "beside_the_script.py").write_text("from __main__ import State\nState.save('a', 'b', 1)\n")
    execute("import beside_the_script")
    del sys.modules["beside_the_script"]
    assert memory.load("a", "b") == 1


def test_what_it_defines_can_be_pickled(execute: Execute, memory: Store) -> None:
    execute(
        "import dataclasses, pickle\n"
        "@dataclasses.dataclass\nclass Point:\n    x: 'int'\n"
        "State.save('a', 'b', pickle.loads(pickle.dumps(Point(3))).x)"
    )
    assert memory.load("a", "b") == 3


def test_what_llmspell_imports_from_the_future_is_not_the_scripts(execute: Execute, memory: Store) -> None:
    execute("def f(x: int): pass\nState.save('a', 'b', f.__annotations__['x'] is int)")
    assert memory.load("a", "b") is True


@pytest.mark.parametrize(
    "source",
    [
        "# -*- coding: latin-1 -*-\nState.save('a', 'b', 'é')".encode("latin-1"),
        "\ufeffState.save('a', 'b', 'é')".encode(),
        "#!/usr/bin/env python3\r\nState.save('a', 'b', 'é')\r\n".encode(),
    ],
)
def test_every_encoding_that_python_reads_is_read(execute: Execute, memory: Store, source: bytes) -> None:
    execute(source)
    assert memory.load("a", "b") == "é"


@pytest.mark.parametrize(
    ("argument", "code"),
    [("", 0), ("None", 0), ("0", 0), ("3", 3), ("True", 1), ("256", 0), ("-1", 255), ("2**64", 255), ("'bye'", 1)],
)
def test_an_exit_gives_the_code_that_python_gives(
    execute: Execute, argument: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    run = execute(f"import sys; print('out'); sys.exit({argument})")
    assert (run.exit_code, isinstance(run.stop, SystemExit)) == (code, True)
    told = capsys.readouterr()
    assert (told.out, told.err) == ("out\n", "bye\n" if argument == "'bye'" else "")


def test_an_uncaught_error_is_one_of_the_script_with_its_line(execute: Execute, tmp_path: Path) -> None:
    failure = failure_of(execute, "def f():\n    State.save('', 'b', 1)\nf()")
    assert str(failure) == (
        f"{tmp_path / 'jobs' / 'script.py'}:2: llmspell.errors.InvalidArgument: "
        "the scope is empty; give it at least one character"
    )
    assert isinstance(cause_of(failure), InvalidArgument)


def test_a_text_that_is_no_python_is_an_error_of_the_script(execute: Execute, tmp_path: Path) -> None:
    assert str(failure_of(execute, "x = 1\nif x\n    pass")) == (
        f"{tmp_path / 'jobs' / 'script.py'}:2: SyntaxError: expected ':'"
    )
    assert "null bytes" in str(failure_of(execute, b"x = 1\0"))


def test_an_interrupt_passes(execute: Execute) -> None:
    with pytest.raises(KeyboardInterrupt):
        execute("raise KeyboardInterrupt")


def test_a_broken_pipe_that_is_not_the_output_is_an_error_like_any_other(execute: Execute) -> None:
    failure = failure_of(execute, "import os\nr, w = os.pipe()\nos.close(r)\nos.write(w, b'x')")
    assert isinstance(cause_of(failure), BrokenPipeError)


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("State.get('a', 'b')", "State.get does not exist, use State.load"),
        ("State.incremnt('a', 'b')", "State.incremnt does not exist, use State.increment"),
    ],
)
def test_a_wrong_name_of_a_function_is_told_the_right_one(execute: Execute, source: str, hint: str) -> None:
    failure = failure_of(execute, source)
    assert cause_of(failure).__notes__ == [hint]
    assert str(failure).endswith(f"; {hint}")


def test_without_state_the_name_does_not_exist_and_says_why(execute: Execute) -> None:
    execute("assert 'State' not in globals()", state=False)
    failure = failure_of(execute, "State.save('a', 'b', 1)", state=False)
    assert str(failure).endswith(
        "NameError: name 'State' is not defined; State does not exist because [state] enabled = false in the configuration"
    )


def test_other_names_that_are_missing_get_no_hint(execute: Execute) -> None:
    for source in ("Stat", "'x'.get", "class State: pass\nState.get"):
        for state in (True, False):
            assert not hasattr(cause_of(failure_of(execute, source, state=state)), "__notes__")


def test_what_is_shown_begins_in_the_script_and_ends_there(
    execute: Execute, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = failure_of(execute, "print('before')\ntry:\n    1 / 0\nexcept ValueError:\n    pass")
    python.show(cause_of(failure))
    told = capsys.readouterr()
    assert told.out == "before\n"
    assert told.err.splitlines() == [
        "Traceback (most recent call last):",
        f'  File "{tmp_path / "jobs" / "script.py"}", line 3, in <module>',
        "    1 / 0",
        "    ~~^~~",
        "ZeroDivisionError: division by zero",
    ]


def test_a_syntax_error_is_shown_with_its_place_alone(
    execute: Execute, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    python.show(cause_of(failure_of(execute, "x = 1\nif x\n    pass")))
    assert capsys.readouterr().err.splitlines() == [
        f'  File "{tmp_path / "jobs" / "script.py"}", line 2',
        "    if x",
        "        ^",
        "SyntaxError: expected ':'",
    ]


def test_a_hook_of_the_script_shows_its_errors(execute: Execute, capsys: pytest.CaptureFixture[str]) -> None:
    failure = failure_of(
        execute,
        "import sys, traceback\n"
        "def show(kind, error, trace):\n"
        "    print(kind.__name__, [frame.name for frame in traceback.extract_tb(trace)], file=sys.stderr)\n"
        "sys.excepthook = show\n"
        "State.save('', '', 1)",
    )
    python.show(cause_of(failure))
    assert capsys.readouterr().err == "InvalidArgument ['<module>']\n"


def test_when_a_hook_of_the_script_fails_both_errors_are_shown(
    execute: Execute, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = failure_of(execute, "import sys\nsys.excepthook = lambda *error: 1 / 0\nraise ValueError('first')\n")
    python.show(cause_of(failure))
    told = capsys.readouterr().err
    first, _, second = told.partition("Original exception was:")
    assert "Error in sys.excepthook:" in first
    assert first.rstrip().endswith("ZeroDivisionError: division by zero")
    assert second.endswith("ValueError: first\n")
    assert "llmspell/scripting" not in told


@contextmanager
def standard_streams(folder: Path) -> Iterator[None]:
    """Have standard streams of the test's own, in the files `out` and `err`; a fixture could not: pytest sets its own."""
    before = sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__
    try:
        for name in ("out", "err"):
            stream = (folder / name).open("w", encoding="utf-8")
            setattr(sys, f"std{name}", stream)
            setattr(sys, f"__std{name}__", stream)
        yield
        sys.stdout.close()
        sys.stderr.close()
    finally:
        sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__ = before  # type: ignore[misc]


@pytest.mark.parametrize(
    "source",
    [
        "stream.close()",
        "stream.detach().close()",
        "stream.close(); setattr(sys, name, None)",
        "stream.close(); setattr(sys, name, io.StringIO())",
    ],
)
def test_the_command_can_write_whatever_a_script_did_to_the_streams(
    execute: Execute, source: str, tmp_path: Path
) -> None:
    with standard_streams(tmp_path):
        execute(f"import io, sys\nfor name in ('stdout', 'stderr'):\n    stream = getattr(sys, name)\n    {source}")
        for stream in (sys.stdout, sys.stderr):
            stream.buffer.write(b"x")
            stream.flush()


def test_the_words_of_an_exit_are_told_though_the_output_is_closed(execute: Execute, tmp_path: Path) -> None:
    with standard_streams(tmp_path):
        assert execute("import sys; sys.stdout.close(); sys.exit('bye')").exit_code == 1
    assert (tmp_path / "err").read_text() == "bye\n"


def test_a_stream_that_a_script_has_made_of_a_standard_one_stays(execute: Execute, tmp_path: Path) -> None:
    with standard_streams(tmp_path):
        execute("import io, sys; sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding='latin-1'); print('é')")
        sys.stdout.flush()
    assert (tmp_path / "out").read_bytes() == b"\xe9\n"


def test_a_script_that_collects_its_output_leaves_the_standard_one_to_the_command(
    execute: Execute, tmp_path: Path
) -> None:
    with standard_streams(tmp_path):
        execute("import io, sys; sys.stdout = io.StringIO(); print('collected')")
        sys.stdout.buffer.write(b"told")
        sys.stdout.flush()
    assert (tmp_path / "out").read_bytes() == b"told"


def test_the_configuration_can_refuse_python() -> None:
    python.require_enabled(ScriptSettings())
    with pytest.raises(InvalidArgument, match=r"\[engines\.python\] enabled = false"):
        python.require_enabled(ScriptSettings(python_enabled=False))
