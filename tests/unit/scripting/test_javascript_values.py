"""What JavaScript saves is stored exactly, or refused with the path of what cannot be."""

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import llmspell
from llmspell import codec
from llmspell.errors import InvalidValue
from llmspell.limits import MAX_DEPTH, MAX_INTEGER, MIN_INTEGER
from tests.unit.scripting.javascript import JavaScript
from tests.unit.scripting.lua import Lua

REFUSED = "ScriptError: State.save: the value cannot be stored: "


def store_of(javascript: JavaScript) -> llmspell.Store:
    assert javascript.store is not None
    return javascript.store


def stored(javascript: JavaScript, value: str, before: str = "") -> bytes:
    """Give the text that is in the store after a script saved the value of this expression."""
    javascript(f'{before}\nState.save("s", "k", {value});')
    entry = store_of(javascript).stored("s", "k")
    assert entry is not None
    return entry.value


def refusal(javascript: JavaScript, value: str, before: str = "") -> str:
    """Give what is said of a value that is refused, and make sure that nothing was stored."""
    error = javascript.error(f'{before}\nState.save("s", "k", {value});')
    assert store_of(javascript).list_keys("s") == []
    found = re.fullmatch(r"State\.save: the value cannot be stored: (.*) \(at t\.js:\d+\)", error)
    assert found, error
    return found[1]


EXACT = {
    "true": b"true",
    "false": b"false",
    "0": b"0",
    "-1": b"-1",
    "1.5": b"1.5",
    "1.0": b"1",
    "-0": b"-0.0",
    "[-0, 0]": b"[-0.0,0]",
    "9007199254740991": b"9007199254740991",
    "-9007199254740991": b"-9007199254740991",
    "9007199254740992": b"9007199254740992.0",
    "[1e20]": b"[100000000000000000000.0]",
    "1e21": b"1e21",
    "1e300": b"1e300",
    "5e-324": b"5e-324",
    "0.000001": b"0.000001",
    "1.7976931348623157e308": b"1.7976931348623157e308",
    "0.1 + 0.2": b"0.30000000000000004",
    "7n": b"7",
    "9223372036854775807n": b"9223372036854775807",
    "-9223372036854775808n": b"-9223372036854775808",
    "[9007199254740993n]": b"[9007199254740993]",
    '""': b'""',
    '"caf\\u00e9 \\u{1F600}"': '"café 😀"'.encode(),
    '"a\\0b"': b'"a\\u0000b"',
    '"\\x01"': b'"\\u0001"',
    '"!"': b'"!"',
    '"\\\\ud800"': b'"\\\\ud800"',
    "[]": b"[]",
    "{}": b"{}",
    "[null, [], {}]": b"[null,[],{}]",
    "{a: undefined, b: null}": b'{"b":null}',
    "{b: 1, a: 2, 1: 3}": b'{"1":3,"b":1,"a":2}',
    '{"": {"a b": [1]}}': b'{"":{"a b":[1]}}',
    "Object.create(null)": b"{}",
    "Object.freeze({a: Object.freeze([1])})": b'{"a":[1]}',
    '{toJSON: "a field"}': b'{"toJSON":"a field"}',
    "{get a() { return 1; }}": b'{"a":1}',
    "new Proxy({a: 1}, {})": b'{"a":1}',
    "new Proxy([1, 2], {})": b"[1,2]",
    "[State.null]": b"[null]",
    "{then: 1, constructor: 2, hasOwnProperty: 3}": b'{"then":1,"constructor":2,"hasOwnProperty":3}',
}


@pytest.mark.parametrize(("value", "text"), EXACT.items(), ids=list(EXACT))
def test_a_value_is_stored_exactly(memory_javascript: JavaScript, value: str, text: bytes) -> None:
    written = stored(memory_javascript, f"({value})")
    assert codec.decode(written) == codec.decode(text)
    assert codec.encode(codec.decode(written)) == codec.encode(codec.decode(text))
    assert written == codec.encode(codec.decode(written))


