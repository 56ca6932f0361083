"""A script reaches Lua values and what the configuration permits, and nothing of Python."""

import os
from pathlib import Path
from typing import Any

import pytest

from llmspell.errors import ScriptError
from tests.unit.scripting.lua import Lua, in_process

PERMISSIONS: dict[str, dict[str, Any]] = {
    "safe": {},
    "full": {"stdlib": "full"},
    "with files": {"allow_file_access": True},
    "with processes": {"allow_process_spawn": True},
    "with everything": {"stdlib": "full", "allow_file_access": True, "allow_process_spawn": True},
}

# Each text gives something true when it got what it wanted.
ATTACKS = {
    "the metatable of text holds nothing but the string library": """
        local meta = getmetatable("")
        for name, value in pairs(meta) do
          if name ~= "__index" and type(name) == "string" and not name:find("^__") then return name end
        end
        return meta.__index ~= string
    """,
    "null has no metatable to take hold of": "return getmetatable(State.null)",
    "null cannot be given another metatable": "return pcall(setmetatable, State.null, {})",
    "a function has no metatable": "return getmetatable(print) or getmetatable(State.save)",
    "a coroutine has no metatable": "return getmetatable(coroutine.create(print))",
    "a number, a boolean and nil have no metatable": "return getmetatable(1) or getmetatable(true) or getmetatable(nil)",
    "the mark of arrays is no metatable that a script can change": """
        return getmetatable(State.array({})) or getmetatable(State.list_keys("s"))
    """,
    "the table State has no metatable": "return getmetatable(State) or getmetatable(_G)",
    "compiled code is not loaded": r'return load("\27Lua\84\0\25\147\r\n\26\n")',
    "compiled code is not loaded when asked for by mode": r'return load("\27Lua", "x", "b") or load("return 1", "x", "b")',
    "compiled code is not loaded in any mixed mode": r'return load("\27Lua\84\0", "x", "bt")',
    "compiled code is not loaded from a reader": r"""
        local parts = {"\27Lua", "\84\0\25\147\r\n\26\n"}
        return load(function() return table.remove(parts, 1) end, "x", "bt")
    """,
    "a mode that claims to be text is no way to compiled code": r"""
        local mode = setmetatable({}, {__tostring = function() return "tb" end})
        return load("\27Lua\84\0", "x", mode)
    """,
    "functions cannot be compiled": 'return string.dump or ("").dump or getmetatable("").__index.dump',
    "debug has nothing that reaches into functions": """
        for _, name in ipairs {"getupvalue", "setupvalue", "upvaluejoin", "upvalueid", "getlocal", "setlocal",
          "getregistry", "getmetatable", "setmetatable", "sethook", "gethook", "getuservalue", "setuservalue",
          "debug", "setcstacklimit"} do
          if debug[name] ~= nil then return name end
        end
    """,
    "nothing of the bridge to Python is there": """
        return python or rawget(_G, "python") or pcall(require, "python") or pcall(require, "lupa")
    """,
    "package is not there": "return package or rawget(_G, 'package') or pcall(require, 'package')",
    "the real debug library cannot be required": "return pcall(require, 'debug')",
    "require gives the tables of the sandbox": """
        return require("os") ~= os or require("io") ~= io or require("_G") ~= _G or require("coroutine") ~= coroutine
          or require("string") ~= string or require("table") ~= table or require("math") ~= math
    """,
    "a chunk with another environment reaches nothing more": """
        local env = setmetatable({}, {__index = _G})
        return load("return python or package or (debug or {}).getregistry", "x", "t", env)()
    """,
    "_ENV can be changed and gives nothing": """
        local _ENV = setmetatable({}, {__index = function(_, name) return nil end})
        return python
    """,
    "a metatable on the global table sees no llmspell code asking": """
        local seen = {}
        setmetatable(_G, {__index = function(_, name) seen[#seen + 1] = name end})
        State.save("s", "k", {1, 2.5, {a = "text"}}) State.load("s", "k") pcall(State.save, "s", "", 1)
        State.transaction(function() State.increment("s", "n") end) State.list_keys("s") State.entry("s", "k")
        print() io.write("") require("string") coroutine.wrap(function() end)() xpcall(error, tostring)
        setmetatable(_G, nil)
        return seen[1]
    """,
    "an error of State is text": """
        for _, call in ipairs {
          function() State.save(1) end, function() State.save("s", "k", print) end,
          function() State.save("s", "\\255", 1) end, function() State.save("s", ("k"):rep(9999), 1) end,
          function() State.save("s", "k", 1, {if_version = 7}) end, function() State.load({}, {}) end,
          function() State.increment("s", "k", 1 / 0) end, function() State.transaction(1) end,
          function() State.update("s", "k", function() error() end) end,
          function() State.array(1) end, function() State.save("s", "k", 1, {ttl = {}}) end,
        } do
          local ok, problem = pcall(call)
          if ok or not (problem == nil or type(problem) == "string") then return problem end
        end
    """,
    "an error of State is text for handlers, coroutines and tracebacks too": """
        local foreign
        local function look(problem) foreign = foreign or type(problem) ~= "string" and type(problem) end
        xpcall(State.save, look, {})
        look(select(2, coroutine.resume(coroutine.create(State.save), {})))
        look(select(2, pcall(coroutine.wrap(State.save), {})))
        look(debug.traceback(select(2, pcall(State.save, {}))))
        local thread = coroutine.create(function() local x <close> = setmetatable({}, {__close = function(_, problem)
          look(problem) end}) State.save({}) end)
        coroutine.resume(thread)
        look(select(2, coroutine.close(thread)) or "")
        return foreign
    """,
    "a number of bytes that no machine has can be asked for": """
        local ok, got = pcall(io.read, math.maxinteger)
        return type(got) == "userdata"
    """,
    "a traceback names no file of the machine": """
        local trace = {}
        pcall(string.gsub, "x", "x", function() trace[1] = debug.traceback() end)
        State.transaction(function() trace[2] = debug.traceback() end)
        xpcall(State.save, function() trace[3] = debug.traceback() end)
        return table.concat(trace):find("site%-packages") or table.concat(trace):find("/src/")
    """,
    "finalizers are refused": "return pcall(setmetatable, {}, {__gc = function() end})",
    "a finalizer added later never runs": """
        local ran = false
        local meta = {}
        local thing = setmetatable({}, meta)
        meta.__gc = function() ran = true end
        thing = nil
        collectgarbage() collectgarbage()
        return ran
    """,
    "finalizers are refused behind a metatable too": """
        local meta = setmetatable({}, {__index = {__gc = function() end}})
        local ran = false
        meta = setmetatable({}, {__index = function(_, name) if name == "__gc" then return function() ran = true end end end})
        setmetatable({}, meta)
        collectgarbage()
        return ran
    """,
    "the running coroutine of the script cannot be closed or resumed": """
        local main = coroutine.running()
        return pcall(coroutine.close, main) or coroutine.resume(main) == true
    """,
    "text from the environment that does not exist is nil": "return os.getenv('NO_SUCH\\0NAME') or os.getenv('')",
    "the error that ends a script cannot be made by a script": """
        local ok, problem = pcall(error, setmetatable({}, {__tostring = function() return "the script was stopped" end}))
        return ok
    """,
    "the reason of an uncaught memory error is text": """
        local ok, problem = pcall(string.rep, "x", 1 << 40)
        return ok or type(problem) ~= "string"
    """,
    "functions of the sandbox give no foreign value for odd arguments": """
        local odd = {nil, true, 0, -1, 0/0, math.maxinteger, math.mininteger, "", "\\0", "\\255", "l", {}, select,
          coroutine.create(select), State.null, setmetatable({}, {__index = error, __call = error, __name = 1})}
        local skipped = {[os.exit] = true, [coroutine.yield] = true, [string.rep] = true, [collectgarbage] = true,
          [table.move] = true, [table.concat] = true, [table.unpack] = true, [error] = true, [assert] = true,
          [print] = true, [io.write] = true, [os.execute or os] = true, [io.popen or os] = true, [io.tmpfile or os] = true,
          [warn] = true, [os.remove or os] = true, [os.rename or os] = true, [io.open or os] = true,
          [loadfile or os] = true, [dofile or os] = true, [io.lines] = true, [os.tmpname or os] = true,
          [math.randomseed] = true, [debug.getinfo or os] = true}
        local function foreign(...)
          for index = 1, select("#", ...) do
            if type((select(index, ...))) == "userdata" then return true end
          end
        end
        for name, library in pairs(_G) do
          for member, fn in pairs(type(library) == "table" and library ~= _G and library or {[name] = library}) do
            if type(fn) == "function" and not skipped[fn] then
              for first = 1, 16 do
                for second = 1, 16 do
                  if foreign(pcall(fn, odd[first], odd[second], odd[(first + second) % 16])) then
                    return tostring(name) .. "." .. tostring(member)
                  end
                end
              end
            end
          end
        end
    """,
}


