import json
import math
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from llmspell.entry import JsonValue
from llmspell.errors import InvalidArgument
from llmspell.migrations.expressions import Expression, Functions
from llmspell.migrations.transforms.base import Draft, Refusal

NOON = 1795348800.0
FUNCTIONS = Functions()


def draft(value: JsonValue) -> Draft:
    return Draft("users", "anna", value, NOON)


def evaluate(text: str, value: JsonValue = None, functions: Functions = FUNCTIONS) -> JsonValue:
    return Expression(text, functions).evaluate(draft({} if value is None else value))


def refusal(text: str, value: JsonValue = None, functions: Functions = FUNCTIONS) -> str:
    expression = Expression(text, functions)
    with pytest.raises(Refusal) as caught:
        expression.evaluate(draft({} if value is None else value))
    return str(caught.value)


def fault(text: str) -> str:
    with pytest.raises(InvalidArgument) as caught:
        Expression(text, FUNCTIONS)
    return str(caught.value)


# Variables


def test_the_fields_of_the_document_are_the_variables() -> None:
    assert evaluate("profile.age >= 18", {"profile": {"age": 18}}) is True


def test_this_is_the_whole_value_even_when_a_field_has_that_name() -> None:
    assert evaluate("this", {"this": 1}) == {"this": 1}


def test_a_document_that_is_no_object_is_this() -> None:
    assert evaluate("this + 1", 5) == 6


def test_the_key_and_the_scope_of_the_entry_can_be_read() -> None:
    assert evaluate('entry_scope + "/" + entry_key', {"entry_key": 1}) == "users/anna"


def test_a_field_whose_name_is_odd_is_read_in_brackets() -> None:
    assert evaluate('this["odd.name"] + 1', {"odd.name": 1}) == 2


def test_a_field_that_is_absent_is_refused_with_the_way_out() -> None:
    assert refusal("age + 1") == (
        'the expression "age + 1" cannot be computed: '
        'the document has no field "age"; write has(this.age) ? this.age : ... if it may be missing'
    )


def test_an_absent_field_behind_has_is_never_read() -> None:
    assert evaluate("has(this.age) ? age : 7") == 7


def test_an_absent_field_inside_an_object_is_refused_by_name() -> None:
    assert 'there is no field "age"' in refusal("profile.age", {"profile": {}})


def test_an_absent_field_with_the_name_of_a_type_is_absent_and_not_the_type() -> None:
    assert 'no field "type"' in refusal('type == "admin"')


def test_a_type_is_a_type_where_type_is_asked() -> None:
    assert evaluate("type(age) == int", {"age": 1}) is True


# What it reads


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("profile.age >= 18", {"profile.age"}),
        ("this.profile.age + bonus", {"profile.age", "bonus"}),
        ("name.size() + size(other.name)", {"name", "other.name"}),
        ("items[0].price + items[1].price", {"items[0].price", "items[1].price"}),
        ('this["odd.name"]', {"/odd.name"}),
        ("items.map(item, item.price * rate)", {"items", "rate"}),
        ("this", {"."}),
        ("items[index]", {"items", "index"}),
        ('"age" + r"\\name" // comment', set()),
        ("has(this.old) ? old : now()", {"old"}),
        ("math.abs(balance)", {"balance"}),
        ("type(x) == int", {"x"}),
        ("entry_key", set()),
        ("true ? a : null", {"a"}),
    ],
)
def test_what_an_expression_reads_is_known_before_it_runs(text: str, reads: set[str]) -> None:
    assert Expression(text, FUNCTIONS).reads == reads


@pytest.mark.parametrize("text", ["x.map(a, size(a))", "filter(", ".map(a, a)", "// size(x)", "has(this.x)"])
def test_what_stands_in_a_text_is_only_text(text: str) -> None:
    expression = Expression(f'"{text}" + x', FUNCTIONS)
    assert expression.evaluate(draft({"x": "!"})) == text + "!"
    assert expression.reads == {"x"}


# Types are not mixed


@pytest.mark.parametrize("text", ["true * 2", "true + true", "sum([true, true])", "math.abs(true)", "min(true, 0)"])
def test_true_is_no_number(text: str) -> None:
    assert "cannot be computed" in refusal(text)


@pytest.mark.parametrize("text", ['"a" * 2', '"a" + 1', '"1" + 1', "[1] * 2", '"a" < 1'])
def test_text_and_numbers_are_not_mixed(text: str) -> None:
    assert "cannot be computed" in refusal(text)


