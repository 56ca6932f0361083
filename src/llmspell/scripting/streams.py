"""Where does what a script prints go? To the process's own streams, or into memory for whoever runs it."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from typing import BinaryIO


class Streams(Protocol):
    """A script's output. Both kinds keep their order to each other; what cannot be written raises `OSError`."""

    def write(self, text: bytes, *, at_once: bool = False) -> None:
        """Take what the script prints; `at_once` hands on what is still held back."""

    def write_error(self, text: bytes) -> None:
        """Take what the script says of errors, after everything printed before."""


class StandardStreams:
    """Standard output and standard error of the process; a terminal sees at once what is printed."""

    def write(self, text: bytes, *, at_once: bool = False) -> None:
        """Write to standard output."""
        _write_whole(sys.stdout.buffer, text)
        if at_once or self._interactive:
            sys.stdout.buffer.flush()

    def write_error(self, text: bytes) -> None:
        """Write to standard error, after everything already written to standard output."""
        sys.stdout.buffer.flush()
        _write_whole(sys.stderr.buffer, text)
        sys.stderr.buffer.flush()

    @cached_property
    def _interactive(self) -> bool:  # asked at the first write: a run that writes nothing needs no output
        return sys.stdout.isatty()


def _write_whole(stream: BinaryIO, text: bytes) -> None:
    """Write all of it: a stream without a buffer (`PYTHONUNBUFFERED`) may take only a part at a time."""
    written = stream.write(text)
    while written != len(text):
        text = text[written:]
        written = stream.write(text)