@pytest.mark.parametrize("attack", [pytest.param(text, id=name) for name, text in ATTACKS.items()])
@pytest.mark.parametrize("permissions", [pytest.param(value, id=key) for key, value in PERMISSIONS.items()])
def test_attack_gives_nothing(memory_lua: Lua, attack: str, permissions: dict[str, Any]) -> None:
    output = memory_lua(
        f"local got = (function()\n{attack}\nend)()\nprint(got and 'got ' .. tostring(got) or 'held')", **permissions
    )
    assert output.strip() == "held"


# Walks everything that a script can get at: globals, fields, keys, metatables, what calls give.
WALK = """
    local seen, foreign = {}, {}
    local function walk(value, path)
      if type(value) == "userdata" then
        foreign[#foreign + 1] = path
      elseif type(value) == "table" and not seen[value] then
        seen[value] = true
        for key, part in next, value do
          walk(key, path .. ".key")
          walk(part, path .. "." .. tostring(key))
        end
      end
      local meta = getmetatable(value)
      if meta and not seen[meta] then walk(meta, path .. ".metatable") end
    end
    walk(_G, "_G")
    walk(getmetatable(""), "text")
    walk({State.load("s", "k"), State.entry("s", "k"), State.null, State.array()}, "values")
    print(#foreign, foreign[1])
"""


