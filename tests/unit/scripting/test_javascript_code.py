"""Functions in JavaScript, called one value at a time: what they give, what they cannot do, where they stop."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given

from llmspell import codec
from llmspell.config import ScriptSettings
from llmspell.entry import JsonValue
from llmspell.errors import InvalidArgument
from llmspell.migrations.transforms.base import Refusal
from llmspell.scripting.called_code import CalledCode
from llmspell.scripting.javascript_code import open_code
from tests.unit.scripting.test_lua_values import NUMBERS, VALUES

Opener = Callable[..., CalledCode]


@pytest.fixture
def opened() -> Iterator[Opener]:
    """Open a text as `f.js`; what was opened is closed after the test."""
    codes: list[CalledCode] = []

    def open_text(text: str | bytes, **chosen: Any) -> CalledCode:
        source = text.encode() if isinstance(text, str) else text
        codes.append(open_code("f.js", source, ScriptSettings(timeout_seconds=60)._replace(**chosen)))
        return codes[-1]

    yield open_text
    for code in codes:
        code.close()


@pytest.fixture(scope="module")
def identity() -> Iterator[CalledCode]:
    code = open_code("f.js", b"export const same = (value) => value", ScriptSettings(timeout_seconds=60))
    yield code
    code.close()


def refusal(code: CalledCode, value: JsonValue = None) -> str:
    with pytest.raises(Refusal) as caught:
        code.call("f", codec.encode(value))
    return str(caught.value)


def test_functions_are_names_and_every_other_export_is_a_field(opened: Opener) -> None:
    code = opened("export const to_version = '2.0.0', list = [1]; export function up(v) { return v } function own() {}")
    assert (code.names, dict(code.fields)) == (frozenset({"up"}), {"to_version": "2.0.0", "list": [1]})


@given(value=VALUES)
def test_any_value_goes_through_a_function_unchanged(identity: CalledCode, value: JsonValue) -> None:
    assert codec.decode(identity.call("same", codec.encode(value))) == value


@pytest.mark.parametrize("number", NUMBERS, ids=repr)
@pytest.mark.parametrize("place", ["{}", "[{}]", '{{"n":{}}}'])
def test_a_number_that_is_left_alone_keeps_its_kind(identity: CalledCode, number: int | float, place: str) -> None:
    text = place.format(codec.encode(number).decode()).encode()
    assert identity.call("same", text) == text


def test_fields_of_a_result_stand_in_order_of_their_names(identity: CalledCode) -> None:
    assert identity.call("same", b'{"b":1,"10":2,"a":3}') == b'{"10":2,"a":3,"b":1}'


WRONG_FILES = {
    "no JavaScript": ("export const x = ;", "f.js:1: SyntaxError: unexpected token in expression: ';'"),
    "one that fails": ("\nnull.x", "f.js:2: TypeError: cannot read property 'x' of null"),
    "one that loads another": ("import './g.js'", 'f.js:1: cannot import "./g.js": this script may load no modules'),
    "one that waits": ("await new Promise(() => {})", "f.js: it waits for a promise that nothing settles any more"),
    "a field that is no JSON": (
        "export const a = Symbol()",
        "f.js: the value cannot be stored: .fields.a is a symbol, which is no JSON",
    ),
}


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*case, id=name) for name, case in WRONG_FILES.items()])
def test_a_file_is_refused_with_its_name(opened: Opener, text: str, expected: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        opened(text)
    assert str(caught.value) == expected


WRONG_CALLS = {
    "gives nothing": ("", 'function "f" of f.js gave undefined; it must return the value as it is to be stored'),
    "gives a function": (
        "return { g() {} }",
        'function "f" of f.js: the value cannot be stored: .g is a function, which is no JSON',
    ),
    "gives a promise": (
        "return Promise.resolve(1)",
        'function "f" of f.js: the value cannot be stored: it is a Promise, which is no JSON; await it first',
    ),
    "throws": ("throw new RangeError('no')", 'function "f" failed: f.js:1: RangeError: no'),
    "prints": (
        "console.log(1)",
        'function "f" failed: f.js:1: Error: console: a function that others call cannot print',
    ),
    "ends": ("exit(1)", 'function "f" failed: f.js:1: Error: exit: a function that others call cannot end them'),
    "saves": ("State.save('a', 'b', 1)", 'function "f" failed: f.js:1: TypeError: not a function'),
}


@pytest.mark.parametrize(("body", "expected"), [pytest.param(*case, id=name) for name, case in WRONG_CALLS.items()])
def test_a_call_is_refused_and_the_next_one_works(opened: Opener, body: str, expected: str) -> None:
    code = opened(f"export function f(value) {{ {body} }} export const g = () => 1")
    assert refusal(code) == expected
    assert code.call("g", b"null") == b"1"


STOPPED = {
    "time": ("for (;;);", {"timeout_seconds": 0.2}, "stopped: it ran longer than 0.2 s"),
    "memory": (
        "const all = []; for (;;) all.push(new Array(10000).fill(0))",
        {"javascript_memory_limit_bytes": 20_000_000},
        "stopped: it needed more than 20,000,000 bytes of memory",
    ),
}


@pytest.mark.parametrize(
    ("body", "limits", "expected"), [pytest.param(*case, id=name) for name, case in STOPPED.items()]
)
def test_a_limit_stops_a_call_and_the_next_one_has_a_fresh_runtime(
    opened: Opener, body: str, limits: dict[str, Any], expected: str
) -> None:
    code = opened(f"let n = 0; export function f(value) {{ {body} }} export const g = () => ++n", **limits)
    assert code.call("g", b"null") == b"1"
    assert expected in refusal(code)
    assert code.call("g", b"null") == b"1"
