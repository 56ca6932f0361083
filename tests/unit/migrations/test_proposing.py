from __future__ import annotations

import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell import codec
from llmspell.migrations.documents import Way
from llmspell.migrations.load import load_file
from llmspell.migrations.proposing import MOST_PROPOSED, Proposal, propose
from llmspell.migrations.shapes import identity, shape_of
from llmspell.migrations.transforms.base import Draft
from llmspell.migrations.writing import migration_text

if TYPE_CHECKING:
    from llmspell.entry import JsonValue
    from llmspell.migrations.migration import Migration

Document = dict[str, "JsonValue"]


def read(proposal: Proposal) -> Migration:
    """Give the migration that the written file holds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "1.1.0_proposed.toml")
        path.write_text(migration_text("1.0.0", "1.1.0", "proposed", "*", proposal), encoding="utf-8")
        return load_file(str(path))


def applied(proposal: Proposal, documents: list[JsonValue]) -> list[JsonValue]:
    """Take the documents up, and see that each comes down as it was."""
    way = Way(read(proposal), "users", 1_000_000)
    new = []
    for document in documents:
        text = codec.encode(document)
        changed, record = way.up(Draft("users", "key", None, 0.0), text)
        assert way.down(Draft("users", "key", None, 0.0), changed, record) == text
        new.append(codec.decode(changed))
    return new


def only(proposal: Proposal) -> Document:
    """Give the only transform."""
    assert [step.active for step in proposal.steps] == [True]
    return proposal.steps[0].fields


def user(**changed: JsonValue) -> Document:
    return {"email": "a@example.org", "age": 30, **changed}


def test_documents_of_one_shape_need_nothing() -> None:
    assert propose([user(), user(age=31)]) == Proposal(2, 1, 2, ())


def test_nothing_is_proposed_for_nothing() -> None:
    assert propose([]) == Proposal(0, 0, 0, ())


def test_the_order_of_fields_is_no_difference() -> None:
    assert propose([{"a": 1, "b": 2}, {"b": 2, "a": 1}]).shapes == 1


def test_a_field_that_is_missing_gets_the_most_frequent_value() -> None:
    step = propose([user(), user(), user(age=7), {"email": "b"}]).steps[0]
    assert step.fields == {"type": "default", "field": "age", "value": 30}
    assert step.evidence == '"age" (an integer) is absent from 1 of 4 entries; 2 of the 3 that have it hold 30'


def test_without_a_dominating_value_the_default_is_only_a_comment() -> None:
    (step,) = propose([user(age=1), user(age=2), {"email": "b"}]).steps
    assert (step.active, step.fields["field"]) == (False, "age")
    assert "write the one for these" in step.evidence


def test_a_value_seen_once_does_not_dominate() -> None:
    (step,) = propose([{"a": 1, "b": 2}, {"a": 1}]).steps
    assert not step.active


def test_a_value_of_half_of_the_documents_does_not_dominate() -> None:
    (step,) = propose([user(age=1), user(age=1), user(age=2), user(age=3), {"email": "b"}]).steps
    assert not step.active


def test_true_is_not_counted_as_one() -> None:
    documents: list[JsonValue] = [{"n": 1}, {"n": 1}, {"n": 1}, {"n": True}, {}]
    assert [step.fields["type"] for step in propose(documents).steps] == ["convert", "default"]
    assert applied(propose(documents), documents) == [{"n": 1}] * 5


def test_the_text_that_stands_for_the_moment_of_a_run_is_no_default() -> None:
    marker: JsonValue = {"a": 1, "since": "{{now_iso8601}}"}
    (step,) = propose([marker, marker, marker, {"a": 1}]).steps
    assert not step.active


def test_a_field_under_a_similar_name_is_renamed() -> None:
    fields = only(propose([user(), user(), {"eMail": "b", "age": 1}]))
    assert fields == {"type": "rename", "from": "eMail", "to": "email", "missing": "skip", "existing": "skip"}


def test_a_field_of_another_kind_is_no_rename() -> None:
    steps = propose([user(), user(), {"eMail": 5, "age": 1}]).steps
    assert [step.fields["type"] for step in steps] == ["default", "remove"]


def test_documents_that_have_both_fields_keep_both() -> None:
    documents: list[JsonValue] = [user(), user(), {"mail": "b", "age": 1}, user(mail="c")]
    proposal = propose(documents)
    assert "1 with both fields are left alone" in proposal.steps[0].evidence
    assert applied(proposal, documents)[2:] == [{"age": 1, "email": "b"}, user(mail="c")]


def test_a_field_in_another_object_is_moved() -> None:
    nested: Document = {"profile": {"age": 30}, "email": "a"}
    assert only(propose([nested, nested, {"age": 3, "email": "a"}]))["type"] == "move"


def test_a_whole_object_is_renamed_with_what_is_in_it() -> None:
    usual: JsonValue = {"profile": {"age": 1, "city": "x"}}
    documents: list[JsonValue] = [usual, usual, usual, {"Profile": {"age": 2, "city": "y"}}]
    fields = only(propose(documents))
    assert (fields["from"], fields["to"]) == ("Profile", "profile")


def test_a_field_of_two_kinds_is_converted_where_that_is_exact() -> None:
    assert only(propose([user(), user(), user(age="31")])) == {
        "type": "convert",
        "field": "age",
        "to": "int",
        "missing": "skip",
    }


def test_one_value_that_cannot_be_converted_makes_it_a_remark() -> None:
    (step,) = propose([user(), user(), user(), user(age="31"), user(age="old")]).steps
    assert (step.fields, step.active) == ({}, False)
    assert 'such as "old"' in step.evidence


def test_values_that_cannot_be_converted_do_not_stop_those_of_another_kind() -> None:
    documents: list[JsonValue] = [user(), user(), user(age="31"), user(age=None)]
    proposal = propose(documents)
    assert [step.active for step in proposal.steps] == [True, False]
    assert applied(proposal, documents)[2:] == [user(age=31), user(age=None)]


def test_a_removal_is_only_a_comment() -> None:
    proposal = propose([user(), user(), user(old=1)])
    assert [(step.fields["type"], step.active) for step in proposal.steps] == [("remove", False)]
    assert '# field = "old"' in migration_text("1.0.0", "1.1.0", "x", "*", proposal)


def test_a_default_passes_documents_that_cannot_have_the_field() -> None:
    documents: list[JsonValue] = [{"a": {"b": 1}}, {"a": {"b": 1}}, {"a": {}}, {"a": "text"}, 5]
    assert applied(propose(documents), documents)[2:] == [{"a": {"b": 1}}, {"a": "text"}, 5]


def test_no_more_than_fifty_steps_are_proposed_and_the_others_counted() -> None:
    proposal = propose([{"a": 1}, {"a": 2}, {f"n{number}": [] for number in range(70)}])
    assert len(proposal.steps) == MOST_PROPOSED
    assert proposal.left_out == 71 - MOST_PROPOSED
    assert "21 more differences" in migration_text("1.0.0", "1.1.0", "x", "*", proposal)


def test_numbers_are_keys_and_no_fields() -> None:
    assert propose([{"17": "a"}, {"17": "b"}, {"18": "c"}, ["d"]]).active == 0


def test_names_that_are_keys_are_never_taken_for_each_other() -> None:
    documents: list[JsonValue] = [{f"user_{group}_{number}": 1 for number in range(20)} for group in range(10)]
    assert all(step.fields["type"] != "rename" for step in propose(documents).steps)


def test_the_documents_stay_as_they_were() -> None:
    documents: list[JsonValue] = [user(), user(), {"eMail": "b"}]
    before = codec.encode(documents)
    propose(documents)
    assert codec.encode(documents) == before


@st.composite
def strayed(draw: st.DrawFn) -> Document:
    """A user that was made by an older or a careless program."""
    document: Document = {"name": draw(st.text(max_size=3)), "age": 30, "active": False, "home": {"city": "Rome"}}
    for change in draw(st.lists(st.sampled_from(["Name", "full_name", "ages", "text", "float", "drop", "Home"]))):
        if change in ("Name", "full_name") and "name" in document:
            document[change] = document.pop("name")
        elif change == "ages" and "age" in document:
            document[change] = document.pop("age")
        elif change == "Home" and "home" in document:
            document[change] = document.pop("home")
        elif change == "drop":
            document.pop(draw(st.sampled_from(["age", "active", "home"])), None)
        elif "age" in document:
            document["age"] = "31" if change == "text" else 32.0
    return document


@settings(max_examples=150)
@given(st.lists(strayed(), min_size=1, max_size=4))
def test_what_is_proposed_gives_all_documents_one_shape(rare: list[Document]) -> None:
    usual: list[JsonValue] = [
        {"name": f"n{number}", "age": 30, "active": False, "home": {"city": "Rome"}} for number in range(8)
    ]
    documents = [*usual, *rare]
    proposal = propose(documents)
    if not proposal.active:
        return
    new = applied(proposal, documents)
    assert new[: len(usual)] == usual
    if all(step.active for step in proposal.steps):
        assert len({identity(shape_of(document)) for document in new}) == 1


NAMES = st.sampled_from(["a", "A", "b", "a.b", "a/b", "", "0", "[0]", 'q"', "é", "a\nb", "\x7f", "this"])
SCALARS = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, -0.0, 1e300, "", "1", "x", "tr\x7fue"])
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
).filter(lambda document: document is not None)


@settings(max_examples=200)
@given(st.lists(DOCUMENTS, min_size=2, max_size=7))
def test_a_proposed_file_loads_and_no_document_it_was_made_from_is_refused(documents: list[JsonValue]) -> None:
    doubled = [*documents, *documents[:1], *documents[:1]]
    proposal = propose(doubled)
    if proposal.active:
        applied(proposal, doubled)


@settings(max_examples=100)
@given(st.lists(DOCUMENTS, min_size=2, max_size=7))
def test_every_comment_is_a_transform_once_its_signs_are_taken_away(documents: list[JsonValue]) -> None:
    proposal = propose(documents)
    tomllib.loads(migration_text("1.0.0", "1.1.0", "proposed", "*", proposal))
    steps = tuple(step._replace(active=bool(step.fields)) for step in proposal.steps)
    if any(step.fields for step in steps):
        assert len(read(proposal._replace(steps=steps)).steps) == sum(step.active for step in steps)