@pytest.mark.parametrize("permissions", [pytest.param(value, id=key) for key, value in PERMISSIONS.items()])
def test_nothing_that_a_script_can_walk_to_is_foreign(memory_lua: Lua, permissions: dict[str, Any]) -> None:
    assert memory_lua('State.save("s", "k", {1, {a = "b"}})' + WALK, **permissions) == "0\tnil\n"


@pytest.mark.parametrize(
    "name",
    ["open", "close", "popen", "tmpfile", "input", "output", "type"],
)
def test_io_function_is_absent_in_safe_mode(memory_lua: Lua, name: str) -> None:
    assert memory_lua(f"print(io.{name})") == "nil\n"


@pytest.mark.parametrize("name", ["execute", "remove", "rename", "tmpname", "setlocale"])
def test_os_function_is_absent_in_safe_mode(memory_lua: Lua, name: str) -> None:
    assert memory_lua(f"print(os.{name})") == "nil\n"


@pytest.mark.parametrize("name", ["dofile", "loadfile", "package", "python", "load_file", "loadstring", "unpack"])
def test_global_is_absent_in_safe_mode(memory_lua: Lua, name: str) -> None:
    assert memory_lua(f"print({name})") == "nil\n"


def test_globals_are_exactly_these(memory_lua: Lua) -> None:
    names = memory_lua(
        "local t = {} for name in pairs(_G) do t[#t + 1] = name end table.sort(t) print(table.concat(t, ' '))"
    )
    assert names.split() == [
        *("State", "_G", "_VERSION", "arg", "assert", "collectgarbage", "coroutine", "debug", "error", "getmetatable"),
        *("io", "ipairs", "load", "math", "next", "os", "pairs", "pcall", "print", "rawequal", "rawget", "rawlen"),
        *("rawset", "require", "select", "setmetatable", "string", "table", "tonumber", "tostring", "type", "utf8"),
        *("warn", "xpcall"),
    ]


def test_debug_has_only_traceback_in_safe_mode(memory_lua: Lua) -> None:
    assert memory_lua("for name in pairs(debug) do print(name) end") == "traceback\n"


def test_getinfo_of_the_full_library_gives_no_function(memory_lua: Lua) -> None:
    text = """
        local function inner() return debug.getinfo(1, "Snlf") end
        local info = inner()
        print(info.func, info.currentline, info.short_src)
        print(debug.getinfo(State.save, "f").func, debug.getinfo(print, "fL").activelines)
    """
    assert memory_lua(text, stdlib="full") == "nil\t3\tt.lua\nnil\tnil\n"