UNFIT = {
    "NaN": "it is NaN, which JSON has no number for",
    "[Infinity]": "[0] is Infinity, which JSON has no number for",
    "{a: {b: -Infinity}}": ".a.b is -Infinity, which JSON has no number for",
    "2n ** 63n": "it is an integer beyond 64 bits; store it as text",
    "[-(2n ** 63n) - 1n]": "[0] is an integer beyond 64 bits; store it as text",
    "() => 1": "it is a function, which is no JSON",
    "{items: [1, 2, {callback() {}}]}": ".items[2].callback is a function, which is no JSON",
    'Symbol("x")': "it is a symbol, which is no JSON",
    "[1, undefined]": "[1] is undefined; use null",
    "[1, , 3]": "[1] is undefined; use null",
    "Array(3)": "[0] is undefined; use null",
    "Object.assign([1], {extra: 2})": "it is an array that has other fields than its items",
    "new Date(0)": "it is a Date, which is no JSON; use its toISOString() or getTime()",
    "{m: new Map()}": ".m is a Map, which is no JSON; use Object.fromEntries(map)",
    "[new Set()]": "[0] is a Set, which is no JSON; use [...set]",
    "Promise.resolve(1)": "it is a Promise, which is no JSON; await it first",
    "/x/": "it is a RegExp, which is no JSON; copy its fields into a plain object",
    'new Error("e")': "it is a Error, which is no JSON; copy its fields into a plain object",
    "new Uint8Array(2)": "it is a Uint8Array, which is no JSON; copy its fields into a plain object",
    "new ArrayBuffer(2)": "it is a ArrayBuffer, which is no JSON; copy its fields into a plain object",
    "new Number(1)": "it is a Number, which is no JSON; copy its fields into a plain object",
    'new String("a")': "it is a String, which is no JSON; copy its fields into a plain object",
    "Object(1n)": "it is a BigInt, which is no JSON; copy its fields into a plain object",
    "new (class Point { x = 1; })()": "it is a Point, which is no JSON; copy its fields into a plain object",
    "new (class extends Array {})()": "it is a object of its own kind, which is no JSON; copy its fields into a plain object",
    "Object.create([])": "it is a Array, which is no JSON; copy its fields into a plain object",
    '{[Symbol("s")]: 1}': "it has a symbol as the name of a field",
    'Object.assign([1], {[Symbol("s")]: 1})': "it has a symbol as the name of a field",
    '"\\ud800"': "it holds text with a lone surrogate, which is no Unicode",
    '{a: ["\\udc00x"]}': ".a[0] holds text with a lone surrogate, which is no Unicode",
    '{"\\ud800": 1}': "it has a field whose name holds a lone surrogate, which is no Unicode",
    '{"odd name": [NaN]}': '["odd name"][0] is NaN, which JSON has no number for',
    "{toJSON() { return 1; }}": "it has a toJSON, which would change it",
    "Object.defineProperty({}, 'toJSON', {value() {}})": "it has a toJSON, which would change it",
    "[Object.defineProperty([], 'toJSON', {value: () => 1})]": "[0] has a toJSON, which would change it",
}


@pytest.mark.parametrize(("value", "reason"), UNFIT.items(), ids=list(UNFIT))
def test_what_is_no_json_is_refused_with_its_path(memory_javascript: JavaScript, value: str, reason: str) -> None:
    assert refusal(memory_javascript, f"({value})") == reason


def test_an_error_of_a_value_has_its_path_and_reason(memory_javascript: JavaScript) -> None:
    text = """
        try {
          State.save("s", "k", {items: [1, {when: new Date(0)}]});
        } catch (error) {
          console.log(error.name, error.path, "|", error.reason, error instanceof Error);
        }
    """
    assert memory_javascript(text) == (
        "InvalidValue .items[1].when | is a Date, which is no JSON; use its toISOString() or getTime() true\n"
    )


@pytest.mark.parametrize("nothing", ["undefined", "null", "State.null"])
def test_saving_nothing_deletes(memory_javascript: JavaScript, nothing: str) -> None:
    text = f'State.save("s", "k", 1); State.save("s", "k", {nothing}); console.log(State.exists("s", "k"));'
    assert memory_javascript(text) == "false\n"


@pytest.mark.parametrize(
    ("before", "path"),
    [
        ("const v = {}; v.self = v;", ".self"),
        ("const v = []; v.push(1, v);", "[1]"),
        ("const v = {a: [{}]}; v.a[0].b = v;", ".a[0].b"),
    ],
)
def test_a_cycle_is_refused(memory_javascript: JavaScript, before: str, path: str) -> None:
    assert refusal(memory_javascript, "v", before) == f"{path} contains itself"


def test_the_same_object_may_stand_in_two_places(memory_javascript: JavaScript) -> None:
    assert stored(memory_javascript, "[v, {again: v}]", "const v = {a: 1};") == b'[{"a":1},{"again":{"a":1}}]'


