"""Laws that hold for all values, names and prefixes, tried with generated ones."""

import json
import math
from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

import llmspell
from llmspell import codec
from llmspell.backends.sqlite.reading import end_of_prefix
from llmspell.errors import InvalidValue
from llmspell.limits import MAX_INTEGER, MAX_KEY_BYTES, MIN_INTEGER

text = st.text(st.characters(codec="utf-8"))
numbers = st.one_of(
    st.integers(MIN_INTEGER, MAX_INTEGER),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -0.0, 0.0, 1, 1.0, 2**53 + 1, MAX_INTEGER, MIN_INTEGER, 5e-324, 1.7976931348623157e308]),
)
leaves = st.one_of(st.none(), st.booleans(), numbers, text)
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=25)

bad_leaves = st.one_of(
    leaves,
    st.floats(),
    st.integers(),
    st.text(),  # with lone surrogates
)
doubtful = st.recursive(bad_leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)

names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=MAX_KEY_BYTES // 4)
close_names = st.text(st.sampled_from("aZ\ud7ff\ue000\uffff\U00010000\U0010ffff"), min_size=1, max_size=6)


@given(values)
def test_a_value_comes_back_with_every_type_as_it_was(value: object) -> None:
    assert repr(codec.decode(codec.encode(value))) == repr(value)


@given(values)
def test_other_readers_of_json_understand_what_is_stored(value: object) -> None:
    assert repr(json.loads(codec.encode(value))) == repr(value)
    assert repr(codec.parse(codec.encode(value))) == repr(value)


@given(doubtful)
@example([math.nan])
@example({"a": 2**63})
@example(["\ud800"])
def test_text_from_outside_is_refused_exactly_when_its_value_is(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False)
    encoded, parsed = outcome(lambda: codec.encode(value)), outcome(lambda: codec.encode(codec.parse(text)))
    assert encoded == parsed


def outcome(call: Callable[[], bytes]) -> bytes | str:
    """Give the result, or the path of the part that was refused."""
    try:
        return call()
    except InvalidValue as refused:
        return refused.path


@given(numbers)
def test_a_number_is_read_back_as_itself(number: int | float) -> None:
    assert repr(codec.number(codec.encode(number))) == repr(number)
    assert repr(codec.number(codec.encode_number(number))) == repr(number)


@given(st.none() | st.booleans() | text | st.lists(numbers))
def test_nothing_else_is_read_as_a_number(value: object) -> None:
    assert codec.number(codec.encode(value)) is None


@given(st.one_of(close_names, names, st.just("")), st.one_of(close_names, names))
def test_the_texts_with_a_prefix_lie_between_it_and_its_end(prefix: str, name: str) -> None:
    end = end_of_prefix(prefix)
    inside = prefix.encode() <= name.encode() and (end is None or name.encode() < end.encode())
    assert inside == name.startswith(prefix)


@given(
    st.lists(st.one_of(close_names, names), max_size=12, unique=True),
    st.one_of(st.just(""), close_names),
    st.one_of(st.none(), close_names),
    st.one_of(st.none(), st.integers(0, 5)),
)
def test_keys_are_listed_as_sorted_bytes(keys: list[str], prefix: str, after: str | None, limit: int | None) -> None:
    found = [key for key in keys if key.startswith(prefix) and (after is None or key.encode() > after.encode())]
    expected = sorted(found, key=str.encode)[:limit]
    with llmspell.open(backend="memory") as store:
        with store.transaction() as transaction:
            for key in keys:
                transaction.save("scope", key, key)
            assert transaction.list_keys("scope", prefix=prefix, after=after, limit=limit) == expected
        assert store.list_keys("scope", prefix=prefix, after=after, limit=limit) == expected


@given(st.lists(st.one_of(close_names, names), max_size=12, unique=True), st.one_of(st.just(""), close_names))
def test_scopes_are_listed_as_sorted_bytes(names: list[str], prefix: str) -> None:
    scopes = {name[:64] for name in names}
    expected = sorted((scope for scope in scopes if scope.startswith(prefix)), key=str.encode)
    with llmspell.open(backend="memory") as store:
        with store.transaction() as transaction:
            for scope in scopes:
                transaction.save(scope, "key", 1)
            assert transaction.scopes(prefix) == expected
        assert store.scopes(prefix) == expected
