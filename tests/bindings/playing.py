"""How does a script run beside the tests? Through the real adapter, with what it prints kept in memory."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

from llmspell.config import ScriptSettings
from llmspell.scripting.registry import adapter_of
from llmspell.scripting.run import Run, Script
from llmspell.scripting.running import start_thread
from tests.bindings.comparing import Outcome, outcome_of

if TYPE_CHECKING:
    import llmspell

PATIENCE_SECONDS = 60.0


class Kept:
    """The streams of a script, in memory."""

    def __init__(self) -> None:
        self.printed = b""

    def write(self, text: bytes, *, at_once: bool = False) -> None:
        self.printed += text

    def write_error(self, text: bytes) -> None:
        self.printed += text

    def flush(self) -> None:
        """Nothing is held back."""


def play(language: str, text: str, store: llmspell.Store, name: str) -> str:
    """Run the script to its end and give what it printed; what it raises is raised."""
    streams, failures, ended = Kept(), list[BaseException](), threading.Event()
    run = Run(Script(text.encode(), name, "."), store, ScriptSettings(), streams)

    def execute() -> None:
        try:
            adapter_of(language).execute(run)
        except BaseException as error:  # noqa: BLE001 - raised again in the test's thread
            failures.append(error)
        finally:
            ended.set()

    start_thread(execute)
    assert ended.wait(PATIENCE_SECONDS), f"{name} does not end"
    if failures:
        raise failures[0]
    return streams.printed.decode(errors="replace")


def outcomes_of(printed: str) -> list[Outcome]:
    """Read the outcomes, one a line."""
    return [outcome_of(json.loads(line)) for line in printed.split("\n") if line]
