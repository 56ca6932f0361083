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
    """A `with` block that shows how many items there were, once they take a moment.

    `count` passes items on and counts them; `reach` is told how many there were, and out of how many.

    It is shown on standard error, if that is a terminal, from half a second on, and gone at the end
    of the block; `hidden` keeps it away from results that go to the same terminal. `unit` is what
    the items are called. rich, which draws it, is imported when there is something to draw.
    """

    def __init__(self, words: str, output: Output, *, hidden: bool = False, unit: str = "entries") -> None:
        self.number = 0
        """How many items have passed."""
        self._total: int | None = None
        self._words = words
        self._unit = unit
        self._coloured = output.colours(sys.stderr)
        self._hidden = hidden or not sys.stderr.isatty()
        self._advance: Callable[[], None] | None = None
        self._stop: Callable[[], None] | None = None
        self._began = 0.0
        self._due: float | None = None

    def count(self, items: Iterable[Item]) -> Iterator[Item]:
        """Give the items, one by one, and count them."""
        self._begin()
        for item in items:
            self.number += 1
            yield item
            self._show_when_due()

    def reach(self, number: int, total: int) -> None:
        """Take note that so many items of `total` are done; a bar shows how far that is."""
        self.number, self._total = number, total
        self._begin()
        self._show_when_due()

    def give_way(self) -> None:
        """Take the bar away, so that lines can be printed where it stands; it comes back when there is more to tell."""
        if self._stop is not None:
            self._stop()
        self._stop = self._advance = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stop is not None:
            self._stop()

    def _begin(self) -> None:
        if self._due is None:
            self._began = time.monotonic()
            self._due = self._began + _QUIET_SECONDS

    def _show_when_due(self) -> None:
        if not self._hidden and self._due is not None and time.monotonic() >= self._due:
            self._due = time.monotonic() + _STEP_SECONDS
            self._show()

    def _show(self) -> None:
        if self._advance is None:
            self._advance = self._start()
        self._advance()

    def _start(self) -> Callable[[], None]:
        from rich import progress
        from rich.console import Console

        counted: tuple[progress.ProgressColumn, ...] = (progress.TextColumn(f"{{task.completed:,.0f}} {self._unit}"),)
        if self._total is not None:
            counted = (
                progress.BarColumn(),
                progress.TextColumn(f"{{task.completed:,.0f}} of {{task.total:,.0f}} {self._unit}"),
                progress.TextColumn("{task.fields[rate]}"),
            )
        shown = progress.Progress(
            progress.SpinnerColumn(),
            progress.TextColumn("{task.description}"),
            *counted,
            progress.TimeElapsedColumn(),
            console=Console(stderr=True, no_color=not self._coloured),
            transient=True,
        )
        task = shown.add_task(self._words, total=self._total, completed=self.number, rate="")
        shown.tasks[0].start_time = self._began
        shown.start()
        self._stop = shown.stop
        return lambda: shown.update(task, completed=self.number, rate=self._rate())

    def _rate(self) -> str:
        """Spell how many items a second there were since the beginning, nothing when it was not even one."""
        seconds = time.monotonic() - self._began
        return f"{self.number / seconds:,.0f}/s" if self.number >= seconds > 0 else ""
