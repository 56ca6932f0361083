import json
import time
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from llmspell.entry import JsonValue
from llmspell.errors import InvalidArgument
from llmspell.migrations.expressions import Functions
from llmspell.migrations.fields import Environment, FieldProblem, Fields
from llmspell.migrations.validators import Rule, problems


def read(values: Mapping[str, object], read_file: Callable[[str], bytes] | None = None) -> Rule:
    environment = Environment(Functions(), read_file=read_file)
    return Rule.read(Fields(values, ("rules", 0), environment, lambda value, place, environment: ()))


def found(validator: str, *values: JsonValue, field: str = "x") -> list[str]:
    """Give the problem of a document without the field, or of each value in the field."""
    rule = read({"field": field, "validator": validator})
    if not values:
        return problems([rule], {})
    return [problem for value in values for problem in problems([rule], {field: value})]


def fault(values: Mapping[str, object], read_file: Callable[[str], bytes] | None = None) -> tuple[object, str]:
    with pytest.raises(FieldProblem) as caught:
        read(values, read_file)
    return caught.value.place[-1], caught.value.fault


def schema_problems(schema: object, value: JsonValue, **more: str) -> list[str]:
    rule = read(
        {"schema": "user.json", **more}, lambda name: json.dumps(schema).encode() if name == "user.json" else b""
    )
    return problems([rule], value)


FITTING: list[tuple[str, JsonValue]] = [
    ("required", 0),
    ("required", ""),
    ("required_object", {}),
    ("type:string", ""),
    ("type:text", "a"),
    ("type:number", 1),
    ("type:number", 1.5),
    ("type:integer", -1),
    ("type:int", 2**63 - 1),
    ("type:float", 1.0),
    ("type:boolean", False),
    ("type:bool", True),
    ("type:object", {}),
    ("type:array", []),
    ("type:null", None),
    ("email_format", "anna@example.org"),
    ("uuid", "123e4567-e89b-12d3-a456-426614174000"),
    ("iso8601", "2026-11-22T16:00:00Z"),
    ("iso8601", "2026-11-22"),
    ("min:0", 0),
    ("min:-1.5", -1.5),
    ("max:9223372036854775807", 2**63 - 1),
    ("numeric_min:1", 1.0),
    ("numeric_max:1", 1),
    ("min_length:2", "é😀"),
    ("max_length:2", "é😀"),
    ("array_min_length:1", [None]),
    ("array_max_length:0", []),
    ("pattern:^a,b$", "a,b"),
    ("pattern:b", "abc"),
    ("type:string, min_length:1 , pattern:^a{1,3}$", "aaa"),
]

WRONG: list[tuple[str, JsonValue, str]] = [
    ("required", None, "is required and null"),
    ("required_object", None, "is null, not an object"),
    ("required_object", [], "is an array, not an object"),
    ("type:string", 1, "is 1, not text"),
    ("type:number", True, "is true, not a number"),
    ("type:number", "1", 'is "1", not a number'),
    ("type:integer", 1.0, "is 1.0, not an integer"),
    ("type:integer", True, "is true, not an integer"),
    ("type:float", 1, "is 1, not a float"),
    ("type:boolean", 0, "is 0, not true or false"),
    ("type:object", None, "is null, not an object"),
    ("type:array", {}, "is {}, not an array"),
    ("type:null", 0, "is 0, not null"),
    ("email_format", "anna", 'is "anna", not an e-mail address'),
    ("email_format", "Anna <anna@example.org>", 'is "Anna <anna@example.org>", not an e-mail address'),
    ("email_format", 5, "is a number, not text"),
    ("uuid", "123", 'is "123", not a UUID'),
    ("iso8601", "yesterday", 'is "yesterday", no ISO 8601 date and time such as 2026-11-22T16:00:00Z'),
    (
        "iso8601",
        "0001-01-01T00:00:00+23:00",
        'is "0001-01-01T00:00:00+23:00", no ISO 8601 date and time such as 2026-11-22T16:00:00Z',
    ),
    ("iso8601", 5, "is a number, not text"),
    ("min:0", -3, "is -3, below the minimum 0"),
    ("min:0", "5", "is text, not a number"),
    ("min:0", True, "is true, not a number"),
    ("min:0", None, "is null, not a number"),
    ("max:150", 151, "is 151, above the maximum 150"),
    ("max:9223372036854775806", 2**63 - 1, "is 9223372036854775807, above the maximum 9223372036854775806"),
    ("max:1", "0", "is text, not a number"),
    ("min_length:2", "é", "has 1 characters, 2 is the least"),
    ("max_length:1", "ab", "has 2 characters, 1 is the most"),
    ("min_length:1", [1], "is an array, not text"),
    ("array_min_length:1", [], "has 0 elements, 1 is the least"),
    ("array_max_length:1", [1, 2], "has 2 elements, 1 is the most"),
    ("array_min_length:1", "abc", "is text, not an array"),
    ("pattern:^a,b$", "ab", 'is "ab", which does not match "^a,b$"'),
    ("pattern:a", 1, "is a number, not text"),
]


