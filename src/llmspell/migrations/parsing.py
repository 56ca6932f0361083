"""What values does the text of a migration file hold, before anybody checks what they mean?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from llmspell import codec
from llmspell.config.lines import malformed_line, place_lines
from llmspell.errors import InvalidValue
from llmspell.migrations.lines import json_lines, line_of_part, repeated_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from json import JSONDecodeError

    from llmspell.config.lines import Place

MAX_KEY_PIECES = 64
"""Of a TOML key such as `profile.age`: the parser's time grows with the square of their number."""

# Strings that are never closed end with the text or the line, so that every text is gone through just once.
_TOML_TOKEN = re.compile(
    r"""
      (?P<dot>\.)
    | (?P<piece>\"{3}(?:\\.|[^\\])*?(?:\"{3}|\\?\Z) | '{3}.*?(?:'{3}|\Z) | "(?:\\.|[^"\\\n])*"? | '[^'\n]*'?
         | [^\s.=\[\]{},"'\#]+ | [ \t]+)
    | (?P<end>\#[^\n]*|.)
    """,
    re.VERBOSE | re.DOTALL,
)


class Content(NamedTuple):
    """The values of a file, all of them JSON, and how to find their lines when something is wrong."""

    values: Mapping[str, object]
    find_lines: Callable[[], Mapping[Place, int]]


class Unreadable(Exception):
    """The text holds no values that can be used; `line` is where, when that is known."""

    def __init__(self, line: int | None, fault: str) -> None:
        self.line = line
        self.fault = fault
        super().__init__(line, fault)


def parse_toml(content: bytes) -> Content:
    """Take a TOML text apart; raises `Unreadable`, for values that JSON does not have too."""
    import tomllib

    text = _text(content)
    line = _line_of_long_key(text)
    if line is not None:
        raise Unreadable(line, f"a key has more than {MAX_KEY_PIECES} pieces between dots; use fewer levels")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        malformed, fault = malformed_line(str(error), text)
        raise Unreadable(malformed, f"this is not valid TOML: {fault}; correct it there") from error
    except RecursionError as error:
        raise Unreadable(None, "arrays or tables stand too deep inside each other; use fewer levels") from error
    except ValueError as error:  # tomllib lets Python's limit on the digits of an integer through
        raise Unreadable(None, "an integer has too many digits; write it as text") from error
    try:
        codec.encode(values)
    except InvalidValue as error:
        fault = f"{_spelled(error)}; dates, times, nan and inf are written as text"
        raise Unreadable(line_of_part(place_lines(text), error.path), fault) from error
    return Content(values, lambda: place_lines(text))


def parse_json(content: bytes) -> Content:
    """Take a JSON text apart; raises `Unreadable`, for a field that is named twice too."""
    from json import JSONDecodeError

    text = _text(content)
    try:
        values = codec.parse(text)
    except InvalidValue as error:
        if isinstance(error.__cause__, JSONDecodeError):
            raise _malformed_json(error.__cause__) from error
        line = line_of_part(json_lines(text), error.path) if error.path else repeated_line(text)
        raise Unreadable(line, f"{_spelled(error)}; correct it there") from error
    if not isinstance(values, dict):
        raise Unreadable(1, 'a migration is a JSON object such as {"from_version": "1.0.0", ...}; write it like that')
    return Content(values, lambda: json_lines(text))


def _line_of_long_key(text: str) -> int | None:
    """Give the line of the first key with too many pieces, None when there is none."""
    if text.count(".") < MAX_KEY_PIECES:
        return None
    dots = 0
    for token in _TOML_TOKEN.finditer(text):
        if token.lastgroup == "end":
            dots = 0
        elif token.lastgroup == "dot":
            dots += 1
            if dots == MAX_KEY_PIECES:
                return text.count("\n", 0, token.start()) + 1
    return None


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise Unreadable(line, "the text is not UTF-8; save the file as UTF-8") from error


def _malformed_json(error: JSONDecodeError) -> Unreadable:
    if error.doc[error.pos :].lstrip().startswith(("//", "/*", "#")):
        return Unreadable(
            error.lineno, "JSON has no comments; remove them, or write the migration as TOML, which has comments"
        )
    return Unreadable(error.lineno, f"this is not valid JSON: {error.msg}; correct it there")


def _spelled(error: InvalidValue) -> str:
    return f"{error.path.removeprefix('.') or 'the text'} {error.reason}"
