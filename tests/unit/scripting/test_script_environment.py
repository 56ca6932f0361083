"""What a Lua script finds around it: output, input, arguments, modules, and how it ends."""

import subprocess
import threading
from pathlib import Path
from typing import NoReturn

import pytest

from llmspell.config import ScriptSettings
from llmspell.errors import ScriptError
from llmspell.scripting.running import Script, execute_script
from tests.unit.scripting.lua import Lua, shown, start_process

# Output -----------------------------------------------------------------------------------------------------


def test_print_writes_tabs_and_a_line_end(memory_lua: Lua) -> None:
    assert memory_lua("print() print(nil) print(1, 2.0, 'x', true, nil)") == "\nnil\n1\t2.0\tx\ttrue\tnil\n"


def test_print_uses_tostring_and_name(memory_lua: Lua) -> None:
    text = """
        print(setmetatable({}, {__tostring = function() return "mine" end}))
        print((tostring(setmetatable({}, {__name = "Kind"})):gsub(": .*", "")))
    """
    assert memory_lua(text) == "mine\nKind\n"


def test_output_is_bytes_as_they_are(memory_lua: Lua) -> None:
    assert memory_lua.raw(r"print('\xff\0\x80é') io.write('\r\n', 1, ' ', 2.5)") == b"\xff\x00\x80\xc3\xa9\n\r\n1 2.5"


def test_io_write_gives_the_stream(memory_lua: Lua) -> None:
    assert memory_lua("io.write('a'):write('b', 'c'):flush():write('d') io.stdout:write('e'):setvbuf('no')") == "abcde"


@pytest.mark.parametrize(
    ("text", "kind"),
    [("io.write({})", "table"), ("io.stdout:write('a', nil, 'b')", "nil"), ("io.stderr:write(true)", "boolean")],
)
def test_writing_what_is_no_text_is_refused_by_line(memory_lua: Lua, text: str, kind: str) -> None:
    error = memory_lua.error(f"\n{text}")
    assert error.startswith("t.lua:2: bad argument #")
    assert error.endswith(f"to 'write' (string expected, got {kind})")


def test_standard_output_and_error_keep_their_order(tmp_path: Path) -> None:
    text = "print('one') io.stderr:write('two\\n') io.write('three\\n') warn('four', '!') print('five')"
    process = start_process(text, tmp_path)
    process.communicate()
    together = subprocess.run(
        process.args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False
    ).stdout.decode()
    assert together.splitlines() == ["one", "two", "three", "Lua warning: four!", "five"]


def test_large_output_is_whole(memory_lua: Lua) -> None:
    assert len(memory_lua("for i = 1, 20000 do print(('x'):rep(99)) end io.write(('y'):rep(3000000))")) == 5_000_000


# Input ------------------------------------------------------------------------------------------------------

INPUT = b"first line\nsecond\n\nlast"

READS = {
    "nothing said reads a line": ("print(io.read(), io.read())", "first line\tsecond\n"),
    "l reads a line without its end": ("print(io.read('l'), io.read('*l'), io.read('l'), io.read('l'), io.read('l'))", "first line\tsecond\t\tlast\tnil\n"),
    "L reads a line with its end": ("io.write(io.read('L'), io.read('*L'), io.read('L'), io.read('L')) print(io.read('L'))", "first line\nsecond\n\nlastnil\n"),
    "a reads everything": ("print(#io.read('a'), io.read('a'), io.read('*a'))", "23\t\t\n"),
    "a number reads so many bytes": ("print(io.read(3), io.read(0), io.read(7), io.read(1000))", "fir\t\tst line\t\nsecond\n\nlast\n"),
    "a number at the end gives nil": ("io.read('a') print(io.read(1), io.read('l'))", "nil\tnil\n"),
    "a negative number gives nil": ("print(io.read(-1))", "nil\n"),
    "lines goes through all": ("for line in io.lines() do io.write('<', line, '>') end", "<first line><second><><last>"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*case, id=name) for name, case in READS.items()])
