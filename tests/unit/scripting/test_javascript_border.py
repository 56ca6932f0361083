"""What crosses between Python and JavaScript, and what becomes of what goes wrong on the way?"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.config import ScriptSettings
from llmspell.errors import Conflict, InvalidArgument, InvalidValue, LlmspellError
from llmspell.scripting.bindings import NO_MEMORY, Bindings
from llmspell.scripting.javascript_border import crossing, crossings, tell
from llmspell.scripting.run import Run, Script
from llmspell.store import Store


@pytest.fixture
def run() -> Run:
    return Run(Script(b"", "t.js", ""), None, ScriptSettings())


def told(text: object) -> dict[str, object]:
    assert isinstance(text, str)
    assert text[0] == "!"
    fields: dict[str, object] = json.loads(text[1:])
    return fields


def test_a_failure_is_told_with_name_sentence_and_fields() -> None:
    conflict = told(tell("it changed", Conflict("s", "k", 1, 2)))
    assert (conflict["name"], conflict["message"]) == ("Conflict", "it changed")
    assert conflict["fields"] == {"scope": "s", "key": "k", "expected": 1, "actual": 2}
    assert told(tell("odd", InvalidValue(".a", "is odd")))["fields"] == {"path": ".a", "reason": "is odd"}
    assert told(tell("other", None)) == {"name": "Error", "message": "other", "fields": {}}
    assert told(tell("\ud800", None))["message"] == "\ud800"


@pytest.mark.parametrize(
    ("result", "crossed"),
    [
        (None, None),
        (True, True),
        ("text", "text"),
        (1.5, 1.5),
        (b'{"a":"\xc3\xa9"}', '{"a":"é"}'),
        (2**53 - 1, float(2**53 - 1)),
        (2**53, "9007199254740992"),
        (-(2**60), "-1152921504606846976"),
        ([], "="),
        (["a", "!", ""], "=a\0!\0"),
        ((b"[1]", 2**60, 1.5, 2.25, None), "1152921504606846976 1.5 2.25 -\n[1]"),
        ((b"1", 1, 1.0, 2.0, 3.0), "1 1.0 2.0 3.0\n1"),
    ],
)
def test_what_a_function_gives(run: Run, result: object, crossed: object) -> None:
    given = crossing(lambda: result, "", run)()
    assert (given, type(given)) == (crossed, type(crossed))


@pytest.mark.parametrize(
    ("kinds", "argument", "read"),
    [
        ("t", "text", "text"),
        ("t", '\x01"a\\u0000b"', "a\0b"),
        ("t", '\x01"\\ud800"', "\ud800"),
        ("T", False, None),
        ("T", "", ""),
        ("j", '{"a":1}', b'{"a":1}'),
        ("J", False, None),
        ("J", "[]", b"[]"),
        ("n", "9007199254740993", 9007199254740993),
        ("n", 1.5, 1.5),
        ("N", False, None),
        ("N", "0", 0),
        ("N", 0.0, 0.0),
        ("b", True, True),
        ("b", 0, False),
        ("B", -1, None),
        ("B", 1, True),
        ("B", 0.0, False),
    ],
)
def test_what_a_function_is_given(run: Run, kinds: str, argument: object, read: object) -> None:
    given: list[object] = []
    assert crossing(given.append, kinds, run)(argument) is None
    assert (given, type(given[0])) == ([read], type(read))


def test_text_that_there_was_no_memory_for_is_that_failure(run: Run) -> None:
    called: list[object] = []
    assert told(crossing(lambda *given: called.append(given), "tj", run)("k", None))["message"] == NO_MEMORY
    assert (called, run.stop) == ([], None)


def test_json_text_that_cannot_be_stored_is_a_failure(run: Run) -> None:
    deep = "[" * 200 + "]" * 200
    for text in ('["\\ud800"]', deep):
        assert told(crossing(lambda text: None, "j", run)(text))["name"] == "InvalidValue"


@pytest.mark.parametrize(
    ("error", "name", "message"),
    [
        (InvalidArgument("it is wrong"), "InvalidArgument", "it is wrong"),
        (LlmspellError("it failed"), "LlmspellError", "it failed"),
        (MemoryError(), "Error", NO_MEMORY),
    ],
)
def test_what_a_function_raises_is_told(run: Run, error: Exception, name: str, message: str) -> None:
    def fail() -> None:
        raise error

    failure = told(crossing(fail, "", run)())
    assert (failure["name"], failure["message"], run.stop) == (name, message, None)


def test_a_mistake_of_the_host_ends_the_script_instead_of_entering_it(run: Run) -> None:
    problem = RuntimeError("a mistake")

    def fail() -> None:
        raise problem

    assert told(crossing(fail, "", run)())["message"] == "the script was stopped"
    assert run.stop is problem


@pytest.mark.parametrize("arguments", [(), ("a", "b"), (object(),), (5,), (b"bytes",)])
def test_arguments_of_another_number_or_kind_never_raise(run: Run, arguments: tuple[object, ...]) -> None:
    crossing(lambda number: number, "n", run)(*arguments)
    crossing(lambda text: text.upper(), "t", run)(*arguments)


def test_there_is_a_crossing_for_every_function_of_the_bindings(store: Store, run: Run) -> None:
    functions = Bindings(store, lambda: False, 0, tell).functions()
    assert set(crossings(functions, run)) == set(functions)


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_goes_across_and_back(text: str) -> None:
    run = Run(Script(b"", "t.js", ""), None, ScriptSettings())
    given: list[object] = []
    crossing(given.append, "t", run)("\x01" + json.dumps(text))
    assert given == [text]
