"""A value is the same on every side: saved by Python or Lua, loaded by Python or Lua."""

import json
import math
import struct
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

import llmspell
from llmspell import codec
from llmspell.entry import JsonValue
from llmspell.limits import MAX_INTEGER, MIN_INTEGER
from tests.unit.scripting.lua import Lua

COPY = """
    for _, key in ipairs(State.list_keys("in")) do
      State.save("out", key, State.load("in", key))
      State.save("part", key, {State.load("in", key)})
    end
"""


def through_lua(lua: Lua, *values: JsonValue) -> list[JsonValue]:
    """Save the values from Python, load and save them in Lua, load them again."""
    store = lua.store
    assert store is not None
    for scope in ("in", "out", "part"):
        store.clear(scope)
    for number, value in enumerate(values):
        store.save("in", str(number), value)
    lua(COPY)
    copies = [store.load("out", str(number)) for number in range(len(values))]
    for number, copy in enumerate(copies):
        parts = store.load("part", str(number))
        assert isinstance(parts, list)
        assert same(parts[0], copy)
        stored = store.stored("out", str(number))
        assert stored is not None
        assert same(codec.parse(stored.value), copy)  # the strict reader of text from outside agrees
    return copies


def text_of(lua: Lua, made: str) -> str:
    """Give the JSON text that Lua makes of an expression."""
    lua(f"State.save('s', 'k', {made})")
    assert lua.store is not None
    stored = lua.store.stored("s", "k")
    assert stored is not None
    return stored.value.decode()


def value_of(lua: Lua, made: str) -> JsonValue:
    """Give what Python loads of an expression that Lua has saved."""
    text_of(lua, made)
    assert lua.store is not None
    return lua.store.load("s", "k")