NESTED = (
    "const nested = (levels) => { let v = 1; for (let i = 0; i < levels; i++) v = i % 2 ? {a: v} : [v]; return v; };"
)


def test_the_deepest_value_is_stored_and_read_again(memory_javascript: JavaScript) -> None:
    written = stored(memory_javascript, f"nested({MAX_DEPTH})", NESTED)
    assert written.count(b"[") + written.count(b"{") == MAX_DEPTH
    assert memory_javascript('console.log(JSON.stringify(State.load("s", "k")))').encode() == written + b"\n"


def test_one_level_more_is_refused(memory_javascript: JavaScript) -> None:
    assert refusal(memory_javascript, f"nested({MAX_DEPTH + 1})", NESTED).endswith(
        f" is nested deeper than {MAX_DEPTH} levels"
    )


# Reading --------------------------------------------------------------------------------------------------


def test_integers_beyond_what_a_number_holds_are_read_as_bigint(memory_javascript: JavaScript) -> None:
    store_of(memory_javascript).save("s", "k", [MAX_INTEGER, MIN_INTEGER, 2**53 - 1, 2**53, 1])
    text = 'console.log(State.load("s", "k").map((n) => `${typeof n} ${n}`).join("|"))'
    assert memory_javascript(text) == (
        f"bigint {MAX_INTEGER}|bigint {MIN_INTEGER}|number {2**53 - 1}|bigint {2**53}|number 1\n"
    )


def test_a_whole_float_stays_one_when_it_is_written_back(memory_javascript: JavaScript) -> None:
    store = store_of(memory_javascript)
    store.save("s", "k", {"price": 1.0, "count": 1, "list": [2.0, 2], "inner": {"x": 3.0}})
    memory_javascript("""
        const value = State.load("s", "k");
        value.more = 5;
        value.list.push(7);
        State.save("s", "other", value);
    """)
    entry = store.stored("s", "other")
    assert entry is not None
    assert entry.value == b'{"price":1.0,"count":1,"list":[2.0,2,7],"inner":{"x":3.0},"more":5}'


def test_a_whole_float_that_was_changed_is_a_new_number(memory_javascript: JavaScript) -> None:
    store_of(memory_javascript).save("s", "k", {"price": 1.0})
    assert stored(memory_javascript, "v", 'const v = State.load("s", "k"); v.price += 1;') == b'{"price":2}'


def test_a_whole_float_at_the_top_stays_one_under_its_key(memory_javascript: JavaScript) -> None:
    store_of(memory_javascript).save("s", "k", 3.0)
    assert stored(memory_javascript, 'State.load("s", "k")') == b"3.0"
    store_of(memory_javascript).save("s", "k", 3.0)
    assert memory_javascript('console.log(State.update("s", "k", (old) => old))') == "3\n"
    assert stored(memory_javascript, "3") == b"3"


def test_minus_zero_comes_back(memory_javascript: JavaScript) -> None:
    text = 'State.save("s", "k", [-0]); console.log(Object.is(State.load("s", "k")[0], -0))'
    assert memory_javascript(text) == "true\n"


def test_a_field_named_proto_is_a_field_both_ways(memory_javascript: JavaScript) -> None:
    text = """
        State.save("s", "k", JSON.parse('{"__proto__": {"a": 1}, "b": {"__proto__": null}}'));
        const value = State.load("s", "k");
        console.log(Object.keys(value).join(), Object.getPrototypeOf(value) === Object.prototype, value.a, value.b.a);
    """
    assert memory_javascript(text) == "__proto__,b true undefined undefined\n"
    assert store_of(memory_javascript).load("s", "k") == {"__proto__": {"a": 1}, "b": {"__proto__": None}}


def test_a_float_in_a_field_named_proto_stays_one(memory_javascript: JavaScript) -> None:
    store_of(memory_javascript).save("s", "k", {"__proto__": 1.0, "a": [1.0]})
    assert stored(memory_javascript, 'State.load("s", "k")') == b'{"__proto__":1.0,"a":[1.0]}'


@pytest.mark.parametrize("text", ["x", "é", "😀", "\\u0000", "a\\nb", "\\\\u0000", '\\"'])
def test_long_text_comes_back(memory_javascript: JavaScript, text: str) -> None:
    output = memory_javascript(f"""
        const long = "{text}".repeat(100000), rope = long + "!" + long;
        State.save("s", "k", long);
        State.save("s", "rope", [rope]);
        console.log(State.load("s", "k") === long, State.load("s", "rope")[0] === rope);
    """)
    assert output == "true true\n"


