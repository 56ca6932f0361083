from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import llmspell
from llmspell import codec, transfer
from llmspell.errors import InvalidArgument
from llmspell.transfer import Imported, export_entries, import_entries, parse_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell import Store

NOW = 1_000.0


@pytest.fixture
def store() -> Iterator[Store]:
    with llmspell.open(backend="memory", clock=lambda: NOW) as store:
        yield store


def export(store: Store, *globs: str) -> list[bytes]:
    return list(export_entries(store, globs, clock=lambda: NOW))


def load(store: Store, *lines: bytes) -> Imported:
    return import_entries(store, lines, clock=lambda: NOW)


def without_version(line: bytes) -> bytes:
    head, _, tail = line.rpartition(b',"version":')
    return head + tail[tail.index(b",") :]


def test_an_empty_store_exports_nothing(store: Store) -> None:
    assert export(store) == []


def test_a_line_has_the_seven_fields_and_the_value_as_it_is_stored(store: Store) -> None:
    store.save_json('sc"ope', "ké\ny", b'{"b":1e+16,"a":[null]}', ttl=60)
    assert export(store) == [
        b'{"scope":"sc\\"ope","key":"k\xc3\xa9\\ny","value":{"b":1e+16,"a":[null]},"version":1,'
        b'"created_at":1000.0,"updated_at":1000.0,"expires_at":1060.0}\n'
    ]


def test_lines_are_ordered_by_scope_then_key_in_bytes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "KEYS_AT_ONCE", 2)
    names = [(scope, key) for scope in ("b", "a", "é", "a:b", "B") for key in ("z", "a", "é", "aa", "😀")]
    for scope, key in names:
        store.save(scope, key, 1)
    exported = [(entry["scope"], entry["key"]) for entry in map(json.loads, export(store))]
    assert exported == sorted(names, key=lambda name: (name[0].encode(), name[1].encode()))


def test_globs_choose_scopes(store: Store) -> None:
    for scope in ("agent:a", "agent:b", "global", "Global"):
        store.save(scope, "x", 1)
    assert len(export(store, "agent:*")) == 2
    assert len(export(store, "agent:?", "glob*")) == 3
    assert len(export(store, "[gG]lobal")) == 2
    assert export(store, "agent") == []


def test_an_expired_entry_is_not_exported(store: Store) -> None:
    store.save("a", "b", 1, ttl=10)
    assert list(export_entries(store, clock=lambda: NOW + 10)) == []


def test_an_export_shows_one_moment_while_writers_go_on(store: Store) -> None:
    for key in ("a", "b", "c"):
        store.save("s", key, "old")
    lines = export_entries(store, clock=lambda: NOW)
    first = next(lines)
    store.save("s", "b", "new")
    store.delete("s", "c")
    store.save("s", "d", "new")
    assert [json.loads(line)["value"] for line in (first, *lines)] == ["old", "old", "old"]


def test_what_is_left_half_way_lets_the_store_go(store: Store) -> None:
    for key in ("a", "b"):
        store.save("s", key, 1)
    lines = export_entries(store)
    next(lines)
    del lines
    store.save("s", "a", 2)


def test_only_scope_key_and_value_are_needed(store: Store) -> None:
    assert load(store, b'{"key": "k", "value": [1, 1.0, {"b": 1, "a": 2}], "scope": "s"}') == Imported(1, 0)
    stored = store.stored("s", "k")
    assert stored is not None
    assert stored.value == b'[1,1.0,{"b":1,"a":2}]'
    assert (stored.created_at, stored.updated_at, stored.expires_at) == (NOW, NOW, None)


def test_an_import_keeps_times_and_gives_new_versions(store: Store) -> None:
    store.save("other", "x", 1)
    load(store, b'{"scope":"s","key":"k","value":1,"version":77,"created_at":1,"updated_at":2.5,"expires_at":1e9}')
    stored = store.stored("s", "k")
    assert stored is not None
    assert stored[3:] == (2, 1.0, 2.5, 1e9)


def test_an_import_is_one_commit_over_what_is_there(store: Store) -> None:
    store.save("s", "old", 1)
    store.save("s", "k", 1)
    load(store, b'{"scope":"s","key":"k","value":2}', b'{"scope":"s","key":"l","value":null}')
    assert store.list_keys("s") == ["k", "l", "old"]
    stored = [store.stored("s", key) for key in ("k", "l")]
    assert [entry and entry.version for entry in stored] == [3, 3]
    assert stored[1] is not None
    assert stored[1].value == b"null"


def test_expired_entries_are_left_out_and_counted(store: Store) -> None:
    lines = (b'{"scope":"s","key":"%d","value":1,"expires_at":%d}' % (number, 998 + number) for number in range(5))
    assert load(store, *lines) == Imported(2, 3)


def test_blank_lines_count_for_nothing_but_in_the_numbering(store: Store) -> None:
    assert load(store, b"\n", b"  \r\n", b'{"scope":"s","key":"k","value":1}\r\n', b"") == Imported(1, 0)
    with pytest.raises(InvalidArgument, match="line 3:"):
        load(store, b"\n", b"\n", b"x")