def test_read(memory_lua: Lua, text: str, expected: str) -> None:
    memory_lua.input = INPUT
    assert memory_lua(text) == expected


@pytest.mark.parametrize("what", ["'n'", "'x'", "''", "1.5", "{}", "true", "print"])
def test_reading_in_an_unknown_way_is_refused_by_line(memory_lua: Lua, what: str) -> None:
    assert memory_lua.error(f"\nio.read({what})") == (
        't.lua:2: bad argument #1 to \'read\' (use "l", "L", "a" or a number of bytes)'
    )


def test_input_is_bytes_as_they_are(memory_lua: Lua) -> None:
    memory_lua.input = bytes(range(256)) * 300
    assert memory_lua("print(#io.read('a'))") == "76800\n"


def test_output_is_flushed_before_input_is_read(tmp_path: Path) -> None:
    process = start_process("io.write('name? ') print('hello ' .. io.read())", tmp_path, stdin=subprocess.PIPE)
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.read(6) == b"name? "
        process.stdin.write(b"Ada\n")
        process.stdin.flush()
        assert process.stdout.read() == b"hello Ada\n"


def test_input_that_cannot_be_read_stops_the_script(memory_lua: Lua, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def isatty(self) -> bool:
            return False

        def readline(self, most: int) -> bytes:
            raise OSError(5, "Input/output error")

    class Stream:
        buffer = Broken()

    monkeypatch.setattr("tests.unit.scripting.running_texts.io.TextIOWrapper", lambda source: Stream())
    assert memory_lua.error("pcall(io.read) print('not reached')") == (
        "t.lua: standard input cannot be read: Input/output error"
    )


# Arguments --------------------------------------------------------------------------------------------------


def test_arguments_are_in_arg_and_in_the_varargs(memory_lua: Lua) -> None:
    text = "print(arg[0], #arg, arg[1], arg[2], arg[3], ...) print(select('#', ...))"
    assert memory_lua(text, "one", "--two", "") == "t.lua\t3\tone\t--two\t\tone\t--two\t\n3\n"


def test_without_arguments_arg_holds_the_name_alone(memory_lua: Lua) -> None:
    assert memory_lua("print(arg[0], #arg, ...)") == "t.lua\t0\n"


def test_arguments_are_bytes_as_the_system_gave_them(memory_lua: Lua) -> None:
    assert memory_lua("print(#arg[1], arg[1]:byte())", "\udcff") == "1\t255\n"


def test_many_arguments(memory_lua: Lua) -> None:
    assert memory_lua("print(#arg, select('#', ...))", *["x"] * 10_000) == "10000\t10000\n"


# Exit -------------------------------------------------------------------------------------------------------

EXITS = {
    "os.exit()": 0,
    "os.exit(nil)": 0,
    "os.exit(true)": 0,
    "os.exit(false)": 1,
    "os.exit(0)": 0,
    "os.exit(7)": 7,
    "os.exit(7.0)": 7,
    "os.exit(255)": 255,
    "os.exit(-1)": -1,
    "os.exit(7, true)": 7,
    "": 0,
    "return 7": 0,
    "return false": 0,
}


@pytest.mark.parametrize(("text", "code"), EXITS.items(), ids=lambda value: str(value))
def test_exit_code(memory_lua: Lua, text: str, code: int) -> None:
    memory_lua(text)
    assert memory_lua.exit_code == code


@pytest.mark.parametrize("code", ["{}", "'1'", "1.5", "print"])
def test_exit_with_what_is_no_code_is_refused_by_line(memory_lua: Lua, code: str) -> None:
    assert memory_lua.error(f"\nos.exit({code})") == "t.lua:2: bad argument #1 to 'exit' (a whole number expected)"


def test_exit_ends_the_script_and_closes_variables(memory_lua: Lua) -> None:
    text = """
        print("before")
        local x <close> = setmetatable({}, {__close = function() State.save("s", "closing", 1) end})
        os.exit(1)
        print("after")
    """
    assert memory_lua(text) == "before\n"
    assert memory_lua.store is not None
    assert memory_lua.store.scopes() == []  # the script has ended: State does nothing any more


# Modules ----------------------------------------------------------------------------------------------------


def test_require_runs_a_module_once_and_keeps_what_it_returns(memory_lua: Lua) -> None:
    memory_lua.module("counter.lua", "print('loading', ...) return {n = 0}")
    text = """
        local counter, path = require("counter")
        counter.n = 1
        print(require("counter").n, require("counter") == counter)
    """
    assert memory_lua(text) == f"loading\tcounter\t{memory_lua.folder}/counter.lua\n1\ttrue\n"


@pytest.mark.parametrize(
    ("body", "shown"), [("", "true"), ("return nil", "true"), ("return false", "false"), ("return 'x', 'y'", "x")]
)
def test_require_of_a_module_that_returns_little(memory_lua: Lua, body: str, shown: str) -> None:
    memory_lua.module("little.lua", body)
    assert memory_lua("print((require('little')), (require('little')))") == f"{shown}\t{shown}\n"


def test_require_finds_folders_and_init(memory_lua: Lua) -> None:
    memory_lua.module("package/init.lua", "return 'init'")
    memory_lua.module("package/inner.lua", "return require('package') .. ' inner'")
    memory_lua.module("a/b/c-d_1.lua", "return 'deep'")
    memory_lua.module("both.lua", "return 'file'")
    memory_lua.module("both/init.lua", "return 'folder'")
    text = "print((require('package')), (require('package.inner')), (require('a.b.c-d_1')), (require('both')))"
    assert memory_lua(text) == "init\tinit inner\tdeep\tfile\n"


def test_modules_share_the_globals(memory_lua: Lua) -> None:
    memory_lua.module("setting.lua", "shared = 1 State.save('s', 'k', arg[1])")
    assert memory_lua("require('setting') print(shared, State.load('s', 'k'))", "x") == "1\tx\n"


def test_modules_that_require_each_other_are_refused(memory_lua: Lua) -> None:
    memory_lua.module("one.lua", "return require('two')")
    memory_lua.module("two.lua", "\nlocal one = require('one')")
    assert memory_lua.error("require('one')") == (
        f"{shown(f'{memory_lua.folder}/two.lua')}:2: module 'one' is loading already: two modules require each other"
    )


def test_require_can_be_tried_again_after_it_failed(memory_lua: Lua) -> None:
    memory_lua.module("flaky.lua", "tries = (tries or 0) + 1 if tries == 1 then error('not yet', 0) end return tries")
    assert memory_lua("print(pcall(require, 'flaky')) print((require('flaky')))") == "false\tnot yet\n2\n"


def test_an_error_in_a_module_names_its_line(memory_lua: Lua) -> None:
    memory_lua.module("broken.lua", "local x = 1\n\nerror('broken')")
    assert memory_lua.error("require('broken')") == f"{shown(f'{memory_lua.folder}/broken.lua')}:3: broken"


def test_an_error_object_of_a_module_comes_as_it_is(memory_lua: Lua) -> None:
    memory_lua.module("broken.lua", "problem = {} error(problem)")
    assert memory_lua("print(select(2, pcall(require, 'broken')) == problem)") == "true\n"


def test_a_syntax_error_in_a_module_names_both_lines(memory_lua: Lua) -> None:
    memory_lua.module("broken.lua", "\nlocal = 1")
    assert memory_lua.error("\n\nrequire('broken')") == (
        f"t.lua:3: module 'broken' cannot be loaded: {shown(f'{memory_lua.folder}/broken.lua')}:2: <name> expected near '='"
    )


def test_a_missing_module_says_where_it_was_looked_for(memory_lua: Lua) -> None:
    assert memory_lua.error("\nrequire('a.b')") == (
        "t.lua:2: module 'a.b' not found: there is no a/b.lua or a/b/init.lua in the script's folder"
    )


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("return require('a')", "t.lua"),
        ("local function find() return require('a') end\nfind() print()", "t.lua:2"),
        ("local found = require('a')\nreturn found", "t.lua:1"),
    ],
)
def test_an_error_of_a_call_that_ends_a_function_names_no_file_of_llmspell(
    memory_lua: Lua, text: str, where: str
) -> None:
    assert memory_lua.error(text).startswith(f"{where}: module 'a' not found")


