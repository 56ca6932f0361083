"""A line gives back exactly the entry that it was made of, and a line that no store could have written is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell import codec
from llmspell.backups.lines import Lines, chunks, parse
from llmspell.entry import Written
from llmspell.errors import BackupDamaged

names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30)
moments = st.floats(0, 1e11)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
).map(codec.encode)
entries = st.tuples(
    names, names, st.integers(1, 2**63 - 1), moments, moments, st.none() | moments, st.none() | values
).map(lambda entry: entry if entry[6] is not None else (*entry[:3], entry[4], entry[4], None, None))

ENTRY = {"scope": "s", "key": "k", "version": 1, "created_at": 1.0, "updated_at": 2.0, "expires_at": None, "value": 5}
DELETION = {"scope": "s", "key": "k", "version": 1, "deleted_at": 1.0}


def text_of(*written: Written) -> bytes:
    return b"".join(chunks(written, lambda entries, deletions: None))


def line(base: dict[str, Any] = ENTRY, /, **fields: Any) -> bytes:
    """Give a line with fields put in or, where they are ..., left out."""
    known = {name: value for name, value in (base | fields).items() if value is not ...}
    return json.dumps(known, separators=(",", ":"), ensure_ascii=False).encode()


def with_value(text: bytes) -> bytes:
    return line()[:-2] + text + b"}"


def refusal(text: bytes) -> str:
    """Give what is said of a line, which is refused alone and among others."""
    for lines in ([line(), text, line(DELETION)], [line(), text, line()], [text]):
        with pytest.raises(BackupDamaged, match="it holds a line that is no entry") as caught:
            parse(lines)
    return str(caught.value)


@settings(max_examples=150)
@given(st.lists(entries, max_size=6))
def test_entries_come_back_as_they_were(written: list[Written]) -> None:
    lines = text_of(*written).split(b"\n")
    assert lines.pop() == b""
    assert parse(lines) == written


def test_a_line_is_as_the_format_says() -> None:
    entry = ("app", "thé", 7, 1.5, 2.0, None, b'{"a":[1,1.0]}')
    gone = ("app", "old", 9, 3.0, 3.0, None, None)
    assert text_of(entry, gone).decode() == (
        '{"scope":"app","key":"thé","version":7,"created_at":1.5,"updated_at":2.0,"expires_at":null,"value":{"a":[1,1.0]}}\n'
        '{"scope":"app","key":"old","version":9,"deleted_at":3.0}\n'
    )


@pytest.mark.parametrize(
    "text",
    [
        b"1",
        b"1.0",
        b"-0.0",
        b"0.0",
        b"9223372036854775807",
        b"-9223372036854775808",
        b"1e5",
        b"1E+05",
        b"1.50",
        b"0.10000000000000000555",
        b"5e-324",
        b"1.7976931348623157e308",
        b'"\\u00e9"',
        '"é"'.encode(),
        '"e\u0301"'.encode(),
        '"😀"'.encode(),
        b'"\\ud83d\\ude00"',
        b'"\\u0000"',
        b'"\\/"',
        b"[]",
        b"{}",
        b"[ ]",
        b' {"a" : 1} ',
        b"null",
        b'",\\"value\\":1"',
        b'{"value":{"value":[{"value":1}]}}',
        b"[" * 128 + b"]" * 128,
        b'"' + b"[" * 300 + b'"',
    ],
)
def test_a_value_comes_back_byte_for_byte(text: bytes) -> None:
    assert parse([with_value(text)])[0][6] == text
    entry = ("s", "k", 1, 1.0, 2.0, None, text)
    assert parse(text_of(entry).split(b"\n")[:-1]) == [entry]


@pytest.mark.parametrize("name", [',"value":', '","value":', "\\", '"', "\n", "\x7f", "\u2028", "e\u0301", "a" * 256])
def test_no_name_confuses_where_the_value_begins(name: str) -> None:
    entry = (name, name, 1, 1.0, 2.0, None, b'"v"')
    assert parse(text_of(entry).split(b"\n")[:-1]) == [entry]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b"5",
        b"null",
        b'"1234567"',
        b"[1,2,3,4,5,6,7]",
        b"[1,2,3,4]",
        b"{",
        b"\xff",
        line()[:-1],
        line() + b" ",
        line() + line(),
        line() + b"\r",
        line(value=...),
        line(key=...),
        line(scope=...),
        line(more=1),
        line(deleted_at=1.0),
        line(value=..., val=5),
        line(value=..., expires_at=..., x=1),
        line(DELETION, deleted_at=...),
        line(DELETION, more=1),
        line(DELETION, deleted_at=..., removed_at=1.0),
    ],
)
def test_what_is_no_line_of_the_format_is_refused(text: bytes) -> None:
    assert refusal(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"scope": ""},
        {"scope": "x" * 257},
        {"scope": "é" * 129},
        {"scope": "a\0b"},
        {"scope": 5},
        {"scope": None},
        {"key": ""},
        {"key": "x" * 513},
        {"key": "é" * 257},
        {"key": "\0"},
        {"key": ["k"]},
        {"version": 0},
        {"version": -1},
        {"version": 1.0},
        {"version": True},
        {"version": "1"},
        {"version": None},
        {"version": 2**63},
    ],
)
@pytest.mark.parametrize("base", [ENTRY, DELETION])
def test_no_store_has_an_entry_of_that_name_or_version(base: dict[str, Any], fields: dict[str, Any]) -> None:
    assert refusal(line(base, **fields))


@pytest.mark.parametrize("moment", ["1.0", 1, True, [], {}, 2**63, 2**64 - 1, 10**30 * 1.0 * 10**300])
@pytest.mark.parametrize("name", ["created_at", "updated_at", "expires_at"])
def test_what_is_no_moment_is_refused(name: str, moment: object) -> None:
    assert refusal(line(**{name: moment}))


@pytest.mark.parametrize("name", ["created_at", "updated_at"])
def test_only_an_expiry_may_be_missing(name: str) -> None:
    assert refusal(line(**{name: None}))
    assert refusal(line(DELETION, deleted_at=None))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e400",
        b"01",
        b"+1",
        b"1.",
        b".5",
        b"0x10",
        b"nul",
        b"'a'",
        b'"a',
        b'"\t"',
        b'"\\ud800"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"[1,]",
        b"[1}",
        b"{a:1}",
        b'{"a":1,"a":2}',
        b'[{"a":{"b":1,"b":1}}]',
        b'1,"value":2',
        b'1,"more":2',
        b"1}\n{",
        b"9" * 30 + b"e" + b"9" * 30,
        b"[" * 129 + b"]" * 129,
        b"[" * 200 + b"]" * 200,
        b'{"a":' * 200 + b"1" + b"}" * 200,
        b"[ " * 100_000 + b"]" * 100_000,
        b"[" * 100_000,
    ],
)
def test_a_value_that_no_store_holds_is_refused(text: bytes) -> None:
    assert refusal(with_value(text))


def test_a_field_of_the_line_that_stands_there_twice_is_refused() -> None:
    assert refusal(line()[:-1] + b',"value":6}')


def test_nothing_is_given_of_lines_of_which_one_is_bad() -> None:
    with pytest.raises(BackupDamaged):
        parse([line(), b"{}", line()])


def test_no_lines_are_no_entries() -> None:
    assert parse([]) == []
    assert text_of() == b""


def test_chunks_are_of_moderate_size_and_everything_in_them_is_counted() -> None:
    counts = [0, 0]

    def counted(entries: int, deletions: int) -> None:
        counts[0] += entries
        counts[1] += deletions

    written: list[Written] = [
        ("s", f"k{number}", 1, 1.0, 1.0, None, b'"' + b"x" * 1_000 + b'"' if number % 3 else None)
        for number in range(3_000)
    ]
    pieces = list(chunks(written, counted))
    assert counts == [2_000, 1_000]
    assert len(pieces) > 5
    assert max(map(len, pieces)) < 270_000
    assert all(piece.endswith(b"\n") for piece in pieces)
    assert parse(b"".join(pieces).split(b"\n")[:-1]) == written


# Lines out of pieces


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=8).map(lambda text: text.replace(b"\n", b"")), max_size=10), st.integers(1, 12))
def test_lines_are_whole_whatever_the_pieces_are(lines: list[bytes], size: int) -> None:
    text = b"".join(one + b"\n" for one in lines)
    taken: list[bytes] = []
    whole = Lines(taken.extend)
    for at in range(0, len(text), size):
        whole.feed(text[at : at + size])
    whole.end()
    assert taken == lines


def test_a_last_line_that_is_not_ended_is_damage() -> None:
    taken: list[bytes] = []
    whole = Lines(taken.extend)
    whole.feed(b"one\ntwo")
    assert taken == [b"one"]
    with pytest.raises(BackupDamaged, match="last line is cut short"):
        whole.end()
