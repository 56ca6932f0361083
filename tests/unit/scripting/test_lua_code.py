"""Functions written in Lua: values keep their kinds, errors name the line, and nothing gets out or runs for ever."""

import gc
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings

from llmspell import codec
from llmspell.config import ScriptSettings
from llmspell.entry import JsonValue
from llmspell.errors import InvalidArgument
from llmspell.migrations.transforms.base import Refusal
from llmspell.scripting.called_code import CalledCode
from llmspell.scripting.lua_code import open_code
from tests.programs import run
from tests.unit.scripting.test_lua_values import NUMBERS, VALUES, same

Opener = Callable[..., CalledCode]

IDENTITY = "return { same = function(value) return value end }"


@pytest.fixture
def opened() -> Iterator[Opener]:
    """Open a Lua text as `f.lua`; what was opened is closed after the test."""
    codes: list[CalledCode] = []

    def open_text(text: str | bytes, *, path: str = "f.lua", **chosen: Any) -> CalledCode:
        source = text.encode() if isinstance(text, str) else text
        code = open_code(path, source, ScriptSettings(timeout_seconds=60)._replace(**chosen))
        codes.append(code)
        return code

    yield open_text
    for code in codes:
        code.close()


@pytest.fixture(scope="module")
def identity() -> Iterator[CalledCode]:
    code = open_code("same.lua", IDENTITY.encode(), ScriptSettings())
    yield code
    code.close()


def body(text: str, others: str = "") -> str:
    """Give a file whose function `f` has that body, from line 1 on; `others` are more functions of its table."""
    return f"local function f(value) {text} end return {{ f = f, {others} }}"


def result(code: CalledCode, value: JsonValue = None, name: str = "f") -> JsonValue:
    return codec.decode(code.call(name, codec.encode(value)))


def refusal(code: CalledCode, value: JsonValue = None, name: str = "f") -> str:
    with pytest.raises(Refusal) as caught:
        code.call(name, codec.encode(value))
    return str(caught.value)


# What a file has ------------------------------------------------------------------------------------------


def test_functions_are_names_and_everything_else_is_a_field(opened: Opener) -> None:
    code = opened('return { up = print, down = print, to = "2.0.0", n = 1, x = 1.0, on = true, list = {1, {a = {}}} }')
    assert code.names == {"up", "down"}
    assert same(dict(code.fields), {"list": [1, {"a": {}}], "n": 1, "on": True, "to": "2.0.0", "x": 1.0})


def test_the_source_is_kept_as_it_was_given(opened: Opener) -> None:
    source = b"\xef\xbb\xbf#!/usr/bin/lua\nreturn {}"
    assert opened(source).source == source


def test_an_empty_table_is_a_file_without_functions(opened: Opener) -> None:
    code = opened("return {}")
    assert (code.names, code.fields) == (frozenset(), {})


def test_fields_cannot_be_changed(opened: Opener) -> None:
    with pytest.raises(TypeError):
        opened("return {}").fields["a"] = 1  # type: ignore[index]


def test_changing_the_table_later_changes_no_function(opened: Opener) -> None:
    code = opened("local t t = { f = function() t.f = nil return 1 end } return t")
    assert [result(code), result(code)] == [1, 1]


WRONG_FILES = {
    "a syntax error": ("local x = 1\nreturn {", r"^f\.lua:2: unexpected symbol near <eof>$"),
    "an error while it runs": ("\n\nlocal x = nil + 1", r"^f\.lua:3: attempt to perform arithmetic on a nil value"),
    "an error without a place": ("error('broken', 0)", r"^f\.lua: broken$"),
    "an error that is no text": (
        "error({})",
        r"^f\.lua:1: the script raised an error that is no text \(a table value\)$",
    ),
    "nothing": ("", r"^f\.lua: the file must end by returning a table of its functions, .*, not nil$"),
    "a function": ("return print", r"^f\.lua: the file must end by returning a table .*, not function$"),
    "null": ("return State.null", r"^f\.lua: the file must end by returning a table .*, not null$"),
    "a list": ("return { print }", r"^f\.lua: the table that the file returns must have text keys only, not a number$"),
    "a function inside a field": ("return { a = { b = print } }", r"^f\.lua: .* plain values: .*\.a\.b is a function$"),
    "a coroutine": ("return { a = coroutine.create(print) }", r"\.a is a thread$"),
    "a field that is no number": ("return { a = 0 / 0 }", r"\.a is -?nan, which JSON has no number for$"),
    "a function whose name is no text": (r'return { ["\255"] = print }', "not valid UTF-8$"),
    "compiled code": (b"\x1bLua\x54\x00\x19\x93\r\n\x1a\n", r"^f\.lua: .*attempt to load a binary chunk"),
    "an endless loop": ("\nwhile true do end", r"^f\.lua:2: stopped: it took more than 100,000,000 instructions"),
    "a memory bomb": ("('x'):rep(1 << 30)", r"^f\.lua: stopped: it needed more than 268,435,456 bytes of memory"),
}


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*case, id=name) for name, case in WRONG_FILES.items()])
def test_a_file_is_refused_with_its_name(opened: Opener, text: str | bytes, expected: str) -> None:
    with pytest.raises(InvalidArgument, match=expected):
        opened(text)


