"""Errors about files name the function and the line of the script, as in plain Lua."""

from pathlib import Path

import pytest

from tests.unit.scripting.lua import Lua

WRONG = {
    "io.open({})": "bad argument #1 to 'open' (string expected, got table)",
    "io.open('made', 'q')": "bad argument #2 to 'open' (invalid mode)",
    "file:write({})": "bad argument #1 to 'write' (string expected, got table)",
    "file:write('a', nil)": "bad argument #2 to 'write' (string expected, got nil)",
    "file.write(3, 'a')": "bad argument #1 to 'write' (FILE* expected, got number)",
    "os.remove()": "bad argument #1 to 'remove' (string expected, got no value)",
    "os.rename('a')": "bad argument #2 to 'rename' (string expected, got no value)",
    "io.lines({})": "bad argument #1 to 'lines' (string expected, got table)",
    "file:close() file:write('a')": "attempt to use a closed file",
}


@pytest.mark.parametrize(("call", "expected"), WRONG.items())
def test_a_wrong_call_of_a_file_is_told_with_its_line_and_name(
    lua: Lua, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    error = lua.error(f"local file = io.open('made', 'w')\n{call}", allow_file_access=True)
    assert error == f"t.lua:2: {expected}"


def test_a_wrong_call_of_execute_is_told_with_its_line_and_name(lua: Lua) -> None:
    error = lua.error("\nos.execute({})", allow_process_spawn=True)
    assert error == "t.lua:2: bad argument #1 to 'execute' (string expected, got table)"
