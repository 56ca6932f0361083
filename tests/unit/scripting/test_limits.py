"""No script runs for ever or takes all memory, and whatever stops it leaves the store as it should be."""

import gc
import os
import signal
import subprocess
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import llmspell
from llmspell.config import ScriptSettings
from llmspell.errors import LimitExceeded, ScriptError
from llmspell.scripting.host import Host
from llmspell.scripting.running import Script, execute_script
from tests.unit.scripting.lua import ABANDONED, Lua, in_process, start_process

MEBIBYTE = 1_048_576

# Memory ---------------------------------------------------------------------------------------------------

GREEDY = {
    "tables": "local t = {} while true do t = {t} end",
    "a growing array": "local t = {} for i = 1, math.huge do t[i] = i end",
    "a growing text": "local t = 'x' while true do t = t .. t end",
    "string.rep": "string.rep('x', 1 << 30)",
    "string.rep with a separator": "string.rep('x', 1 << 20, ('y'):rep(1 << 10))",
    "table.concat": "local t = {} for i = 1, 1 << 10 do t[i] = ('x'):rep(1 << 16) end table.concat(t)",
    "string.format": "local s = ('x'):rep(1 << 22) string.format('%s%s%s%s%s%s%s%s', s, s, s, s, s, s, s, s)",
    "gsub": "('x'):rep(1 << 22):gsub('x', 'yyyyyyyyyy')",
    "string.pack": "local t = {} while true do t[#t + 1] = string.pack('s', ('x'):rep(1 << 20)) end",
    "coroutines": "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end",
    "closures": "local t = {} while true do t[#t + 1] = function() return t end end",
    "a recursion that keeps texts": "local function f(s) return f(s .. 'x') .. s end f(('x'):rep(10000))",
    "compiled code": "local t = {} while true do t[#t + 1] = load(('x = 1 '):rep(1000)) end",
    "values loaded from the store": """
        State.save("s", "k", ("x"):rep(1 << 20))
        local t = {} while true do t[#t + 1] = State.load("s", "k") end
    """,
    "entries from the store": """
        State.save("s", "k", ("x"):rep(1 << 20))
        local t = {} while true do t[#t + 1] = State.entry("s", "k").value end
    """,
    "lists loaded from the store": """
        State.save("s", "k", load("return {" .. ("{},"):rep(1 << 12) .. "}")())
        local t = {} while true do t[#t + 1] = State.load("s", "k") end
    """,
    "texts loaded from the store that hold escapes": """
        State.save("s", "k", ("\\n"):rep(1 << 19))
        local t = {} while true do t[#t + 1] = State.load("s", "k") end
    """,
    "keys of the store": """
        State.transaction(function() for i = 1, 1000 do State.save("s", ("k"):rep(500) .. i, 1) end end)
        local t = {} while true do t[#t + 1] = State.list_keys("s") end
    """,
    "scopes of the store": """
        for i = 1, 100 do State.save(("s"):rep(250) .. i, "k", 1) end
        local t = {} while true do t[#t + 1] = State.scopes() end
    """,
    "a value that is saved": """
        local t = {} for i = 1, 1 << 17 do t[i] = "a text of some length" end
        for i = 1, 5 do t = {t, t} end
        State.save("s", "k", t)
    """,
    "long texts in a value that is saved": """
        local t = {} for i = 1, 64 do t[i] = ("x"):rep(1 << 20) .. i end
        State.save("s", "k", t)
    """,
    "errors of State": """
        local t, pad = {}, ("x"):rep(10000)
        while true do t[#t + 1] = select(2, pcall(State.save, "s", "", 1)) .. pad .. #t end
    """,
    "what a transaction writes": """
        State.transaction(function() for i = 1, 1000 do State.save("s", "k" .. i, ("x"):rep(1 << 20)) end end)
    """,
    "what a transaction reads": """
        for i = 1, 40 do State.save("s", "k" .. i, ("x"):rep(1 << 20)) end
        State.transaction(function() for i = 1, 40 do State.load("s", "k" .. i) end end)
    """,
    "what a transaction appends": """
        State.transaction(function() for i = 1, 1000 do
          for j = 1, 9 do State.append("s", "k" .. i, ("x"):rep(1 << 20)) end end end)
    """,
    "what a transaction deletes": """
        State.transaction(function() for i = 1, math.huge do State.delete("s", "k" .. i) end end)
    """,
    "what a transaction lists": """
        for i = 1, 100 do State.save("s", ("k"):rep(500) .. i, 1) end
        State.transaction(function() for i = 1, math.huge do State.list_keys("s") end end)
    """,
    "tracebacks": "local t, pad = {}, ('x'):rep(10000) while true do t[#t + 1] = debug.traceback(pad .. #t) end",
    "the text of the error": "error(('x'):rep(1 << 24) .. ('y'):rep(1 << 24))",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in GREEDY.items()])
