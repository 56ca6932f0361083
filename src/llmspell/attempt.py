"""What is one run of a transaction? A block that commits at its end, and knows which one it is inside of."""

from __future__ import annotations

from contextvars import ContextVar

from llmspell.quick_typing import TYPE_CHECKING
from llmspell.state import State
from llmspell.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from llmspell.backends.base import Backend


class Attempt:
    """One run of a transaction: a `with` block that commits at its end, or forgets everything on an error.

    With `alone`, the block has the writer's turn, so that nothing can overtake it. Whoever repeats
    a transaction himself asks `overtaken` afterwards whether another run can help.
    """

    def __init__(
        self, store: object, backend: Backend, clock: Callable[[], float], max_value_bytes: int, alone: bool
    ) -> None:
        self.store = store
        self.outer: Attempt | None = None
        self.overtaken = False
        self.transaction: Transaction
        self.state: State
        self._backend = backend
        self._clock = clock
        self._max_value_bytes = max_value_bytes
        self._turn = backend.turn() if alone else None

    def __enter__(self) -> Attempt:
        self.outer = innermost.get()
        try:
            if self._turn is not None:
                self._turn.__enter__()
            transaction = self.transaction = Transaction(self._backend, self._clock())
            self.state = State(transaction, lambda: transaction.now, self._max_value_bytes)
            innermost.set(self)
        except BaseException:
            innermost.set(self.outer)
            self._end_turn()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        innermost.set(self.outer)
        try:
            if kind is None:
                self.transaction.finish()
            else:
                self.transaction.abandon()
        finally:
            self.overtaken = self.transaction.overtaken is not None
            self._end_turn()

    def _end_turn(self) -> None:
        if self._turn is not None:
            self._turn.__exit__(None, None, None)


innermost: ContextVar[Attempt | None] = ContextVar("llmspell_transaction", default=None)
"""The transactions that run in this thread or task, as a chain from the innermost outwards."""
