"""A conversation in JavaScript: what stays, what is shown, what is incomplete, what a stop leaves."""

import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

import llmspell
from llmspell.config import ScriptSettings
from llmspell.scripting import conversation
from llmspell.scripting.javascript_session import open_session
from llmspell.scripting.run import Run, Script
from llmspell.scripting.session import Evaluation, Session
from llmspell.scripting.streams import CapturedStreams


@pytest.fixture
def converse(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Session]]:
    """Begin conversations that end with the test; a stop may take its time, however busy the machine is."""
    monkeypatch.setattr(conversation, "GRACE_SECONDS", 60)
    opened: list[Session] = []

    def begin(store: llmspell.Store | None = None, folder: str = "", **settings: object) -> Session:
        chosen = ScriptSettings(timeout_seconds=60)._replace(**settings)  # type: ignore[arg-type]
        opened.append(open_session(Run(Script(b"", "repl", folder), store, chosen, CapturedStreams())))
        return opened[-1]

    yield begin
    for session in opened:
        session.close()


@pytest.fixture
def memory() -> Iterator[llmspell.Store]:
    with llmspell.open(backend="memory") as store:
        yield store


@pytest.fixture
def session(converse: Callable[..., Session]) -> Session:
    return converse()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1 + 1", "2"),
        ("'a\\n'", '"a\\n"'),
        ("2n ** 64n", "18446744073709551616n"),
        ("-0", "-0"),
        ("null", "null"),
        ("{a: 1}", "{ a: 1 }"),
        ("{ a: {b: [1, 2]} }", "{ a: { b: [ 1, 2 ] } }"),
        ("{ let x = 1; x + 1 }", "2"),
        ("[1, , 3]", "[ 1, empty, 3 ]"),
        ("new Map([[1, new Set('a')]])", 'Map { 1 => Set { "a" } }'),
        ("await Promise.resolve(7)", "7"),
        ("(x) => x", "[Function: anonymous]"),
        ("const a = []; a.push(a); a", "[ [Circular] ]"),
        ("({ get x() { throw 1; } })", "{ x: [Getter] }"),
        ("Symbol('s')", "Symbol(s)"),
    ],
)
def test_a_value_is_shown_as_a_person_reads_it(session: Session, text: str, shown: str) -> None:
    assert session.evaluate(text) == Evaluation("value", shown)


@pytest.mark.parametrize(
    "text", ["", " ", "// only words", "undefined", "let x = 1", "function f() {}", ";", "if (0) 1"]
)
def test_nothing_shows_nothing(session: Session, text: str) -> None:
    assert session.evaluate(text) == Evaluation("nothing")


def test_what_one_text_declares_the_next_ones_see(session: Session) -> None:
    for text in ("let a = 1", "const b = 2", "var c = 3", "function d() { return 4; }", "class E {}", "f = 5"):
        assert session.evaluate(text).outcome != "failed", text
    assert session.evaluate("[a, b, c, d(), typeof E, f]").text == '[ 1, 2, 3, 4, "function", 5 ]'


@pytest.mark.parametrize(
    "text",
    [
        *("function f() {", "f(", "[1,", "({a:", "x +", "if (1) {} else", "class A {", "() => {", "do {", "try { 1 }"),
        *("`abc", "/* words", "const s = `a${1", "x ? 1 :", "x.", "for (;;)", "if (1) {\n  f(\n"),
    ],
)
def test_the_beginning_of_something_longer_is_incomplete(session: Session, text: str) -> None:
    evaluation = session.evaluate(text)
    assert evaluation.outcome == "incomplete"
    assert evaluation.text.startswith("repl:")
    assert "SyntaxError" in evaluation.text


@pytest.mark.parametrize("text", ["x = ;", "'abc", "}", "let let = 1", "1 2", "return 1", "import './a.js'"])
def test_what_no_more_text_would_mend_fails_with_its_line(session: Session, text: str) -> None:
    evaluation = session.evaluate(text)
    assert evaluation.outcome == "failed"
    assert evaluation.text.startswith("repl:1: SyntaxError: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nnull.x", "repl:2: TypeError: cannot read property 'x' of null"),
        ("throw 3", "repl: 3"),
        ("await Promise.reject(new Error('no'))", "repl:1: Error: no"),
        ("Promise.reject(new RangeError('later')); 1", "repl:1: RangeError: later"),
        ("await new Promise(() => {})", "it waits for a promise that nothing settles any more"),
        (
            "JSON.parse('{')",
            "repl:1: SyntaxError: Expected property name or '}' in JSON at position 1 (line 1 column 2)",
        ),
    ],
)
def test_an_error_does_not_end_it(session: Session, text: str, message: str) -> None:
    session.evaluate("let kept = 'kept'")
    assert session.evaluate(text) == Evaluation("failed", message)
    assert session.evaluate("kept") == Evaluation("value", '"kept"')


def test_an_import_that_scripts_have_is_told_how_it_is_written_here(session: Session) -> None:
    text = session.evaluate('import { x } from "./a.js"').text
    assert text.endswith('; here it is written: const { name } = await import("./file.js")')


def test_a_wrong_name_gets_its_hint(converse: Callable[..., Session], memory: llmspell.Store) -> None:
    text = converse(memory).evaluate("State.get('a', 'b')").text
    assert text == "repl:1: TypeError: not a function; State.get does not exist, use State.load"


def test_modules_beside_it_can_be_imported(converse: Callable[..., Session], tmp_path: Path) -> None:
    (tmp_path / "m.js").write_text("export const seven = 7;")
    session = converse(folder=str(tmp_path))
    assert session.evaluate("const { seven } = await import('./m.js'); seven").text == "7"


def test_a_stop_leaves_the_variables_and_no_transaction(
    converse: Callable[..., Session], memory: llmspell.Store
) -> None:
    session = converse(memory, timeout_seconds=0.2)
    session.evaluate("let kept = 5")
    stopped = session.evaluate("State.transaction(() => { State.save('s', 'k', 1); for (;;); })")
    assert stopped.outcome == "failed"
    assert "stopped: it ran longer than 0.2 s" in stopped.text
    assert session.evaluate("kept") == Evaluation("value", "5")
    assert session.evaluate("State.load('s', 'k')") == Evaluation("nothing")
    assert session.evaluate("State.transaction(() => State.save('s', 'k', 2)); State.load('s', 'k')").text == "2"


def test_ctrl_c_stops_a_text_and_no_more(session: Session) -> None:
    session.evaluate("let kept = 5")
    main = cast("int", threading.main_thread().ident)
    threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        session.evaluate("for (;;);")
    assert session.evaluate("kept") == Evaluation("value", "5")


def test_what_was_left_going_by_a_stopped_text_does_not_speak_for_the_next(converse: Callable[..., Session]) -> None:
    session = converse(timeout_seconds=0.2)
    assert "stopped" in session.evaluate("Promise.resolve().then(() => { throw 'old'; }); for (;;);").text
    assert session.evaluate("'new'") == Evaluation("value", '"new"')


def test_memory_that_ran_out_is_there_again(converse: Callable[..., Session]) -> None:
    session = converse(javascript_memory_limit_bytes=8_000_000)
    filled = session.evaluate("{ const all = []; for (;;) all.push({ all }); }")
    assert "it needed more than 8,000,000 bytes of memory" in filled.text
    assert session.evaluate("new Array(100000).fill(1).length") == Evaluation("value", "100000")


def test_exit_ends_it_with_its_code(session: Session) -> None:
    with pytest.raises(SystemExit) as end:
        session.evaluate("exit(3)")
    assert end.value.code == 3