@pytest.mark.parametrize("text", ["1 / 0", "1 % 0", "1.0 / 0.0", "0.0 / 0.0", "math.sqrt(-1.0)"])
def test_what_has_no_number_for_a_result_is_refused(text: str) -> None:
    assert "cannot be computed" in refusal(text)


@pytest.mark.parametrize(
    "text", ["9223372036854775807 + 1", "-9223372036854775808 - 1", "sum([9223372036854775807, 1])"]
)
def test_an_integer_beyond_64_bits_is_refused(text: str) -> None:
    assert "cannot be computed" in refusal(text)


@given(some.integers(-(2**63), 2**63 - 1) | some.floats(allow_nan=False, allow_infinity=False) | some.booleans())
@settings(max_examples=200)
def test_a_number_that_passes_through_keeps_its_type_and_value(number: float) -> None:
    for text in ("x", "this.x", "[x].map(y, y)[0]", "coalesce(x)", "{'a': x}.a"):
        result = Expression(text, FUNCTIONS).evaluate(draft({"x": number}))
        assert type(result) is type(number)
        assert json.dumps(result) == json.dumps(number)


JSON = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(2**63), 2**63 - 1)
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(some.characters(exclude_categories=["Cs"])),
    lambda parts: (
        some.lists(parts, max_size=4) | some.dictionaries(some.text(some.characters(exclude_categories=["Cs"])), parts)
    ),
    max_leaves=12,
)


@given(JSON)
@settings(max_examples=200)
def test_a_value_that_passes_through_stays_the_same_but_for_the_order_of_fields(value: JsonValue) -> None:
    result = evaluate("x", {"x": value})
    assert json.dumps(result) == json.dumps(value, sort_keys=True)


# The same in every run


def test_the_fields_of_a_result_are_in_the_order_of_their_names() -> None:
    names = [f"field{index}" for index in range(10)]
    value: JsonValue = {"x": [dict.fromkeys(reversed(names), 1)]}
    assert list(evaluate("x", value)[0]) == names  # type: ignore[index, arg-type]


@pytest.mark.parametrize("text", ["x.map(name, name)", "x.filter(name, true)", "this.x.map(n, [n]).flatten()"])
def test_the_names_of_an_object_come_in_the_same_order_in_every_run(text: str) -> None:
    names = [f"field{index}" for index in range(10)]
    value: JsonValue = {"x": dict.fromkeys(reversed(names), 1)}
    assert evaluate(text, value) == names


def test_a_function_gets_the_fields_of_an_object_in_the_order_of_their_names() -> None:
    names = [f"field{index}" for index in range(10)]
    functions = Functions({"names": lambda value: list(value)})
    assert evaluate("names(x)", {"x": dict.fromkeys(reversed(names), 1)}, functions) == names


def test_now_is_the_moment_of_the_run_however_often_it_is_asked() -> None:
    expression = Expression("now()", FUNCTIONS)
    assert {str(expression.evaluate(draft({}))) for _ in range(20)} == {"2026-11-22T12:00:00Z"}


def test_moments_are_written_in_utc() -> None:
    assert evaluate('timestamp("2020-01-01T00:00:00.5+02:00")') == "2019-12-31T22:00:00.500000Z"


def test_moments_can_be_reckoned_with() -> None:
    assert evaluate('now() - duration("24h")') == "2026-11-21T12:00:00Z"


@pytest.mark.parametrize("text", ['b"abc"', 'duration("1s")', "[1].first()", '{1: "a"}', '{"a": [b"x"]}'])
def test_a_result_that_json_does_not_have_is_refused(text: str) -> None:
    assert "the result" in refusal(text)


# Functions


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("round(2.5)", 3),
        ("round(-2.5)", -3),
        ("round(2.4)", 2),
        ("round(2.675, 2)", 2.68),
        ("round(7)", 7),
        ("round(1250, -2)", 1300),
        ("sum([1, 2, 3])", 6),
        ("[0.1, 0.2, 0.3].sum()", math.fsum([0.1, 0.2, 0.3])),
        ("min(3, 1, 2) + max([3, 1, 2])", 4),
        ('min("b", "a")', "a"),
        ('concat("a", "b", "c")', "abc"),
        ("concat([1], [2, 3])", [1, 2, 3]),
        ('lower("ÄB") + upper("ä") + trim("  x ")', "äbÄx"),
        ("coalesce(null, 0, 1)", 0),
        ("coalesce(null)", None),
        ("string(true) + string(1)", "true1"),
        ('"é😀".size() + size("é😀")', 4),
        ("size([1, 2]) + size({'a': 1})", 3),
        ('"a,b".split(",").join("+")', "a+b"),
        ("[1, true, 1, 1.0].distinct()", [1, True]),
        ("[1].contains(true)", False),
        ("sets.contains([1, 2], [1])", True),
        ("sets.intersects([true], [1])", False),
        ("[3, 1, 2].sort()", [1, 2, 3]),
        ("lists.range(3)", [0, 1, 2]),
        ('"aXbX".replace("X", "-")', "a-b-"),
        ("[1, 2].first().orValue(0)", 1),
        ("math.abs(-3)", 3),
    ],
)
def test_what_the_functions_give(text: str, result: JsonValue) -> None:
    found = evaluate(text)
    assert found == result
    assert type(found) is type(result)