@pytest.mark.parametrize("name", ["nil", "{}", "1"])
def test_require_of_no_name_is_refused_by_line(memory_lua: Lua, name: str) -> None:
    assert memory_lua.error(f"\nrequire({name})").startswith("t.lua:2: bad argument #1 to 'require' (string expected")


def test_a_module_that_cannot_be_read_says_why(memory_lua: Lua, monkeypatch: pytest.MonkeyPatch) -> None:
    memory_lua.module("locked.lua", "")

    def refuse(path: str) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.path.getsize", refuse)
    assert memory_lua.error("require('locked')").endswith("not found: locked.lua cannot be read: Permission denied")


def test_a_module_that_is_too_large_is_refused(memory_lua: Lua) -> None:
    memory_lua.module("large.lua", "-" * 10_000_001)
    assert memory_lua.error("require('large')").endswith("not found: large.lua is larger than 10,000,000 bytes")


@pytest.mark.parametrize("name", ["string", "table", "math", "utf8", "coroutine", "os", "io", "_G"])
def test_libraries_can_be_required(memory_lua: Lua, name: str) -> None:
    assert memory_lua(f"print(require('{name}') == {name})") == "true\n"


# The text of a script -----------------------------------------------------------------------------------------

TEXTS: dict[str, tuple[bytes, bytes]] = {
    "nothing": (b"", b""),
    "spaces alone": (b" \n\t\n", b""),
    "a comment alone": (b"-- nothing", b""),
    "a first line for the shell": (b"#!/usr/bin/env llmspell run\nprint(1)", b"1\n"),
    "a first line for the shell alone": (b"#!/usr/bin/env llmspell run", b""),
    "a mark of UTF-8": (b"\xef\xbb\xbfprint(1)", b"1\n"),
    "a mark of UTF-8 and a first line for the shell": (b"\xef\xbb\xbf#!/bin/x\nprint(1)", b"1\n"),
    "line ends of Windows": (b"print(1)\r\nprint(2)\r\n", b"1\n2\n"),
    "bytes that are no UTF-8": (b"print('\xff')", b"\xff\n"),
    "NUL in a text": (b"print(#'a\0b')", b"3\n"),
}


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*case, id=name) for name, case in TEXTS.items()])
def test_script_of(memory_lua: Lua, text: bytes, expected: bytes) -> None:
    assert memory_lua.raw(text) == expected