def test_files_are_there_when_allowed(memory_lua: Lua) -> None:
    path = memory_lua.folder / "file.txt"
    text = f"""
        local file = io.open("{path}", "w")
        file:write("one\\ntwo\\n")
        print(io.type(file), getmetatable(file))
        file:close()
        for line in io.lines("{path}") do io.write(line, ";") end
        print(os.rename("{path}", "{path}.2"), os.remove("{path}.2"))
        print(io.open("{path}"))
        print(io.popen, os.execute, dofile, loadfile)
    """
    assert memory_lua(text, allow_file_access=True) == (
        f"file\tnil\none;two;true\ttrue\nnil\t{path}: No such file or directory\t2\nnil\tnil\tnil\tnil\n"
    )


def test_a_file_is_no_value_and_no_name(memory_lua: Lua) -> None:
    path = memory_lua.folder / "file.txt"
    text = f"""
        local file = io.open("{path}", "w")
        print(pcall(State.save, "s", "k", {{file}}))
        print(pcall(State.save, file, "k", 1))
        print(select(2, pcall(State.transaction, function() error(file) end)) == file)
    """
    assert memory_lua(text, allow_file_access=True).splitlines() == [
        "false\tState.save: the value cannot be stored: [1] is a userdata (at t.lua:3)",
        "false\tState.save: the scope must be text, not a userdata (at t.lua:4)",
        "true",
    ]


def test_processes_are_there_when_allowed(tmp_path: Path) -> None:
    text = """
        print("first")
        print(os.execute("echo second"))
        print(io.open, os.remove, io.popen)
    """
    finished = in_process(text, tmp_path, allow_process_spawn=True)
    assert finished.output == "first\nsecond\ntrue\texit\t0\nnil\tnil\tnil\n"


def test_full_library_with_files_loads_text_files_only(memory_lua: Lua) -> None:
    good, compiled = memory_lua.folder / "good.lua", memory_lua.folder / "compiled.lua"
    good.write_text("return 42, ...")
    compiled.write_bytes(b"\x1bLua\x54\x00\x19\x93\r\n\x1a\n")
    text = f"""
        print(dofile("{good}"), loadfile("{good}")(1))
        print(loadfile("{compiled}"), loadfile("{compiled}", "b"))
        print(pcall(dofile, "{compiled}"))
    """
    output = memory_lua(text, stdlib="full", allow_file_access=True)
    assert output.splitlines()[0] == "42\t42\t1"
    assert output.splitlines()[1].startswith("nil\tnil\t")
    assert output.splitlines()[2].startswith("false\t")


def test_the_locale_of_the_process_cannot_be_changed(memory_lua: Lua) -> None:
    assert memory_lua("print(os.setlocale)", stdlib="full") == "nil\n"


REQUIRES = {
    "a folder above": "..secret",
    "a folder above, by slashes": "../secret",
    "a path": "/etc/passwd",
    "a path inside": "inner/module",
    "a name with NUL": "secret\\0",
    "an empty name": "",
    "a name that begins with a dot": ".secret",
    "a name that ends with a dot": "secret.",
    "a name with a line end": "secret\\n",
    "a pattern": "secr?t",
    "a name outside of ASCII": "sécret",
    "a backslash": "..\\\\secret",
    "a link to a file outside": "link",
    "a link to a folder outside": "linked.secret",
    "a link to init.lua outside": "package",
    "a folder": "folder",
    "a pipe": "pipe",
    "a very long name": "a" * 300,
    "a very deep name": "a." * 200 + "a",
}


