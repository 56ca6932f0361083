"""On which line of a migration file does each field stand? The answer for TOML, JSON and scripts is of one type."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llmspell import codec
from llmspell.limits import MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from llmspell.config.lines import Place

_JSON_TOKEN = re.compile(r'(?P<newline>\n)|(?P<text>"(?:\\.|[^"\\])*")|(?P<mark>[\[\]{},:])|(?P<other>[^\s"\[\]{},:]+)')


def json_lines(text: str) -> dict[Place, int]:
    """The line, counted from 1, of every field and array element of a valid JSON text, in the order of the text.

    >>> json_lines('{"jobs": [\\n{"name": 1}]}')
    {('jobs',): 1, ('jobs', 0): 2, ('jobs', 0, 'name'): 2}
    """
    lines: dict[Place, int] = {}
    for place, line in _json_places(text):
        lines.setdefault(place, line)
    return lines


def repeated_line(text: str) -> int | None:
    """The line of the first field of a JSON text that its object has already; None when there is none."""
    seen: set[Place] = set()
    for place, line in _json_places(text):
        if place in seen:
            return line
        seen.add(place)
    return None


def script_lines(text: str, names: Sequence[str]) -> dict[Place, int]:
    """The first line on which each of `names` is set, for languages that write `name = value`.

    >>> script_lines('return {\\n  scope = "user*",\\n}', ("scope", "key"))
    {('scope',): 2}
    """
    lines: dict[Place, int] = {}
    for name in names:
        found = re.search(rf"^[ \t]*(?:return[ \t]*)?(?:\{{[ \t]*)?{re.escape(name)}[ \t]*=(?!=)", text, re.MULTILINE)
        if found:
            lines[(name,)] = text.count("\n", 0, found.end()) + 1
    return lines


def nearest_line(lines: Mapping[Place, int], place: Place) -> int | None:
    """The line of `place`, or of the innermost place around it that has one.

    >>> nearest_line({("jobs", 0): 4}, ("jobs", 0, "name"))
    4
    """
    for length in range(len(place), 0, -1):
        line = lines.get(place[:length])
        if line is not None:
            return line
    return None


def line_of_part(lines: Mapping[Place, int], path: str) -> int | None:
    """The line of the part of a value that an `InvalidValue` names by its path, such as `.items[3]`."""
    for place, line in lines.items():
        if "".join(f"[{step}]" if isinstance(step, int) else codec.member_path(step) for step in place) == path:
            return line
    return None


class _Level:
    """An array or object that is open: where it stands, and where in it the scan is."""

    __slots__ = ("is_array", "place", "step")

    def __init__(self, place: Place, is_array: bool) -> None:
        self.place = place
        self.is_array = is_array
        self.step: str | int | None = 0 if is_array else None
        """The name of the field whose value follows (None before a name), or the number of the element."""


def _json_places(text: str) -> Iterator[tuple[Place, int]]:
    import json

    levels: list[_Level] = []
    line = 1
    for match in _JSON_TOKEN.finditer(text):
        token, kind = match.group(), match.lastgroup
        level = levels[-1] if levels else None
        if kind == "newline":
            line += 1
        elif token == ",":
            if level is not None:
                level.step = level.step + 1 if isinstance(level.step, int) else None
        elif token in ("]", "}"):
            del levels[-1:]
        elif kind == "text" and level is not None and level.step is None:
            level.step = str(json.loads(token, strict=False))
            yield (*level.place, level.step), line
        elif token != ":":
            place: Place = ()
            if level is not None and level.step is not None:
                place = (*level.place, level.step)
                if level.is_array:
                    yield place, line
            if token in ("[", "{"):
                if len(levels) == MAX_DEPTH:  # no valid text goes on; places would grow without bounds
                    return
                levels.append(_Level(place, token == "["))