def test_memory_limit_stops(memory_lua: Lua, text: str) -> None:
    with pytest.raises(
        LimitExceeded, match=r"^t.lua: stopped: it needed more than 20,000,000 bytes of memory; \[engines"
    ):
        memory_lua(text, memory_limit_bytes=20_000_000)


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in GREEDY.items()])
def test_memory_limit_can_be_caught_and_the_script_goes_on(memory_lua: Lua, text: str) -> None:
    output = memory_lua(
        f"""
        local ok, problem = pcall(function() {text} end)
        print(ok, problem)
        State.save("after", "k", {{1, {{a = ("x"):rep(1000)}}}})
        print(#State.load("after", "k")[2].a, State.list_keys("after")[1])
        """,
        memory_limit_bytes=20_000_000,
    )
    assert output == "false\tnot enough memory\n1000\tk\n"


@pytest.mark.parametrize("limit", [1, 1000, 10_000, 50_000, 100_000])
def test_a_tiny_memory_limit_ends_nothing_but_the_script(memory_lua: Lua, limit: int) -> None:
    text = """
        local kept = {}
        for i = 1, 10000 do
          State.save("s", "k", ("x"):rep(i) .. i)
          kept[i] = State.load("s", "k")
          pcall(State.save, "s", "", 1)
        end
    """
    with pytest.raises(LimitExceeded, match="bytes of memory"):
        memory_lua(text, memory_limit_bytes=limit)


def test_every_byte_near_the_limit_is_safe(memory_lua: Lua) -> None:
    """Fill the memory in ever smaller steps and call State with what is left."""
    text = """
        State.save("s", "short", "text")
        State.save("s", "long", ("x"):rep(5000))
        State.save("s", "list", {1, {a = 2}, "three"})
        local calls = {
          function() return State.load("s", "short") end, function() return State.load("s", "long") end,
          function() return State.load("s", "list") end, function() return State.entry("s", "long") end,
          function() return State.list_keys("s") end, function() return State.scopes() end,
          function() return State.save("s", "short", "other") end, function() return State.save("s", "", 1) end,
          function() return State.save("s", "k", {print}) end, function() return State.increment("s", "n") end,
          function() return State.transaction(function() return State.increment("s", "t") end) end,
          function() return os.getenv("PATH") end, function() return tostring(State.save) .. "more" end,
        }
        local kept, step = {}, 4194304
        while step >= 16 do
          local ok, piece = pcall(string.rep, "x", step + #kept)
          if ok then kept[#kept + 1] = piece else step = step // 2 end
          for index = 1, #calls do
            local ok, problem = pcall(calls[index])
            if not ok and type(problem) ~= "string" then kept = nil print("foreign", index, type(problem)) return end
          end
        end
        kept = nil
        collectgarbage()
        print(State.load("s", "n") == State.load("s", "n"), State.load("s", "list")[2].a, #State.list_keys("s"))
    """
    assert memory_lua(text, memory_limit_bytes=10_000_000) == "true\t2\t5\n"


