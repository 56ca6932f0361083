"""Scripts that a Python program runs without trusting them: what they give, what they reach, what stops them."""

from __future__ import annotations

import asyncio
import math
import runpy
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

import llmspell
from llmspell.errors import InvalidArgument, InvalidValue, LimitExceeded, ScriptError
from llmspell.scripting import Limits, running
from llmspell.scripting import run_script as run_script_as_users_do
from llmspell.scripting.run import Run, Script
from llmspell.scripting.streams import CapturedStreams, OutputFull

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell.scripting.embedding import ScriptResult

LANGUAGES_EMBEDDED = ("lua", "javascript")
SUFFIX = {"lua": "lua", "javascript": "js"}
PATIENCE = Limits(seconds=60.0)
LONG_MATCH = "(('a'):rep(22)):find(('a?'):rep(22) .. ('a'):rep(22) .. 'b')"
"""It takes seconds, in which Lua asks nobody whether it must stop."""

embedded = pytest.mark.parametrize("language", LANGUAGES_EMBEDDED)


def run_script(store: llmspell.Store | None, source: str | bytes, **options: Any) -> ScriptResult:
    """Run it with time enough, however busy the machine is."""
    return run_script_as_users_do(store, source, **{"limits": PATIENCE, **options})


@pytest.fixture
def memory() -> Iterator[llmspell.Store]:
    with llmspell.open(backend="memory") as store:
        yield store


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that can be stopped is given the time to do so."""
    monkeypatch.setattr(running, "GRACE_SECONDS", 60.0)


# The result -----------------------------------------------------------------------------------------------

RESULTS: dict[str, tuple[dict[str, str], object]] = {
    "nothing": ({"lua": "", "javascript": ""}, None),
    "an explicit nothing": ({"lua": "return nil", "javascript": "export default undefined"}, None),
    "null": ({"lua": "return State.null", "javascript": "export default null"}, None),
    "false": ({"lua": "return false", "javascript": "export default false"}, False),
    "an integer": ({"lua": "return 42", "javascript": "export default 42"}, 42),
    "a fraction": ({"lua": "return 0.1", "javascript": "export default 0.1"}, 0.1),
    "a text": ({"lua": "return 'é\\n\\0'", "javascript": "export default 'é\\n\\0'"}, "é\n\0"),
    "an empty text": ({"lua": "return ''", "javascript": "export default ''"}, ""),
    "an array": ({"lua": "return {1, {2}}", "javascript": "export default [1, [2]]"}, [1, [2]]),
    "an empty array": ({"lua": "return State.array({})", "javascript": "export default []"}, []),
    "an empty object": ({"lua": "return {}", "javascript": "export default {}"}, {}),
    "an object": (
        {"lua": "return {a = {b = State.null}}", "javascript": "export default {a: {b: null}}"},
        {"a": {"b": None}},
    ),
    "what was loaded": (
        {
            "lua": "State.save('s', 'k', {x = {1}}) return State.load('s', 'k')",
            "javascript": "State.save('s', 'k', {x: [1]}); export default State.load('s', 'k')",
        },
        {"x": [1]},
    ),
}


@embedded
@pytest.mark.parametrize("name", RESULTS)
def test_the_result_of_a_script_is_what_it_gives(memory: llmspell.Store, language: str, name: str) -> None:
    sources, expected = RESULTS[name]
    done = run_script(memory, sources[language], language=language)
    assert (done.result, done.output) == (expected, "")
    assert type(done.result) is type(expected)


def test_of_several_results_the_first_one_counts() -> None:
    assert run_script(None, "return 1, 2").result == 1


def test_whole_numbers_and_fractions_stay_apart() -> None:
    assert repr(run_script(None, "return {1, 1.0, 2^53, math.maxinteger}").result) == (
        "[1, 1.0, 9007199254740992.0, 9223372036854775807]"
    )


@pytest.mark.parametrize(
    ("source", "path", "reason"),
    [
        ("return print", "", "is a function"),
        ("return {items = {1, {callback = print}}}", ".items[2].callback", "is a function"),
        ("return {['odd name'] = {print}}", '["odd name"][1]', "is a function"),
        ("return 1 / 0", "", "is inf, which JSON has no number for"),
        ("return {a = '\\xff'}", ".a", "is text that is not valid UTF-8"),
        ("local t = {} t.t = t return {x = t}", ".x.t", "contains itself"),
        ("local t = {} for _ = 1, 128 do t = {t} end return t", "[1]" * 128, "is nested deeper than 128 levels"),
    ],
)
def test_a_result_that_json_cannot_hold_is_refused_with_its_path(source: str, path: str, reason: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        run_script(None, source)
    assert (caught.value.path, caught.value.reason) == (path, reason)
    assert str(caught.value) == f"the result cannot be given: {path or 'it'} {reason}"


@embedded
def test_a_function_is_no_result(language: str) -> None:
    source = {"lua": "return {run = function() end}", "javascript": "export default {run: () => 1}"}[language]
    with pytest.raises(InvalidValue, match=r"^the result cannot be given: \.run is a function"):
        run_script(None, source, language=language)


def test_a_result_that_needs_more_memory_than_the_script_has_is_a_limit() -> None:
    with pytest.raises(LimitExceeded, match="it needed more than 3,000,000 bytes of memory"):
        run_script(None, r"return ('\0'):rep(1000000)", limits=Limits(seconds=60, memory_bytes=3_000_000))


def test_a_result_may_be_as_large_as_a_value() -> None:
    assert run_script(None, "return ('x'):rep(9999998)").result == "x" * 9_999_998
    with pytest.raises(InvalidValue, match=r"^the result cannot be given: it is 10,000,001 bytes of JSON, and 10,000"):
        run_script(None, "return ('x'):rep(9999999)")


def test_text_that_is_no_unicode_is_no_result() -> None:
    with pytest.raises(InvalidValue, match=r"^the result cannot be given: .*surrogate"):
        run_script(None, r"export default {a: '\ud800'}", language="javascript")


def test_what_a_language_gives_is_not_trusted_to_be_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    class Careless:
        def execute(self, run: Run) -> None:
            run.result = rb'{"a":"\ud800"}'

    monkeypatch.setattr(running, "adapter_of", lambda language: Careless())
    with pytest.raises(InvalidValue, match=r"^the result cannot be given: \.a holds text with a lone surrogate"):
        run_script(None, "")


# The output -----------------------------------------------------------------------------------------------


@embedded
def test_output_and_error_output_stand_in_one_text_in_their_order(language: str) -> None:
    source = {
        "lua": "print('one') io.stderr:write('two\\n') io.write('thrée\\n')",
        "javascript": "console.log('one'); console.error('two'); console.log('thrée')",
    }
    assert run_script(None, source[language], language=language).output == "one\ntwo\nthrée\n"


def test_output_that_is_no_utf8_is_given_as_escapes() -> None:
    assert run_script(None, r"io.write('caf\xc3\xa9 \xff')").output == r"café \xff"


def test_a_script_prints_nothing_for_others_to_see(capfd: pytest.CaptureFixture[str]) -> None:
    run_script(None, "print('one') io.stderr:write('two') warn('three')")
    assert capfd.readouterr() == ("", "")


def test_output_may_be_as_long_as_the_limit() -> None:
    limits = Limits(seconds=60, output_bytes=6)
    assert run_script(None, "print('12345')", limits=limits).output == "12345\n"
    with pytest.raises(LimitExceeded) as caught:
        run_script(None, "print('12345') io.write('6')", limits=limits)
    assert caught.value.output == "12345\n"


def test_of_too_much_output_the_beginning_is_kept_and_no_more() -> None:
    streams = CapturedStreams(5)
    streams.write(b"123")
    for _ in range(2):
        with pytest.raises(OutputFull):
            streams.write_error(b"45678")
        assert streams.text == "12345"


# The store ------------------------------------------------------------------------------------------------


@embedded
def test_a_script_works_on_the_store_of_its_caller(store: llmspell.Store, language: str) -> None:
    source = {
        "lua": "State.increment('n', 'x') return State.load('n', 'x')",
        "javascript": "State.increment('n', 'x'); export default State.load('n', 'x')",
    }
    store.save("n", "x", 1)
    assert run_script(store, source[language], language=language).result == 2
    assert store.load("n", "x") == 2
    assert run_script(store, source[language], language=language).result == 3


@embedded
def test_without_a_store_there_is_no_state(language: str) -> None:
    source = {"lua": "return type(State)", "javascript": "export default typeof State"}[language]
    assert run_script(None, source, language=language).result == {"lua": "nil", "javascript": "undefined"}[language]


@embedded
def test_using_state_without_a_store_is_told_as_that(language: str) -> None:
    with pytest.raises(ScriptError, match=r"State does not exist because it was given no store$"):
        run_script(None, "State.load('s', 'k')", language=language)


def test_no_script_is_run_inside_a_transaction_of_its_caller(store: llmspell.Store) -> None:
    with pytest.raises(InvalidArgument, match="a script cannot be run inside a transaction"):
        store.transaction(lambda state: run_script(store, "State.save('s', 'k', 1)"))
    with store.transaction(), llmspell.open(backend="memory") as other:
        assert run_script(other, "return State.save('s', 'k', 1)").result == 1
    assert store.scopes() == []


@embedded
def test_what_was_saved_stays_and_an_open_transaction_is_undone(store: llmspell.Store, language: str) -> None:
    source = {
        "lua": """
            State.save('s', 'before', 1)
            State.transaction(function() State.save('s', 'half', 1) print('inside') while true do end end)
        """,
        "javascript": """
            State.save('s', 'before', 1)
            State.transaction(() => { State.save('s', 'half', 1); console.log('inside'); while (true) {} })
        """,
    }
    with pytest.raises(LimitExceeded) as caught:
        run_script(store, source[language], language=language, limits=Limits(seconds=0.5))
    assert caught.value.output == "inside\n"
    assert store.list_keys("s") == ["before"]
    store.save("s", "after", 1)


# Limits ---------------------------------------------------------------------------------------------------

EXCEEDING: dict[str, tuple[dict[str, str], dict[str, Any], str]] = {
    "time": (
        {"lua": "print('x') while true do end", "javascript": "console.log('x'); while (true) {}"},
        {"seconds": 0.5},
        r"it ran longer than 0\.5 s; seconds of the Limits changes that",
    ),
    "memory": (
        {
            "lua": "print('x') local t = {} while true do t = {t} end",
            "javascript": "console.log('x'); let t = []; while (true) t = [t]",
        },
        {"seconds": 60, "memory_bytes": 4_000_000},
        "it needed more than 4,000,000 bytes of memory; memory_bytes of the Limits changes that",
    ),
    "output": (
        {
            "lua": "while true do pcall(print, 'x') end",
            "javascript": "while (true) { try { console.log('x') } catch {} }",
        },
        {"seconds": 60, "output_bytes": 2},
        "it printed more than 2 bytes; output_bytes of the Limits changes that",
    ),
    "error output": (
        {
            "lua": "while true do pcall(function() io.stderr:write('x\\n') end) end",
            "javascript": "while (true) { try { console.error('x') } catch {} }",
        },
        {"seconds": 60, "output_bytes": 2},
        "it printed more than 2 bytes; output_bytes of the Limits changes that",
    ),
    "instructions": (
        {"lua": "print('x') while true do end"},
        {"seconds": 60, "instructions": 100_000},
        "it took more than 100,000 instructions; instructions of the Limits changes that",
    ),
}
CASES = [(language, name) for name, (sources, _, _) in EXCEEDING.items() for language in sources]


@pytest.mark.parametrize(("language", "name"), CASES)
def test_a_limit_stops_a_script_and_names_itself(language: str, name: str) -> None:
    sources, limits, sentence = EXCEEDING[name]
    with pytest.raises(LimitExceeded, match=rf"^rules(:1)?: stopped: {sentence}$") as caught:
        run_script(None, sources[language], language=language, name="rules", limits=Limits(**limits))
    assert caught.value.output == "x\n"


@embedded
def test_no_limit_at_all_is_possible(language: str) -> None:
    source = {"lua": "print('x') return 1", "javascript": "console.log('x'); export default 1"}[language]
    assert run_script(None, source, language=language, limits=Limits(0, 0, 0, 0)) == (1, "x\n")


@pytest.mark.parametrize("memory_bytes", [1, 1000, 100_000])
def test_however_small_the_memory_is_the_caller_gets_an_answer(memory_bytes: int) -> None:
    source = "local t = {} while true do t[#t + 1] = ('x'):rep(100) .. #t end"
    with pytest.raises(LimitExceeded, match="of memory; memory_bytes of the Limits"):
        run_script(None, source, limits=Limits(seconds=60, memory_bytes=memory_bytes))


def changed(field: str, value: Any) -> Limits:
    return Limits()._replace(**{field: value})


@pytest.mark.parametrize("field", Limits._fields)
@pytest.mark.parametrize("value", [-1, True, "1", None, math.nan, math.inf, 2**63, 1e300])
def test_an_impossible_limit_is_refused_by_its_name(field: str, value: object) -> None:
    with pytest.raises(InvalidArgument, match=rf"^{field} = .* was asked for, but it must be a (whole )?number from 0"):
        run_script(None, "", limits=changed(field, value))


@pytest.mark.parametrize("field", Limits._fields[1:])
def test_what_is_counted_is_counted_in_whole_numbers(field: str) -> None:
    with pytest.raises(InvalidArgument, match=rf"^{field} = 1\.5 was asked for"):
        run_script(None, "", limits=changed(field, 1.5))


def test_instructions_are_no_limit_of_javascript() -> None:
    with pytest.raises(InvalidArgument, match="instructions = 5 is a limit for Lua, and javascript counts none"):
        run_script(None, "", language="javascript", limits=Limits(instructions=5))


def test_a_script_that_cannot_be_stopped_is_left_alone(memory: llmspell.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "GRACE_SECONDS", 0.05)
    before = set(threading.enumerate())
    source = f"State.save('s', 'before', 1) print('before'); {LONG_MATCH} State.save('s', 'after', 1)"
    with pytest.raises(LimitExceeded, match=r"^script: stopped: it ran longer than 0\.2 s; seconds") as caught:
        run_script(memory, source, limits=Limits(seconds=0.2))
    assert caught.value.output == "before\n"
    left = [thread for thread in threading.enumerate() if thread.name == "script" and thread not in before]
    assert run_script(memory, "return State.list_keys('s')").result == ["before"]
    for thread in left:
        thread.join(60)
    assert memory.list_keys("s") == ["before"]


# Failures -------------------------------------------------------------------------------------------------


@embedded
def test_a_failure_names_script_and_line_and_has_the_output(language: str) -> None:
    source = {"lua": "print('x')\nerror('boom')", "javascript": "console.log('x')\nthrow new Error('boom')"}[language]
    with pytest.raises(ScriptError, match=r"rules/discount:2:.*boom|boom.*rules/discount:2") as caught:
        run_script(None, source, language=language, name="rules/discount")
    assert type(caught.value) is ScriptError
    assert caught.value.output == "x\n"


@embedded
def test_a_text_that_is_no_program_is_a_failure(language: str) -> None:
    with pytest.raises(ScriptError, match="script:1"):
        run_script(None, "this is no program", language=language)


def test_an_error_without_output_says_so() -> None:
    assert (ScriptError("x").output, LimitExceeded("x").output) == ("", "")


EXITING = {
    "lua": "print('x') os.exit(CODE) print('y') return 5",
    "javascript": "console.log('x'); exit(CODE); console.log('y'); export default 5",
}


@embedded
def test_a_script_may_end_itself(language: str) -> None:
    for code in ("", "0"):
        assert run_script(None, EXITING[language].replace("CODE", code), language=language) == (None, "x\n")


@embedded
def test_another_exit_code_than_0_is_a_failure(language: str) -> None:
    with pytest.raises(ScriptError, match=r"^rules: the script asked to end with exit code 3, and 0 means") as caught:
        run_script(None, EXITING[language].replace("CODE", "3"), language=language, name="rules")
    assert caught.value.output == "x\n"


# What a script reaches ------------------------------------------------------------------------------------


def test_a_script_does_not_see_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "secret")
    assert run_script(None, "return os.getenv('API_KEY')").result is None


def test_a_script_finds_the_end_of_its_input_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    source = "return {io.read('a'), io.read(0), tostring(io.read()), tostring(io.read(5)), tostring(io.lines()())}"
    assert run_script(None, source).result == ["", "", "nil", "nil", "nil"]


def test_a_script_reaches_neither_files_nor_processes() -> None:
    source = "return {io.open == nil, io.popen == nil, os.execute == nil, os.remove == nil, loadfile == nil}"
    assert run_script(None, source).result == [True] * 5


MODULE = {"lua": "return {rate = 7}", "javascript": "export const rate = 7"}
LOADING = {
    "lua": "return require('rates').rate",
    "javascript": "import { rate } from './rates.js'; export default rate",
}


@embedded
def test_modules_come_from_the_folder_that_was_named(tmp_path: Path, language: str) -> None:
    (tmp_path / f"rates.{SUFFIX[language]}").write_text(MODULE[language])
    for folder in (tmp_path, str(tmp_path)):
        assert run_script(None, LOADING[language], language=language, modules=folder).result == 7


@embedded
def test_without_a_folder_there_are_no_modules_not_even_in_the_working_directory(
    tmp_path: Path, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"rates.{SUFFIX[language]}").write_text(MODULE[language])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScriptError, match="this script may load no modules"):
        run_script(None, LOADING[language], language=language)


@embedded
def test_a_script_is_given_its_arguments(language: str) -> None:
    source = {"lua": "return {arg[1], arg[2]}", "javascript": "export default [...scriptArgs].slice(-2)"}[language]
    assert run_script(None, source, language=language, arguments=("é", "")).result == ["é", ""]


def test_the_text_of_a_script_may_be_bytes() -> None:
    assert run_script(None, b"return #'\xff'").result == 1


@pytest.mark.parametrize(
    ("language", "source"),
    [("lua", "error(string.rep('e', 1000000))"), ("javascript", "throw new Error('e'.repeat(1000000))")],
)
def test_a_large_message_of_a_script_is_cut(language: str, source: str) -> None:
    with pytest.raises(ScriptError, match=r"^script:1: .*e \.\.\. \(1,000,\d\d\d characters in all\)$") as caught:
        run_script(None, source, language=language)
    assert len(str(caught.value)) < 11_000


# Wrong use ------------------------------------------------------------------------------------------------


def test_python_is_refused_because_nothing_confines_it() -> None:
    with pytest.raises(InvalidArgument, match='language = "python" was asked for, but nothing confines'):
        run_script(None, "1", language="python")


def test_an_unknown_language_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(InvalidArgument, match=r"no language 'ruby' for run_script; known: lua(, javascript)?$"):
        run_script(None, "1", language="ruby")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"source": 5}, "source must be text or bytes, not 5"),
        ({"source": "\ud800"}, "source holds a lone surrogate at position 0"),
        ({"name": None}, "name must be text"),
        ({"name": "a\0b"}, "name must be text without NUL"),
        ({"arguments": "one"}, "arguments must be several texts, not 'one'"),
        ({"arguments": 5}, "arguments must be several texts"),
        ({"arguments": ["one", 2]}, "arguments must be text without NUL and lone surrogates, not 2"),
        ({"arguments": ["\udcff"]}, "arguments must be text without NUL and lone surrogates"),
        ({"modules": 5}, "modules must be the path of a folder, not 5"),
        ({"modules": "nowhere"}, "modules = 'nowhere' is no folder"),
        ({"limits": 5}, r"limits must be Limits, not 5; write Limits\(seconds=2\)"),
    ],
)
def test_a_wrong_argument_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^{sentence}"):
        run_script(None, **{"source": "", **options})


def test_what_is_no_store_is_refused() -> None:
    with pytest.raises(
        InvalidArgument, match=r"^store must be an open store or None, not .\./state.; llmspell\.open gives"
    ):
        run_script(cast("Any", "./state"), "")


def test_an_empty_folder_name_is_not_the_working_directory() -> None:
    with pytest.raises(InvalidArgument, match="modules = '' is no folder"):
        run_script(None, "", modules="")


# Threads --------------------------------------------------------------------------------------------------

COUNTING = {
    "lua": "for _ = 1, 50 do State.increment('n', 'x') end print(arg[1]) return arg[1]",
    "javascript": """
        for (let i = 0; i < 50; i++) State.increment('n', 'x')
        const mine = [...scriptArgs].at(-1)
        console.log(mine)
        export default mine
    """,
}


@embedded
def test_scripts_run_in_many_threads_at_once(store: llmspell.Store, language: str) -> None:
    def run(number: int) -> ScriptResult:
        return run_script(store, COUNTING[language], language=language, arguments=[str(number)])

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(run, range(8))) == [(str(number), f"{number}\n") for number in range(8)]
    assert store.load("n", "x") == 400


@embedded
def test_scripts_run_beside_each_other_in_asyncio(memory: llmspell.Store, language: str) -> None:
    async def run_all() -> list[ScriptResult]:
        return await asyncio.gather(
            *(
                asyncio.to_thread(run_script, memory, COUNTING[language], language=language, arguments=[str(number)])
                for number in range(3)
            )
        )

    assert [done.result for done in asyncio.run(run_all())] == ["0", "1", "2"]
    assert memory.load("n", "x") == 150


def test_threads_that_start_at_once_do_not_mix_up_the_size_of_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one is held while it sets the size; a second one would otherwise take that for the usual one."""
    usual = threading.stack_size()
    inside, second_began = threading.Event(), threading.Event()
    true_start = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == "script" and not inside.is_set():
            inside.set()
            second_began.wait(60)
            second.join(0.2)  # it must wait for us
        true_start(thread)

    def start_second() -> None:
        second_began.set()
        running.start_thread(lambda: None)

    first = threading.Thread(target=running.start_thread, args=(lambda: None,))
    second = threading.Thread(target=start_second)
    monkeypatch.setattr(threading.Thread, "start", start)
    first.start()
    inside.wait(60)
    second.start()
    first.join()
    second.join()
    assert threading.stack_size() == usual


