"""On which line of a TOML text does each key stand?"""

from __future__ import annotations

import re
from typing import TypeAlias

Place: TypeAlias = tuple[str | int, ...]
"""A key with what is around it: `backend = 1` under `[state]` is `("state", "backend")`, and the second element of
`jobs` is `("jobs", 1)`."""

# A multi-line string may end in up to five quotes: the last three close it, those before them are text.
_TOKEN = re.compile(
    r"""
      (?P<newline>\n)
    | (?P<comment>\#[^\n]*)
    | (?P<quoted>\"{3}(?:\\.|[^\\])*?\"{3,5} | '{3}.*?'{3,5} | "(?:\\.|[^"\\\n])*" | '[^'\n]*')
    | (?P<mark>[\[\]{}=,.])
    | (?P<bare>[^\s\[\]{}=,."'\#]+)
    """,
    re.VERBOSE | re.DOTALL,
)


def place_lines(text: str) -> dict[Place, int]:
    """The line, counted from 1, of every key, table and array element of a valid TOML text, in the order of the text.

    >>> place_lines('[[jobs]]\\nname = "one"')
    {('jobs',): 1, ('jobs', 0): 1, ('jobs', 0, 'name'): 2}
    """
    scan = _Scan()
    line = 1
    for match in _TOKEN.finditer(text):
        token = match.group()
        if match.lastgroup == "newline":
            scan.end_line()
        elif match.lastgroup == "mark":
            scan.mark(token, line)
        elif match.lastgroup != "comment":
            scan.word(token, match.lastgroup == "quoted", line)
        line += token.count("\n")
    return scan.lines


def malformed_line(message: str, text: str) -> tuple[int, str]:
    """The line on which the TOML parser gave up on `text`, and what it says about it, from the message of its error.

    >>> malformed_line("Invalid value (at line 2, column 5)", "a = 1\\nb = ?")
    (2, 'Invalid value')
    """
    fault, _, position = message.rstrip(")").rpartition(" (at ")
    found = re.match(r"line (\d+)", position)
    return (int(found[1]) if found else text.rstrip().count("\n") + 1), fault or message


class _Bracket:
    """An open bracket of a value: where it stands, and in an array at which element the scan is."""

    __slots__ = ("element", "is_array", "place")

    def __init__(self, place: Place, is_array: bool) -> None:
        self.place = place
        self.is_array = is_array
        self.element = 0


class _Scan:
    """Where the scan stands: in which table, in which brackets, before or behind the `=`."""

    def __init__(self) -> None:
        self.lines: dict[Place, int] = {}
        self._key: list[str] = []
        self._in_value = False
        self._table: Place = ()
        self._value: Place = ()
        self._open: list[_Bracket] = []
        self._header_brackets = 0
        self._last_elements: dict[Place, int] = {}

    def end_line(self) -> None:
        """A line break ends a statement, except inside the brackets of a value."""
        if self._open:
            return
        self._key = []
        self._in_value = False
        self._header_brackets = 0

    def word(self, token: str, quoted: bool, line: int) -> None:
        """Take a piece of a key, or a value."""
        if not self._in_value:
            self._key.append(_unquoted(token) if quoted else token)
        else:
            self._begin_value(line)

    def mark(self, mark: str, line: int) -> None:
        """Take one of `[ ] { } = , .` outside of strings and comments."""
        if self._in_value:
            self._mark_in_value(mark, line)
        elif mark == "=":
            self._value = self._record(self._open[-1].place if self._open else self._table, self._key, line)
            self._in_value = True
        elif mark == "}":
            self._close()
        elif mark == "[":
            self._header_brackets += 1
        elif mark == "]" and self._key:
            self._end_header(line)

    def _mark_in_value(self, mark: str, line: int) -> None:
        if mark in "[{":
            self._open.append(_Bracket(self._begin_value(line), mark == "["))
            if mark == "{":
                self._begin_key()
        elif mark in "]}":
            self._close()
        elif mark == "," and self._open:
            if self._open[-1].is_array:
                self._open[-1].element += 1
            else:
                self._begin_key()

    def _begin_key(self) -> None:
        self._in_value = False
        self._key = []

    def _begin_value(self, line: int) -> Place:
        """Give the place of the value that begins here; an element of an array is noted, a key's value was already."""
        if not self._open or not self._open[-1].is_array:
            return self._value
        place = (*self._open[-1].place, self._open[-1].element)
        self.lines.setdefault(place, line)
        return place

    def _close(self) -> None:
        if self._open:
            self._open.pop()
        self._in_value = True

    def _end_header(self, line: int) -> None:
        table = self._record((), self._key[:-1], line)
        table = (*table, self._key[-1])
        self.lines.setdefault(table, line)
        if self._header_brackets == 2:
            self._last_elements[table] = self._last_elements.get(table, -1) + 1
            table = (*table, self._last_elements[table])
            self.lines[table] = line
        self._table = table
        self._key = []

    def _record(self, place: Place, names: list[str], line: int) -> Place:
        """Note the line of each of `names` inside each other; the last element is meant by an array of tables."""
        for name in names:
            place = (*place, name)
            self.lines.setdefault(place, line)
            if place in self._last_elements:
                place = (*place, self._last_elements[place])
        return place


def _unquoted(token: str) -> str:
    import tomllib

    return str(tomllib.loads(f"key = {token}")["key"])