def test_a_transaction_under_which_memory_runs_out_leaves_nothing_open(memory_lua: Lua) -> None:
    text = """
        for size = 1, 400 do
          local kept = {}
          local ok = pcall(State.transaction, function()
            State.save("s", "half", size)
            for i = 1, math.huge do kept[i] = ("x"):rep(size * 100) .. i end
          end)
          if ok then print("unlimited") end
          kept = nil
          if State.exists("s", "half") then print("half a transaction") end
          State.save("s", "whole", size)
        end
    """
    assert memory_lua(text, memory_limit_bytes=500_000) == ""
    assert memory_lua.store is not None
    assert memory_lua.store.load("s", "whole") == 400
    assert memory_lua.store.list_keys("s") == ["whole"]


def test_memory_of_one_script_is_free_for_the_next(memory_lua: Lua) -> None:
    for _ in range(3):
        assert memory_lua("kept = ('x'):rep(3 << 20) print(#kept)", memory_limit_bytes=10 * MEBIBYTE) == "3145728\n"


@pytest.mark.parametrize("text", ["State.save('s', 'k', {1})", "error('x')", "('x'):rep(1 << 40)", "os.exit(3)"])
def test_everything_of_a_run_is_gone_after_it(memory_lua: Lua, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts: list[weakref.ref[Host]] = []

    def remembered(host: Host, run: object, begin: object = Host.__init__) -> None:
        hosts.append(weakref.ref(host))
        begin(host, run)  # type: ignore[operator]

    monkeypatch.setattr(Host, "__init__", remembered)
    gc.collect()
    gc.disable()
    try:
        try:
            memory_lua(text)
        except ScriptError as error:
            error.__traceback__ = None
        assert [host() for host in hosts] == [None]
    finally:
        gc.enable()


DEEP = {
    "gsub": "local function f() return (('x'):gsub('x', f)) end f()",
    "format": """
        local t = setmetatable({}, {})
        getmetatable(t).__tostring = function() return ('%s'):format(t) end
        print(t)
    """,
    "coroutines": "local function f() return coroutine.wrap(f)() end f()",
    "sort": "local function f() table.sort({3, 1, 2}, f) end f()",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in DEEP.items()])
def test_a_small_stack_of_the_system_is_no_way_to_crash_the_process(tmp_path: Path, text: str) -> None:
    finished = in_process(text, tmp_path, stack_bytes=200 * 1024)
    assert (finished.code, "C stack overflow" in finished.error) == (1, True), finished


def test_no_memory_limit_means_none(memory_lua: Lua) -> None:
    assert memory_lua(
        "local t = {} for i = 1, 30 do t[i] = ('x'):rep(1 << 20) .. i end print(#t)", memory_limit_bytes=0
    )


def test_input_without_end_is_stopped_by_the_memory_limit(tmp_path: Path) -> None:
    for what in ("'a'", "'l'", "'L'", "1 << 62"):
        with open("/dev/zero", "rb") as zeros:
            process = start_process(f"io.read({what})", tmp_path, stdin=zeros.fileno(), memory_limit_bytes=5_000_000)
            _, error = process.communicate(timeout=60)
        assert (process.returncode, b"bytes of memory" in error) == (1, True), error


# Instructions -----------------------------------------------------------------------------------------------