def test_a_file_with_a_long_path_is_named_by_its_end(opened: Opener) -> None:
    with pytest.raises(InvalidArgument, match=r"^\.\.\..*/f\.lua:1: "):
        opened("return {", path="folder/" * 20 + "f.lua")


def test_a_file_that_is_refused_leaves_no_thread(opened: Opener) -> None:
    before = threads()
    with pytest.raises(InvalidArgument):
        opened("return 1")
    assert all_end(threads() - before)


# Values ---------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(value=VALUES)
def test_any_value_goes_through_a_function_unchanged(identity: CalledCode, value: JsonValue) -> None:
    assert same(result(identity, value, "same"), value)


@pytest.mark.parametrize("number", NUMBERS, ids=repr)
def test_a_number_keeps_its_kind(identity: CalledCode, number: int | float) -> None:
    assert same(result(identity, [number, {"n": number}], "same"), [number, {"n": number}])


@pytest.mark.parametrize("depth", [1, 120, 128])
def test_deep_nesting_is_kept(identity: CalledCode, depth: int) -> None:
    text = b'{"a":[' * (depth // 2) + b"[]" * (depth % 2) + b"]}" * (depth // 2)
    assert identity.call("same", text) == text


@pytest.mark.parametrize("text", [b"[]", b"{}", b"[null]", b'{"a":[],"b":{},"c":[null,{},null]}', b"null", b"false"])
def test_empty_things_and_null_in_arrays_are_kept(identity: CalledCode, text: bytes) -> None:
    assert identity.call("same", text) == text


def test_a_field_that_is_null_is_kept(identity: CalledCode) -> None:
    assert identity.call("same", b'{"a":null,"b":{"c":null}}') == b'{"a":null,"b":{"c":null}}'


def test_a_field_that_is_null_can_be_told_from_an_absent_one(opened: Opener) -> None:
    code = opened(body("return { value.a == State.null, value.b == nil }"))
    assert code.call("f", b'{"a":null}') == b"[true,true]"


def test_null_and_empty_arrays_can_be_made(opened: Opener) -> None:
    code = opened(body("return { a = State.null, b = State.array(), c = {}, d = State.array({ 1 }) }"))
    assert code.call("f", b"1") == b'{"a":null,"b":[],"c":{},"d":[1]}'


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ("1", "State.array: a table is needed, not a number"),
        ("{ a = 1 }", "State.array: the table is marked as an array but has other keys"),
    ],
)
def test_what_is_no_array_is_not_made_one(opened: Opener, made: str, expected: str) -> None:
    assert f"f.lua:1: {expected}" in refusal(opened(body(f"value = State.array({made})")))
    assert f"f.lua: {expected}" in refusal(opened(body(f"return State.array({made})")))  # Lua has no line here


def test_an_array_from_outside_stays_one_when_it_is_emptied(opened: Opener) -> None:
    assert result(opened(body("value[1] = nil return value")), [1]) == []


@pytest.mark.parametrize("size", [0, 127, 128, 100_000])
def test_text_of_any_length_is_kept(identity: CalledCode, size: int) -> None:
    assert result(identity, "é\\\n" * size, "same") == "é\\\n" * size


# Order ----------------------------------------------------------------------------------------------------

NAMES = [f"name {number * 7919 % 1000}" for number in range(200)]
JOIN = 'local t = {} for name in pairs(value) do t[#t + 1] = name end return table.concat(t, ",")'