def same(one: JsonValue, other: JsonValue) -> bool:
    """Tell whether two values are equal in everything: 1 is not 1.0 or True, and 0.0 is not -0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(part, other[name]) for name, part in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return struct.pack("d", one) == struct.pack("d", other)
    return one == other


def float_of_bits(bits: int) -> float:
    return float(struct.unpack("<d", bits.to_bytes(8, "little"))[0])


TEXTS = st.text() | st.text('"\\/\b\f\n\r\t\x00\x1f\x7f\x80\u2028\ud7ff\ue000\U0010ffff😀u0', min_size=1, max_size=300)
INTEGERS = st.integers(MIN_INTEGER, MAX_INTEGER)
FLOATS = st.integers(0, 2**64 - 1).map(float_of_bits).filter(math.isfinite) | st.floats(
    allow_nan=False, allow_infinity=False
)
PARTS: st.SearchStrategy[JsonValue] = st.booleans() | INTEGERS | FLOATS | TEXTS


def containers(part: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
    # A field that is null is absent in Lua; tests of its own look at those.
    return st.lists(part | st.none(), max_size=6) | st.dictionaries(TEXTS, part, max_size=6)


VALUES = st.recursive(PARTS, containers, max_leaves=25)
shared_store = hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])


@shared_store
@given(values=st.lists(VALUES, min_size=1, max_size=8))
def test_any_value_goes_through_lua_unchanged(memory_lua: Lua, values: list[JsonValue]) -> None:
    for value, copy in zip(values, through_lua(memory_lua, *values), strict=True):
        assert same(value, copy), (value, copy)


@shared_store
@given(floats=st.lists(FLOATS, min_size=1, max_size=50))
def test_any_float_goes_through_lua_bit_for_bit(memory_lua: Lua, floats: list[float]) -> None:
    assert same(through_lua(memory_lua, list(floats))[0], list(floats))


@shared_store
@given(texts=st.lists(TEXTS, min_size=1, max_size=20))
def test_any_text_goes_through_lua_as_value_and_as_name(memory_lua: Lua, texts: list[str]) -> None:
    value: JsonValue = [*texts, dict.fromkeys(texts, 1)]
    assert same(through_lua(memory_lua, value)[0], value)


@shared_store
@given(value=VALUES)
def test_lua_writes_text_that_every_reader_reads_alike(memory_lua: Lua, value: JsonValue) -> None:
    through_lua(memory_lua, value)
    assert memory_lua.store is not None
    stored = memory_lua.store.stored("out", "0")
    assert stored is not None
    assert same(json.loads(stored.value), codec.decode(stored.value))
    assert same(codec.decode(stored.value), value)


# Numbers ----------------------------------------------------------------------------------------------------

NUMBERS: list[int | float] = [
    *(0, 1, -1, 2**31, 2**53, 2**53 + 1, -(2**53) - 1, MAX_INTEGER, MAX_INTEGER - 1, MIN_INTEGER, MIN_INTEGER + 1),
    *(0.0, -0.0, 1.0, -1.0, 0.1, 1 / 3, 1e15, 1e16, 1e17, 1e21, 1e22, 123456789.125, 2.0**53, 2.0**53 + 2, 2.0**63),
    *(-(2.0**63), 2.0**64, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308),
    *(9007199254740993.0, 1e-7, 1e100, 4.35, 0.1 + 0.2),
]


@pytest.mark.parametrize("number", NUMBERS, ids=repr)
def test_number_goes_through_lua_unchanged(memory_lua: Lua, number: int | float) -> None:
    assert same(through_lua(memory_lua, number, [number], {"n": number})[0], number)


def test_integers_and_floats_stay_apart_in_lua(memory_lua: Lua) -> None:
    text = """
        State.save("s", "k", {1, 1.0, -0.0, 2^53, 1 << 53, 3 // 1, 3 / 1})
        for _, n in ipairs(State.load("s", "k")) do io.write(math.type(n), " ", n, ";") end
    """
    assert memory_lua(text) == (
        "integer 1;float 1.0;float -0.0;float 9.007199254741e+15;integer 9007199254740992;integer 3;float 3.0;"
    )


def test_edges_of_integers_are_integers_in_lua(memory_lua: Lua) -> None:
    assert memory_lua.store is not None
    memory_lua.store.save("s", "k", [MAX_INTEGER, MIN_INTEGER])
    assert memory_lua("local v = State.load('s', 'k') print(v[1] == math.maxinteger, v[2] == math.mininteger)") == (
        "true\ttrue\n"
    )
    assert value_of(memory_lua, "{math.maxinteger, math.mininteger}") == [MAX_INTEGER, MIN_INTEGER]


@pytest.mark.parametrize(("made", "shown"), [("0/0", "nan"), ("1/0", "inf"), ("-1/0", "-inf")])
def test_number_that_json_has_not_is_refused(memory_lua: Lua, made: str, shown: str) -> None:
    error = memory_lua.error(f"State.save('s', 'k', {{a = {{1, {made}}}}})").replace("-nan", "nan")
    assert error == (
        f"State.save: the value cannot be stored: .a[2] is {shown}, which JSON has no number for (at t.lua:1)"
    )


# Text -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 2, 126, 127, 128, 129, 130, 1000, 70_000])
@pytest.mark.parametrize("piece", ["a", '"', "\\", "\n", "\x00", "\x1f", "\x7f", "é", "😀", "\\u0041", 'x"\\'])
def test_text_of_any_length_keeps(memory_lua: Lua, piece: str, length: int) -> None:
    text = (piece * length)[:length]
    values: list[JsonValue] = [text, "x" + text, text + "x", [text, text], {text: text}]
    for value, copy in zip(values, through_lua(memory_lua, *values), strict=True):
        assert same(value, copy)


def test_every_control_character_is_kept(memory_lua: Lua) -> None:
    values: list[JsonValue] = [chr(code) for code in range(0x100)]
    assert through_lua(memory_lua, values, "".join(map(str, values))) == [values, "".join(map(str, values))]


def test_every_escape_of_json_is_read(memory_lua: Lua) -> None:
    """Texts that other writers may have made: short and long ones take different ways."""
    short = r'"\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83d\ude00\uD83D\uDE00\u0000\\u0041\\\u0041 \\n \nabc \u00411"'
    long = '"' + "x" * 200 + short[1:]
    assert memory_lua.store is not None
    for text in (short, long, f"[{short},{long}]", f'{{"a":{short},{long}:1}}'):
        memory_lua.store.save_json("in", "0", text.encode())
        memory_lua(COPY)
        assert same(memory_lua.store.load("out", "0"), json.loads(text))


@pytest.mark.parametrize(
    "odd", ["\x7f", "\b", "\f", "\\b", "\\f", "\\u007f", "\\\\", '"', "\n", "\x1b", "\x01", "\\u0041"]
)
def test_a_large_value_keeps_its_escapes(memory_lua: Lua, odd: str) -> None:
    """What is escaped seldom stands beside what is escaped often, in texts and in names."""
    part: JsonValue = {"said": f'a "word"\n{odd}', odd: f"{odd}{odd}x{odd}", f"b{odd}": [1, f"{odd}u0041", 'C:\\bin "']}
    value: JsonValue = [part] * 40
    assert same(through_lua(memory_lua, value)[0], value)


MARKED: dict[str, JsonValue] = {
    "'a<b'": "a<b",
    "{a = '<', ['<'] = {'<', '<<'}}": {"a": "<", "<": ["<", "<<"]},
    "{['<<'] = 'é\"', n = {[';<'] = 1.5, x = true}}": {"<<": 'é"', "n": {";<": 1.5, "x": True}},
}
"""Values as Lua makes them and as they are, with < for the byte that stands for quotation marks in a draft."""


@pytest.mark.parametrize(("made", "expected"), MARKED.items(), ids=list(MARKED))
@pytest.mark.parametrize("verb", ["State.save('s', 'k', VALUE)", "State.update('s', 'k', function() return VALUE end)"])
def test_text_with_the_mark_of_drafts_is_kept(memory_lua: Lua, verb: str, made: str, expected: JsonValue) -> None:
    text = f"{verb} State.append('s', 'list', VALUE) State.save('s', 'after', {{a = 'b'}})"
    memory_lua(text.replace("VALUE", made.replace("<", "\x7f")))
    assert memory_lua.store is not None
    marked = json.loads(json.dumps(expected).replace("<", "\x7f"), strict=False)
    assert same(memory_lua.store.load("s", "k"), marked)
    assert same(memory_lua.store.load("s", "list"), [marked])
    assert memory_lua.store.load("s", "after") == {"a": "b"}


def test_marks_that_make_up_for_each_other_do_no_harm(memory_lua: Lua) -> None:
    assert "[2] is text that is not valid UTF-8" in memory_lua.error("State.save('s', 'k', {'\\127', '\\255'})")
    assert value_of(memory_lua, "{'\\127', {['\\127'] = '\\0'}}") == ["\x7f", {"\x7f": "\0"}]


def test_lua_sees_text_as_its_bytes(memory_lua: Lua) -> None:
    assert memory_lua.store is not None
    memory_lua.store.save("s", "k", "é😀")
    assert memory_lua("print(#State.load('s', 'k'), utf8.len(State.load('s', 'k')))") == "6\t2\n"


@pytest.mark.parametrize("length", [1, 127, 128, 200])
@pytest.mark.parametrize(
    "wrong",
    [
        "\\xff",
        "\\xc3",
        "\\xc0\\x80",
        "\\xed\\xa0\\x80",
        "\\xf4\\x90\\x80\\x80",
        "\\xe9",
        "\\x80",
        "\\xf8\\x88\\x80\\x80\\x80",
    ],
)
def test_invalid_utf8_is_refused_with_its_path(memory_lua: Lua, wrong: str, length: int) -> None:
    text = f'("x"):rep({length}) .. "{wrong}"'
    what = "is text that is not valid UTF-8"
    assert f"cannot be stored: it {what} (at" in memory_lua.error(f"State.save('s', 'k', {text})")
    assert f"stored: .a[2].b {what} (at" in memory_lua.error(f"State.save('s', 'k', {{a = {{1, {{b = {text}}}}}}})")
    error = memory_lua.error(f"State.save('s', 'k', {{a = {{[{text}] = 1}}}})")
    assert "cannot be stored: .a has a field whose name is not valid UTF-8 (at" in error
    assert memory_lua.store is not None
    assert memory_lua.store.scopes() == []


def test_text_is_judged_alike_in_every_locale(memory_lua: Lua) -> None:
    """In some locales bytes above 127 are letters, and the decimal point is a comma."""
    import locale

    before = locale.setlocale(locale.LC_ALL)
    tried = 0
    try:
        for name in ("de_DE.ISO-8859-1", "de_DE.iso88591", "de_DE", "de_DE.UTF-8", "fr_FR.UTF-8", "C"):
            try:
                locale.setlocale(locale.LC_ALL, name)
            except locale.Error:
                continue
            tried += 1
            assert "not valid UTF-8" in memory_lua.error('State.save("s", "k", "\\xe9")')
            assert text_of(memory_lua, "{0.5, 1e300, 2.0, -0.25e-300}") == "[0.5,1e+300,2.0,-2.5e-301]"
            assert same(through_lua(memory_lua, [0.5, 1e300, 2.0])[0], [0.5, 1e300, 2.0])
    finally:
        locale.setlocale(locale.LC_ALL, before)
    assert tried


# Arrays and objects -----------------------------------------------------------------------------------------

SHAPES: dict[str, tuple[str, JsonValue]] = {
    "an empty table is an object": ("{}", {}),
    "an empty marked table is an array": ("State.array({})", []),
    "a marked table without an argument is an array": ("State.array()", []),
    "keys 1..n make an array": ("{1, 'two', true}", [1, "two", True]),
    "only text keys make an object": ("{a = 1, ['b c'] = 2, ['1'] = 3, [''] = 4}", {"a": 1, "b c": 2, "1": 3, "": 4}),
    "a float key that is whole is an index": ("{[1.0] = 'a', [2.0] = 'b'}", ["a", "b"]),
    "an array filled backwards is an array": (
        "(function() local t = {} for i = 5, 1, -1 do t[i] = i end return t end)()",
        [1, 2, 3, 4, 5],
    ),
    "an array of texts filled backwards is an array": (
        "(function() local t = {} for i = 5, 1, -1 do t[i] = 'text ' .. i end return {t, a = nil} end)()",
        [["text 1", "text 2", "text 3", "text 4", "text 5"]],
    ),
    "an array that was an object before is an array": (
        "(function() local t = {a = 1} t.a = nil t[1] = 2 return t end)()",
        [2],
    ),
    "null in an array": ("{1, State.null, 3, State.null}", [1, None, 3, None]),
    "null in an object": ("{a = State.null}", {"a": None}),
    "false is no null": ("{false, a and nil or false}", [False, False]),
    "an array of arrays": ("{{}, {{}}, State.array({State.array({})})}", [{}, [{}], [[]]]),
    "the same table twice": ("(function() local t = {1} return {t, t, {t}} end)()", [[1], [1], [[1]]]),
    "a marked table with items": ("State.array({1, 2})", [1, 2]),
    "a table marked twice": ("State.array(State.array({1}))", [1]),
    "a table with a metatable": ("setmetatable({1}, {__index = {x = 1}})", [1]),
    "an object with a locked metatable": ("setmetatable({a = 1}, {__metatable = false})", {"a": 1}),
    "names that look like numbers": ("{['1'] = 'a', ['2.0'] = 'b'}", {"1": "a", "2.0": "b"}),
    "a boolean": ("false", False),
    "a text": ("'x'", "x"),
}


@pytest.mark.parametrize(("made", "expected"), [pytest.param(*shape, id=name) for name, shape in SHAPES.items()])
def test_shape(memory_lua: Lua, made: str, expected: JsonValue) -> None:
    assert same(value_of(memory_lua, made), expected)


REFUSED = {
    "a function": ("{items = {1, 2, {callback = print}}}", ".items[3].callback is a function"),
    "a function alone": ("print", "it is a function"),
    "a coroutine": ("{coroutine.create(print)}", "[1] is a thread"),
    "a table with itself inside": ("(function() local t = {} t.t = t return t end)()", ".t contains itself"),
    "a longer cycle": ("(function() local t = {} t.a = {b = {t}} return t end)()", ".a.b[1] contains itself"),
    "a mixed table": ("{1, 2, x = 3}", "it mixes array items and named fields; keep the items in a field of their own"),
    "a mixed table deep inside": ("{a = {{1, x = 3}}}", ".a[1] mixes array items and named fields"),
    "a hole": ("{1, nil, 3}", "it has integer keys that are not exactly 1..n; fill the gaps with State.null, or make"),
    "an index far out": ("{[1000000] = 1}", "it has integer keys that are not exactly 1..n"),
    "an array from 0": ("{[0] = 0, 1, 2}", "it has integer keys that are not exactly 1..n"),
    "a negative index": ("{[-1] = 1}", "it has integer keys that are not exactly 1..n"),
    "an index alone": ("{[2] = 'b'}", "it has integer keys that are not exactly 1..n"),
    "an index before fields": ("{[2] = 'b', a = 1}", "it has integer keys that are not exactly 1..n"),
    "a broken index": ("{[1.5] = 1}", "it has integer keys that are not exactly 1..n"),
    "a broken index beside fields": ("{[1.5] = 1, a = 1}", "it has integer keys that are not exactly 1..n"),
    "a boolean as key": ("{[true] = 1}", "it has a boolean as a key; only text keys, or exactly 1..n, can be stored"),
    "a table as key": ("{[{}] = 1}", "it has a table as a key"),
    "null as key": ("{[State.null] = 1}", "it has a table as a key"),
    "an index beyond the mark": (
        "(function() local t = State.array({1}) t[3] = 3 return t end)()",
        "it is marked as an array but has other keys",
    ),
    "a name in a marked array": (
        "(function() local t = State.array({1}) t.x = 3 return t end)()",
        "it mixes array items",
    ),
    "a name in an empty marked array": (
        "(function() local t = State.array({}) t.x = 3 return t end)()",
        "it is marked as an array but has other keys than 1..n",
    ),
    "an odd name on the way": ("{['a b'] = {['c\"d'] = {[1] = print}}}", '["a b"]["c"d"][1] is a function'),
    "a name that looks like a number on the way": ("{['1'] = print}", '["1"] is a function'),
}


@pytest.mark.parametrize(("made", "expected"), [pytest.param(*case, id=name) for name, case in REFUSED.items()])
def test_refused_with_its_path(memory_lua: Lua, made: str, expected: str) -> None:
    error = memory_lua.error(f"State.save('s', 'k', {made})")
    assert error.startswith(f"State.save: the value cannot be stored: {expected}")
    assert error.endswith(" (at t.lua:1)")
    assert memory_lua.store is not None
    assert memory_lua.store.scopes() == []


@pytest.mark.parametrize(
    "verb", ["State.append('s', 'k', VALUE)", "State.update('s', 'k', function() return VALUE end)"]
)
def test_every_way_to_store_refuses_alike(memory_lua: Lua, verb: str) -> None:
    assert "cannot be stored: .a[2] is a function" in memory_lua.error(verb.replace("VALUE", "{a = {1, print}}"))


NEST = """
    local function nested(levels, make, inner)
      local value = inner
      for _ = 1, levels do value = make(value) end
      return value
    end
    local function in_array(value) return {value} end
    local function in_object(value) return {x = value} end
"""


@pytest.mark.parametrize("make", ["in_array", "in_object"])
@pytest.mark.parametrize("inner", ["1", "'text'", "State.null", "false"])
def test_128_levels_are_kept_and_129_refused(memory_lua: Lua, make: str, inner: str) -> None:
    memory_lua(
        f"{NEST} State.save('s', 'k', nested(128, {make}, {inner})) State.save('s', 'copy', State.load('s', 'k'))"
    )
    assert memory_lua.store is not None
    stored, copy = memory_lua.store.stored("s", "k"), memory_lua.store.stored("s", "copy")
    assert stored is not None
    assert copy is not None
    assert copy.value == stored.value.replace(b'{"x":null}', b"{}")
    assert stored.value.count(b"{") + stored.value.count(b"[") == 128
    error = memory_lua.error(f"{NEST} State.save('s', 'other', nested(129, {make}, {inner}))")
    assert "is nested deeper than 128 levels (at t.lua:" in error
    assert memory_lua.store.list_keys("s") == ["copy", "k"]


@pytest.mark.parametrize("inner", ["{}", "State.array({})"])
def test_an_empty_table_is_a_level(memory_lua: Lua, inner: str) -> None:
    memory_lua(f"{NEST} State.save('s', 'k', nested(127, in_array, {inner}))")
    assert "deeper than 128" in memory_lua.error(f"{NEST} State.save('s', 'k', nested(128, in_array, {inner}))")


def test_lua_and_python_draw_the_line_at_the_same_level(memory_lua: Lua) -> None:
    assert memory_lua.store is not None
    value: JsonValue = None
    for _ in range(128):
        value = [value]
    memory_lua.store.save("in", "0", value)
    memory_lua(COPY.replace('State.save("part", key, {State.load("in", key)})', ""))
    assert memory_lua.store.load("out", "0") == value
    with pytest.raises(llmspell.errors.InvalidValue):
        memory_lua.store.save("in", "0", [value])


# Null and marks ---------------------------------------------------------------------------------------------


def test_null_in_a_loaded_array_keeps_its_length(memory_lua: Lua) -> None:
    assert memory_lua.store is not None
    memory_lua.store.save("s", "k", [None, 1, None])
    assert memory_lua("local v = State.load('s', 'k') print(#v, v[1] == State.null, v[2], v[3] == State.null)") == (
        "3\ttrue\t1\ttrue\n"
    )


def test_null_in_a_loaded_object_is_an_absent_field(memory_lua: Lua) -> None:
    assert memory_lua.store is not None
    memory_lua.store.save("s", "k", {"a": None, "b": 1})
    assert memory_lua("local v = State.load('s', 'k') print(v.a, v.b) for name in pairs(v) do print(name) end") == (
        "nil\t1\nb\n"
    )
    memory_lua("State.save('s', 'k', State.load('s', 'k'))")
    assert memory_lua.store.load("s", "k") == {"b": 1}


def test_null_prints_as_null_and_cannot_be_changed(memory_lua: Lua) -> None:
    assert memory_lua("print(State.null, pcall(function() State.null.x = 1 end))") == (
        "null\tfalse\tt.lua:1: State.null cannot be changed\n"
    )


def test_null_that_was_tampered_with_is_still_null(memory_lua: Lua) -> None:
    assert value_of(memory_lua, "(function() rawset(State.null, 'x', 1) return {State.null} end)()") == [None]


@pytest.mark.parametrize("nothing", ["nil", "State.null"])
def test_saving_nothing_deletes(memory_lua: Lua, nothing: str) -> None:
    text = f"State.save('s', 'k', 1) print(State.save('s', 'k', {nothing}), State.exists('s', 'k'))"
    assert memory_lua(text) == "2\tfalse\n"


def test_marks_survive_loading_changing_and_saving(memory_lua: Lua) -> None:
    assert memory_lua.store is not None
    memory_lua.store.save("s", "k", {"empty": [], "full": [1, [2, []]], "object": {}})
    memory_lua("""
        local v = State.load("s", "k")
        table.remove(v.full[2], 2)
        table.remove(v.full[2], 1)
        v.empty[1] = 1
        v.empty[1] = nil
        State.save("s", "k", v)
    """)
    assert memory_lua.store.load("s", "k") == {"empty": [], "full": [1, []], "object": {}}


def test_lists_that_state_gives_are_marked(memory_lua: Lua) -> None:
    assert value_of(memory_lua, "{State.list_keys('none'), State.scopes('none')}") == [[], []]


def test_array_gives_the_same_table_back(memory_lua: Lua) -> None:
    assert memory_lua("local t = {1, 2} print(State.array(t) == t, #t, t[2])") == "true\t2\t2\n"


WRONG_ARRAYS = {
    "a text": ("'x'", "a table is needed, not a string"),
    "a number": ("1", "a table is needed, not the number 1"),
    "an object": ("{a = 1}", "the table is marked as an array but has other keys than 1..n"),
    "a hole": ("{1, nil, 3}", "the table has integer keys that are not exactly 1..n"),
    "a mixed table": ("{1, a = 1}", "the table mixes array items and named fields"),
    "a table with a metatable": ("setmetatable({}, {})", "the table has a metatable of its own and cannot be marked"),
    "null": ("State.null", "the table has a metatable of its own and cannot be marked"),
}


@pytest.mark.parametrize(("made", "expected"), [pytest.param(*case, id=name) for name, case in WRONG_ARRAYS.items()])
def test_array_refuses(memory_lua: Lua, made: str, expected: str) -> None:
    error = memory_lua.error(f"State.array({made})")
    assert error.startswith(f"State.array: {expected}")
    assert error.endswith(" (at t.lua:1)")


# Reading ----------------------------------------------------------------------------------------------------


def test_loaded_tables_are_plain_lua_tables(memory_lua: Lua) -> None:
    assert memory_lua.store is not None
    memory_lua.store.save("s", "k", {"list": ["a", "b", "c"], "object": {"x": 1}})
    text = """
        local v = State.load("s", "k")
        for index, item in ipairs(v.list) do io.write(index, item, " ") end
        for name, part in pairs(v.object) do io.write(name, part, " ") end
        v.list[#v.list + 1] = "d"
        table.sort(v.list, function(a, b) return a > b end)
        print(#v.list, table.concat(v.list), next(v.object), select("#", table.unpack(v.list)))
        setmetatable(v.list, {__index = function() return "mine" end})
        print(v.list[9], getmetatable(v.object))
    """
    assert memory_lua(text) == "1a 2b 3c x1 4\tdcba\tx\t1\t4\nmine\tnil\n".replace("x\t1\t4", "x\t4")


def test_every_load_gives_a_table_of_its_own(memory_lua: Lua) -> None:
    text = """
        State.save("s", "k", {{}})
        local one, other = State.load("s", "k"), State.load("s", "k")
        one[1].x = 1
        print(one == other, other[1].x)
    """
    assert memory_lua(text) == "false\tnil\n"


@pytest.mark.parametrize("spaces", [lambda text: text, lambda text: f"[{text}]"])
def test_numbers_in_every_spelling_are_read(memory_lua: Lua, spaces: Callable[[str], str]) -> None:
    assert memory_lua.store is not None
    for text in ("0", "-0", "-0.0", "1e5", "1E5", "1e+5", "1.5e-5", "123456789012345678", "0.1", "1e308"):
        memory_lua.store.save_json("in", "0", spaces(text).encode())
        memory_lua(COPY)
        expected = json.loads(spaces(text))
        assert same(memory_lua.store.load("out", "0"), expected)


def test_a_large_value_goes_through(memory_lua: Lua) -> None:
    value: JsonValue = [
        {"id": number, "name": f"entry {number}", "tags": ["a", "é"], "x": number / 7} for number in range(20_000)
    ]
    assert through_lua(memory_lua, value)[0] == value


def test_many_different_names_go_through(memory_lua: Lua) -> None:
    value: JsonValue = {f"name {number}": {f"inner {number}": number} for number in range(5000)}
    assert through_lua(memory_lua, value)[0] == value


# Objects that are alike -------------------------------------------------------------------------------------

FEW_NAMES = st.sampled_from(["a", "b", 'c"', "d\n", "\\", "é", "n" * 80, ""])
FEW_PARTS: st.SearchStrategy[JsonValue] = st.sampled_from(
    [
        1,
        -2.5,
        1e300,
        "",
        "text",
        'te"xt',
        ',"a":1',
        '}],"b":',
        "\\",
        "\x7f",
        True,
        [],
        {},
        [1],
        {"a": 1},
        {"a": {"b": "x"}},
    ]
)


@shared_store
@given(objects=st.lists(st.dictionaries(FEW_NAMES, FEW_PARTS, max_size=5), min_size=2, max_size=40))
def test_objects_that_are_nearly_alike_keep_apart(memory_lua: Lua, objects: list[dict[str, JsonValue]]) -> None:
    values: list[JsonValue] = [list(objects), {"x": list(objects), "y": objects[0]}, objects[0]]
    for value, copy in zip(values, through_lua(memory_lua, *values), strict=True):
        assert same(value, copy)


FOLLOWING: dict[str, list[Any]] = {
    "a number becomes another kind": [{"n": part, "m": 2} for part in (1, 2, "3", None, True, [4], {"n": 5}, 6.5, 7)],
    "what follows a number changes": [
        {"n": 1, "a": 1},
        {"n": 1, "b": 1},
        {"n": 1},
        {"n": 1, "a": {}},
        {"n": 12345678901},
    ],
    "a number that ends with what is expected": [
        {"n": 1, "a": 1},
        {"n": [2, {"n": 1, "a": 1}], "a": 1},
        {"n": 3, "a": 1},
    ],
    "a text looks like what follows": [{"a": "x", "b": "y"}, {"a": 'x","b":"', "b": "}"}, {"a": '"', "b": '"}'}],
    "fields come and go": [dict.fromkeys("abcdef"[: n % 7], 1) for n in range(30)],
    "no two are alike": [{f"name {n}": n, f"other {n}": str(n)} for n in range(800)] + [{"a": 1, "b": "x"}] * 3,
    "many fields": [{f"field {n}": n for n in range(100)}] * 3,
    "objects in objects": [{"a": {"a": {"a": n, "b": {}}}, "b": {"a": "x"}} for n in range(5)],
}


@pytest.mark.parametrize("objects", [pytest.param(objects, id=name) for name, objects in FOLLOWING.items()])
def test_objects_that_follow_each_other(memory_lua: Lua, objects: list[Any]) -> None:
    assert memory_lua.store is not None
    memory_lua.store.save("s", "k", objects)
    memory_lua("""
        for _ = 1, 3 do
          local list = State.load("s", "k")
          State.save("s", "copy", list)
          State.save("s", "last", list[#list])
        end
    """)
    kept: list[JsonValue] = [{name: part for name, part in entry.items() if part is not None} for entry in objects]
    assert same(memory_lua.store.load("s", "copy"), kept)
    assert same(memory_lua.store.load("s", "last"), kept[-1])


def test_what_is_remembered_of_objects_is_forgotten_after_a_while(memory_lua: Lua) -> None:
    text = """
        for n = 1, 3000 do
          State.save("s", "k", { ["name " .. n] = n, text = "x" .. n, ["other " .. n] = { a = n } })
          local back = State.load("s", "k")
          assert(back["name " .. n] == n and back.text == "x" .. n and back["other " .. n].a == n)
        end
        print("whole")
    """
    assert memory_lua(text) == "whole\n"
