"""A conversation in Python: what stays, when a text is complete, what is shown of a failure."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

import llmspell
from llmspell.config import ScriptSettings
from llmspell.errors import InvalidArgument
from llmspell.scripting.python_session import open_session
from llmspell.scripting.run import Run, Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmspell.scripting.session import Evaluation


@pytest.fixture
def python() -> Iterator[Callable[[str], Evaluation]]:
    with llmspell.open(backend="memory") as store:
        session = open_session(Run(Script(b"", "repl", "."), store, ScriptSettings()))
        yield session.evaluate
        session.close()


def test_names_stay_and_the_last_value_is_the_underscore(python: Callable[[str], Evaluation]) -> None:
    assert python("x = 5") == ("nothing", "")
    assert python("x + 1") == ("value", "6")
    assert python("_ * 2") == ("value", "12")
    assert python("None") == ("nothing", "")
    assert python("_") == ("value", "12")


@pytest.mark.parametrize(
    "text",
    [
        *("def f():", "def f():\n    return 1", "f(", "x = [1,", "'''a", "class A:", "@decorator", "if x:\n  y\nelse:"),
        *("for i in x: print(i)", "try:\n  x", "match x:\n  case 1:\n    pass", "with x as y:\n  pass", "a \\"),
        "def f():\n    x = 1\n\n    y = 2",
    ],
)
def test_the_beginning_of_a_text_is_incomplete(python: Callable[[str], Evaluation], text: str) -> None:
    assert python(text).outcome == "incomplete"


def test_an_empty_line_ends_a_block(python: Callable[[str], Evaluation]) -> None:
    assert python("def f():\n    return 1\n") == ("nothing", "")
    assert python("f()") == ("value", "1")


def test_a_statement_behind_a_block_ends_it_and_both_run(python: Callable[[str], Evaluation]) -> None:
    assert python("def f():\n    x = 1\n\n    return x\nf()") == ("value", "1")


def test_what_is_missing_from_an_incomplete_text_is_told(python: Callable[[str], Evaluation]) -> None:
    told = python("f(1,").text
    assert told.endswith("SyntaxError: '(' was never closed")
    assert "During handling" not in told


def test_a_text_that_cannot_be_compiled_fails(python: Callable[[str], Evaluation]) -> None:
    assert python("x = = 1").outcome == "failed"
    assert python("  x").text.splitlines()[-1] == "IndentationError: unexpected indent"
    assert python("'\0'").outcome == "failed"
    assert python("(" * 5000 + ")" * 5000).outcome == "failed"


def test_a_traceback_shows_the_frames_of_the_person_alone(python: Callable[[str], Evaluation]) -> None:
    python("def f():\n    State.save('a', '', 1)\n")
    told = python("f()").text.splitlines()
    assert told[:3] == [
        "Traceback (most recent call last):",
        '  File "<repl>", line 1, in <module>',
        '  File "<repl>", line 2, in f',
    ]
    assert told[3].startswith("llmspell.errors.InvalidArgument: the key is empty")
    assert len(told) == 4


def test_state_is_the_open_store(python: Callable[[str], Evaluation]) -> None:
    assert python("State.save('a', 'b', {'x': [1, None]})") == ("value", "1")
    assert python("State.load('a', 'b')") == ("value", "{'x': [1, None]}")


def test_a_transaction_that_fails_is_undone(python: Callable[[str], Evaluation]) -> None:
    assert python("with State.transaction() as tx:\n  tx.save('a', 'b', 1)\n  1 / 0\n").outcome == "failed"
    assert python("State.exists('a', 'b')") == ("value", "False")


def test_without_state_the_error_says_why() -> None:
    session = open_session(Run(Script(b"", "repl", "."), None, ScriptSettings()))
    told = session.evaluate("State").text
    session.close()
    assert "[state] enabled = false" in told


def test_a_value_that_cannot_be_shown_is_a_failure(python: Callable[[str], Evaluation]) -> None:
    python("class A:\n  def __repr__(self): raise ValueError('no')\n")
    assert python("A()").text.endswith("ValueError: no")
    assert python("1") == ("value", "1")


def test_what_a_text_defines_can_be_pickled(python: Callable[[str], Evaluation]) -> None:
    python("import pickle\nclass A:\n  x = 7\n")
    assert python("pickle.loads(pickle.dumps(A())).x") == ("value", "7")


def test_a_future_import_holds_for_later_texts(python: Callable[[str], Evaluation]) -> None:
    python("from __future__ import annotations")
    assert python("def f(x: not_there): pass\n").outcome == "nothing"


def test_ctrl_c_passes_and_the_names_stay(python: Callable[[str], Evaluation]) -> None:
    python(f"import os, signal, time\ndef stop(): os.kill({os.getpid()}, {int(signal.SIGINT)}); time.sleep(60)\nx = 5")
    with pytest.raises(KeyboardInterrupt):
        python("stop()")
    assert python("x") == ("value", "5")


@pytest.mark.parametrize(("text", "code"), [("3", 3), ("", 0), ("None", 0), ("True", 1), ("'bye'", 1)])
def test_sys_exit_ends_with_its_code(python: Callable[[str], Evaluation], text: str, code: int) -> None:
    with pytest.raises(SystemExit) as end:
        python(f"import sys\nsys.exit({text})")
    assert end.value.code == code


def test_what_it_prints_has_left_when_the_text_ends(
    python: Callable[[str], Evaluation], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with open(1, "w", encoding="utf-8", closefd=False) as stream, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        python("print('é', end='')")
        assert capfdbinary.readouterr().out == "é".encode()


def test_the_process_is_as_it_was_when_the_conversation_ends() -> None:
    before = sys.modules["__main__"], sys.argv, sys.path
    session = open_session(Run(Script(b"", "repl", "."), None, ScriptSettings()))
    assert session.evaluate("import sys; sys.path[0], sys.argv, __name__") == ("value", "('', [''], '__main__')")
    session.close()
    assert (sys.modules["__main__"], sys.argv, sys.path) == before


def test_the_configuration_can_refuse_it() -> None:
    with pytest.raises(InvalidArgument, match=r"\[engines.python\] enabled = false"):
        open_session(Run(Script(b"", "repl", "."), None, ScriptSettings(python_enabled=False)))