ENDLESS = {
    "a loop": "while true do end",
    "a loop of goto": "::again:: goto again",
    "a loop in a function that is called again and again": "local function f() return f() end f()",
    "a loop of pcall": "while true do pcall(function() while true do end end) end",
    "a loop of nested pcalls": "while true do pcall(pcall, pcall, pcall, function() while true do end end) end",
    "a loop of pcalls that raise": "while true do pcall(error, 'x') end",
    "a loop of xpcall": "while true do xpcall(function() while true do end end, function() while true do end end) end",
    "an xpcall handler": "xpcall(error, function() while true do end end)",
    "an xpcall handler that pcalls": "while true do xpcall(error, function() pcall(function() while true do end end) end) end",
    "a coroutine": "coroutine.wrap(function() while true do end end)()",
    "a coroutine that yields": "local next_one = coroutine.wrap(function() while true do coroutine.yield() end end) while true do next_one() end",
    "ever new coroutines": "while true do coroutine.wrap(function() end)() end",
    "ever new coroutines that are never run": "while true do coroutine.create(print) end",
    "coroutines inside pcall inside coroutines": """
        while true do
          pcall(coroutine.wrap(function()
            pcall(coroutine.wrap(function() while true do pcall(coroutine.yield) end end))
            while true do end
          end))
        end
    """,
    "coroutines that resume each other": """
        local a, b
        a = coroutine.create(function() while true do coroutine.yield() end end)
        b = coroutine.create(function() while true do coroutine.resume(a) coroutine.yield() end end)
        while true do coroutine.resume(b) end
    """,
    "a variable that is closed": "local x <close> = setmetatable({}, {__close = function() while true do end end})",
    "variables that are closed after each other": """
        while true do
          pcall(function()
            local x <close> = setmetatable({}, {__close = function() while true do end end})
            local y <close> = setmetatable({}, {__close = function() while true do end end})
            error("x")
          end)
        end
    """,
    "the closing of a coroutine": """
        local thread = coroutine.create(function()
          local x <close> = setmetatable({}, {__close = function() while true do pcall(error) end end})
          coroutine.yield()
        end)
        coroutine.resume(thread)
        while true do coroutine.close(thread) end
    """,
    "a metamethod": "local t = setmetatable({}, {__index = function() while true do end end}) return t.x",
    "a conversion to text": "print(setmetatable({}, {__tostring = function() while true do end end}))",
    "the error that ends the script": "error(setmetatable({}, {__tostring = function() while true do end end}))",
    "a reader of load": "load(function() while true do end end)",
    "a reader of load without end": "while true do load(function() return 'x = 1 ' end) end",
    "a replacement of gsub": "('x'):gsub('x', function() while true do end end)",
    "a comparison of sort": "table.sort({1, 2, 3}, function() while true do end end)",
    "an iterator": "for _ in function() return true end do end",
    "a transaction": "State.transaction(function() while true do end end)",
    "an update": "while true do pcall(State.update, 's', 'k', function() while true do end end) end",
    "ever new transactions": "while true do pcall(State.transaction, function() end) end",
    "a loop of State": "while true do pcall(State.exists, 's', 'k') end",
    "a module": "pcall(require, 'endless') while true do pcall(require, 'endless') end",
    "a loaded chunk": "while true do load('while true do end')() end",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in ENDLESS.items()])
def test_instruction_limit_stops(memory_lua: Lua, text: str) -> None:
    memory_lua.module("endless.lua", "while true do end")
    with pytest.raises(LimitExceeded, match=r"it took more than 200,000 instructions; .* max_instructions in the"):
        memory_lua(text, max_instructions=200_000)
    assert memory_lua.store is not None
    assert memory_lua.store.scopes() == []


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in ENDLESS.items()])
def test_instruction_limit_stops_behind_a_pcall(memory_lua: Lua, text: str) -> None:
    memory_lua.module("endless.lua", "while true do end")
    with pytest.raises(LimitExceeded):
        memory_lua(f"while true do pcall(function() {text} end) State.save('s', 'on', 1) end", max_instructions=50_000)


def test_instruction_limit_names_the_line(memory_lua: Lua) -> None:
    with pytest.raises(LimitExceeded, match=r"^t.lua:2: stopped: it took more than 50,000 instructions"):
        memory_lua("local n = 0\nwhile true do n = n + 1 end\n", max_instructions=50_000)


def test_instructions_below_the_limit_are_free(memory_lua: Lua) -> None:
    assert memory_lua("for i = 1, 100000 do end print('done')", max_instructions=1_000_000) == "done\n"


def test_the_library_costs_a_script_no_instructions(memory_lua: Lua) -> None:
    assert memory_lua("print('done')", max_instructions=2000) == "done\n"


