"""A conversation in Lua: what stays, what is shown, and what a stop leaves whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import llmspell
from llmspell.config import ScriptSettings
from llmspell.scripting import conversation
from llmspell.scripting.lua_session import open_session
from llmspell.scripting.run import Run, Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmspell.scripting.session import Evaluation, Session

LONG_MATCH = "(('a'):rep(22)):find(('a?'):rep(22) .. ('a'):rep(22) .. 'b')"
"""One call that takes a second or two, in which nothing can stop it."""


@pytest.fixture
def converse(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Session]]:
    """Begin conversations that end with the test; a stop may take its time, however busy the machine is."""
    monkeypatch.setattr(conversation, "GRACE_SECONDS", 60)
    opened: list[Session] = []

    def begin(store: llmspell.Store | None = None, **settings: object) -> Session:
        chosen = ScriptSettings(timeout_seconds=60)._replace(**settings)  # type: ignore[arg-type]
        opened.append(open_session(Run(Script(b"", "repl", "."), store, chosen)))
        return opened[-1]

    yield begin
    for session in opened:
        session.close()


@pytest.fixture
def memory() -> Iterator[llmspell.Store]:
    with llmspell.open(backend="memory") as store:
        yield store


@pytest.fixture
def lua(converse: Callable[..., Session], memory: llmspell.Store) -> Callable[[str], Evaluation]:
    return converse(memory).evaluate


def shown(lua: Callable[[str], Evaluation], text: str) -> str:
    """Give how a value is shown."""
    outcome, shown = lua(text)
    assert outcome == "value", shown
    return shown


def test_a_global_stays_and_a_local_variable_ends_with_its_text(lua: Callable[[str], Evaluation]) -> None:
    assert lua("x = 5 local y = 6").outcome == "nothing"
    assert shown(lua, "x + 1") == "6"
    assert shown(lua, "y") == "nil"


def test_an_error_of_a_single_call_names_the_conversation(lua: Callable[[str], Evaluation]) -> None:
    assert lua("require('nowhere')").text.startswith("repl: module 'nowhere' not found")


@pytest.mark.parametrize("text", ["", "-- nothing", "x = 1", "(function() end)()"])
def test_what_gives_no_value_shows_nothing(lua: Callable[[str], Evaluation], text: str) -> None:
    assert lua(text).outcome == "nothing"


@pytest.mark.parametrize("text", ["function f()", "f(", "x =", "[[a", "if x then\n  y()", "{ 1,", "--[[ a"])
def test_the_beginning_of_a_text_is_incomplete(lua: Callable[[str], Evaluation], text: str) -> None:
    outcome, problem = lua(text)
    assert outcome == "incomplete"
    assert problem.startswith("repl:")


@pytest.mark.parametrize("text", ["x = = 1", "end", "'a", "error('no')"])
def test_a_wrong_text_fails_and_says_where(lua: Callable[[str], Evaluation], text: str) -> None:
    outcome, problem = lua(text)
    assert outcome == "failed"
    assert problem.startswith("repl:1: ")


def test_an_error_names_the_line_of_the_text(lua: Callable[[str], Evaluation]) -> None:
    assert lua("local x = 1\n\nerror('no')") == ("failed", "repl:3: no")


def test_a_wrong_name_gets_its_hint(lua: Callable[[str], Evaluation], converse: Callable[..., Session]) -> None:
    assert lua("State.set('a', 'b', 1)").text.endswith("; State.set does not exist, use State.save")
    assert "[state] enabled = false" in converse().evaluate("State.load('a', 'b')").text


VALUES = [
    ("1, 1.0, true, nil, 'a'", '1\t1.0\ttrue\tnil\t"a"'),
    ('{ name = "Ada", tags = { "a", "b" } }', '{ name = "Ada", tags = { "a", "b" } }'),
    ("{}", "{}"),
    ("State.array({})", "State.array({})"),
    ("State.null", "null"),
    ("{ a = State.null }", "{ a = null }"),
    ("'a\\n\\t\\0\\27\"\\\\é'", '"a\\n\\t\\x00\\x1B\\"\\\\é"'),
    ("'\\255'", '"\\xFF"'),
    ("setmetatable({}, { __tostring = function() return 'an object' end })", "an object"),
    ("setmetatable({ a = 1 }, { __index = error, __pairs = error, __len = error })", "{ a = 1 }"),
    ("(function() local t = {} t.t = t return t end)()", "{ t = <cycle> }"),
    ("(function() local t = { 1 } return { t, t } end)()", "{ { 1 }, { 1 } }"),
    ("{ { { { { { { 1 } } } } } } }", "{ { { { { { { ... } } } } } } }"),
    ("io.write('')", "io.stdout"),
]


@pytest.mark.parametrize(("text", "expected"), VALUES)
def test_a_value_is_shown_as_lua_writes_it(lua: Callable[[str], Evaluation], text: str, expected: str) -> None:
    assert shown(lua, text) == expected


def test_the_parts_of_a_table_stand_in_order(lua: Callable[[str], Evaluation]) -> None:
    text = "{ 1, 2, x = 1, [10] = 2, [true] = 3, ['end'] = 4, ['a b'] = 5, [-1] = 6 }"
    expected = '{ 1, 2, [-1] = 6, [10] = 2, ["a b"] = 5, ["end"] = 4, x = 1, [true] = 3 }'
    assert shown(lua, text) == expected


def test_a_wide_table_takes_several_lines(lua: Callable[[str], Evaluation]) -> None:
    text = "{ a = string.rep('x', 40), b = { c = string.rep('y', 40), d = 1 } }"
    assert shown(lua, text).splitlines() == [
        "{",
        f'  a = "{"x" * 40}",',
        f'  b = {{ c = "{"y" * 40}", d = 1 }}',
        "}",
    ]


def test_several_results_with_a_wide_one_stand_on_lines_of_their_own(lua: Callable[[str], Evaluation]) -> None:
    assert shown(lua, "1, { string.rep('x', 80) }") == f'1\n{{\n  "{"x" * 80}"\n}}'


def test_what_is_long_is_cut_and_says_by_how_much(lua: Callable[[str], Evaluation]) -> None:
    lua("t = {} for i = 1, 100000 do t[i] = i end")
    assert shown(lua, "t").endswith("  100,\n  ... and 99900 more\n}")
    lua("t = {} for i = 1, 50000 do t['k' .. i] = i end")
    assert shown(lua, "t").endswith("  ... and 49900 more\n}")
    assert shown(lua, "string.rep('x', 10005)").endswith('x" --[[ and 5 bytes more ]]')
    lua("t = {} for i = 1, 100 do t[i] = {} for j = 1, 100 do t[i][j] = j end end")
    assert len(shown(lua, "t")) < 20_000


def test_a_text_that_fails_undoes_its_transaction(lua: Callable[[str], Evaluation]) -> None:
    assert lua("State.transaction(function() State.save('a', 'b', 1) error('no') end)").text == "repl:1: no"
    assert shown(lua, "State.load('a', 'b')") == "nil"


# Stops ----------------------------------------------------------------------------------------------------------

ENDLESS = [
    "while true do end",
    "pcall(function() while true do end end)",
    "coroutine.wrap(function() while true do end end)()",
    "setmetatable({}, { __tostring = function() while true do end end })",
]


@pytest.mark.parametrize("text", ENDLESS)
def test_an_endless_text_is_stopped_and_the_variables_stay(converse: Callable[..., Session], text: str) -> None:
    session = converse(timeout_seconds=0.1)
    session.evaluate("x = 5")
    failed = session.evaluate(text)
    assert failed.outcome == "failed"
    assert failed.text.startswith("repl:1: stopped: it ran longer than 0.1 s")
    assert session.evaluate("x") == ("value", "5")
    assert session.evaluate(text).outcome == "failed"
    assert session.evaluate("x") == ("value", "5")


def test_a_stop_inside_a_transaction_undoes_it_and_the_next_one_is_a_transaction_of_its_own(
    converse: Callable[..., Session], memory: llmspell.Store
) -> None:
    session = converse(memory, timeout_seconds=0.1)
    failed = session.evaluate("State.transaction(function() State.save('a', 'b', 1) while true do end end)")
    assert "it ran longer" in failed.text
    assert not memory.exists("a", "b")
    session.evaluate("State.save('c', 'd', 1)")
    assert memory.load("c", "d") == 1
    session.evaluate("State.transaction(function() State.save('a', 'b', 2) error('no') end)")
    assert not memory.exists("a", "b")
    session.evaluate("State.transaction(function() State.save('a', 'b', 3) end)")
    assert memory.load("a", "b") == 3


@pytest.mark.parametrize("text", ["t = {} for i = 1, 1e9 do t[i] = i .. 'x' end", "string.rep('x', 1e9)"])
def test_memory_that_runs_out_fails_the_text_and_not_the_conversation(
    converse: Callable[..., Session], text: str
) -> None:
    session = converse(memory_limit_bytes=5_000_000)
    session.evaluate("x = 5")
    assert "it needed more than 5,000,000 bytes of memory" in session.evaluate(text).text
    session.evaluate("t = nil")
    assert session.evaluate("x") == ("value", "5")
    assert session.evaluate("#string.rep('x', 1000000)") == ("value", "1000000")


def test_memory_is_limited_for_all_texts_together(converse: Callable[..., Session]) -> None:
    session = converse(memory_limit_bytes=5_000_000)
    outcomes = [session.evaluate(f"x{number} = string.rep('x', 1000000)").outcome for number in range(10)]
    assert "failed" in outcomes


def test_instructions_are_counted_for_each_text_anew(converse: Callable[..., Session]) -> None:
    session = converse(max_instructions=100_000)
    for _ in range(5):
        assert session.evaluate("for i = 1, 10000 do end").outcome == "nothing"
    assert "it took more than 100,000 instructions" in session.evaluate("while true do end").text
    assert session.evaluate("1") == ("value", "1")


def test_a_call_that_cannot_be_stopped_costs_the_variables(
    converse: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = converse(timeout_seconds=0.1)
    session.evaluate("x = 5")
    monkeypatch.setattr(conversation, "GRACE_SECONDS", 0.1)
    assert session.evaluate(LONG_MATCH).text.endswith(conversation.VARIABLES_GONE)
    assert session.evaluate("x") == ("value", "nil")


def test_os_exit_ends_with_its_code(lua: Callable[[str], Evaluation]) -> None:
    with pytest.raises(SystemExit) as end:
        lua("os.exit(3)")
    assert end.value.code == 3


def test_nothing_beyond_the_sandbox_is_reached(lua: Callable[[str], Evaluation]) -> None:
    assert shown(lua, "debug.sethook, debug.getmetatable, python, loadfile, os.execute") == "nil\tnil\tnil\tnil\tnil"
