from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.cli.sides import NARROW, compared

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def text(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def stacked(before: object, after: object) -> list[str]:
    return compared(text(before), text(after), columns=None, coloured=False)


def test_values_stand_side_by_side_where_there_is_room() -> None:
    lines = compared(text({"a": 1, "b": 2}), text({"a": 1, "b": 3}), columns=63, coloured=False)
    assert lines == [
        f"{'before':30} | after",
        f"{'  {':30} |   {{",
        f'{"    " + chr(34) + "a" + chr(34) + ": 1,":30} |     "a": 1,',
        f'{"-   " + chr(34) + "b" + chr(34) + ": 2":30} | +   "b": 3',
        f"{'  }':30} |   }}",
    ]


@pytest.mark.parametrize("columns", [None, NARROW - 1])
def test_values_stand_one_below_the_other_where_there_is_none(columns: int | None) -> None:
    lines = compared(text([1]), text([2]), columns=columns, coloured=False)
    assert lines == ["before", "    [", "  -   1", "    ]", "after", "    [", "  +   2", "    ]"]


def test_what_is_gone_is_red_and_what_is_new_is_green() -> None:
    for columns in (None, 80):
        shown = "\n".join(compared(text(1), text(2), columns=columns, coloured=True))
        assert "\033[31m- 1" in shown
        assert "\033[32m+ 2\033[0m" in shown


def test_an_entry_that_goes_has_nothing_beside_it() -> None:
    assert compared(text(1), None, columns=None, coloured=False) == ["before", "  - 1", "after", "  + (no entry)"]


def test_one_and_one_point_zero_are_different() -> None:
    assert stacked(1, 1.0) == ["before", "  - 1", "after", "  + 1.0"]


def test_a_long_run_of_equal_lines_is_folded() -> None:
    lines = stacked(list(range(50)), [*range(49), "end"])
    assert "    ... 44 lines alike" in lines
    assert len(lines) == 2 * 10


def test_an_entry_without_end_that_goes_is_cut_short_and_says_where_the_rest_is() -> None:
    lines = compared(text(list(range(5_000))), None, columns=None, coloured=False)
    assert len(lines) < 50
    assert "  - ... 4962 lines more; --json shows all" in lines


def test_a_change_far_down_in_a_large_value_is_found() -> None:
    lines = stacked(list(range(5_000)), [*range(4_000), "new", *range(4_001, 5_000)])
    assert "  -   4000," in lines
    assert '  +   "new",' in lines
    assert len(lines) < 40


def test_a_change_at_the_end_of_a_long_line_is_marked() -> None:
    lines = stacked("x" * 1_000, "x" * 1_000 + "y")
    assert lines[1].startswith('  - "xxx')
    assert lines[1].endswith("...")
    assert len(lines[1]) < 320


def test_what_would_steer_the_terminal_stands_as_an_escape() -> None:
    shown = "\n".join(stacked("\x9b31m\u202e", "\x1b[2J"))
    assert "\x9b" not in shown
    assert "\u202e" not in shown
    assert "\\x9b31m\\u202e" in shown


def test_wide_letters_keep_the_columns_straight() -> None:
    lines = compared(text("日本" * 20), text("e\u0301"), columns=NARROW, coloured=False)
    assert lines[1] == '- "' + "日本" * 6 + '  | + "e\u0301"'


@settings(max_examples=100)
@given(VALUES, VALUES, st.integers(NARROW, 100))
def test_no_line_is_wider_than_the_terminal(before: object, after: object, columns: int) -> None:
    ascii_only = [json.dumps(value).encode() for value in (before, after)]
    for line in compared(*ascii_only, columns=columns, coloured=False):
        assert len(line) <= columns or not line.isascii()


@settings(max_examples=100)
@given(VALUES, VALUES)
def test_equal_values_have_no_marks_and_different_ones_have_some(before: object, after: object) -> None:
    marked = [line for line in stacked(before, after) if line.startswith(("  - ", "  + "))]
    assert bool(marked) == (text(before) != text(after))
