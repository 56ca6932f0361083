"""What does the console print, and where?"""

import pytest

from llmspell.config import ScriptSettings
from llmspell.scripting.run import Run, Script
from llmspell.scripting.running import watch
from llmspell.scripting.streams import CapturedStreams
from tests.unit.scripting.javascript import JavaScript


def printed(text: str) -> str:
    """Give output and error output of a text in the order in which they were written."""
    streams = CapturedStreams()
    watch(Run(Script(text.encode(), "t.js", ""), None, ScriptSettings(), streams), "javascript")
    return streams.text


SHOWN = {
    "'text', 1, true, null, undefined": "text 1 true null undefined",
    "": "",
    "''": "",
    "' '": " ",
    "-0, [-0], 1e21, NaN": "-0 [ -0 ] 1e+21 NaN",
    "1n, [1n]": "1n [ 1n ]",
    "['text', \"it's\"]": '[ "text", "it\'s" ]',
    "{a: 1, 'b c': {}, d: []}": '{ a: 1, "b c": {}, d: [] }',
    "[1, , 3]": "[ 1, empty, 3 ]",
    "{u: undefined}": "{ u: undefined }",
    "Symbol('s'), [Symbol.iterator]": "Symbol(s) [ Symbol(Symbol.iterator) ]",
    "{[Symbol('s')]: 1}": "{ [Symbol(s)]: 1 }",
    "() => 1, function named() {}, class Kind {}": "[Function: anonymous] [Function: named] [Function: Kind]",
    "new Map([['a', {b: 1}]]), new Set([1, 'x'])": 'Map { "a" => { b: 1 } } Set { 1, "x" }',
    "new Date(0), new Date(NaN)": "1970-01-01T00:00:00.000Z Invalid Date",
    "/a+/gi": "/a+/gi",
    "Promise.resolve(1)": "Promise {}",
    "new (class Point { x = 1; })()": "Point { x: 1 }",
    "Object.create(null)": "[Object: null prototype] {}",
    "new Uint8Array(3)": 'Uint8Array { "0": 0, "1": 0, "2": 0 }',
    "{get a() { throw 1; }, set b(v) {}}": "{ a: [Getter], b: [Getter] }",
    "[[[[[[[[1]]]]]]]]": "[ [ [ [ [ [ [ [Array] ] ] ] ] ] ] ]",
    "'%s is %d%%', 'x', 5": "x is 5%",
    "'%s', {a: 1}": "{ a: 1 }",
    "'%s %s', 1": "1 %s",
    "'%i %f', 3.7, '2.5'": "3 2.5",
    "'%j', {a: [1]}": '{"a":[1]}',
    "'%o|%O', [1], {}": "[ 1 ]|{}",
    "'%ccolour', 'color: red'": "colour",
    "'%d', 5n": "5n",
    "'%x', 1": "%x 1",
    "'a', '%s', 1": "a %s 1",
    "'100%'": "100%",
}


@pytest.mark.parametrize(("values", "line"), SHOWN.items(), ids=list(SHOWN))
def test_a_value_is_shown_as_a_person_reads_it(values: str, line: str) -> None:
    assert printed(f"console.log({values})") == line + "\n"


@pytest.mark.parametrize(
    "value",
    [
        "new Proxy({}, {ownKeys() { throw 1; }, get() { throw 2; }, getPrototypeOf() { throw 3; }})",
        "(() => { const {proxy, revoke} = Proxy.revocable({}, {}); revoke(); return proxy; })()",
        "{get [Symbol.toStringTag]() { throw 1; }}",
        "Object.create({get constructor() { throw 1; }})",
        "Object.defineProperty(() => 1, 'name', {get() { throw 1; }})",
        "Object.assign(new Error('e'), {inner: {get x() { throw 1; }}})",
        "Object.defineProperty(new Error(), 'message', {get() { throw 1; }})",
        "new (class extends Date { toISOString() { throw 1; } })()",
    ],
)
def test_looking_at_an_odd_value_throws_nothing(value: str) -> None:
    assert printed(f"console.log({value}); console.log([{value}]); console.log('after')").endswith("\nafter\n")


