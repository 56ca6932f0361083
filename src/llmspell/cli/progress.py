"""How does a person at a terminal see that something long goes on?"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from llmspell.cli.output import Output

Item = TypeVar("Item")

_QUIET_SECONDS = 0.5
_STEP_SECONDS = 0.1


class Progress:
    """A `with` block in which `count` passes items on, and shows how many there were once they take a moment.

    It is shown on standard error, if that is a terminal, from half a second on, and gone at the end
    of the block; `hidden` keeps it away from results that go to the same terminal. rich, which
    draws it, is imported when there is something to draw.
    """

    def __init__(self, words: str, output: Output, *, hidden: bool = False) -> None:
        self.number = 0
        """How many items have passed."""
        self._words = words
        self._coloured = output.colours(sys.stderr)
        self._hidden = hidden or not sys.stderr.isatty()
        self._advance: Callable[[], None] | None = None
        self._stop: Callable[[], None] | None = None

    def count(self, items: Iterable[Item]) -> Iterator[Item]:
        """Give the items, one by one, and count them."""
        due = time.monotonic() + _QUIET_SECONDS
        for item in items:
            self.number += 1
            yield item
            if not self._hidden and time.monotonic() >= due:
                due = time.monotonic() + _STEP_SECONDS
                self._show()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stop is not None:
            self._stop()

    def _show(self) -> None:
        if self._advance is None:
            self._advance = self._start()
        self._advance()

    def _start(self) -> Callable[[], None]:
        from rich import progress
        from rich.console import Console

        shown = progress.Progress(
            progress.SpinnerColumn(),
            progress.TextColumn("{task.description}"),
            progress.TextColumn("{task.completed:,.0f} entries"),
            progress.TimeElapsedColumn(),
            console=Console(stderr=True, no_color=not self._coloured),
            transient=True,
        )
        task = shown.add_task(self._words, total=None)
        shown.start()
        self._stop = shown.stop
        return lambda: shown.update(task, completed=self.number)