def test_long_text_that_was_put_together_piece_by_piece_is_a_key_and_a_value(memory_javascript: JavaScript) -> None:
    output = memory_javascript("""
        let key = "", value = "";
        for (let i = 0; i < 500; i++) { key += "k"; }
        for (let i = 0; i < 100000; i++) { value += String.fromCharCode(97 + i % 26); }
        State.save("s", key, value);
        console.log(State.load("s", key) === value, value.length);
        console.log(value);
    """)
    assert output.splitlines()[0] == "true 100000"
    assert len(output.splitlines()[1]) == 100_000


def test_a_value_that_is_loaded_is_the_scripts_own(memory_javascript: JavaScript) -> None:
    text = """
        State.save("s", "k", {a: [1]});
        const first = State.load("s", "k");
        first.a.push(2);
        console.log(State.load("s", "k").a.length, State.load("s", "k") === State.load("s", "k"));
    """
    assert memory_javascript(text) == "1 false\n"


# Values that answer differently the second time -------------------------------------------------------------

FICKLE = {
    "a symbol": "Symbol('x')",
    "a function": "() => 1",
    "not a number": "NaN",
    "a huge integer": "2n ** 70n",
    "a lone surrogate": "'\\ud800'",
    "a deep value": "nested(300)",
    "a cycle": "(() => { const c = []; c.push(c); return c; })()",
    "a date": "new Date(0)",
    "a map": "new Map([[1, 2]])",
    "nothing": "undefined",
    "an object with toJSON": "{toJSON() { return undefined; }}",
    "an object whose toJSON gives a huge integer": "{toJSON() { return 2n ** 70n; }}",
    "another value": "[2]",
    "an error": "(() => { throw new Error('second'); })()",
}


@pytest.mark.parametrize("second", FICKLE.values(), ids=list(FICKLE))
@pytest.mark.parametrize("beside", ["", "b: 1n,", "b: 9007199254740993n, c: -0,"], ids=["plain", "exact", "odd"])
def test_whatever_a_getter_answers_the_second_time_the_store_stays_readable(
    memory_javascript: JavaScript, second: str, beside: str
) -> None:
    memory_javascript(f"""
        {NESTED}
        let asked = 0;
        const value = {{{beside} get a() {{ return asked++ ? {second} : 1; }}}};
        for (const save of [
          () => State.save("s", "k", value),
          () => State.append("s", "list", value),
          () => State.update("s", "u", () => value),
          () => State.save("s", "array", [value]),
          () => State.save("s", "proxy", new Proxy([1], {{get(target, name) {{
            return name === "length" ? 1 : name === "0" ? value.a : target[name];
          }}}})),
        ]) {{
          asked = 0;
          try {{ save(); }} catch (error) {{ if (!(error instanceof Error)) throw error; }}
        }}
    """)
    store = store_of(memory_javascript)
    for key in store.list_keys("s"):
        entry = store.stored("s", key)
        assert entry is not None
        assert codec.encode(codec.decode(entry.value)) == entry.value
        json.loads(entry.value, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    "proxy",
    [
        "new Proxy([1], {get: (target, name) => name === 'length' ? asked++ ? 3 : 1 : target[name]})",
        "new Proxy({}, {ownKeys: () => ['a'], getOwnPropertyDescriptor: () => undefined})",
        "new Proxy({}, {get: (target, name) => name === 'toJSON' && asked++ ? () => undefined : 1})",
        "new Proxy({}, {getPrototypeOf: () => asked++ ? Date.prototype : Object.prototype})",
        "Object.defineProperty({}, 'toJSON', {get: () => asked++ ? () => undefined : undefined})",
        "(() => { const {proxy, revoke} = Proxy.revocable({get a() { revoke(); return 1; }, b: 1}, {}); return proxy; })()",
        "(() => { const {proxy, revoke} = Proxy.revocable([], {}); revoke(); return proxy; })()",
    ],
)
def test_whatever_a_proxy_answers_the_store_stays_readable(memory_javascript: JavaScript, proxy: str) -> None:
    output = memory_javascript(f"""
        let asked = 0;
        try {{ State.save("s", "k", {proxy}); console.log("saved"); }} catch (error) {{ console.log(error instanceof Error); }}
    """)
    assert output in ("saved\n", "true\n")
    entry = store_of(memory_javascript).stored("s", "k")
    assert entry is None or codec.encode(codec.decode(entry.value)) == entry.value