@given(some.integers(-(10**12), 10**12))
@settings(max_examples=200)
def test_rounding_goes_away_from_zero_at_every_half(half: int) -> None:
    rounded = Expression("round(x)", FUNCTIONS).evaluate(draft({"x": half + 0.5}))
    assert rounded == (half + 1 if half >= 0 else half)


@pytest.mark.parametrize(
    "text",
    ["round(1e300)", "round(1.5, 99)", 'round("a")', 'concat("a", 1)', "concat()", "min()", "lower(5)", "x.map(y, y)"],
)
def test_what_a_function_cannot_take_is_refused(text: str) -> None:
    assert "cannot be computed" in refusal(text, {"x": 5})


def test_a_function_of_the_owner_can_be_called() -> None:
    assert evaluate("double_of(x) + 1", {"x": 2}, Functions({"double_of": lambda x: 2 * x})) == 5


def test_a_function_that_raises_is_told_by_name_and_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    def broken(_: object) -> object:
        raise KeyError("no such rate")

    assert "the function \"broken\" failed: KeyError: 'no such rate'" in refusal(
        "broken(1)", None, Functions({"broken": broken})
    )
    assert capfd.readouterr() == ("", "")


def test_a_function_that_raises_is_not_hidden_by_or() -> None:
    assert 'the function "broken" failed' in refusal("broken() || true", None, Functions({"broken": lambda: 1 // 0}))


def test_an_interrupt_inside_a_function_goes_through() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    expression = Expression("interrupted() || true", Functions({"interrupted": interrupted}))
    with pytest.raises(KeyboardInterrupt):
        expression.evaluate(draft({}))


@pytest.mark.parametrize("result", [2**70, {1}, object(), [2**64], "x" * 10_000_001])
def test_a_function_that_gives_what_expressions_cannot_hold_is_refused(result: object) -> None:
    assert 'the function "odd" cannot do it' in refusal("odd()", None, Functions({"odd": lambda: result}))


def test_a_function_cannot_change_the_document() -> None:
    def change(value: list[int]) -> int:
        value.append(4)
        return len(value)

    value: JsonValue = {"x": [1, 2, 3]}
    assert (evaluate("change(x)", value, Functions({"change": change})), value) == (4, {"x": [1, 2, 3]})


@pytest.mark.parametrize("name", ["has", "map", "exists_one", "size", "in", "true", "round", "now", "inOrder", "split"])
def test_a_function_cannot_hide_one_that_expressions_have(name: str) -> None:
    with pytest.raises(InvalidArgument, match="take another name"):
        Functions({name: len})


@pytest.mark.parametrize("name", ["", "a b", "a.b", "1a", "_[_]", "é"])
def test_the_name_of_a_function_is_an_identifier(name: str) -> None:
    with pytest.raises(InvalidArgument, match="is no name for a function"):
        Functions({name: len})


def test_what_cannot_be_called_is_no_function() -> None:
    with pytest.raises(InvalidArgument, match="cannot be called"):
        Functions({"rate": 5})  # type: ignore[dict-item]


# Conditions


def test_a_condition_is_true_or_false() -> None:
    expression = Expression("age >= 18", FUNCTIONS)
    assert [expression.holds(draft({"age": age})) for age in (17, 18)] == [False, True]


@pytest.mark.parametrize("text", ["1", '"true"', "null", "[true]"])
def test_a_condition_that_gives_something_else_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="neither true nor false"):
        Expression(text, FUNCTIONS).holds(draft({}))


# Texts that are no expression


@pytest.mark.parametrize(
    "text", ["", " ", "1 +", "(", "a b", "'a", "has(x)", "@x", "9223372036854775808", ".x", "a.?b"]
)
def test_bad_syntax_is_refused_before_any_document(text: str) -> None:
    assert fault(text).startswith("the expression ")


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "().__class__.__bases__[0].__subclasses__()",
        "open('/etc/passwd')",
        "eval('1')",
        "x.format()",
        "''.__class__()",
        "getattr(x, 'y')",
        "inOrder([1])",
        "cel.bind(x, 1, x)",
    ],
)
def test_an_expression_reaches_no_python(text: str) -> None:
    assert fault(text).startswith("the expression ")


