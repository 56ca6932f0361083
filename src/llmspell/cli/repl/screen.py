"""How are answers printed? Values on standard output, what went wrong on standard error, in their order."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from llmspell.cli.output import printable
from llmspell.scripting.streams import StandardStreams

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.cli.output import Output

_RED, _PLAIN = "\033[31m", "\033[0m"


class TerminalStreams(StandardStreams):
    """The process's streams, where a prompt may follow: `end_line` begins a new line if one is open."""

    def __init__(self, settle: Callable[[], None] | None = None) -> None:
        super().__init__(settle)
        self._open_line = False

    def write(self, text: bytes, *, at_once: bool = False) -> None:
        """See `StandardStreams.write`."""
        super().write(text, at_once=at_once)
        self._note(text)

    def write_error(self, text: bytes) -> None:
        """See `StandardStreams.write_error`."""
        super().write_error(text)
        self._note(text)

    def end_line(self) -> None:
        """Write a line's end if the last line has none; then an answer may follow, or a prompt."""
        self.write(b"\n" if self._open_line else b"")
        self.finish()

    def finish(self) -> None:
        """Hand everything on to whoever reads it, and settle the store, which an answer or the end tells about."""
        self.flush()
        self._settle()

    def begin_line(self) -> None:
        """Take note that something else has begun a line."""
        self._open_line = True

    def _note(self, text: bytes) -> None:
        if text:
            self._open_line = not text.endswith(b"\n")


class OutputScreen:
    """A `Screen` on the standard streams. On a terminal, what would steer it stands as its escape."""

    def __init__(self, output: Output, streams: TerminalStreams) -> None:
        self._output = output
        self._streams = streams

    def value(self, text: str) -> None:
        """See `Screen.value`."""
        self._streams.end_line()
        self._output.write((_harmless(text) if sys.stdout.isatty() else text).encode(errors="surrogateescape") + b"\n")
        self._output.flush()

    def failure(self, text: str) -> None:
        """See `Screen.failure`."""
        self._streams.end_line()
        if sys.stderr.isatty():
            text = _harmless(text)
        if self._output.colours(sys.stderr):
            text = f"{_RED}{text}{_PLAIN}"
        self._streams.write_error(text.encode(sys.stderr.encoding or "utf-8", "backslashreplace") + b"\n")

    def interruption(self, text: str) -> None:
        """See `Screen.interruption`. The terminal has shown ^C."""
        self._streams.begin_line()
        self.failure(text)

    def end_line(self) -> None:
        """See `Screen.end_line`."""
        self._streams.end_line()


def _harmless(text: str) -> str:
    """Give text whose lines and tabs stay as they are, and nothing else that is no character.

    >>> _harmless("a\\tb\\nc\\x1b[2J")
    'a\\tb\\nc\\\\x1b[2J'
    """
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))
