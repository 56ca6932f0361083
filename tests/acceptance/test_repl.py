"""A conversation from the first line to the last: in a pipe, and at a terminal."""

from __future__ import annotations

import signal
import stat
from typing import TYPE_CHECKING

import pytest
from tests.acceptance.test_terminal import Terminal

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.acceptance.conftest import Llmspell

TAB, CTRL_D, ENTER = "\t", "\x04", "\r"


@pytest.fixture
def terminal(llmspell: Llmspell) -> Iterator[Terminal]:
    """A terminal that is not asked where its cursor is, and a history in the test's own folder."""
    llmspell.environment = llmspell.environment | {
        "PROMPT_TOOLKIT_NO_CPR": "1",
        "XDG_STATE_HOME": str(llmspell.folder / "home"),
    }
    terminal = Terminal(llmspell)
    yield terminal
    terminal.close()


def interrupt(process: subprocess.Popen[bytes], terminal: Terminal, after: str) -> None:
    """Do what the terminal does at Ctrl-C, if it is the one that the process was started from."""
    terminal.type("", after)
    process.send_signal(signal.SIGINT)


PIPED = {
    "lua": """\
#!/usr/bin/env llmspell
x = { name = "Ada" }

function greet()

  return "hello " .. x.name
end
greet()
print("printed")
error("no")
State.save("app", "x", x)
.keys app
x
""",
    "javascript": """\
const x = { name: "Ada" }

function greet() {

  return "hello " + x.name
}
greet()
console.log("printed")
throw new Error("no")
State.save("app", "x", x)
.keys app
x
""",
    "python": """\
x = {"name": "Ada"}

def greet():

    return "hello " + x["name"]

greet()
print("printed")
raise ValueError("no")
State.save("app", "x", x)
.keys app
x
""",
}
ANSWERS = {
    "lua": ('"hello Ada"', "printed", "1", "x", '{ name = "Ada" }'),
    "javascript": ('"hello Ada"', "printed", "1", "x", '{ name: "Ada" }'),
    "python": ("'hello Ada'", "printed", "1", "x", "{'name': 'Ada'}"),
}


@pytest.mark.parametrize("language", PIPED)
def test_a_pipe_gets_answers_and_nothing_else(llmspell: Llmspell, language: str) -> None:
    result = llmspell("repl", "--language", language, stdin=PIPED[language])
    assert result.out.splitlines() == list(ANSWERS[language])
    assert "no" in result.err
    assert "repl" in result.err
    assert result.code == 1
    assert llmspell.ok("state", "load", "app", "x") == '{"name":"Ada"}'


def test_a_pipe_in_which_nothing_fails_ends_with_zero_and_an_exit_with_its_code(llmspell: Llmspell) -> None:
    assert llmspell.ok("repl", stdin="1 + 1\n") == "2"
    assert llmspell("repl", stdin="error('no')\nos.exit(3)\nprint('not reached')\n") == (3, "", "repl:1: no\n")
    assert llmspell("repl", stdin="io.write(io.read())\nline\n'next'\n").out == 'line\nio.stdout\n"next"\n'


def test_ctrl_c_in_a_pipe_ends_it_although_a_script_cannot_be_stopped(llmspell: Llmspell) -> None:
    process = llmspell.start("repl")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"io.write('begun') io.read()\n")
    process.stdin.flush()
    assert process.stdout.read(5) == b"begun"
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    _, error = process.communicate()
    assert error == b"llmspell: interrupted\n"


def test_an_unknown_language_and_one_that_is_refused(llmspell: Llmspell) -> None:
    assert llmspell("repl", "--language", "ruby").code == 2
    llmspell.write("llmspell.toml", "[engines.python]\nenabled = false\n")
    result = llmspell("repl", "--language", "python", stdin="1\n")
    assert (result.code, result.out) == (2, "")
    assert "[engines.python] enabled = false" in result.err


def test_without_state_the_language_is_there_all_the_same(llmspell: Llmspell) -> None:
    llmspell.write("llmspell.toml", "[state]\nenabled = false\n")
    result = llmspell("repl", stdin="1 + 1\nState\n.scopes\n")
    assert (result.code, result.out) == (1, "2\nnil\n")
    assert "[state] enabled = false" in result.err


TYPED = {
    "lua": ("lua>", "x = { 'k' .. 1 }", "print('be' .. 'gun') while true do end", "x", '{ "k1" }'),
    "javascript": ("js>", "let x = ['k' + 1]", "console.log('be' + 'gun'); while (true) {}", "x", '[ "k1" ]'),
    "python": (
        "py>",
        "x = ['k' + str(1)]",
        "print('be' + 'gun', flush=True); [1 for _ in iter(int, 1)]",
        "x",
        "['k1']",
    ),
}


@pytest.mark.parametrize("language", TYPED)
def test_at_a_terminal_an_endless_input_is_stopped_and_the_variables_stay(
    llmspell: Llmspell, terminal: Terminal, language: str
) -> None:
    prompt, define, endless, use, shown = TYPED[language]
    process = terminal.start("repl", "--language", language, "--no-color")
    terminal.type(define + ENTER, after=prompt)
    terminal.type(endless + ENTER, after=prompt)
    interrupt(process, terminal, after="begun")
    terminal.type(use + ENTER, after="\ninterrupted\n")
    terminal.type(CTRL_D, after=shown)
    assert terminal.end(process) == 0
    greeting = terminal.shown.splitlines()[:2]
    assert 'on the store in "./state"' in greeting[0]
    assert "Ctrl-D" in greeting[1]
    history = llmspell.folder / "home" / "llmspell" / f"repl_history_{language}"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    assert f"+{endless}\n" in history.read_text()


def test_tab_completes_functions_scopes_and_keys(llmspell: Llmspell, terminal: Terminal) -> None:
    llmspell.ok("state", "save", "application", "configuration", '"found"')
    process = terminal.start("repl", "--no-color")
    terminal.type("State.lo" + TAB, after="lua>")
    terminal.type('("app' + TAB, after="ad")
    terminal.type('", "conf' + TAB, after="lication")
    terminal.type('")' + ENTER, after="iguration")
    terminal.type(CTRL_D, after='"found"')
    assert terminal.end(process) == 0


def test_a_waiting_read_is_stopped_by_ctrl_c_and_takes_no_later_line(llmspell: Llmspell, terminal: Terminal) -> None:
    process = terminal.start("repl", "--no-color")
    terminal.type("print('wait' .. 'ing') y = io.read()" + ENTER, after="lua>")
    interrupt(process, terminal, after="waiting")
    terminal.type("'la' .. 'ter'" + ENTER, after="interrupted\n")
    terminal.type("os.exit(4)" + ENTER, after='"later"')
    assert terminal.end(process) == 4


def test_output_that_is_no_terminal_gets_no_prompt(terminal: Terminal) -> None:
    process = terminal.start("repl", streams="02")
    terminal.type("1 + 1\n\x04", after="")
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, b"2\n")


def test_a_pipe_imports_nothing_that_draws(llmspell: Llmspell) -> None:
    text = (
        "import sys\nsorted({name.partition('.')[0] for name in sys.modules} & {'prompt_toolkit', 'pygments', 'rich'})"
    )
    assert llmspell.ok("repl", "--language", "python", stdin=text) == "[]"