@pytest.mark.parametrize("name", [pytest.param(value, id=key) for key, value in REQUIRES.items()])
def test_require_never_leaves_the_folder(memory_lua: Lua, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "secret.lua"
    outside.write_text("return 'secret'")
    (tmp_path / "init.lua").write_text("return 'secret'")
    folder = memory_lua.folder
    (folder / "link.lua").symlink_to(outside)
    (folder / "linked").symlink_to(tmp_path)
    (folder / "package").mkdir()
    (folder / "package" / "init.lua").symlink_to(outside)
    (folder / "folder.lua").mkdir()
    os.mkfifo(folder / "pipe.lua")
    error = memory_lua.error(f'print(require("{name}"))')
    assert "not found" in error
    assert "root:" not in error


def test_require_follows_links_that_stay_inside(memory_lua: Lua) -> None:
    memory_lua.module("real.lua", "return 'real'")
    (memory_lua.folder / "alias.lua").symlink_to(memory_lua.folder / "real.lua")
    assert memory_lua("print((require('alias')))") == "real\n"


def test_modules_must_be_text(memory_lua: Lua) -> None:
    (memory_lua.folder / "compiled.lua").write_bytes(b"\x1bLua\x54\x00\x19\x93\r\n\x1a\n")
    assert "cannot be loaded: attempt to load a binary chunk" in memory_lua.error("require('compiled')")


def test_the_script_must_be_text(memory_lua: Lua) -> None:
    assert "attempt to load a binary chunk" in memory_lua.error(b"\x1bLua\x54\x00\x19\x93\r\n\x1a\n")


# Everything that a script can spoil before it uses State and the rest.
SPOIL = """
    local print, save, load, pcall_kept, null, transaction = print, State.save, State.load, pcall, State.null, State.transaction
    local entry, list_keys, update, increment, append = State.entry, State.list_keys, State.update, State.increment, State.append
    local write, array, wrap, read_only = io.write, State.array, coroutine.wrap, ipairs
    local function evil() return "evil" end
    local text = getmetatable("")
    text.__index, text.__len, text.__eq, text.__concat, text.__lt, text.__call = evil, evil, evil, evil, evil, evil
    for _, library in next, {string, table, math, utf8, coroutine, os, io, debug, State} do
      for name in next, library do library[name] = evil end
    end
    local globals = _G
    for name in next, globals do
      globals[name] = nil
    end
    local meta = {__index = evil, __newindex = evil, __pairs = evil}
    _ENV = nil
"""


def test_everything_is_exact_after_a_script_has_spoiled_what_it_can(lua: Lua) -> None:
    text = (
        SPOIL
        + """
        print(save("s", "k", {1, 2.5, "text", {a = "quo\\"te", b = array({}), c = null}}))
        local value = load("s", "k")
        print(value[1], value[2], value[3], value[4].a, #value, value[4].c)
        print(pcall_kept(save, "s", "", 1))
        print(pcall_kept(save, "s", "k", {x = {print}}))
        print(transaction(function() increment("s", "n") return load("s", "n") end))
        print(update("s", "u", function(old) return (old or 0) + 1 end), append("s", "a", "item"))
        for index, key in read_only(list_keys("s")) do write(index, "=", key, " ") end
        print(entry("s", "k").version)
        """
    )
    version = 1
    assert lua(text).splitlines() == [
        "1",
        '1\t2.5\ttext\tquo"te\t4\tnil',
        "false\tState.save: the key is empty; give it at least one character (at t.lua:21)",
        "false\tState.save: the value cannot be stored: .x[1] is a function (at t.lua:22)",
        "1",
        "1\t1",
        f"1=a 2=k 3=n 4=u {version}",
    ]
    assert lua.store is not None
    assert lua.store.load("s", "k") == [1, 2.5, "text", {"a": 'quo"te', "b": [], "c": None}]


# A value or an options table with metamethods, given to State: name -> text that makes `thing`.
METAMETHODS = {
    name: f"local calls = 0\nlocal thing = setmetatable({{field = 1}}, {{{name} = function() calls = calls + 1 return 7 end}})"
    for name in (
        *("__index", "__newindex", "__call", "__tostring", "__name", "__len", "__concat", "__eq", "__lt", "__le"),
        *("__unm", "__close", "__add", "__band", "__mode", "__metatable"),
    )
}


@pytest.mark.parametrize("making", [pytest.param(text, id=name) for name, text in METAMETHODS.items()])
def test_metamethod_of_a_value_is_never_called(memory_lua: Lua, making: str) -> None:
    text = f"""
        {making}
        State.save("s", "k", thing)
        State.save("s", "deep", {{thing, State.array({{thing}}), {{inner = thing}}}})
        State.append("s", "list", thing)
        State.update("s", "updated", function() return thing end)
        pcall(State.save, "s", "refused", {{print, thing}})
        print(calls, State.load("s", "k").field, State.load("s", "deep")[3].inner.field)
        print(State.load("s", "list")[1].field, State.load("s", "updated").field)
    """
    assert memory_lua(text) == "0\t1\t1\n1\t1\n"


@pytest.mark.parametrize("making", [pytest.param(text, id=name) for name, text in METAMETHODS.items()])
def test_metamethod_of_an_argument_is_never_called(memory_lua: Lua, making: str) -> None:
    text = f"""
        {making}
        State.save("s", "k", 1)
        for _, call in ipairs {{
          function() State.save(thing, "k", 1) end, function() State.save("s", thing, 1) end,
          function() State.save("s", "k", 1, thing) end, function() State.save("s", "k", 1, {{ttl = thing}}) end,
          function() State.save("s", "k", 1, {{if_version = thing}}) end, function() State.load(thing, thing) end,
          function() State.save("s", "k", 1, {{[thing] = 1}}) end, function() State.delete("s", "k", thing) end,
          function() State.list_keys("s", thing) end, function() State.list_keys("s", {{prefix = thing}}) end,
          function() State.list_keys("s", {{limit = thing}}) end, function() State.exists("s", thing) end,
          function() State.increment("s", "k", thing) end, function() State.append("s", "k", 1, thing) end,
          function() State.touch("s", "k", thing) end, function() State.scopes(thing) end,
          function() State.clear(thing) end, function() State.entry(thing, thing) end,
          function() State.transaction(thing) end, function() State.update("s", "k", thing) end,
        }} do
          local ok, problem = pcall(call)
          if ok or type(problem) ~= "string" or not problem:find("^State%.") then print(ok, problem) end
        end
        print(calls, State.load("s", "k"))
    """
    assert memory_lua(text) == "0\t1\n"


def test_a_value_that_claims_to_equal_null_is_saved(memory_lua: Lua) -> None:
    text = """
        local liar = setmetatable({a = 1}, {__eq = function() return true end})
        State.save("s", "k", liar)
        State.update("s", "u", function() return liar end)
        State.save("s", "empty", {setmetatable({}, {__eq = function() return true end})})
    """
    memory_lua(text)
    assert memory_lua.store is not None
    assert memory_lua.store.load("s", "k") == {"a": 1}
    assert memory_lua.store.load("s", "u") == {"a": 1}
    assert memory_lua.store.load("s", "empty") == [{}]


def test_a_metatable_that_claims_to_be_the_mark_of_arrays_is_not_believed(memory_lua: Lua) -> None:
    text = """
        local liar = setmetatable({}, {__eq = function() return true end})
        State.save("s", "k", {setmetatable({}, liar)})
        print(pcall(State.array, setmetatable({}, liar)))
    """
    assert memory_lua(text).startswith("false\tState.array: the table has a metatable of its own")
    assert memory_lua.store is not None
    assert memory_lua.store.load("s", "k") == [{}]


def test_a_value_with_pairs_of_its_own_is_refused(memory_lua: Lua) -> None:
    hidden = 'setmetatable({1}, {__pairs = function() end, __metatable = "locked"})'
    for value in ("setmetatable({}, {__pairs = next})", "setmetatable({a = 1}, {__pairs = next})", hidden):
        assert ".x has a __pairs metamethod" in memory_lua.error(f'State.save("s", "k", {{x = {value}}})')


def test_a_metatable_that_is_asked_for_pairs_runs_nothing(memory_lua: Lua) -> None:
    text = """
        local asked = false
        local meta = setmetatable({}, {__index = function() asked = true end})
        State.save("s", "k", {setmetatable({1}, meta)})
        print(asked)
    """
    assert memory_lua(text) == "false\n"


def test_marks_of_arrays_survive_a_script_that_sets_their_metatable(memory_lua: Lua) -> None:
    text = """
        local list = State.array({1})
        setmetatable(list, {__index = function() return 7 end, __newindex = error})
        State.save("s", "k", {{}, State.array({})})
        local loaded = State.load("s", "k")
        loaded[3] = "more"
        print(#loaded, loaded[4], list[9])
    """
    assert memory_lua(text) == "3\tnil\t7\n"


STUBBORN = {
    "a pcall": "pcall(os.exit, 7)",
    "many pcalls": "for i = 1, 10 do pcall(pcall, pcall, os.exit, 7) end",
    "an xpcall and its handler": "xpcall(os.exit, function(problem) print('handler', problem) return problem end, 7)",
    "a handler that fails": "xpcall(os.exit, error, 7)",
    "a coroutine": "coroutine.resume(coroutine.create(os.exit), 7)",
    "a wrapped coroutine": "pcall(coroutine.wrap(os.exit), 7)",
    "a coroutine inside a coroutine": "coroutine.wrap(function() pcall(coroutine.wrap(function() os.exit(7) end)) print('no') end)()",
    "a variable that is closed": """
        pcall(function()
          local x <close> = setmetatable({}, {__close = function() pcall(print, 'closing') error('mine') end})
          os.exit(7)
        end)
    """,
    "the closing of a coroutine": """
        local thread = coroutine.create(function()
          local x <close> = setmetatable({}, {__close = function() os.exit(7) end})
          coroutine.yield()
        end)
        coroutine.resume(thread)
        coroutine.close(thread)
    """,
    "a reader of load": "load(function() os.exit(7) end)",
    "a comparison of sort": "pcall(table.sort, {1, 2, 3}, function() os.exit(7) end)",
    "a replacement of gsub": "pcall(string.gsub, 'x', 'x', function() os.exit(7) end)",
    "a transaction": "pcall(State.transaction, function() State.save('s', 'k', 1) os.exit(7) end)",
    "an update": "pcall(State.update, 's', 'k', function() pcall(os.exit, 7) end)",
    "a conversion to text": "pcall(print, setmetatable({}, {__tostring = function() os.exit(7) end}))",
    "a module": "pcall(require, 'exiting')",
    "the error that ends the script": "error(setmetatable({}, {__tostring = function() os.exit(7) end}))",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in STUBBORN.items()])