def test_fields_of_a_result_stand_in_order_of_their_names(identity: CalledCode) -> None:
    assert identity.call("same", b'{"b":{"d":1,"c":2},"a":[{"z":1,"y":2}]}') == (
        b'{"a":[{"y":2,"z":1}],"b":{"c":2,"d":1}}'
    )


def test_every_runtime_gives_the_same_bytes(opened: Opener) -> None:
    document = codec.encode({name: {name: 1} for name in NAMES})
    assert len({opened(IDENTITY).call("same", document) for _ in range(5)}) == 1


def test_pairs_goes_in_the_same_order_in_every_runtime(opened: Opener) -> None:
    for _ in range(3):
        assert result(opened(body(JOIN)), dict.fromkeys(NAMES, 1)) == ",".join(sorted(NAMES))


def test_pairs_gives_numbers_before_texts_and_those_before_the_rest(opened: Opener) -> None:
    text = 'local t = {} for key in pairs({ b = 1, a = 1, [true] = 1, 1, 1, [0.5] = 1, [-1] = 1 }) do t[#t + 1] = tostring(key) end return table.concat(t, " ")'
    assert result(opened(body(text))) == "-1 0.5 1 2 a b true"


def test_pairs_leaves_out_what_is_removed_on_the_way(opened: Opener) -> None:
    text = "local t = {} for name in pairs(value) do t[#t + 1] = name value.b, value[name] = nil end return t"
    assert result(opened(body(text)), {"a": 1, "b": 1, "c": 1}) == ["a", "c"]


def test_pairs_heeds_a_metamethod(opened: Opener) -> None:
    text = """
        local odd = setmetatable({}, { __pairs = function() return next, { own = 1 } end })
        for name in pairs(odd) do return name end
    """
    assert result(opened(body(text))) == "own"


def test_pairs_of_what_is_no_table_is_an_error_of_its_caller(opened: Opener) -> None:
    assert refusal(opened(body("for _ in pairs(value) do end")), "text") == (
        "function \"f\" failed: f.lua:1: bad argument #1 to 'pairs' (table expected, got string)"
    )


# What goes wrong in a call --------------------------------------------------------------------------------

WRONG_RESULTS = {
    "nil": ("return nil", 'function "f" of f.lua gave nil; it must return the value as it is to be stored'),
    "nothing": ("", 'function "f" of f.lua gave nil; it must return the value as it is to be stored'),
    "a function": ("return print", 'function "f" of f.lua: the value cannot be stored: it is a function'),
    "NaN": ("return { a = { 0 / 0 } }", "the value cannot be stored: .a[1] is "),
    "infinity": ("return math.huge", "the value cannot be stored: it is inf, which JSON has no number for"),
    "text that is no text": (
        r'return { a = "\255" }',
        "the value cannot be stored: .a is text that is not valid UTF-8",
    ),
    "a mixed table": ("return { 1, a = 2 }", "it mixes array items and named fields"),
    "a cycle": ("value.self = value return value", "the value cannot be stored: .self contains itself"),
    "an error": ("\nerror('too old')", 'function "f" failed: f.lua:2: too old'),
    "an error without a place": ("error('too old', 0)", 'function "f" failed: f.lua: too old'),
    "an error that is no text": ("error({})", "f.lua:1: the script raised an error that is no text (a table value)"),
    "an error that says what it is": (
        "error(setmetatable({}, {__tostring = function() return 'odd' end}))",
        "f.lua: odd",
    ),
    "a wrong operation": ("\n\nreturn value.a.b", "f.lua:3: attempt to index a nil value (field 'a')"),
    "a yield": ("coroutine.yield()", "attempt to yield from outside a coroutine"),
    "an unknown function of State": ("State.save('s', 'k', 1)", "f.lua:1: attempt to call a nil value (field 'save')"),
}


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*case, id=name) for name, case in WRONG_RESULTS.items()])
def test_a_call_is_refused_and_the_next_one_works(opened: Opener, text: str, expected: str) -> None:
    code = opened("n = 0 " + body(text, "n = function() n = n + 1 return n end"))
    assert result(code, name="n") == 1
    assert expected in refusal(code, {})
    assert result(code, name="n") == 2


def test_a_missing_function_is_refused_with_the_known_ones(opened: Opener) -> None:
    code = opened("return { up = print, down = print, text = 'x' }")
    for name in ("upp", "text", "print", "", "\ud800"):
        assert refusal(code, name=name) == f'there is no function "{name}" in f.lua; its functions: "down", "up"'