def test_cycles_are_shown_as_such() -> None:
    text = (
        "const a = {n: 1}; a.self = a; a.list = [a]; console.log(a); const m = new Map(); m.set(m, m); console.log(m);"
    )
    assert printed(text) == "{ n: 1, self: [Circular], list: [ [Circular] ] }\nMap { [Circular] => [Circular] }\n"


def test_a_wide_object_goes_over_several_lines() -> None:
    text = "console.log({first: 'x'.repeat(40), second: {third: 'y'.repeat(40)}})"
    assert printed(text) == f'{{\n  first: "{"x" * 40}",\n  second: {{ third: "{"y" * 40}" }}\n}}\n'


def test_a_long_value_is_cut() -> None:
    lines = printed("console.log(Array.from({length: 1000}, (_, i) => i)); console.log(['x'.repeat(1e6)].length)")
    assert "... 900 more" in lines
    assert len(printed("console.log(['x'.repeat(1e6)])")) < 11_000
    assert "... more" in printed("console.log(new Set(Array.from({length: 1000}, (_, i) => i)))")


def test_a_long_text_is_printed_whole() -> None:
    assert printed("console.log('x'.repeat(3e6) + 'y')") == "x" * 3_000_000 + "y\n"


def test_an_error_is_shown_with_its_stack() -> None:
    first, second = printed("console.log(Object.assign(new RangeError('much'), {code: 5}))").splitlines()
    assert first == "RangeError: much"
    assert second.startswith("    at <anonymous> (t.js:1:")
    assert second.endswith("{ code: 5 }")


def test_an_error_of_state_is_shown_with_its_fields(memory_javascript: JavaScript) -> None:
    text = "try { State.save('s', 'k', 1, {if_version: 7}); } catch (error) { console.log(error); }"
    output = memory_javascript(text)
    assert output.startswith("Conflict: State.save: ")
    assert 'scope: "s"' in output


def test_errors_and_warnings_go_to_standard_error_in_their_order(
    stateless_javascript: JavaScript, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    text = "console.log(1); console.error(2); console.info(3); console.warn(4); console.debug(5); console.error();"
    assert printed(text) == "1\n2\n3\n4\n5\n\n"
    assert stateless_javascript(text) == "1\n3\n5\n"


def test_assert_prints_only_what_does_not_hold() -> None:
    text = "console.assert(1 === 1, 'no'); console.assert(false, 'why %s', 'x'); console.assert(0);"
    assert printed(text) == "Assertion failed: why %s x\nAssertion failed\n"


def test_groups_are_indented() -> None:
    text = """
        console.group("outer");
        console.log("a\\nb");
        console.group();
        console.error({x: 1});
        console.groupEnd();
        console.log("c");
        console.groupEnd();
        console.groupEnd();
        console.log("d");
    """
    assert printed(text) == "outer\n  a\n  b\n    { x: 1 }\n  c\nd\n"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a\\0b", "a\0b\n"),
        ("\\0", "\0\n"),
        ('\\x01\\"x\\"', '\x01"x"\n'),
        ("\\x01", "\x01\n"),
        ("a\\ud800b", "a\ufffdb\n"),
        ("\\udc00", "\ufffd\n"),
        ("\\u{1F600}é", "😀é\n"),
        ("!", "!\n"),
        ("\\r\\n", "\r\n\n"),
    ],
)
def test_any_text_is_printed_as_it_is(text: str, written: str) -> None:
    assert printed(f'console.log("{text}")') == written


def test_the_console_may_be_replaced_and_taken_apart() -> None:
    assert printed("const {log} = console; console = null; [1, 2].forEach((n) => log(n));") == "1\n2\n"


def test_printing_while_being_printed() -> None:
    text = "console.log('%s', {toString() { console.log('inner'); return 'x'; }}, new Proxy({}, {ownKeys() { console.log('trap'); return []; }}))"
    assert printed(text).splitlines()[-1].startswith("{ toString: [Function: toString] }")
