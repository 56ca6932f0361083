"""How does a script run without being able to run for ever?

The script runs in a thread of its own; the caller's thread watches the clock and the keyboard. When
time is up (or Ctrl-C comes), the script is asked to stop: it does so at its next call or counted
instruction. A script that makes none, inside one endless pattern match say, cannot be stopped from
within the process. The command then ends the process: what the script saved until then is saved.
"""

from __future__ import annotations

import threading

from llmspell.quick_typing import TYPE_CHECKING
from llmspell.scripting.registry import adapter_of
from llmspell.scripting.run import Run, Script

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from llmspell.config import ScriptSettings
    from llmspell.store import Store

__all__ = ["Script", "execute_script", "start_thread", "watch"]

GRACE_SECONDS = 0.5
"""How long a script that was asked to stop may take to do so."""

STACK_BYTES = 8_388_608
"""Enough for whatever depth a language allows; what the system would give depends on `ulimit -s`."""

_stack_size = threading.Lock()
"""The size is one for all threads that start: whoever sets it must have started his own before another one does."""


def execute_script(
    script: Script,
    language: str,
    store: Store | None,
    settings: ScriptSettings,
    *,
    abandon: Callable[[BaseException], NoReturn],
) -> int:
    """Run the script to its end and give the exit code it asked for (0 when it asked for none).

    Without a store the script has no `State`. Raises `ScriptError`, `LimitExceeded`,
    `KeyboardInterrupt`, and `BrokenPipeError` when nobody reads the output any more. A script that
    does not stop when asked is left to `abandon`, which must end the process at once: the script
    may hold the writer's turn, so not even the store can be closed.
    """
    run = Run(script, store, settings)
    if not watch(run, language):
        _finish_beside(run)
        abandon(run.stop or KeyboardInterrupt())
    return run.exit_code


def watch(run: Run, language: str) -> bool:
    """Execute the run in a thread of its own, wait for its end, and raise what it ends with.

    Tells whether it has ended, by itself or by `SystemExit`. A run that was asked to stop and does not is left
    alone: then `run.stop` says why it was asked.
    """
    adapter = adapter_of(language)
    failures: list[BaseException] = []
    # What a thread says of itself is wrong once a `join` was interrupted.
    ended, finished = threading.Event(), threading.Event()

    def execute() -> None:
        try:
            adapter.execute(run)
        except BaseException as error:  # noqa: BLE001 - handed to the watching thread
            failures.append(error)
        finally:
            ended.set()
        try:
            run.finish()
        except BaseException as error:  # noqa: BLE001 - as above
            failures.append(error)
        finally:
            finished.set()

    seconds = run.settings.timeout_seconds
    try:
        start_thread(execute)
        if not ended.wait(min(seconds, threading.TIMEOUT_MAX) or None):
            run.exceed(f"it ran longer than {seconds:g} s", "[runtime] script_timeout_seconds")
            ended.wait(GRACE_SECONDS)
        if ended.is_set():
            finished.wait()  # however slow the disk is; the script's own time is over
    except KeyboardInterrupt as interrupt:
        run.stop = interrupt
        _wait_once_more(finished)
    if not finished.is_set():
        return False
    if isinstance(run.stop, SystemExit):
        return True
    if run.stop is not None:
        raise run.stop
    if failures:
        raise failures[0]
    return True


def start_thread(execute: Callable[[], None]) -> None:
    """Run it in a thread that has stack enough and that no end of the process waits for."""
    with _stack_size:
        others = threading.stack_size(STACK_BYTES)
        try:
            threading.Thread(target=execute, name="script", daemon=True).start()
        finally:
            threading.stack_size(others)


def _finish_beside(run: Run) -> None:
    """Let out what a script had printed that is still at it. Whoever does not want to wait for the disk interrupts."""
    finished = threading.Event()

    def finish() -> None:
        try:
            run.finish()
        finally:
            finished.set()

    start_thread(finish)
    try:
        finished.wait()
    except KeyboardInterrupt:
        return


def _wait_once_more(finished: threading.Event) -> None:
    """Give the script a moment to end and to finish; whoever interrupts again does not want to wait."""
    try:
        finished.wait(GRACE_SECONDS)
    except KeyboardInterrupt:
        return
