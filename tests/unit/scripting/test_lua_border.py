"""What crosses between Lua and the host, and what does not."""

from collections.abc import Callable
from typing import Any

import pytest
from lupa import lua54

from llmspell.config import ScriptSettings
from llmspell.scripting.lua_border import NO_ROOM, Border
from llmspell.scripting.run import Run, Script

LIMIT = 1_000_000


@pytest.fixture
def run() -> Run:
    return Run(Script(b"", "t.lua", "."), None, ScriptSettings(memory_limit_bytes=LIMIT))


@pytest.fixture
def lua() -> Any:
    return lua54.LuaRuntime(encoding=None, unpack_returned_tuples=True, max_memory=0)


@pytest.fixture
def border(lua: Any, run: Run) -> Border:
    return Border(lua, run)


def giving(result: object) -> Callable[..., object]:
    return lambda *arguments: result


@pytest.mark.parametrize("result", [None, True, False, 0, -1, 2**63 - 1, 1.5, b"", b"\xff\x00"])
def test_what_lua_has_crosses_as_it_is(border: Border, result: object) -> None:
    assert border.function(giving(result))() is result


@pytest.mark.parametrize(
    ("result", "crossed"),
    [
        ("é", "é".encode()),
        ("\udcff", b"\\udcff"),
        ((None, "reason"), (None, b"reason")),
        ((b"text", 1, 2.5, None), (b"text", 1, 2.5, None)),
        ([], b""),
        (["a", "é"], "a\0é".encode()),
    ],
)
def test_text_crosses_as_bytes(border: Border, result: object, crossed: object) -> None:
    assert border.function(giving(result))() == crossed


def test_arguments_are_passed_on(border: Border) -> None:
    assert border.function(lambda *arguments: len(arguments))(b"a", None, 1) == 3


@pytest.mark.parametrize("result", [{}, object(), {1}, (object(),), range(3)])
def test_a_python_object_stops_the_run_instead_of_crossing(border: Border, run: Run, result: object) -> None:
    assert border.function(giving(result))() is None
    assert isinstance(run.stop, TypeError)


def test_an_exception_stops_the_run_instead_of_crossing(border: Border, run: Run) -> None:
    def fails() -> None:
        raise ValueError("mistake")

    assert border.function(fails)() is None
    assert isinstance(run.stop, ValueError)


def test_an_exception_takes_no_other_reason_away(border: Border, run: Run) -> None:
    def fails() -> None:
        raise ValueError("mistake")

    run.exit(3)
    border.function(fails)()
    assert isinstance(run.stop, SystemExit)


def test_a_lack_of_memory_is_given_to_lua(border: Border, run: Run) -> None:
    def fails() -> None:
        raise MemoryError

    assert border.function(fails)() == NO_ROOM
    assert run.stop is None


def test_a_result_crosses_only_while_there_is_room(border: Border) -> None:
    border.limit_memory()
    small, large = b"x" * (LIMIT // 2), b"x" * (LIMIT + 1)
    assert border.function(giving(small))() is small
    assert border.function(giving((small, 1)))() == (small, 1)
    assert border.function(giving(large))() == NO_ROOM
    assert border.function(giving((1, large)))() == NO_ROOM


def test_garbage_is_no_lack_of_room(border: Border, lua: Any) -> None:
    border.limit_memory()
    lua.execute(b"collectgarbage('stop') kept = ('x'):rep(300000) kept = nil")
    text = b"x" * 600_000
    assert border.function(giving(text))() is text


def test_what_lua_keeps_is_a_lack_of_room(border: Border, lua: Any) -> None:
    border.limit_memory()
    lua.execute(b"kept = ('x'):rep(400000)")
    assert border.function(giving(b"x" * 700_000))() == NO_ROOM


def test_without_a_limit_there_is_always_room(lua: Any) -> None:
    run = Run(Script(b"", "t.lua", "."), None, ScriptSettings(memory_limit_bytes=0))
    border = Border(lua, run)
    border.limit_memory()
    text = b"x" * 50_000_000
    assert border.function(giving(text))() is text
    assert lua.get_max_memory(total=True) == 0


@pytest.mark.parametrize("limit", [1, 10**30])
def test_any_limit_can_be_set(lua: Any, limit: int) -> None:
    run = Run(Script(b"", "t.lua", "."), None, ScriptSettings(memory_limit_bytes=limit))
    border = Border(lua, run)
    border.limit_memory()
    assert lua.get_max_memory(total=True) > 0


def test_a_table_holds_the_functions_by_name(border: Border, lua: Any) -> None:
    lua.globals()[b"host"] = border.table({"one": giving(1), "text": giving("é")})
    assert lua.execute(b"return host.one(), host.text()") == (1, "é".encode())
