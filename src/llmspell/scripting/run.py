"""What is known of one run of a script? What it was given, where it writes, whether it must stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from llmspell.errors import LimitExceeded, ScriptError
from llmspell.scripting.streams import StandardStreams

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.config import ScriptSettings
    from llmspell.scripting.streams import Streams
    from llmspell.store import Store


class Script(NamedTuple):
    """A script to run. `name` is how errors call it; `folder` is where it may load modules from."""

    source: bytes
    name: str
    folder: str
    arguments: tuple[str, ...] = ()


class Run:
    """One run. The script's thread asks `stop`; another thread may set it, and the script then ends soon."""

    def __init__(
        self, script: Script, store: Store | None, settings: ScriptSettings, streams: Streams | None = None
    ) -> None:
        self.script = script
        self.store = store
        self.settings = settings
        self.streams: Streams = streams or StandardStreams()
        self.exit_code = 0
        self.on_stop: Callable[[], None] = _nothing
        """What a language does to end its script from another thread, where asking `stop` is not enough."""
        self._stop: BaseException | None = None
        self._limit = ""

    @property
    def stop(self) -> BaseException | None:
        """Why the script must end: a `ScriptError`, `KeyboardInterrupt`, `BrokenPipeError`, or `SystemExit`."""
        return self._stop

    @stop.setter
    def stop(self, reason: BaseException | None) -> None:
        self._stop = reason
        if reason is not None:
            self.on_stop()

    def write(self, text: bytes, *, at_once: bool = False) -> None:
        """Write to the script's output; what cannot be written stops the run."""
        try:
            self.streams.write(text, at_once=at_once)
        except OSError as error:
            self._lose("standard output", error)

    def write_error(self, text: bytes) -> None:
        """Write to the script's error output, after everything already written."""
        try:
            self.streams.write_error(text)
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
            self._stop = LimitExceeded(f"{where.decode(errors='backslashreplace')}: {self._limit}")

    def exit(self, code: int) -> None:
        """Stop the script because it asked to end."""
        self.exit_code = code
        self.stop = SystemExit(code)

    def fail(self, reason: str) -> None:
        """Stop the script because of something outside of it."""
        self.stop = ScriptError(f"{self.script.name}: {reason}")

    def _lose(self, what: str, error: OSError) -> None:
        if isinstance(error, BrokenPipeError):
            self.stop = error
        else:
            self.fail(f"{what} cannot be written: {error.strerror or error}")


def _nothing() -> None:
    return