def test_a_byte_order_mark_is_skipped(store: Store) -> None:
    assert load(store, b'\xef\xbb\xbf{"scope":"s","key":"k","value":1}') == Imported(1, 0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "line 1: it is not valid JSON (Expecting property name enclosed in double quotes at column 2)"),
        (b'{"scope":"s","key":"k","value":1} {}', "line 1: it is not valid JSON (Extra data at column 35)"),
        (b'{"scope":"s\xff","key":"k","value":1}', "line 1: byte 12 is no UTF-8; convert the file to UTF-8"),
        (b'{"scope":"s","key":"k","value":1}'.decode().encode("utf-16"), "line 1: byte 1 is no UTF-8"),
        (b"[]", 'line 1: it is no JSON object; an entry looks like {"scope":'),
        (b'{"scope":"s","key":"k"}', 'line 1: the field "value" is missing'),
        (b'{"scope":"s","value":1}', 'line 1: the field "key" is missing'),
        (b'{"scope":"s","key":"k","value":1,"ttl":5}', 'line 1: "ttl" is no field of an entry; there are scope, key'),
        (b'{"scope":"s","key":"k","key":"l","value":1}', 'line 1: it names the field "key" twice'),
        (b'{"scope":"s","key":"k","value":{"a":1,"a":2}}', 'line 1: it names the field "a" twice'),
        (b'{"scope":"s","key":"k","value":[1,-Infinity]}', "line 1: .value[1] is -inf"),
        (b'{"scope":"s","key":"k","value":9223372036854775808}', "line 1: .value is an integer beyond 64 bits"),
        (b'{"scope":"s","key":"\\ud800","value":1}', "line 1: .key holds text with a lone surrogate"),
        (b'{"scope":null,"key":"k","value":1}', "line 1: the scope must be text, not nothing"),
        (b'{"scope":"s","key":"","value":1}', "line 1: the key is empty"),
        (b'{"scope":"s\\u0000","key":"k","value":1}', "contains a NUL character"),
        (b'{"scope":"s","key":"k","value":1,"created_at":"now"}', "line 1: the field \"created_at\" holds 'now'"),
        (b'{"scope":"s","key":"k","value":1,"expires_at":true}', 'line 1: the field "expires_at" holds True'),
    ],
)
def test_a_bad_line_is_named_with_its_reason_and_nothing_is_imported(store: Store, line: bytes, reason: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        load(store, line)
    assert reason in str(caught.value)
    with pytest.raises(InvalidArgument, match="line 2: "):
        load(store, b'{"scope":"good","key":"k","value":1}', line)
    assert store.scopes() == []


def test_an_entry_that_stands_there_twice_is_an_error(store: Store) -> None:
    line = b'{"scope":"s","key":"k","value":1}'
    with pytest.raises(InvalidArgument, match='line 3: scope "s", key "k" stands on line 1 already; keep one of them'):
        load(store, line, b'{"scope":"s","key":"l","value":1}', line)
    expired = b'{"scope":"s","key":"k","value":1,"expires_at":5}'
    with pytest.raises(InvalidArgument, match="stands on line 1 already"):
        load(store, expired, line)


def test_a_value_that_is_too_large_is_refused() -> None:
    line = b'{"scope":"s","key":"k","value":"%b"}' % (b"x" * 100)
    assert len(parse_lines([line], NOW, 102).puts) == 1
    with pytest.raises(InvalidArgument, match=r"line 1: .* takes 102 bytes as JSON, more than max_value_bytes = 101"):
        parse_lines([line], NOW, 101)


@pytest.mark.parametrize("written", [b"[1, 2]", b'"\\u00e9\\/"', b'[1e+16,"\\u0061"]', b"[1,\t1e-07]", b" 1"])
def test_what_another_program_wrote_is_stored_compact(store: Store, written: bytes) -> None:
    load(store, b'{"scope":"s","key":"k","value":%b,"version":1}' % written)
    stored = store.stored("s", "k")
    assert stored is not None
    assert stored.value == codec.encode(json.loads(written))


def test_fields_in_any_order_mean_the_same(store: Store) -> None:
    load(store, b'{"scope":"s","key":"k","value":1e+16,"created_at":5,"version":1}')
    load(store, b'{"scope":"s","key":"l","value":{"version":2},"version":3,"expires_at":null}')
    load(store, b'{"version":3,"scope":"s","key":"m","value":[1],"created_at":1}')
    assert [store.load("s", key) for key in "klm"] == [1e16, {"version": 2}, [1]]


names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
integers = st.integers(-(2**63), 2**63 - 1)
scalars = (
    st.none()
    | st.booleans()
    | integers
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.tuples(names, names), json_values, max_size=8))
def test_an_export_of_an_imported_export_is_the_same_but_for_versions(entries: dict[tuple[str, str], Any]) -> None:
    with (
        llmspell.open(backend="memory", clock=lambda: NOW) as first,
        llmspell.open(backend="memory", clock=lambda: NOW + 5) as second,
    ):
        for number, ((scope, key), value) in enumerate(entries.items(), 1):
            first.save(scope, key, value, ttl=number * math.pi if number % 2 else None)
        exported = export(first)
        import_entries(second, exported, clock=lambda: NOW)
        again = list(export_entries(second, clock=lambda: NOW))
    assert [without_version(line) for line in again] == [without_version(line) for line in exported]
