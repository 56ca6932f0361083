"""Where does what a script prints go? To the process's own streams, or into memory for whoever runs it."""

from __future__ import annotations

import sys
from functools import cached_property
from io import RawIOBase
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO


class Streams(Protocol):
    """A script's output. Both kinds keep their order to each other; what cannot be written raises `OSError`.

    Before anything leaves, the store is settled: `StoreError` when that fails, and nothing has left then.
    """

    def write(self, text: bytes, *, at_once: bool = False) -> None:
        """Take what the script prints; `at_once` hands on what is still held back."""

    def write_error(self, text: bytes) -> None:
        """Take what the script says of errors, after everything printed before."""

    def flush(self) -> None:
        """Hand on what is still held back."""


HELD_BYTES = 8_192
"""So much output is held back unless somebody waits for it: the store is settled once for all of it."""


class OutputFull(Exception):
    """A script has printed more than it may."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__(most_bytes)
        self.most_bytes = most_bytes


class StandardStreams:
    """Standard output and standard error of the process; a terminal sees at once what is printed.

    `settle` is called before anything leaves the process: the store's, where there is one.
    """

    def __init__(self, settle: Callable[[], None] | None = None) -> None:
        self._settle = settle or _nothing_to_settle
        self._held = bytearray()

    def write(self, text: bytes, *, at_once: bool = False) -> None:
        """Write to standard output."""
        self._held += text
        if at_once or len(self._held) >= HELD_BYTES or self._interactive:
            self.flush()

    def write_error(self, text: bytes) -> None:
        """Write to standard error, after everything already written to standard output."""
        self.flush()
        self._settle()
        _write_whole(sys.stderr.buffer, text)
        sys.stderr.buffer.flush()

    def flush(self) -> None:
        """See `Streams.flush`."""
        if not self._held:
            return
        self._settle()
        text, self._held = bytes(self._held), bytearray()
        _write_whole(sys.stdout.buffer, text)
        sys.stdout.buffer.flush()

    @cached_property
    def _interactive(self) -> bool:  # asked at the first write: a run that writes nothing needs no output
        return sys.stdout.isatty() or isinstance(sys.stdout.buffer, RawIOBase)  # which PYTHONUNBUFFERED makes it


class CapturedStreams:
    """Output and error output together, in memory, in the order in which they were written.

    Of more than `most_bytes` (0: no limit) the beginning is kept, and the write that brings them raises `OutputFull`,
    as does every one after it.
    """

    def __init__(self, most_bytes: int = 0) -> None:
        self._most_bytes = most_bytes
        self._written = bytearray()

    @property
    def text(self) -> str:
        """What was written, where it is no UTF-8 as backslash escapes.

        >>> streams = CapturedStreams()
        >>> streams.write(b"caf\\xc3\\xa9 \\xff")
        >>> streams.text
        'café \\\\xff'
        """
        return self._written.decode(errors="backslashreplace")

    def write(self, text: bytes, *, at_once: bool = False) -> None:
        """Keep what the script prints; there is nothing to hand on."""
        if self._most_bytes and len(self._written) + len(text) > self._most_bytes:
            self._written += text[: self._most_bytes - len(self._written)]
            raise OutputFull(self._most_bytes)
        self._written += text

    def write_error(self, text: bytes) -> None:
        """Keep what the script says of errors, behind everything printed before."""
        self.write(text)

    def flush(self) -> None:
        """See `Streams.flush`: nothing leaves, so nothing is held back."""


def _nothing_to_settle() -> None:
    return


def _write_whole(stream: BinaryIO, text: bytes) -> None:
    """Write all of it: a stream without a buffer (`PYTHONUNBUFFERED`) may take only a part at a time."""
    written = stream.write(text)
    while written != len(text):
        text = text[written:]
        written = stream.write(text)
