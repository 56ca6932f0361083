"""What is known of one run of a script? What it was given, where it writes, whether it must stop."""

from __future__ import annotations

from llmspell.errors import LimitExceeded, ScriptError, StoreClosed, StoreError
from llmspell.quick_typing import TYPE_CHECKING, NamedTuple
from llmspell.scripting.streams import OutputFull, StandardStreams

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.config import ScriptSettings
    from llmspell.scripting.streams import Streams
    from llmspell.store import Store


class Script(NamedTuple):
    """A script to run. `name` is how errors call it; `folder` is where it may load modules from.

    `path` is the file that the text is from, None when it is from elsewhere.
    """

    source: bytes
    name: str
    folder: str
    arguments: tuple[str, ...] = ()
    path: str | None = None


def in_configuration(setting: str) -> str:
    """Say where a limit is changed, to whoever runs scripts with a configuration.

    >>> in_configuration("[engines.lua] memory_limit")
    '[engines.lua] memory_limit in the configuration changes that'
    """
    return f"{setting} in the configuration changes that"


class Run:
    """One run. The script's thread asks `stop`; another thread may set it, and the script then ends soon.

    An `isolated` run reaches nothing of the process that it is in: no variable of the environment, and no standard
    input. `advise` says where a limit is changed, given its key in the configuration.
    """

    def __init__(
        self,
        script: Script,
        store: Store | None,
        settings: ScriptSettings,
        streams: Streams | None = None,
        *,
        isolated: bool = False,
        wants_result: bool = False,
        advise: Callable[[str], str] = in_configuration,
    ) -> None:
        self.script = script
        self.store = store
        self.settings = settings
        self.streams: Streams = streams or StandardStreams(self._settle_store)
        self.isolated = isolated
        self.wants_result = wants_result
        """Whether the language is to put what the script gives into `result`."""
        self.result: bytes | None = None
        """What the script gave, as JSON text; None for nothing."""
        self.exit_code = 0
        self.on_stop: Callable[[], None] = _nothing
        """What a language does to end its script from another thread, where asking `stop` is not enough."""
        self._stop: BaseException | None = None
        self._advise = advise
        self._limit = ""

    @property
    def without_state(self) -> str:
        """Why the script has no `State`, when it has none."""
        return "it was given no store" if self.isolated else "[state] enabled = false in the configuration"

    @property
    def stop(self) -> BaseException | None:
        """Why the script must end.

        A `ScriptError`, `StoreError`, `KeyboardInterrupt`, `BrokenPipeError`, or `SystemExit`.
        """
        return self._stop

    @stop.setter
    def stop(self, reason: BaseException | None) -> None:
        self._stop = reason
        if reason is not None:
            self.on_stop()

    def write(self, text: bytes, *, at_once: bool = False) -> None:
        """Write to the script's output; what cannot be written stops the run."""
        self._let_out(lambda: self.streams.write(text, at_once=at_once), "standard output")

    def write_error(self, text: bytes) -> None:
        """Write to the script's error output, after everything already written."""
        self._let_out(lambda: self.streams.write_error(text), "standard error")

    def settle(self) -> None:
        """Settle the store before the script does something that is seen outside; a store that cannot be stops it."""
        self._let_out(self._settle_store, "the store")

    def finish(self) -> None:
        """Hand on what is held back of the output, and settle the store: called once the script has ended."""
        self._let_out(self.streams.flush, "standard output")
        self.settle()

    def exceed(self, limit: str, setting: str) -> LimitExceeded:
        """Stop the script because of a limit; `setting` is the key of the configuration that raises it."""
        self._limit = f"stopped: {limit}; {self._advise(setting)}"
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

    def _settle_store(self) -> None:
        try:
            if self.store is not None:
                self.store.settle()
        except StoreClosed:
            return  # it was settled when it was closed

    def _let_out(self, leave: Callable[[], None], what: str) -> None:
        try:
            leave()
        except OutputFull as full:
            self.exceed(f"it printed more than {full.most_bytes:,} bytes", "output_bytes")
        except StoreError as error:
            self.stop = error
        except OSError as error:
            self._lose(what, error)

    def _lose(self, what: str, error: OSError) -> None:
        if isinstance(error, BrokenPipeError):
            self.stop = error
        else:
            self.fail(f"{what} cannot be written: {error.strerror or error}")


def _nothing() -> None:
    return
