"""What is known of one run of a script? What it was given, where it writes, whether it must stop."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from llmspell.errors import LimitExceeded, ScriptError

if TYPE_CHECKING:
    from typing import BinaryIO

    from llmspell.config import ScriptSettings
    from llmspell.store import Store


class Script(NamedTuple):
    """A script to run. `name` is how errors call it; `folder` is where it may load modules from."""

    source: bytes
    name: str
    folder: str
    arguments: tuple[str, ...] = ()


class Run:
    """One run. The script's thread asks `stop`; another thread may set it, and the script then ends soon."""

    def __init__(self, script: Script, store: Store | None, settings: ScriptSettings) -> None:
        self.script = script
        self.store = store
        self.settings = settings
        self.exit_code = 0
        self.stop: BaseException | None = None
        """Why the script must end: a `ScriptError`, `KeyboardInterrupt`, `BrokenPipeError`, or `SystemExit`."""
        self._limit = ""

    def write(self, text: bytes, *, at_once: bool = False) -> None:
        """Write to standard output, in order with everything else; a terminal sees it at once."""
        try:
            _write_whole(sys.stdout.buffer, text)
            if at_once or self._interactive:
                sys.stdout.buffer.flush()
        except OSError as error:
            self._lose("standard output", error)

    def write_error(self, text: bytes) -> None:
        """Write to standard error, after everything already written to standard output."""
        try:
            sys.stdout.buffer.flush()
            _write_whole(sys.stderr.buffer, text)
            sys.stderr.buffer.flush()
        except OSError as error:
            self._lose("standard error", error)

    def exceed(self, limit: str, setting: str) -> LimitExceeded:
        """Stop the script because of a limit; `setting` is the key of the configuration that raises it."""
        self._limit = f"stopped: {limit}; {setting} in the configuration changes that"
        self.stop = LimitExceeded(f"{self.script.name}: {self._limit}")
        return self.stop

    def note_position(self, where: bytes) -> None:
        """Add to the reason of the stop where in the script it took effect."""
        if where and isinstance(self.stop, LimitExceeded):
            self.stop = LimitExceeded(f"{where.decode(errors='backslashreplace')}: {self._limit}")

    def exit(self, code: int) -> None:
        """Stop the script because it asked to end."""
        self.exit_code = code
        self.stop = SystemExit(code)

    def fail(self, reason: str) -> None:
        """Stop the script because of something outside of it."""
        self.stop = ScriptError(f"{self.script.name}: {reason}")

    @cached_property
    def _interactive(self) -> bool:  # asked at the first write: a run that writes nothing needs no output
        return sys.stdout.isatty()

    def _lose(self, what: str, error: OSError) -> None:
        if isinstance(error, BrokenPipeError):
            self.stop = error
        else:
            self.fail(f"{what} cannot be written: {error.strerror or error}")


def _write_whole(stream: BinaryIO, text: bytes) -> None:
    """Write all of it: a stream without a buffer (`PYTHONUNBUFFERED`) may take only a part at a time."""
    written = stream.write(text)
    while written != len(text):
        text = text[written:]
        written = stream.write(text)