@pytest.mark.parametrize("first", [b"", b"#!/usr/bin/env llmspell run\n", b"\xef\xbb\xbf#!x\n"])
def test_a_syntax_error_names_the_line(memory_lua: Lua, first: bytes) -> None:
    line = 2 + first.count(b"\n")
    assert memory_lua.error(first + b"\nlocal = 1") == f"t.lua:{line}: <name> expected near '='"


def test_a_text_that_ends_too_early_says_so(memory_lua: Lua) -> None:
    assert memory_lua.error("if true then\n") == "t.lua:2: 'end' expected (to close 'if' at line 1) near <eof>"


# Errors -----------------------------------------------------------------------------------------------------

ERRORS = {
    "\nerror('boom')": "t.lua:2: boom",
    "error('boom', 0)": "boom",
    "error(42)": "42",
    "error(4.5)": "4.5",
    "local x = nil + 1": "t.lua:1: attempt to perform arithmetic on a nil value",
    "\n\nnothing()": "t.lua:3: attempt to call a nil value (global 'nothing')",
    "error()": "t.lua:1: the script raised an error that is no text (a nil value)",
    "error({})": "t.lua:1: the script raised an error that is no text (a table value)",
    "error({code = 1})": "t.lua:1: the script raised an error that is no text (a table value)",
    "error(print)": "t.lua:1: the script raised an error that is no text (a function value)",
    "error(true)": "t.lua:1: the script raised an error that is no text (a boolean value)",
    "error(setmetatable({}, {__tostring = function() return 'my own' end}))": "my own",
    "error(setmetatable({}, {__tostring = function() return 'my own' end, __metatable = 'locked'}))": (
        "t.lua:1: the script raised an error that is no text (a table value)"
    ),
    "error(setmetatable({}, setmetatable({}, {__index = function() return print end})))": (
        "t.lua:1: the script raised an error that is no text (a table value)"
    ),
    "error('bytes \\xff')": "t.lua:1: bytes \\xff",
    "error('two\\nlines', 0)": "two\nlines",
    "error('', 0)": "",
    "assert(false)": "t.lua:1: assertion failed!",
    "assert(nil, 'told')": "t.lua:1: told",
    "error('not enough memory is there', 0)": "not enough memory is there",
    "error('there is not enough memory', 0)": "there is not enough memory",
    "coroutine.wrap(function() error('inside') end)()": "t.lua:1: inside",
    "string.rep()": "t.lua:1: bad argument #1 to 'rep' (string expected, got no value)",
    "coroutine.create(1)": "t.lua:1: bad argument #1 to 'create' (function expected, got number)",
    "coroutine.wrap({})": "t.lua:1: bad argument #1 to 'wrap' (function expected, got table)",
    "coroutine.resume(1)": "t.lua:1: bad argument #1 to 'resume' (thread expected, got number)",
    "coroutine.close()": "t.lua:1: bad argument #1 to 'close' (thread expected, got nil)",
    "pcall()": "t.lua:1: bad argument #1 to 'pcall' (value expected)",
    "xpcall(print)": "t.lua:1: bad argument #2 to 'xpcall' (function expected, got nil)",
    "load()": "t.lua:1: bad argument #1 to 'load' (function expected, got nil)",
    "os.getenv()": "t.lua:1: bad argument #1 to 'getenv' (string expected, got nil)",
    "setmetatable({}, {__gc = print})": "t.lua:1: __gc is not allowed: a finalizer would run where no limit reaches it",
    "collectgarbage('stop')": "t.lua:1: collectgarbage(\"stop\") is not allowed; \"collect\", \"count\" and \"step\" are",
    "io.lines('x')": "t.lua:1: io.lines(PATH) is not allowed; [runtime.security] allow_file_access in the configuration allows it",
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), ERRORS.items(), ids=list(ERRORS))
def test_error_text(memory_lua: Lua, text: str, message: str) -> None:
    assert memory_lua.error(text) == message