def test_a_value_that_writes_nothing_the_second_time_is_refused(memory_javascript: JavaScript) -> None:
    before = """
        let asked = 0;
        const v = Object.defineProperty({}, "toJSON", {get: () => asked++ ? () => undefined : undefined});
    """
    assert refusal(memory_javascript, "v", before) == "it changes while it is read"


def test_no_text_of_a_scripts_own_gets_into_the_store_unread(memory_javascript: JavaScript) -> None:
    """A raw text such as 1e999 would be a number that no reader takes."""
    assert memory_javascript("console.log(typeof JSON.rawJSON)") == "undefined\n"


def test_a_bigint_stays_one_where_scripts_have_given_bigints_a_tojson(memory_javascript: JavaScript) -> None:
    before = "BigInt.prototype.toJSON = function () { return this.toString(); };"
    assert stored(memory_javascript, "{a: [9007199254740993n], b: 1n}", before) == b'{"a":[9007199254740993],"b":1}'


@pytest.mark.parametrize("owner", ["Object", "Array"])
def test_a_tojson_that_everything_inherits_is_refused(memory_javascript: JavaScript, owner: str) -> None:
    before = f"{owner}.prototype.toJSON = () => 1;"
    assert refusal(memory_javascript, "[{a: []}]", before).endswith("has a toJSON, which would change it")


def test_a_getter_that_saves_meanwhile_does_not_confuse_the_numbers(memory_javascript: JavaScript) -> None:
    value = '{get a() { State.save("s", "inner", 1); return 1n; }, b: -0, c: 9007199254740993n}'
    assert stored(memory_javascript, value) == b'{"a":1,"b":-0.0,"c":9007199254740993}'


# Round trips ------------------------------------------------------------------------------------------------

JSON_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(MIN_INTEGER, MAX_INTEGER),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(JSON_VALUES.filter(lambda value: value is not None), min_size=1, max_size=10))
def test_every_json_value_goes_through_javascript_unchanged(memory_javascript: JavaScript, values: list[Any]) -> None:
    store = store_of(memory_javascript)
    store.clear("s")
    store.clear("again")
    for number, value in enumerate(values):
        store.save("s", f"k{number}", value)
    memory_javascript("""
        for (const key of State.list_keys("s")) {
          const [value] = [State.load("s", key)];
          State.save("again", key, [value, value]);
          State.update("s", key, (old) => old);
        }
    """)
    for number, value in enumerate(values):
        whole_float = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
        assert repr(_ordered(store.load("s", f"k{number}"))) == repr(_ordered(value))
        if not whole_float:  # of a number that stands alone only its key remembers that it was a float
            assert repr(_ordered(store.load("again", f"k{number}"))) == repr(_ordered([value, value]))


def _ordered(value: Any) -> Any:
    """Give the value with fields in one order: JavaScript puts names that are whole numbers first."""
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value)}
    return [_ordered(part) for part in value] if isinstance(value, list) else value


def test_lua_reads_what_javascript_wrote_and_the_other_way_round(
    memory_lua: Lua, memory_javascript: JavaScript
) -> None:
    memory_lua.store = memory_javascript.store
    memory_javascript(
        'State.save("s", "k", {n: 1, f: 0.5, big: 9007199254740993n, none: null, list: [], deep: [[{}]]})'
    )
    assert (
        memory_lua("""
        local v = State.load("s", "k")
        print(v.n, v.f, v.big, v.none, #v.list, #v.deep[1])
        State.save("s", "k", {whole = 1.0, int = 1, list = State.array({})})
    """)
        == "1\t0.5\t9007199254740993\tnil\t0\t1\n"
    )
    assert memory_javascript('State.save("s", "k", State.load("s", "k"))') == ""
    assert store_of(memory_javascript).load("s", "k") == {"whole": 1.0, "int": 1, "list": []}


def test_the_default_export_is_refused_like_a_value(memory_javascript: JavaScript) -> None:
    from llmspell.config import ScriptSettings
    from llmspell.scripting.javascript import execute
    from llmspell.scripting.run import Run, Script

    run = Run(Script(b"export default {a: [new Map()]}", "t.js", ""), None, ScriptSettings(), wants_result=True)
    with pytest.raises(InvalidValue, match=r"^the result cannot be given: \.a\[0\] is a Map"):
        execute(run)
