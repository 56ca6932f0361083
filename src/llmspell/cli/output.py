"""How do results and words reach the reader? Results on standard output as UTF-8, words on standard error."""

from __future__ import annotations

import os
import sys

from llmspell import codec
from llmspell.errors import BackupError, LlmspellError, MigrationError
from llmspell.quick_typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TextIO

    from llmspell.entry import JsonValue

_MOST_PROBLEMS = 20
_BOLD_RED, _DIM, _CYAN, _GREEN, _PLAIN = "\033[1;31m", "\033[2m", "\033[36m", "\033[32m", "\033[0m"

# What would steer a terminal (C1 controls) or turn its text around (bidirectional overrides); JSON lets them stand.
_STEERING = (*range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029)


class Row(NamedTuple):
    """A name with its value: `plain` for programs, `readable` for people."""

    name: str
    plain: str
    readable: str


class Output:
    """Where a command prints.

    `as_json`: the person asked for one JSON value instead of text. `debug`: they want to see where
    errors come from.
    """

    def __init__(self, *, as_json: bool = False, coloured: bool = True, debug: bool = False) -> None:
        self.as_json = as_json
        self.debug = debug
        self._coloured = coloured and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self.terminal = sys.stdout.isatty()

    def line(self, text: str) -> None:
        """Print one line of a result; on a terminal, what cannot be printed stands as its escape."""
        self.write(_utf8(printable(text) if self.terminal else text) + b"\n")

    def lines(self, texts: Sequence[str]) -> None:
        """Print a list: a line each, or a JSON array."""
        if self.as_json:
            self.value(list(texts))
        else:
            for text in texts:
                self.line(text)

    def value(self, value: JsonValue) -> None:
        """Print a JSON value: indented on a terminal, compact otherwise."""
        self.value_text(json_text(value))

    def value_text(self, text: bytes) -> None:
        """Print a value that is compact JSON text already."""
        if self.terminal:
            text = _utf8(self._readable(text))
        self.write(text + b"\n")

    def rows(self, rows: Iterable[Row]) -> None:
        """Print names with values: in columns on a terminal, parted by a tab otherwise."""
        rows = list(rows)
        width = max(len(row.name) for row in rows)
        for row in rows:
            if self.terminal:
                name = self._paint(f"{row.name:{width}}", _DIM, sys.stdout)
                self.write(_utf8(f"{name}  {printable(row.readable)}\n"))
            else:
                self.write(_utf8(f"{row.name}\t{row.plain}\n"))

    def write(self, content: bytes) -> None:
        """Print bytes as they are."""
        try:
            sys.stdout.buffer.write(content)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise unwritable(error) from error

    def flush(self) -> None:
        """Hand everything printed so far to the reader."""
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise unwritable(error) from error

    def say(self, words: str) -> None:
        """Say something on standard error that is no result."""
        self._say(f"{self._paint('llmspell:', _DIM, sys.stderr)} {printable(words)}\n")

    def complain(self, error: BaseException) -> None:
        """Say what went wrong, on one line of standard error; nothing when nobody reads any more.

        What else is wrong with a migration or a backup follows, a line each.
        """
        if isinstance(error, BrokenPipeError):
            return
        if self.debug:
            import traceback

            self._say("".join(traceback.format_exception(error)))
        if isinstance(error, KeyboardInterrupt) and sys.stderr.isatty():
            self._say("\n")  # the terminal has shown ^C
        kind, message = self._described(error)
        problems = error.problems if isinstance(error, MigrationError | BackupError) else ()
        if self.as_json:
            told: dict[str, JsonValue] = {"kind": kind, "message": message}
            if problems:
                told["errors"] = list(problems)
            self._say_bytes(json_text({"error": told}) + b"\n")
            return
        self._say(f"{self._paint('llmspell:', _BOLD_RED, sys.stderr)} {printable(message)}\n")
        more = problems[1:] if problems and message.startswith(problems[0]) else problems
        for problem in more[:_MOST_PROBLEMS]:
            self._say(f"  {printable(problem)}\n")
        if len(more) > _MOST_PROBLEMS:
            self._say(f"  ... and {len(more) - _MOST_PROBLEMS} more; --json tells all of them\n")

    def colours(self, stream: TextIO) -> bool:
        """Tell whether colours may be printed there."""
        return self._coloured and stream.isatty()

    def _described(self, error: BaseException) -> tuple[str, str]:
        if isinstance(error, LlmspellError):
            return type(error).__name__, str(error)
        if isinstance(error, KeyboardInterrupt):
            return "Interrupted", "interrupted"
        # Nobody planned for it: a mistake in llmspell, most likely.
        advice = "please report it" if self.debug else "run it again with --debug to see where"
        return type(error).__name__, f"unforeseen {type(error).__name__}: {error}; {advice}"

    def _say(self, text: str) -> None:
        # Not as UTF-8 like results: words are for eyes, in whatever the terminal understands.
        self._say_bytes(text.encode(sys.stderr.encoding or "utf-8", "backslashreplace"))

    def _say_bytes(self, text: bytes) -> None:
        for flush in (sys.stdout.flush, sys.stderr.flush):  # what goes to one place stands there in its order
            try:
                flush()
            except OSError:
                continue  # told when the command ends
        try:
            sys.stderr.buffer.write(text)
            sys.stderr.buffer.flush()
        except OSError:
            return  # nobody is there to be told

    def _paint(self, text: str, colour: str, stream: TextIO) -> str:
        return f"{colour}{text}{_PLAIN}" if self.colours(stream) else text

    def _readable(self, text: bytes) -> str:
        import re

        import orjson

        indented = orjson.dumps(codec.decode(text), option=orjson.OPT_INDENT_2).decode()
        indented = indented.translate({code: f"\\u{code:04x}" for code in _STEERING})
        if not self.colours(sys.stdout):
            return indented
        strings = re.compile(r'("(?:[^"\\]|\\.)*")(:?)')
        return strings.sub(lambda found: f"{_CYAN if found[2] else _GREEN}{found[1]}{_PLAIN}{found[2]}", indented)


def json_text(value: JsonValue) -> bytes:
    """Give compact JSON text; bytes of file names that are no UTF-8 stand as escapes.

    >>> json_text(["é", 1.0, None]).decode()
    '["é",1.0,null]'
    """
    if type(value) is int:
        return b"%d" % value
    if value is True or value is False:
        return b"true" if value else b"false"
    import json  # not for the plain answers above, and never the codec for bulk, which takes longer to import

    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "backslashreplace")


def printable(text: str) -> str:
    """Give `text` on one line that cannot steer a terminal: what is not printable stands as its escape.

    >>> printable("two\\nlines")
    'two\\\\nlines'
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def unwritable(error: OSError) -> LlmspellError:
    """Give the error for a standard output that takes nothing."""
    return LlmspellError(f"standard output cannot be written: {error.strerror or error}; the result is lost")


def _utf8(text: str) -> bytes:
    # Names of files may hold bytes that are no UTF-8; Python keeps those as lone surrogates.
    return text.encode("utf-8", "surrogateescape")
