"""What do the words of a command line mean as values, numbers and files?"""

from __future__ import annotations

import sys

from llmspell import codec
from llmspell.errors import InvalidArgument, InvalidValue
from llmspell.quick_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmspell.entry import JsonValue


def json_value(word: str, *, text: bool = False) -> JsonValue:
    """Give the value of an argument: JSON, or with `text` the string itself.

    `-` stands for what standard input holds, `@FILE` for what the file holds; `text` takes it
    exactly, line ends included.
    """
    if word == "-":
        return _value(_standard_input(), "standard input", text)
    if word.startswith("@"):
        return _value(_content_for_value(word), word[1:], text)
    if text:
        return _text(word)
    return parsed(word, quoted(word), "; for text, add --text")


def parsed(source: str | bytes, place: str, hint: str = "") -> JsonValue:
    """Give the value of JSON text.

    The error names the place where it stood, and gives the hint when the text is no JSON at all.
    """
    if not source.strip():
        raise InvalidArgument(f"the value {place} is empty{hint}")
    try:
        return codec.parse(source)
    except InvalidValue as error:
        where = f" at {error.path}" if error.path else ""
        hint = hint if error.reason.startswith("is not valid JSON") else ""
        raise InvalidArgument(f"the value {place}{where} {error.reason}{hint}") from error


def number(word: str, option: str) -> int | float:
    """Give the number that an option's argument spells."""
    spelled = codec.number(word.encode("utf-8", "surrogateescape"))
    if spelled is None:
        raise InvalidArgument(f'{option} takes a number, not "{word}"')
    return spelled


def whole(word: str | None, option: str) -> int | None:
    """Give the whole number from 0 up that an option's argument spells; None stays None."""
    if word is None:
        return None
    if not (word.isascii() and word.isdecimal() and len(word) < 20):
        raise InvalidArgument(f'{option} takes a whole number from 0 up, not "{word}"')
    return int(word)


def content(path: str) -> bytes:
    """Give what a file holds, `-` for standard input."""
    if path == "-":
        return _standard_input()
    try:
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        raise InvalidArgument(unreadable(path, error)) from error


def unreadable(path: str, error: OSError | ValueError) -> str:
    """Say why a file cannot be read."""
    if isinstance(error, FileNotFoundError):
        return f'there is no file "{path}"'
    if isinstance(error, IsADirectoryError):
        return f'"{path}" is a folder, not a file'
    return f'"{path}" cannot be read: {error.strerror if isinstance(error, OSError) else error}'


def _content_for_value(word: str) -> bytes:
    try:
        return content(word[1:])
    except InvalidArgument as error:
        raise InvalidArgument(f"{error}; for the text itself, write it as JSON: '\"{word}\"'") from error


def _value(content: bytes, place: str, text: bool) -> JsonValue:
    if not text:
        return parsed(content, f"in {place}")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"the text in {place} is not UTF-8 (byte {error.start}); convert it first") from error


def _text(word: str) -> str:
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"the text {quoted(word)} holds bytes that are no UTF-8; convert it first") from error
    return word


def _standard_input() -> bytes:
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise InvalidArgument(f"standard input cannot be read: {error.strerror}") from error


def quoted(word: str) -> str:
    """Give the word as messages show it, cut short.

    >>> print(quoted('{"a": 1}'), quoted("x"))
    '{"a": 1}' "x"
    """
    short = word if len(word) <= 60 else f"{word[:57]}..."
    return f"'{short}'" if '"' in short else f'"{short}"'