def test_the_attributes_of_python_are_no_fields() -> None:
    assert "cannot be computed" in refusal("x.__class__", {"x": {}})


def test_an_unknown_function_is_refused_with_the_nearest_known_one() -> None:
    assert 'did you mean "round"?' in fault("rond(x)")


# Bombs: each would run for minutes, or take gigabytes


def test_a_text_of_more_than_4000_characters_is_refused() -> None:
    assert "4,000 is the most" in fault("1" + "+1" * 2_000)


def test_more_than_three_loops_inside_each_other_are_refused() -> None:
    assert "4 loops inside each other" in fault("x.map(a, x.map(b, x.map(c, x.map(d, 1))))")


def test_brackets_deep_inside_each_other_are_refused() -> None:
    assert "cannot be read" in fault("(" * 1_900 + "1" + ")" * 1_900)


NUMBERS: JsonValue = list(range(2_000))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x.map(a, x.map(b, x.map(c, 1)))", {"x": NUMBERS}),
        ("x.all(a, x.all(b, x.all(c, true)))", {"x": NUMBERS}),
        ("x.map(a, x)", {"x": NUMBERS}),
        ("x.all(a, a in x)", {"x": NUMBERS}),
        ("this.x.all(a, sum(this.x) >= a)", {"x": NUMBERS}),
        ("x.map(a, a)", {"x": [NUMBERS] * 1_000}),
        ("x.filter(a, true)", {"x": dict.fromkeys((str(name) for name in range(20_000)), 1)}),
        ("[x]" + ".map(a, a + a)" * 40, {"x": "text"}),
        ("[x]" + ".map(a, [a, a])" * 40, {"x": 1}),
        ("x.all(a, a.matches('(a{50}){20}'))", {"x": ["a" * 40] * 20_000}),
        ("x" + " + x" * 900, {"x": "a" * 1_000_000}),
        ("x" + " + x" * 900, {"x": NUMBERS * 100}),  # type: ignore[operator]
        ("x" + '.replace("", "aaaaaaaaaa")' * 50, {"x": "a"}),
        ("x" + '.replace("a", "aaaaaaaaaaaaaa")' * 50, {"x": "a"}),
        ("lists.range(9000000000000)", {}),
        ("concat(" + ", ".join(["lists.range(90000)"] * 100) + ")", {}),
        ("lists.range(90000).map(a, a)", {}),
        ("x.split('').map(a, a)", {"x": "a" * 500_000}),
        ("[1, 2, 3].map(a, lists.range(90000).size())", {}),
    ],
)
def test_a_bomb_is_refused_at_once(text: str, value: JsonValue) -> None:
    begin = time.process_time()
    assert "cannot be computed" in refusal(text, value)
    assert time.process_time() - begin < 6


def test_a_pattern_runs_in_linear_time() -> None:
    begin = time.process_time()
    assert evaluate("x.matches('^(a+)+$')", {"x": "a" * 100_000 + "b"}) is False
    assert time.process_time() - begin < 1


def test_an_honest_loop_over_a_thousand_objects_runs() -> None:
    items: JsonValue = [{"price": index, "name": f"item {index}"} for index in range(1_000)]
    assert evaluate("items.filter(item, item.price >= limit).size()", {"items": items, "limit": 900}) == 100


@pytest.mark.parametrize("quote", ['"', "'", '"""', "'''", 'r"', 'r"""', 'b"""'])
def test_a_text_without_an_end_is_refused_at_once(quote: str) -> None:
    begin = time.process_time()
    assert "cannot be read" in fault(quote + "\\" * 3_000 + "a")
    assert time.process_time() - begin < 2


# The rim


def test_the_package_is_imported_when_the_first_expression_is_made() -> None:
    program = (
        "import sys\n"
        "from llmspell.migrations.expressions import Expression, Functions\n"
        "functions = Functions({'f': len})\n"
        "before = 'cel' in sys.modules\n"
        "Expression('1', functions)\n"
        "print(before, 'cel' in sys.modules)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "False True\n"


def test_threads_may_share_an_expression() -> None:
    from concurrent.futures import ThreadPoolExecutor

    expression = Expression("sum(x.map(y, y + 1))", FUNCTIONS)
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda n: expression.evaluate(draft({"x": [n, n]})), range(2_000)))
    assert results == [2 * n + 2 for n in range(2_000)]
