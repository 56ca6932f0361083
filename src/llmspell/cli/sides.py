"""How do two JSON values stand beside each other? As lines: what is gone in red, what is new in green."""

from __future__ import annotations

import unicodedata
from itertools import takewhile, zip_longest
from typing import TYPE_CHECKING, NamedTuple

from llmspell import codec
from llmspell.cli.output import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NARROW = 60
"""A terminal with fewer columns has no room for two values in one line."""

_RED, _GREEN, _DIM, _PLAIN = "\033[31m", "\033[32m", "\033[2m", "\033[0m"
_BETWEEN = " | "
_CONTEXT = 3
_MOST_LINES = 500
_MOST_LINES_GOING = 40
_MOST_CHARACTERS = 300


class Pair(NamedTuple):
    """A line of the value before and the one of the value after that belongs to it; None where there is none."""

    before: str | None
    after: str | None
    same: bool


def compared(before: bytes, after: bytes | None, *, columns: int | None, coloured: bool) -> list[str]:
    """Give the lines that show two values, JSON text both; `after` is None for an entry that goes.

    They stand side by side in `columns`, or one below the other where that is None or too few.
    Lines that are gone begin with `-`, new ones with `+`.

    >>> for line in compared(b'{"a":1}', b'{"a":2}', columns=None, coloured=False): print(line)
    before
        {
      -   "a": 1
        }
    after
        {
      +   "a": 2
        }
    """
    pairs = _going(_lines(before)) if after is None else _pairs(_lines(before), _lines(after))
    shown = [Pair(_shown(pair.before), _shown(pair.after), pair.same) for pair in pairs]
    if columns is None or columns < NARROW:
        return [*_stacked("before", shown, coloured), *_stacked("after", shown, coloured)]
    return list(_side_by_side(shown, columns, coloured))


def _lines(text: bytes) -> list[str]:
    import orjson

    return orjson.dumps(codec.decode(text), option=orjson.OPT_INDENT_2).decode().split("\n")


def _shown(line: str | None) -> str | None:
    if line is None or len(line) <= _MOST_CHARACTERS:
        return None if line is None else printable(line)
    return f"{printable(line[:_MOST_CHARACTERS])}..."


def _going(lines: list[str]) -> Iterator[Pair]:
    """Give the lines of an entry that goes."""
    for number, line in enumerate(_beginning(lines, _MOST_LINES_GOING)):
        yield Pair(line, None if number else "(no entry)", False)


def _pairs(old: list[str], new: list[str]) -> Iterator[Pair]:
    """Give the lines in their order, with long runs of equal ones folded."""
    from difflib import SequenceMatcher

    # Comparing takes the square of the number of lines, so what is equal at both ends stays out of it.
    start = _equal_at_start(old, new)
    end = _equal_at_start(old[start:][::-1], new[start:][::-1])
    yield from _folded(old[:start])
    old_middle = _beginning(old[start : len(old) - end], _MOST_LINES)
    new_middle = _beginning(new[start : len(new) - end], _MOST_LINES)
    for kind, old_from, old_to, new_from, new_to in SequenceMatcher(None, old_middle, new_middle).get_opcodes():
        if kind == "equal":
            yield from _folded(old_middle[old_from:old_to])
        else:
            for before, after in zip_longest(old_middle[old_from:old_to], new_middle[new_from:new_to]):
                yield Pair(before, after, False)
    yield from _folded(old[len(old) - end :])


def _equal_at_start(old: list[str], new: list[str]) -> int:
    """Count the lines at the start that are equal."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))


def _beginning(lines: list[str], most: int) -> list[str]:
    if len(lines) <= most:
        return lines
    return [*lines[:most], f"... {len(lines) - most} lines more; --json shows all"]


def _folded(lines: list[str]) -> Iterator[Pair]:
    alike = len(lines) - 2 * _CONTEXT
    if alike > 1:
        lines = [*lines[:_CONTEXT], f"... {alike} lines alike", *lines[-_CONTEXT:]]
    for line in lines:
        yield Pair(line, line, True)


def _stacked(title: str, pairs: Iterable[Pair], coloured: bool) -> Iterator[str]:
    is_new = title == "after"
    yield _painted(title, _DIM, coloured)
    for pair in pairs:
        line = pair.after if is_new else pair.before
        if line is not None:
            yield f"  {_marked(line, is_new, pair.same, coloured)}"


def _marked(line: str, is_new: bool, same: bool, coloured: bool) -> str:
    if same:
        return f"  {line}"
    return _painted(f"+ {line}", _GREEN, coloured) if is_new else _painted(f"- {line}", _RED, coloured)


def _side_by_side(pairs: Iterable[Pair], columns: int, coloured: bool) -> Iterator[str]:
    half = (columns - len(_BETWEEN)) // 2
    yield _painted(f"{'before':{half}}{_BETWEEN}after", _DIM, coloured)
    for pair in pairs:
        befores, afters = _wrapped(pair.before, half - 2), _wrapped(pair.after, half - 2)
        for before, after in zip_longest(befores, afters):
            left = " " * half if before is None else _marked(_padded(before, half - 2), False, pair.same, coloured)
            right = "" if after is None else _marked(after, True, pair.same, coloured)
            yield f"{left}{_BETWEEN}{right}".rstrip()


def _wrapped(line: str | None, columns: int) -> list[str]:
    """Break a line where it is full; None gives no lines."""
    if line is None:
        return []
    pieces, piece, used = [], "", 0
    for character in line:
        width = _width(character)
        if used + width > columns:
            pieces.append(piece)
            piece, used = "", 0
        piece += character
        used += width
    return [*pieces, piece]


def _padded(line: str, columns: int) -> str:
    return line + " " * (columns - sum(map(_width, line)))


def _width(character: str) -> int:
    """Count the columns that a terminal gives a character."""
    if character.isascii():
        return 1
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _painted(text: str, colour: str, coloured: bool) -> str:
    return f"{colour}{text}{_PLAIN}" if coloured else text