def test_a_count_hook_changes_no_result(lua: Lua) -> None:
    text = """
        local sum = 0
        for i = 1, 3000 do
          sum = sum + State.update("s", "k", function(old) return (old or 0) + 1 end)
        end
        print(sum, State.load("s", "k"))
    """
    assert lua(text, max_instructions=10_000_000) == "4501500\t3000\n"


# The clock ------------------------------------------------------------------------------------------------

COOPERATIVE = {
    "a loop that prints": "while true do print('x') end",
    "a loop that pcalls print": "while true do pcall(print, 'x') end",
    "a loop that pcalls State": "while true do pcall(State.increment, 's', 'k') end",
    "a loop that pcalls a wrong call": "while true do pcall(State.save, 's', '', 1) end",
    "a loop of transactions": "while true do pcall(State.transaction, function() State.increment('s', 'k') end) end",
    "a loop of coroutines that use State": """
        while true do
          pcall(coroutine.wrap(function() while true do pcall(State.load, 's', 'k') coroutine.yield() end end))
        end
    """,
    "a transaction that writes for ever": "State.transaction(function() while true do pcall(State.save, 's', 'k', 1) end end)",
    "a loop of getenv": "while true do pcall(os.getenv, 'HOME') end",
    "a loop of require": "while true do pcall(require, 'nothing') end",
    "an endless closing": """
        while true do
          pcall(function()
            local x <close> = setmetatable({}, {__close = function() while true do print('x') end end})
            print('x')
          end)
        end
    """,
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in COOPERATIVE.items()])
def test_clock_stops_by_itself(memory_lua: Lua, text: str) -> None:
    with pytest.raises(LimitExceeded, match=r"stopped: it ran longer than 0.2 s; \[runtime\] script_timeout_seconds"):
        memory_lua(text, timeout_seconds=0.2)


def test_clock_stops_with_an_instruction_limit_whatever_a_script_does(memory_lua: Lua) -> None:
    for text in ENDLESS.values():
        if "require" not in text and "closed after" not in text:
            with pytest.raises(LimitExceeded, match=r"it ran longer than 0\.05 s"):
                memory_lua(text, timeout_seconds=0.05, max_instructions=10**12)


DEAF = {
    "a loop": "while true do end",
    "a pattern match without end": "(('a'):rep(60)):find(('a?'):rep(60) .. ('a'):rep(60) .. 'b')",
    "a text repeated for ever": "string.rep('', 1 << 62)",
    "a move for ever": "table.move({}, 1, 1 << 62, 2, {})",
    "a coroutine": "coroutine.wrap(function() while true do end end)()",
    "an endless closing after the end": "local x <close> = setmetatable({}, {__close = function() while true do end end})",
    "an endless closing after os.exit": """
        local x <close> = setmetatable({}, {__close = function() while true do end end})
        os.exit(0)
    """,
    "a transaction": "State.transaction(function() State.save('s', 'half', 1) while true do end end)",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in DEAF.items()])
def test_clock_ends_the_process_of(tmp_path: Path, text: str) -> None:
    finished = in_process(
        f"State.save('s', 'before', 1); {text}", tmp_path, store=str(tmp_path / "state"), timeout_seconds=0.5
    )
    assert (finished.code, finished.output) == (ABANDONED, "")
    assert finished.error.startswith("abandoned: LimitExceeded: t.lua: stopped: it ran longer than 0.5 s")
    with llmspell.open(tmp_path / "state") as store:
        assert store.list_keys("s") == ["before"]


def test_reading_a_terminal_that_says_nothing_ends_with_the_clock(tmp_path: Path) -> None:
    process = start_process("io.read()", tmp_path, stdin=subprocess.PIPE, timeout_seconds=0.2)
    assert process.stdin is not None
    with process:
        assert process.wait(60) == ABANDONED


def test_a_script_that_is_done_in_time_is_not_stopped(memory_lua: Lua) -> None:
    assert memory_lua("print('done')", timeout_seconds=30) == "done\n"


@pytest.mark.parametrize("seconds", [0, 1e300, float("inf")])
def test_no_timeout_or_one_beyond_all_bounds_waits_for_ever(memory_lua: Lua, seconds: float) -> None:
    assert memory_lua("print('done')", timeout_seconds=seconds) == "done\n"