def test_an_error_carries_the_traceback_of_lua(memory_lua: Lua) -> None:
    with pytest.raises(ScriptError) as caught:
        memory_lua("local function inner() error('x') end\nlocal function outer() inner() end\nouter()")
    cause = str(caught.value.__cause__)
    assert cause.startswith("stack traceback:")
    assert "t.lua:2: in upvalue 'outer'" in cause or "t.lua:2: in local 'outer'" in cause


@pytest.mark.parametrize(
    "name", ["my script.lua", "é.lua", "a\nb.lua", "100%s.lua", "=x", "@x", "-", "x" * 300, "\udcff.lua"]
)
def test_names_of_scripts_are_shown_as_they_are(memory_lua: Lua, name: str) -> None:
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    error = memory_lua.error("\nState.save(1)", name=name)
    assert error.endswith(f"(at {shown}:2)")
    if len(name) < 60:
        assert memory_lua.error("\nerror('x')", name=name) == f"{shown}:2: x"
    assert memory_lua("print(#arg[0])", name=name) == f"{len(name.encode('utf-8', 'surrogateescape'))}\n"


def test_getenv(memory_lua: Lua, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMSPELL_TEST", "é")
    assert memory_lua("print(os.getenv('LLMSPELL_TEST'), os.getenv('LLMSPELL_NONE'))") == "é\tnil\n"


def test_standard_functions_that_are_kept_work(memory_lua: Lua) -> None:
    text = """
        print(type(os.time()), type(os.clock()), os.date("!%Y-%m-%d", 0), os.difftime(2, 1))
        print(math.type(collectgarbage("count")), collectgarbage(), type(collectgarbage("step")))
        print(select("#", load("return 1, 2")()), load("return ...", "x", "t", {})(7), load("syntax error"))
        print(utf8.char(233), #string.pack("i4", 1), table.concat({1, 2}, "-"), math.tointeger(3.0))
        print(xpcall(error, function(problem) return problem .. "!" end, "x"))
        print(pcall(error, "y"))
        print(coroutine.isyieldable(), select(2, coroutine.running()), coroutine.status(coroutine.create(print)))
        print(rawequal("a", "a"), rawlen({1}), next({}), _VERSION)
    """
    assert memory_lua(text).splitlines() == [
        "number\tnumber\t1970-01-01\t1.0",
        "float\t0\tboolean",
        "2\t7\tnil\t[string \"syntax error\"]:1: syntax error near 'error'",
        "é\t4\t1-2\t3",
        "false\tx!",
        "false\ty",
        "false\ttrue\tsuspended",
        "true\t1\tnil\tLua 5.4",
    ]


def test_coroutines_work_as_they_should(memory_lua: Lua) -> None:
    text = """
        local function numbers(n) for i = 1, n do coroutine.yield(i) end return "end" end
        local thread = coroutine.create(numbers)
        print(coroutine.resume(thread, 1))
        print(coroutine.resume(thread))
        print(coroutine.resume(thread))
        print(coroutine.status(thread), coroutine.close(thread))
        local next_one = coroutine.wrap(numbers)
        print(next_one(1), next_one(), pcall(next_one))
        local closed = false
        local failing = coroutine.wrap(function()
          local x <close> = setmetatable({}, {__close = function() closed = true end})
          error({})
        end)
        print(pcall(failing) == false, closed)
        local replacing = coroutine.wrap(function()
          local x <close> = setmetatable({}, {__close = function() error("second", 0) end})
          error("first", 0)
        end)
        print(pcall(replacing))
        print(pcall(coroutine.wrap(function() error() end)))
        local again again = coroutine.wrap(function() return pcall(again) end)
        print(again())
    """
    assert memory_lua(text).splitlines() == [
        "true\t1",
        "true\tend",
        "false\tcannot resume dead coroutine",
        "dead\ttrue",
        "1\tend\tfalse\tcannot resume dead coroutine",
        "true\ttrue",
        "false\tsecond",
        "false\tnil",
        "false\tcannot resume non-suspended coroutine",
    ]


def test_pcall_passes_yields_through(memory_lua: Lua) -> None:
    text = """
        local next_one = coroutine.wrap(function() print(pcall(function() return coroutine.yield(1) + 1 end)) return 3 end)
        print(next_one(), next_one(1))
    """
    assert memory_lua(text) == "true\t2\n1\t3\n"


def test_two_runs_share_nothing_but_the_store(memory_lua: Lua) -> None:
    memory_lua("shared = 1 string.x = 1 State.x = 1 getmetatable('').y = 1")
    assert memory_lua("print(shared, string.x, State.x, getmetatable('').y)") == "nil\tnil\tnil\tnil\n"


def test_scripts_run_in_many_threads_at_once(memory_lua: Lua) -> None:
    store = memory_lua.store
    script = Script(b"for i = 1, 200 do State.increment('s', 'n') end", "t.lua", ".")

    def never(reason: BaseException) -> NoReturn:
        raise reason

    def run() -> None:
        execute_script(script, "lua", store, ScriptSettings(), abandon=never)

    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store is not None
    assert store.load("s", "n") == 1000