@pytest.mark.parametrize(("validator", "value"), FITTING)
def test_a_value_that_fits_has_no_problem(validator: str, value: JsonValue) -> None:
    assert found(validator, value) == []


@pytest.mark.parametrize(("validator", "value", "sentence"), WRONG)
def test_a_value_that_does_not_fit_has_one_problem_in_a_sentence(
    validator: str, value: JsonValue, sentence: str
) -> None:
    assert found(validator, value) == [f'the field "x" {sentence}']


@pytest.mark.parametrize(
    "validator", sorted({validator for validator, *_ in FITTING} - {"required", "required_object"})
)
def test_an_absent_field_fits_everything_but_required(validator: str) -> None:
    assert found(validator) == []


@pytest.mark.parametrize("validator", ["required", "required_object", "required,min:0"])
def test_an_absent_field_that_is_required_is_one_problem(validator: str) -> None:
    assert found(validator) == ['the field "x" is required and missing']


def test_all_problems_of_a_document_are_told() -> None:
    rules = [
        read({"field": "email", "validator": "required,email_format"}),
        read({"field": "profile.age", "validator": "type:integer,min:0,max:150"}),
        read({"field": "tags[0]", "validator": "min_length:3,pattern:^a"}),
    ]
    assert problems(rules, {"profile": {"age": -0.5}, "tags": ["b"]}) == [
        'the field "email" is required and missing',
        'the field "profile.age" is -0.5, not an integer',
        'the field "profile.age" is -0.5, below the minimum 0',
        'the field "tags[0]" has 1 characters, 3 is the least',
        'the field "tags[0]" is "b", which does not match "^a"',
    ]


def test_a_rule_can_be_about_the_whole_value() -> None:
    assert problems([read({"field": ".", "validator": "type:object"})], [1]) == ["the value is [1], not an object"]


def test_a_long_value_is_cut_in_the_sentence() -> None:
    (problem,) = found("email_format", "a" * 100_000)
    assert len(problem) < 300


def test_a_pattern_runs_in_linear_time() -> None:
    begin = time.process_time()
    assert len(found("pattern:^(a+)+$", "a" * 100_000 + "b")) == 1
    assert time.process_time() - begin < 1


@given(some.integers(-(2**63), 2**63 - 1), some.integers(-(2**63), 2**63 - 1))
@settings(max_examples=200)
def test_bounds_are_exact_to_the_last_digit(value: int, limit: int) -> None:
    assert (found(f"min:{limit}", value) == []) is (value >= limit)
    assert (found(f"max:{limit}", value) == []) is (value <= limit)


@given(some.text(some.characters(exclude_categories=["Cs"]), max_size=6), some.integers(0, 6))
@settings(max_examples=200)
def test_lengths_are_counted_in_characters(text: str, limit: int) -> None:
    assert (found(f"min_length:{limit}", text) == []) is (len(text) >= limit)
    assert (found(f"max_length:{limit}", text) == []) is (len(text) <= limit)


# Rules that cannot be used