def test_exit_is_not_held_up_by(lua: Lua, text: str) -> None:
    lua.module("exiting.lua", "os.exit(7)")
    output = lua(f"{text}\nState.save('s', 'after', 1)\nprint('after')")
    assert (lua.exit_code, output.replace("closing\n", "")) == (7, "")
    assert lua.store is not None
    assert lua.store.scopes() == []


CRUSHING = {
    "a format width beyond all bounds": "string.format('%99999d', 1)",
    "a format of many kinds": "string.format(('%d'):rep(500), 1)",
    "an endless recursion": "local function f() return 1 + f() end f()",
    "an endless recursion through pcall": "local function f() local ok, e = pcall(f) error(e, 0) end f()",
    "an endless recursion through gsub": "local function f() return (('x'):gsub('x', f)) end f()",
    "an endless recursion through sort": "local function f() table.sort({3, 1, 2}, f) end f()",
    "an endless recursion through metamethods": """
        local meta = {} meta.__index = function(t, k) return t[k + 1] end
        return setmetatable({}, meta)[1]
    """,
    "an endless chain of __index": """
        local first = {} local last = first
        for i = 1, 3000 do local next_one = {} setmetatable(last, {__index = next_one}) last = next_one end
        setmetatable(last, {__index = first})
        return first.x
    """,
    "an endless recursion through __tostring": """
        local t = setmetatable({}, {}) getmetatable(t).__tostring = function() return tostring(t) end
        return tostring(t)
    """,
    "an endless recursion through __concat": """
        local t = setmetatable({}, {}) getmetatable(t).__concat = function(a, b) return t .. t end
        return t .. t
    """,
    "an endless recursion through __close": """
        local function f() local x <close> = setmetatable({}, {__close = f}) end f()
        error('done')
    """,
    "an endless recursion through load": "local function f() return load(f)() end f()",
    "an endless recursion of xpcall handlers": "local function f() error('x') end xpcall(f, f) error('done')",
    "coroutines inside each other": """
        local function f() return coroutine.wrap(f)() end f()
    """,
    "a parser bomb of parentheses": "assert(load('return ' .. ('('):rep(100000) .. '1' .. (')'):rep(100000)))",
    "a parser bomb of tables": "assert(load('return ' .. ('{'):rep(100000) .. ('}'):rep(100000)))",
    "a parser bomb of functions": "assert(load(('return function() '):rep(10000)))",
    "a parser bomb of blocks": "assert(load(('do '):rep(100000) .. ('end '):rep(100000)))",
    "a parser bomb of operators": "assert(load('return ' .. ('not '):rep(100000) .. '1'))",
    "a parser bomb of concatenations": "assert(load('return ' .. ('x..'):rep(100000) .. 'x'))",
    "a parser bomb of locals": "assert(load('local ' .. ('x,'):rep(300) .. 'x'))",
    "a pattern nested too deep": "(('x'):rep(1000)):find(('('):rep(1000))",
    "a pattern of many levels": "(('a'):rep(300000)):find(('a?'):rep(300000) .. 'b')",
    "an unpack of a million values": "table.unpack({}, 1, 10000000)",
    "a select far out": "select(-1)",
    "a table of results too long": "string.byte(('x'):rep(10000000), 1, -1)",
    "a date of nonsense": "os.date('%Ez%', 2^53)",
    "a date far away": "os.date('%Y', math.maxinteger)",
    "a sort with a comparison that lies": "local t = {} for i = 1, 1000 do t[i] = i end table.sort(t, function() return true end)",
    "a concat through __index": "table.concat(setmetatable({}, {__index = function() return {} end, __len = function() return 5 end}))",
    "a concat of a length that is none": "table.concat(setmetatable({}, {__len = function() return 1e300 end}))",
    "a move that overflows": "table.move({}, 1, math.maxinteger, 2)",
    "an error without a value": "error()",
    "an error that is null": "error(State.null)",
    "an error whose text fails": "error(setmetatable({}, {__tostring = function() error('inner') end}))",
    "an error whose text is none": "error(setmetatable({}, {__tostring = function() return {} end}))",
    "an error whose text fails for ever": """
        local t = setmetatable({}, {}) getmetatable(t).__tostring = function() error(t) end
        error(t)
    """,
    "an error whose text yields": "error(setmetatable({}, {__tostring = function() coroutine.yield() end}))",
    "a yield of the script itself": "coroutine.yield()",
    "a goto into nowhere": "load('goto x')()",
    "a utf8 character too large": "utf8.char(1 << 40)",
    "a pack of a huge size": "string.pack('i17', 1)",
    "an unpack beyond the end": "string.unpack('s8', ('\\255'):rep(8))",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in CRUSHING.items()])