def test_a_file_without_functions_says_so(opened: Opener) -> None:
    assert refusal(opened("return {}")) == 'there is no function "f" in f.lua; its functions: none'


BREAKING = {
    "the global table is emptied": "local all, next = _G, next for name in next, all do all[name] = nil end return 1",
    "the libraries are emptied": """
        for _, library in next, {string, table, math, utf8, coroutine, os, io, debug} do
          for name in next, library do library[name] = nil end
        end
        return 1
    """,
    "the global table raises": "setmetatable(_G, {__index = error, __newindex = error}) debug = nil return 1",
    "functions are replaced": "next = error type = error error = print pcall = nil string.find = error return 1",
    "text has other methods": "getmetatable('').__index = nil getmetatable('').__len = error return 1",
    "null is tampered with": "rawset(State.null, 'a', 1) State.null = 1 State.array = nil return 1",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in BREAKING.items()])
def test_no_call_breaks_the_library_of_the_next_one(opened: Opener, text: str) -> None:
    code = opened(body(text, "same = function(value) return value end"))
    document = codec.encode({"a": [1, 1.5, None, "é\n" * 100, {"b": True}], "c": []})
    result(code)
    assert code.call("same", document) == document


# Limits ---------------------------------------------------------------------------------------------------

COUNT = "count = function() calls = (calls or 0) + 1 return calls end"

STOPPED = {
    "an endless loop": ("\nwhile true do end", "f.lua:2: stopped: it took more than 1,000,000 instructions"),
    "an endless loop behind pcall": ("while true do pcall(function() while true do end end) end", "1,000,000 instr"),
    "an endless coroutine": ("while true do coroutine.wrap(function() end)() end", "1,000,000 instructions"),
    "an error that takes for ever to say": (
        "error(setmetatable({}, {__tostring = function() while true do end end}))",
        "1,000,000 instructions",
    ),
    "a memory bomb": ("return ('x'):rep(1 << 30)", "f.lua: stopped: it needed more than 20,000,000 bytes of memory"),
    "a result that is too large": (
        "local t = {} for i = 1, 1 << 12 do t[i] = i .. ('x'):rep(1000) end for i = 1, 5 do t = { t, t } end return t",
        "20,000,000 bytes of memory",
    ),
}


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*case, id=name) for name, case in STOPPED.items()])
def test_a_limit_stops_a_call_and_the_next_one_has_a_fresh_runtime(opened: Opener, text: str, expected: str) -> None:
    code = opened(body(text, COUNT), max_instructions=1_000_000, memory_limit_bytes=20_000_000)
    assert [result(code, name="count"), result(code, name="count")] == [1, 2]
    assert expected in refusal(code)
    assert [result(code, name="count"), result(code, name="count")] == [1, 2]


def test_a_value_that_is_too_large_for_the_memory_is_refused(opened: Opener) -> None:
    code = opened(IDENTITY, memory_limit_bytes=1_000_000)
    assert "it needed more than 1,000,000 bytes of memory" in refusal(code, "x" * 2_000_000, "same")
    assert result(code, "x", "same") == "x"


@pytest.mark.parametrize("limit", range(1, 120_000, 4_001))
def test_a_tiny_memory_limit_ends_nothing_but_the_call(opened: Opener, limit: int) -> None:
    try:
        code = opened(IDENTITY, memory_limit_bytes=limit)
    except InvalidArgument as error:
        assert limit < 10_000, error  # noqa: PT017
        return
    ends = {_end(code, ["x" * size] * 2) for size in (1, 100, 1000, 5000, 20_000, 50_000)}
    assert ends <= {"answered", "stopped"}


def _end(code: CalledCode, value: JsonValue) -> str:
    try:
        answered = same(result(code, value, "same"), value)
    except Refusal as error:
        return "stopped" if "bytes of memory" in str(error) else str(error)
    return "answered" if answered else "changed"