@pytest.mark.parametrize(
    ("validator", "words"),
    [
        ("requird", '"requird" is no validator; did you mean "required"?'),
        ("zzzzzz", '"zzzzzz" is no validator; known: required, '),
        ("min:abc", '"abc" is no number'),
        ("min:", '"min:": min needs something behind it'),
        ("min", '"min": min needs something behind it'),
        ("max:inf", '"inf" is no number'),
        ("max:nan", '"nan" is no number'),
        ("min:1_000", '"1_000" is no number'),
        ("min_length:-1", '"-1" is no length'),
        ("min_length:1.5", '"1.5" is no length'),
        ("array_min_length:x", '"x" is no length'),
        ("type:strng", '"strng" is no type; did you mean "string"?'),
        ("required:yes", "required takes nothing behind it"),
        ("required,,uuid", "has nothing between two commas"),
        ("required,", "has nothing between two commas"),
        ("pattern:", "needs a regular expression"),
        ("pattern:(", '"(" is no regular expression that runs in linear time'),
        ("pattern:(?=a)b", "is no regular expression that runs in linear time"),
        ("pattern:(a)\\1", "is no regular expression that runs in linear time"),
        ("pattern:a{1000}{1000}{1000}", "is no regular expression that runs in linear time"),
    ],
)
def test_a_validator_that_cannot_be_used_is_told_at_its_field(validator: str, words: str) -> None:
    place, sentence = fault({"field": "x", "validator": validator})
    assert (place, words in sentence) == ("validator", True), sentence


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"validator": "required"}, 0),
        ({"field": "x"}, 0),
        ({"field": "a..b", "validator": "required"}, "field"),
        ({"field": "x", "validator": "required", "valdator": "uuid"}, "valdator"),
        ({"field": "x", "validator": "required", "schema": "user.json"}, "validator"),
        ({"field": "x", "validator": 5}, "validator"),
    ],
)
def test_a_rule_that_is_written_wrongly_is_told_at_its_place(values: dict[str, object], place: object) -> None:
    assert fault(values)[0] == place


# Schemas


def test_a_schema_holds_the_whole_value() -> None:
    schema = {"required": ["name"], "properties": {"tags": {"items": {"type": "string"}}}}
    assert schema_problems(schema, {"tags": ["a", 5]}) == [
        'the value does not fit "user.json": "name" is a required property',
        'the field "tags[1]" does not fit "user.json": 5 is not of type "string"',
    ]


def test_a_schema_can_hold_one_field() -> None:
    assert schema_problems({"minimum": 0}, {"a": {"b": -1}}, field="a.b") == [
        'the field "a.b" does not fit "user.json": -1 is less than the minimum of 0'
    ]


def test_a_schema_passes_on_a_field_that_is_absent() -> None:
    assert schema_problems({"type": "string"}, {}, field="a") == []


def test_a_schema_that_is_a_cycle_holds_a_document_that_is_nested() -> None:
    schema = {
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
        "$ref": "#/$defs/node",
    }
    nested: JsonValue = 5
    for _ in range(100):
        nested = {"next": nested}
    assert len(schema_problems(schema, nested)) == 1


@pytest.mark.parametrize(
    "schema",
    [{"$ref": "#"}, {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}],
)
def test_a_schema_that_is_nothing_but_a_cycle_ends(schema: object) -> None:
    assert schema_problems(schema, {"a": 1}) == []


def test_the_formats_of_a_schema_are_held() -> None:
    assert len(schema_problems({"properties": {"email": {"format": "email"}}}, {"email": "anna"})) == 1


def test_a_schema_tells_a_bounded_number_of_problems() -> None:
    assert len(schema_problems({"items": {"type": "string"}}, list(range(1_000)))) == 20


@pytest.mark.parametrize(
    "schema",
    [
        [],
        5,
        {"type": "strng"},
        {"properties": 5},
        {"pattern": "("},
        {"pattern": "(?=a)b"},
        {"$ref": "#/$defs/missing"},
        {"$ref": "https://example.org/user.json"},
        {"$ref": "file:///etc/passwd"},
        {"$schema": "https://example.org/mine"},
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_when_it_is_read(schema: object) -> None:
    place, sentence = fault({"schema": "user.json"}, lambda _: json.dumps(schema).encode())
    assert (place, '"user.json"' in sentence) == ("schema", True)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"a": 1, "a": 2}'])
def test_a_schema_file_that_is_no_json_is_refused(content: bytes) -> None:
    place, sentence = fault({"schema": "user.json"}, lambda _: content)
    assert (place, "holds no JSON that can be used" in sentence) == ("schema", True)


def test_a_schema_file_that_cannot_be_read_is_told_at_its_field() -> None:
    def missing(name: str) -> bytes:
        raise InvalidArgument(f'there is no file "{name}"')

    assert fault({"schema": "user.json"}, missing) == ("schema", 'there is no file "user.json"')


def test_a_schema_needs_a_folder_beside_which_it_stands() -> None:
    assert "no folder" in fault({"schema": "user.json"})[1]