INTERRUPTED = """
import sys, llmspell
from llmspell.scripting import Limits, run_script
with llmspell.open(backend="memory") as store:
    try:
        run_script(store, sys.argv[2], language=sys.argv[1], limits=Limits(seconds=60))
    except KeyboardInterrupt:
        for thread in threading.enumerate():
            if thread.name == "script":
                thread.join(10)
        count = store.load("s", "k")
        print("interrupted", count, run_script(store, "return State.load('s', 'k')").result)
"""


@embedded
def test_an_interrupt_stops_the_script_and_is_raised(language: str) -> None:
    source = {"lua": "while true do", "javascript": "while (true) {"}[language]
    end = {"lua": " end", "javascript": "}"}[language]
    program = INTERRUPTED.replace("    try:", "    import os, signal, threading\n" + WHEN_BUSY + "    try:")
    done = subprocess.run(
        [sys.executable, "-c", program, language, f"{source} State.increment('s', 'k'){end}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    told, count, count_later = done.stdout.split()
    assert told == "interrupted"
    assert int(count) >= 3
    assert count_later == count


WHEN_BUSY = """
    def interrupt():
        while (store.load("s", "k") or 0) < 3:
            pass
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=interrupt, daemon=True).start()
"""


# Many runs ------------------------------------------------------------------------------------------------


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


LARGE = {
    "lua": "big = {} for i = 1, 20000 do big[i] = 'text ' .. i end return #big",
    "javascript": "globalThis.big = []; for (let i = 0; i < 20000; i++) big.push('text ' + i); export default big.length",
}


@embedded
@pytest.mark.parametrize("runs", [40, pytest.param(1000, marks=pytest.mark.soak)])
def test_many_runs_leave_nothing_in_memory(memory: llmspell.Store, language: str, runs: int) -> None:
    """Each run takes more than a megabyte; what ends otherwise than well counts as well."""
    failing = {"lua": "big = ('x'):rep(1000000) error('x')", "javascript": "throw new Error('x'.repeat(1000))"}[
        language
    ]
    for number in range(runs + 10):
        if number == 10:
            before = resident_bytes()
        assert run_script(memory, LARGE[language], language=language).result == 20000
        with pytest.raises(ScriptError):
            run_script(memory, failing, language=language)
    assert resident_bytes() - before < runs * 250_000


# The example -----------------------------------------------------------------------------------------------

TOLD = """\
ada  pays 100   order 1
ada  pays 100   order 2
ada  pays  50   order 3
bob  pays 100   stopped after 0 characters of output: bob:1: stopped: it ran longer than 1 s; seconds of the Limits changes that
cleo pays 100   stopped after 0 characters of output: cleo: stopped: it needed more than 8,000,000 bytes of memory; memory_bytes of the Limits changes that
dan  pays 100   stopped after 2000 characters of output: dan:1: stopped: it printed more than 2,000 bytes; output_bytes of the Limits changes that
eve  pays 100   failed: eve:1: attempt to perform arithmetic on a nil value (global 'price')
fay  pays 100   no price: the result cannot be given: .fallback is a function
gus  pays  99   my home is nil
ada has ordered 3 times
"""


def test_the_example_tells_what_became_of_every_rule(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(Path(__file__).parents[3] / "examples/python/run_untrusted.py"), run_name="__main__")
    assert capsys.readouterr().out == TOLD


# Names ----------------------------------------------------------------------------------------------------


def test_the_public_names_cost_nothing_until_one_is_used() -> None:
    program = """
import sys, llmspell.scripting.registry
print("llmspell.scripting.embedding" in sys.modules)
from llmspell.scripting import run_script
print("llmspell.scripting.embedding" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\nTrue\n"


def test_another_name_is_missing_as_usual() -> None:
    with pytest.raises(AttributeError, match=r"module 'llmspell\.scripting' has no attribute 'run_scripts'"):
        llmspell.scripting.run_scripts  # noqa: B018


def test_a_run_with_a_configuration_is_told_of_its_key() -> None:
    run = Run(Script(b"", "t", ""), None, llmspell.config.ScriptSettings(), CapturedStreams(1))
    run.write(b"12")
    assert str(run.stop) == "t: stopped: it printed more than 1 bytes; output_bytes in the configuration changes that"