def test_memory_that_calls_keep_counts_together(opened: Opener) -> None:
    code = opened(
        body("kept = kept or {} kept[#kept + 1] = ('x'):rep(1 << 20) .. #kept return #kept"), memory_limit_bytes=5 << 20
    )
    assert [result(code) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(Refusal, match="bytes of memory"):
        print([result(code) for _ in range(5)])
    assert result(code) == 1


def test_deep_recursion_is_an_error_of_the_function(opened: Opener) -> None:
    code = opened(
        f"calls = 0 {body('calls = calls + 1 if value then return calls end local function deep() return deep() + 1 end return deep()')}"
    )
    assert "f.lua:1: stack overflow" in refusal(code, False)
    assert result(code, True) == 2


@pytest.mark.parametrize("text", ["(('x'):gsub('x', deep))", "coroutine.wrap(deep)()"])
def test_deep_recursion_through_the_library_is_an_error_of_the_function(opened: Opener, text: str) -> None:
    assert "C stack overflow" in refusal(opened(body(f"local function deep() return {text} end return deep()")))


def test_every_call_has_all_the_instructions_for_itself(opened: Opener) -> None:
    code = opened(body("for i = 1, 300000 do end return 1"), max_instructions=400_000)
    assert [result(code) for _ in range(5)] == [1, 1, 1, 1, 1]


def test_the_library_costs_a_function_no_instructions(opened: Opener) -> None:
    code = opened(body("value[1] = 0 return value"), max_instructions=10_000)
    assert result(code, list(range(3000))) == [0, *range(1, 3000)]


def test_a_chosen_limit_takes_the_place_of_the_usual_one(opened: Opener) -> None:
    assert result(opened(body("for i = 1, 110000000 do end return 1"), max_instructions=200_000_000)) == 1


def test_the_clock_stops_a_call(opened: Opener) -> None:
    code = opened(body("\nwhile true do end"), max_instructions=10**12, timeout_seconds=0.2)
    assert refusal(code) == (
        'function "f": f.lua:2: stopped: it ran longer than 0.2 s; '
        "[runtime] script_timeout_seconds in the configuration changes that"
    )


def test_the_clock_stops_waiting_for_a_pattern_match_without_end() -> None:
    program = """
from llmspell.config import ScriptSettings
from llmspell.migrations.transforms.base import Refusal
from llmspell.scripting.lua_code import open_code
text = b"return { f = function(n) return n == 1 and 1 or (('a'):rep(60)):find(('a?'):rep(60) .. ('a'):rep(60)) end }"
code = open_code("f.lua", text, ScriptSettings(timeout_seconds=0.3))
try:
    code.call("f", b"2")
except Refusal as refusal:
    print(refusal)
print(code.call("f", b"1"))
"""
    assert run(program).splitlines() == [
        'function "f": f.lua: stopped: it ran longer than 0.3 s; '
        "[runtime] script_timeout_seconds in the configuration changes that",
        "b'1'",
    ]


def test_an_interrupt_ends_a_call_at_once_and_the_next_one_works() -> None:
    program = """
from llmspell.config import ScriptSettings
from llmspell.scripting.lua_code import open_code
text = b"return { f = function(n) while n ~= 1 do end return 1 end }"
code = open_code("f.lua", text, ScriptSettings(max_instructions=10**15))
print("ready", flush=True)
try:
    code.call("f", b"2")
except KeyboardInterrupt:
    print(code.call("f", b"1"))
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, b"b'1'\n")


# The runtime ----------------------------------------------------------------------------------------------


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "script"}


def all_end(ending: set[threading.Thread]) -> bool:
    for thread in ending:
        thread.join(30)
    return not any(thread.is_alive() for thread in ending)


@pytest.mark.parametrize("text", ["return value", "while true do end"])
def test_closing_ends_the_thread(opened: Opener, text: str) -> None:
    before = threads()
    code = opened(body(text), max_instructions=100_000)
    code.close()
    assert all_end(threads() - before)


def test_what_is_forgotten_ends_its_thread() -> None:
    before = threads()
    code = open_code("f.lua", IDENTITY.encode(), ScriptSettings())
    mine = threads() - before
    assert len(mine) == 1
    del code
    gc.collect()
    assert all_end(mine)


def test_a_stopped_call_leaves_no_thread(opened: Opener) -> None:
    before = threads()
    refusal(opened(body("while true do end"), max_instructions=100_000))
    assert all_end(threads() - before)


def test_closing_twice_is_closing(opened: Opener) -> None:
    code = opened(IDENTITY)
    code.close()
    code.close()
    assert result(code, 1, "same") == 1


def test_threads_take_turns(opened: Opener) -> None:
    code = opened("n = 0 return { f = function() local m = n for i = 1, 1000 do end n = m + 1 return n end }")
    workers = [threading.Thread(target=lambda: [result(code) for _ in range(50)]) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert result(code) == 401


def test_a_forked_process_has_a_runtime_of_its_own() -> None:
    program = """
import os
from llmspell.config import ScriptSettings
from llmspell.scripting.lua_code import open_code
code = open_code("f.lua", b"n = 0 return { f = function() n = n + 1 return n end }", ScriptSettings())
code.call("f", b"0")
child = os.fork()
if not child:
    os._exit(int(code.call("f", b"0")))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), code.call("f", b"0"))