def test_script_fails_and_the_process_lives(memory_lua: Lua, text: str) -> None:
    with pytest.raises(ScriptError) as caught:
        memory_lua(text)
    assert str(caught.value)
    assert memory_lua("print('next')") == "next\n"


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in CRUSHING.items()])
def test_script_catches_its_failure_and_goes_on(memory_lua: Lua, text: str) -> None:
    assert memory_lua(f"pcall(function()\n{text}\nend)\nprint(#State.list_keys('s'))") == "0\n"


def test_state_stays_exact_where_the_stack_ends(memory_lua: Lua) -> None:
    text = """
        local deepest, failed, wrong = 0, 0, 0
        local function try(depth)
          local ok, value = pcall(function()
            State.save("s", "depth", {depth, {tostring(depth)}})
            return State.load("s", "depth")
          end)
          if not ok then
            failed = failed + 1
          elseif value[1] ~= depth or value[2][1] ~= tostring(depth) then
            wrong = wrong + 1
          end
        end
        local function descend(depth, from)
          deepest = depth
          if depth >= from then try(depth) end
          return 1 + descend(depth + 1, from)
        end
        pcall(descend, 1, math.maxinteger)
        local bottom = deepest
        print(pcall(descend, 1, bottom - 100), deepest > bottom - 100, failed > 0, wrong)
        State.save("s", "after", {a = {1, 2}})
        print(State.load("s", "after").a[2])
    """
    assert memory_lua(text) == "false\ttrue\ttrue\t0\n2\n"


def test_a_hundred_thousand_coroutines_do_no_harm(memory_lua: Lua) -> None:
    text = """
        local kept = {}
        for i = 1, 100000 do
          kept[i] = coroutine.create(function() coroutine.yield() end)
          coroutine.resume(kept[i])
        end
        print(#kept)
    """
    assert memory_lua(text) == "100000\n"


def test_the_second_wall_holds_when_a_python_object_is_handed_over() -> None:
    """Should an exception of Python ever cross, a script can read nothing from it."""
    from lupa import lua54

    from llmspell.scripting.lua_sandbox import _no_attributes

    lua = lua54.LuaRuntime(
        encoding=None,
        unpack_returned_tuples=True,
        register_eval=False,
        register_builtins=False,
        attribute_filter=_no_attributes,
    )

    def raises() -> None:
        raise OSError("a secret")

    lua.globals()[b"raises"] = raises
    got = lua.execute(b"""
        local _, foreign = pcall(raises)
        local _, again = pcall(function() return foreign.__class__ end)
        return pcall(function() return foreign.args end) or pcall(function() foreign.x = 1 end) or pcall(foreign)
          or pcall(function() return again.__traceback__ end)
    """)
    assert got is False
