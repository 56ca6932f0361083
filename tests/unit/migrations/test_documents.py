"""One document goes through one migration, and back: which transforms it meets, and what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell import codec
from llmspell.errors import StoreDamaged
from llmspell.migrations.documents import Way, fits, matcher
from llmspell.migrations.fields import Fields
from llmspell.migrations.migration import Migration
from llmspell.migrations.paths import ABSENT
from llmspell.migrations.transforms.base import Draft, Refusal
from llmspell.migrations.transforms.table import read_steps, read_transforms
from llmspell.migrations.validators import Rule
from tests.unit.migrations.transforms.building import environment

SET: dict[str, Any] = {"type": "set", "field": "n", "value": 1}


def migration(*tables: dict[str, Any], scope: str = "*", key: str = "*", **rules: str) -> Migration:
    steps = read_steps(list(tables), ("transforms",), environment()) if tables else ()
    pre, post = (
        (Rule.read(Fields({"field": "n", "validator": rules[when]}, (), environment(), read_transforms)),)
        if when in rules
        else ()
        for when in ("pre", "post")
    )
    return Migration("1.0.0", "2.0.0", "", scope, key, steps, pre, post, "file", "print")


def way(of: Migration, scope: str = "users", limit: int = 10_000) -> Way:
    return Way(of, scope, limit)


def draft(key: str = "a") -> Draft:
    return Draft("users", key, None, 0.0)


def refusal(of: Migration, text: bytes, limit: int = 10_000) -> str:
    with pytest.raises(Refusal) as raised:
        way(of, limit=limit).up(draft(), text)
    return str(raised.value)


@pytest.mark.parametrize(
    ("glob", "fitting", "others"),
    [
        ("*", ["", "a", "\n"], []),
        ("user*", ["user", "users", "user:a\nb"], ["User", "a user"]),
        ("[ab]?", ["ax", "b\n"], ["a", "cx", "abc"]),
        ("[!a]*", ["b", "A"], ["a", ""]),
        ("a.b", ["a.b"], ["axb"]),
        ("(", ["("], ["()"]),
    ],
)
def test_globs_are_those_of_shells(glob: str, fitting: list[str], others: list[str]) -> None:
    assert [fits(glob, name) for name in (*fitting, *others)] == [True] * len(fitting) + [False] * len(others)


@given(st.text(max_size=10), st.text(max_size=10))
def test_any_text_is_a_glob_that_answers(glob: str, name: str) -> None:
    match = matcher(glob)
    assert match is None or match(name) is None or match(name) is not None
    assert fits(glob.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]"), glob)


def test_a_scope_without_transforms_and_rules_leads_nowhere() -> None:
    own = migration(SET, scope="users")
    elsewhere = migration({**SET, "scope": "system"})
    assert [way(own).leads_nowhere, way(own, "system").leads_nowhere] == [False, True]
    assert [way(elsewhere).leads_nowhere, way(elsewhere, "system").leads_nowhere] == [True, False]
    assert not way(migration(pre="required", scope="users")).leads_nowhere


def test_only_keys_with_a_transform_or_a_rule_are_concerned() -> None:
    mixed = way(migration({**SET, "key": "b"}, {**SET, "scope": "system"}, scope="users", key="a"))
    assert [mixed.concerns(key) for key in "abc"] == [False, True, False]
    ruled = way(migration({**SET, "key": "b"}, scope="users", key="a", pre="required"))
    assert [ruled.concerns(key) for key in "abc"] == [True, True, False]
    assert way(migration(SET)).concerns_all


def test_a_document_goes_through_the_transforms_in_order_and_back() -> None:
    both = way(migration({"type": "rename", "from": "a", "to": "n"}, {"type": "wrap", "field": "n"}))
    new, record = both.up(draft(), b'{"x":0,"a":1.0}')
    assert new == b'{"x":0,"n":[1.0]}'
    assert both.down(draft(), new, codec.decode(codec.encode(record))) == b'{"x":0,"a":1.0}'
    assert both.down(draft(), b'{"n":[2]}', ABSENT) == b'{"a":2}'


@pytest.mark.parametrize(
    ("tables", "record"),
    [
        ([{"type": "wrap", "field": "n"}] * 2, None),
        ([{"type": "wrap", "field": "m", "missing": "skip"}] * 2, 0),
        ([{"type": "wrap", "field": "n"}, {"type": "wrap", "field": "m", "missing": "skip"}], [None, 0]),
        ([{"type": "wrap", "field": "n", "key": "b"}, {"type": "wrap", "field": "n"}], [0, None]),
    ],
)
def test_records_are_as_short_as_they_can_be_and_lead_back(tables: list[dict[str, Any]], record: Any) -> None:
    there = way(migration(*tables))
    new, found = there.up(draft(), b'{"n":1}')
    assert found == record
    assert there.down(draft(), new, found) == b'{"n":1}'


def test_a_refusal_names_the_transform() -> None:
    lacking = migration(SET, {"type": "remove", "field": "name"})
    assert refusal(lacking, b"{}").startswith('transform 2 (remove name): the field "name" is missing')
    with pytest.raises(
        Refusal, match=r'^transform 1 \(wrap n\): the field "n" is a number, not an array of one element$'
    ):
        way(migration({"type": "wrap", "field": "n"})).down(draft(), b'{"n":1}', None)


def test_rules_before_and_after_see_what_is_there_then() -> None:
    up = {"type": "computed", "field": "n", "expression": "n + 10"}
    ruled = migration(up, pre="max:5", post="max:12")
    assert way(ruled).up(draft(), b'{"n":2}')[0] == b'{"n":12}'
    assert refusal(ruled, b'{"n":6}').startswith("validation before the migration: ")
    assert refusal(ruled, b'{"n":3}').startswith("validation after the migration: ")


def test_rules_without_transforms_only_look() -> None:
    ruled = migration(post="required")
    assert way(ruled).up(draft(), b'{"n":1}') == (b'{"n":1}', None)
    assert "validation after" in refusal(ruled, b"{}")


def test_a_deleted_document_meets_no_further_transform_and_no_rule() -> None:
    deleting = way(migration({"type": "delete_entry"}, {"type": "remove", "field": "absent"}, post="required"))
    gone = draft()
    assert deleting.up(gone, b'{"x":1}')[0] == b'{"x":1}'
    assert gone.deleted


@pytest.mark.parametrize("text", [b"1", b"[]", b'"text"', b"null", b"true", b"1.5"])
def test_a_document_that_is_no_object_is_refused_with_words_or_goes_through(text: bytes) -> None:
    assert "is " in refusal(migration(SET), text)
    lenient = way(migration({"type": "remove", "field": "n", "missing": "skip"}))
    if text != b"null":
        assert lenient.up(draft(), text) == (text, 0)


def test_nothing_is_no_value_to_store() -> None:
    to_null = migration({"type": "computed", "field": ".", "expression": "null"})
    assert "null cannot be stored; use delete_entry" in refusal(to_null, b"1")


@pytest.mark.parametrize(("limit", "fits_in"), [(7, True), (6, False)])
def test_the_size_of_a_value_is_counted_in_bytes_of_its_text(limit: int, fits_in: bool) -> None:
    grows = migration(SET)
    if fits_in:
        assert way(grows, limit=limit).up(draft(), b"{}")[0] == b'{"n":1}'
    else:
        assert "it would take 7 bytes as JSON, more than max_value_bytes = 6" in refusal(grows, b"{}", limit)


def test_a_value_becomes_no_deeper_than_values_may_be() -> None:
    wrap = migration({"type": "wrap", "field": "."})
    deep = b"[" * 127 + b"]" * 127
    assert way(wrap).up(draft(), deep)[0] == b"[" + deep + b"]"
    assert "too deep" in refusal(wrap, b"[" + deep + b"]")


def test_text_that_is_no_json_any_more_is_damage() -> None:
    with pytest.raises(StoreDamaged):
        way(migration(SET)).up(draft(), b'{"n":')


def copies(number: int) -> list[dict[str, Any]]:
    return [{"type": "copy", "from": "text", "to": f"copy_{index}"} for index in range(number)]


LONG = codec.encode({"text": "x" * 1_000_000})
TOO_MUCH = "what the transforms add to this one document is too much; copy and compute less"


def test_transforms_that_would_fill_the_memory_are_stopped() -> None:
    doubling = {"type": "computed", "field": "text", "expression": "text + text"}
    assert refusal(migration(*copies(101)), LONG) == f"transform 101 (copy text to copy_100): {TOO_MUCH}"
    assert refusal(migration(*[doubling] * 60), LONG).endswith(f"(compute text): {TOO_MUCH}")


def test_the_elements_of_an_array_share_what_may_be_added() -> None:
    inner = {"type": "transform_array", "field": "list", "element_transforms": copies(10)}
    elements = codec.encode({"list": [{"text": "x" * 1_000_000}] * 11})
    assert refusal(migration(inner), elements).endswith(f"list[10]: {TOO_MUCH}")


def test_every_document_may_grow_as_much_as_the_one_before() -> None:
    shared, one_way = draft(), way(migration(*copies(60)))
    for _ in range(2):
        with pytest.raises(Refusal, match="more than max_value_bytes"):
            one_way.up(shared, LONG)
