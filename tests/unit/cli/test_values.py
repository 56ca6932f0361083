from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

import pytest

from llmspell.cli import values
from llmspell.errors import InvalidArgument

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("word", "value"), [("1", 1), ("1.0", 1.0), (' {"a": [null]} ', {"a": [None]}), ('"-"', "-")])
def test_a_word_is_json(word: str, value: object) -> None:
    parsed = values.json_value(word)
    assert parsed == value
    assert type(parsed) is type(value)


def test_a_word_can_be_text() -> None:
    assert values.json_value("[1]", text=True) == "[1]"
    assert values.json_value("", text=True) == ""


def test_a_file_and_standard_input_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "value").write_bytes(b"[1]\n")
    assert values.json_value(f"@{tmp_path}/value") == [1]
    assert values.json_value(f"@{tmp_path}/value", text=True) == "[1]\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"[2]")))
    assert values.json_value("-") == [2]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("hello", r'the value "hello" is not valid JSON .*; for text, add --text'),
        ('{"a":{"b":[0,1e999]}}', r"at \.a\.b\[1\] is inf"),
        ('"\\ud800"', "lone surrogate"),
        ("@/none", """there is no file "/none"; for the text itself, write it as JSON: '"@/none"'"""),
        ("@/", "is a folder"),
        ("@a\0b", "cannot be read"),
        ("  ", "is empty"),
    ],
)
def test_what_is_no_value_is_explained(word: str, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        values.json_value(word)


def test_a_long_word_is_cut_in_messages() -> None:
    with pytest.raises(InvalidArgument) as caught:
        values.json_value("x" * 10_000)
    assert len(str(caught.value)) < 200


def test_numbers_are_whole_or_floats() -> None:
    assert values.number("3", "--by") == 3
    assert isinstance(values.number("3", "--by"), int)
    assert isinstance(values.number("3.0", "--by"), float)
    assert math.isinf(values.number("inf", "--by"))  # refused by the verb, with its own words
    for word in ("x", "", "1_0x", "\udcff"):
        with pytest.raises(InvalidArgument, match="--by takes a number"):
            values.number(word, "--by")


def test_whole_numbers_are_from_0_up() -> None:
    assert values.whole(None, "--limit") is None
    assert values.whole("007", "--limit") == 7
    for word in ("-1", "1.0", "", "٣", "9" * 30, "1_0"):
        with pytest.raises(InvalidArgument, match="--limit takes a whole number from 0 up"):
            values.whole(word, "--limit")