# What a stop leaves behind ----------------------------------------------------------------------------------

STOPS: dict[str, tuple[str, dict[str, Any]]] = {
    "the clock": ("while true do pcall(State.exists, 's', 'k') end", {"timeout_seconds": 0.2}),
    "the instruction limit": ("while true do pcall(State.exists, 's', 'k') end", {"max_instructions": 100_000}),
    "the memory limit": ("local t = {} while true do t = {t} end", {"memory_limit_bytes": 5_000_000}),
    "os.exit": ("pcall(os.exit, 0)", {}),
    "an error": ("error('x')", {}),
    "a lost output": ("io.stderr:write('x')", {}),
}


@pytest.mark.parametrize("alone", [pytest.param(False, id="free"), pytest.param(True, id="alone")])
@pytest.mark.parametrize("stop", STOPS)
def test_a_stopped_transaction_is_undone_and_gives_the_turn_back(
    disk_lua: Lua, folder: str, stop: str, alone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, settings = STOPS[stop]
    store = disk_lua.store
    assert store is not None
    if alone:
        monkeypatch.setattr(store, "attempt", lambda *, alone, attempt=store.attempt: attempt(alone=True))
    if stop == "a lost output":
        _lose_output(monkeypatch)
    store.save("s", "before", 1)
    try:
        disk_lua(f"State.transaction(function() State.save('s', 'half', 1) {text} end)", **settings)
    except (ScriptError, BrokenPipeError):
        pass
    with llmspell.open(folder) as other:
        other.save("s", "other", 1)
        assert other.list_keys("s") == ["before", "other"]
    store.save("s", "after", 1)
    assert store.list_keys("s") == ["after", "before", "other"]


def _lose_output(monkeypatch: pytest.MonkeyPatch) -> None:
    from llmspell.scripting.run import Run

    def lose(run: Run, text: bytes) -> None:
        run.stop = BrokenPipeError()

    monkeypatch.setattr(Run, "write_error", lose)


def test_an_abandoned_transaction_that_was_alone_is_undone_and_gives_the_turn_back(tmp_path: Path) -> None:
    """It is alone after it was overtaken four times; then nobody else can write until it ends."""
    text = """
        local attempts = 0
        State.transaction(function()
          attempts = attempts + 1
          State.load("s", "other")
          State.save("s", "half", 1)
          print(attempts)
          io.read()
          while attempts == 5 do end
        end)
    """
    folder = str(tmp_path / "state")
    process = start_process(text, tmp_path, store=folder, stdin=subprocess.PIPE, timeout_seconds=3)
    with process, llmspell.open(folder) as store:
        assert process.stdin is not None
        assert process.stdout is not None
        for attempt in range(1, 6):
            assert process.stdout.readline() == b"%d\n" % attempt
            if attempt < 5:
                store.save("s", "other", attempt)
            process.stdin.write(b"\n")
            process.stdin.flush()
        store.save("s", "after", 1)
        assert process.wait(60) == ABANDONED
        assert store.list_keys("s") == ["after", "other"]


def test_what_was_printed_before_a_stop_is_there(memory_lua: Lua, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    with pytest.raises(LimitExceeded):
        memory_lua("print('before') while true do end", max_instructions=10_000)
    assert capsysbinary.readouterr().out == b"before\n"


def test_a_script_prints_nothing_more_after_a_stop(memory_lua: Lua, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    with pytest.raises(LimitExceeded):
        memory_lua("pcall(function() while true do end end) print('after')", max_instructions=10_000)
    assert capsysbinary.readouterr().out == b""


# execute_script -------------------------------------------------------------------------------------------------


@pytest.fixture
def interrupted(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A script that has printed a line and runs on."""
    text = "State.save('s', 'before', 1) print('ready') io.stdout:flush() while true do pcall(os.getenv, 'HOME') end"
    process = start_process(text, tmp_path, store=str(tmp_path / "state"), grace_seconds=60)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()


def test_an_interrupt_stops_the_script(interrupted: subprocess.Popen[bytes], tmp_path: Path) -> None:
    interrupted.send_signal(signal.SIGINT)
    _, error = interrupted.communicate(timeout=60)
    assert (interrupted.returncode, error) == (1, b"KeyboardInterrupt: \n")
    with llmspell.open(tmp_path / "state") as store:
        assert store.list_keys("s") == ["before"]


@pytest.fixture
def deaf(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A script that has made its last call and runs on."""
    process = start_process("while true do end", tmp_path)
    with process:
        time.sleep(0.7)  # until it loops; a line printed before would be a call that may notice the interrupt
        yield process
        process.kill()


def test_an_interrupt_abandons_a_script_that_does_not_stop(deaf: subprocess.Popen[bytes]) -> None:
    deaf.send_signal(signal.SIGINT)
    _, error = deaf.communicate(timeout=60)
    assert (deaf.returncode, error) == (ABANDONED, b"abandoned: KeyboardInterrupt: \n")


def test_a_second_interrupt_abandons_at_once(deaf: subprocess.Popen[bytes]) -> None:
    deaf.send_signal(signal.SIGINT)
    time.sleep(0.1)
    deaf.send_signal(signal.SIGINT)
    _, error = deaf.communicate(timeout=60)
    assert (deaf.returncode, error) == (ABANDONED, b"abandoned: KeyboardInterrupt: \n")


class _Abandoned(Exception):
    pass


def test_abandon_is_given_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    reasons: list[BaseException] = []

    def abandon(reason: BaseException) -> None:
        reasons.append(reason)
        raise _Abandoned

    # It stops late: after the grace, which is none here, but before the test ends.
    monkeypatch.setattr("llmspell.scripting.running.GRACE_SECONDS", 0)
    text = b"local stop = os.clock() + 0.5 while os.clock() < stop do end"
    with llmspell.open(backend="memory") as store, pytest.raises(_Abandoned):
        execute_script(
            Script(text, "t.lua", "."),
            "lua",
            store,
            ScriptSettings(timeout_seconds=0.05),
            abandon=abandon,  # type: ignore[arg-type]
        )
    assert [str(reason) for reason in reasons] == [
        "t.lua: stopped: it ran longer than 0.05 s; [runtime] script_timeout_seconds in the configuration changes that"
    ]


def test_abandon_is_not_called_for_a_script_that_stops(memory_lua: Lua) -> None:
    with pytest.raises(LimitExceeded):
        memory_lua("while true do print() end", timeout_seconds=0.1)


def test_a_reader_that_is_gone_is_told_as_such(tmp_path: Path) -> None:
    process = start_process("while true do pcall(print, ('x'):rep(10000)) end", tmp_path)
    with process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert b"BrokenPipeError" in process.stderr.read()


def test_an_output_that_is_full_stops_the_script(tmp_path: Path) -> None:
    (tmp_path / "t.lua").write_text("while true do pcall(print, ('x'):rep(10000)) end")
    text = (tmp_path / "t.lua").read_text()
    process = start_process(text, tmp_path)
    process.kill()
    process.communicate()
    with open("/dev/full", "wb") as full:
        other = subprocess.run(process.args, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert other.stderr.startswith(b"ScriptError: t.lua: standard output cannot be written: No space left on device\n")


@pytest.mark.soak
def test_stops_at_any_moment_leave_a_sound_store(tmp_path: Path) -> None:
    """Interrupt a script that is busy with transactions again and again."""
    text = """
        while true do
          State.transaction(function()
            local a, b = State.increment("s", "a"), State.increment("s", "b")
            if a ~= b then error("torn") end
          end)
        end
    """
    folder = str(tmp_path / "state")
    for round_number in range(100):
        process = start_process(text, tmp_path, store=folder)
        with process:
            time.sleep(0.2 + round_number % 10 / 50)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
        with llmspell.open(folder) as store:
            assert store.load("s", "a") == store.load("s", "b")
    assert os.path.isdir(folder)