"""
    assert run(program) == "1 b'2'\n"


def test_a_file_that_cannot_be_loaded_again_is_refused(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    code = opened(
        f"if os.getenv('LATE') then error('too late') end {body('while true do end')}", max_instructions=10_000
    )
    assert "instructions" in refusal(code)
    monkeypatch.setenv("LATE", "yes")
    assert refusal(code) == "f.lua could be loaded before, and no more: f.lua:1: too late"


# The sandbox ----------------------------------------------------------------------------------------------

# Each text gives something true when it got what it wanted; all that scripts may be permitted is permitted.
ATTACKS = {
    "nothing of Python": "return python or rawget(_G, 'python') or package or pcall(require, 'lupa')",
    "no file": "return io.open or io.popen or io.tmpfile or os.remove or os.rename or os.tmpname or loadfile or dofile",
    "no file through lines": "return pcall(io.lines, '/etc/passwd')",
    "no process": "return os.execute",
    "no end of the process": "return pcall(os.exit, 3) or pcall(os.exit)",
    "no module beside the file": "return pcall(require, 'f') or pcall(require, 'other')",
    "compiled code is not loaded": r'return load("\27Lua\84\0\25\147\r\n\26\n") or load("return 1", "x", "b")',
    "functions are not compiled": "return string.dump or ('').dump",
    "no debug library": "for name in next, debug do if name ~= 'traceback' then return name end end",
    "no arguments": "return arg",
    "State is null and array": "for name in next, State do if name ~= 'null' and name ~= 'array' then return name end end",
    "no metatable of null and arrays": "return getmetatable(State.null) or getmetatable(value)",
    "no finalizer": "return pcall(setmetatable, {}, { __gc = print })",
    "no output": """
        return pcall(print, "x") or pcall(warn, "x") or pcall(io.write, "x") or pcall(io.stdout.write, io.stdout, "x")
          or pcall(io.stderr.write, io.stderr, "x") or pcall(io.stdout.flush, io.stdout) or pcall(require("io").write, "x")
    """,
    "no input": "return pcall(io.read) or pcall(io.read, 'a') or pcall(io.lines)",
    "nothing foreign can be walked to": """
        local seen, foreign = {}, nil
        local function walk(part)
          if type(part) == "userdata" then foreign = true end
          if type(part) == "table" and not seen[part] then
            seen[part] = true
            for key, inner in next, part do walk(key) walk(inner) end
          end
          local meta = getmetatable(part)
          if meta and not seen[meta] then walk(meta) end
        end
        walk(_G) walk("text") walk(value) walk(coroutine.running())
        return foreign
    """,
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in ATTACKS.items()])
def test_an_attack_gives_nothing(opened: Opener, capfd: pytest.CaptureFixture[str], text: str) -> None:
    code = opened(
        body(f"local got = (function() {text} end)() return got and 'got ' .. tostring(got) or 'held'"),
        stdlib="full",
        allow_file_access=True,
        allow_process_spawn=True,
    )
    assert result(code, [1]) == "held"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["print", "warn", "io.write", "io.read", "io.lines", "os.exit"])
def test_what_a_function_cannot_do_is_an_error_with_its_line(opened: Opener, name: str) -> None:
    assert refusal(opened(body(f"\n{name}('x')"))) == (
        f'function "f" failed: f.lua:2: {name} is not there for the functions of a migration: '
        "a value goes in, a value comes out"
    )


def test_a_module_is_refused_with_the_reason(opened: Opener) -> None:
    assert refusal(opened(body("require('other')"))) == (
        "function \"f\" failed: f.lua:1: module 'other' not found: "
        "the functions of a migration stand in one file, and load no other"
    )


def test_what_scripts_have_is_there(opened: Opener) -> None:
    text = "return { os.time() > 0, type(os.getenv('PATH')), require('string') == string, #utf8.char(233), math.type(2 // 1) }"
    assert result(opened(body(text))) == [True, "string", True, 2, "integer"]
