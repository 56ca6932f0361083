"""On which line of a TOML text does each key stand?"""

from __future__ import annotations

import re
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str, ...]
"""A key with the tables around it: `backend = 1` under `[state]` is `("state", "backend")`."""

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


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line, counted from 1, of every key and table of a valid TOML text, in the order of the text.

    A table that several lines open has the first of them. Keys inside arrays are left out, those of
    `[[arrays of tables]]` too: their paths name no single place.

    >>> key_lines('[state]\\nbackend = "disk"')
    {('state',): 1, ('state', 'backend'): 2}
    """
    scan = _Scan()
    line = 1
    for match in _TOKEN.finditer(text):
        token = match.group()
        if match.lastgroup == "newline":
            scan.end_line()
        elif match.lastgroup == "mark":
            scan.mark(token, line)
        elif match.lastgroup != "comment" and not scan.in_value:
            scan.key.append(_unquoted(token) if match.lastgroup == "quoted" else token)
        line += token.count("\n")
    return scan.lines


class _Scan:
    """Where the scan stands: in which table, in which brackets, before or behind the `=`."""

    def __init__(self) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.key: list[str] = []
        self.in_value = False
        self._table: KeyPath | None = ()
        self._value_path: KeyPath | None = None
        # One element for each open bracket of a value: "[" or "{", and what keys in it are prefixed with.
        self._open: list[tuple[str, KeyPath | None]] = []
        self._header_brackets = 0
        self._arrays: set[KeyPath] = set()

    def end_line(self) -> None:
        """A line break ends a statement, except inside the brackets of a value."""
        if self._open:
            return
        self.key = []
        self.in_value = False
        self._header_brackets = 0

    def mark(self, mark: str, line: int) -> None:
        """Take one of `[ ] { } = , .` outside of strings and comments."""
        if self.in_value:
            self._mark_in_value(mark)
        elif mark == "=":
            self._value_path = self._record(self._open[-1][1] if self._open else self._table, line)
            self.in_value = True
        elif mark == "}":
            self._close()
        elif mark == "[":
            self._header_brackets += 1
        elif mark == "]" and self.key:
            self._end_header(line)

    def _mark_in_value(self, mark: str) -> None:
        if mark == "[":
            self._open.append(("[", None))
        elif mark == "{":
            in_array = bool(self._open) and self._open[-1][0] == "["
            self._open.append(("{", None if in_array else self._value_path))
            self.in_value = False
            self.key = []
        elif mark in "]}":
            self._close()
        elif mark == "," and self._open and self._open[-1][0] == "{":
            self.in_value = False
            self.key = []

    def _close(self) -> None:
        if self._open:
            self._open.pop()
        self.in_value = True

    def _end_header(self, line: int) -> None:
        path = tuple(self.key)
        in_array = any(path[:length] in self._arrays for length in range(1, len(path)))
        self._table = self._record(None if in_array else (), line)
        if self._header_brackets == 2:
            self._arrays.add(path)
            self._table = None
        self.key = []

    def _record(self, prefix: KeyPath | None, line: int) -> KeyPath | None:
        if prefix is None:
            return None
        path = prefix
        for part in self.key:
            path = (*path, part)
            self.lines.setdefault(path, line)
        return path


def _unquoted(token: str) -> str:
    import tomllib

    return str(tomllib.loads(f"key = {token}")["key"])
