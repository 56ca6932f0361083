"""What do users hold? The open store: the verbs, transactions, snapshots, and the way to close it."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar, overload

from llmspell.errors import InvalidArgument
from llmspell.limits import MAX_VALUE_BYTES, TRANSACTION_ATTEMPTS
from llmspell.state import State
from llmspell.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType

    from llmspell.backends.base import Backend, Capabilities, Reader, Statistics
    from llmspell.backups.verbs import Backups
    from llmspell.batch import Batch, Commit
    from llmspell.entry import Change
    from llmspell.migrations.verbs import Migrations
    from llmspell.state import Gate

Result = TypeVar("Result")


class Store(State):
    """An open store: the verbs of `State`, and what holds for all of it. Usable in `with`; safe in many threads.

    Inside a transaction, calls on the store itself belong to the transaction as well.

    >>> with llmspell.open(backend="memory") as store:
    ...     store.save("global", "greeting", "hello")
    ...     store.load("global", "greeting")
    1
    'hello'
    """

    def __init__(
        self,
        backend: Backend,
        *,
        clock: Callable[[], float] = time.time,
        max_value_bytes: int = MAX_VALUE_BYTES,
        migrations: Callable[[Store], Migrations] | None = None,
        backups: Callable[[Store], Backups] | None = None,
    ) -> None:
        super().__init__(backend, clock, max_value_bytes)
        self._backend = backend
        self._make_migrations = migrations
        self._make_backups = backups
        self._migrations: Migrations | None = None
        self._backups: Backups | None = None

    @overload
    def transaction(self, fn: Callable[[State], Result]) -> Result: ...
    @overload
    def transaction(self, fn: None = None) -> AbstractContextManager[State]: ...
    def transaction(self, fn: Callable[[State], Result] | None = None) -> Result | AbstractContextManager[State]:
        """Run everything in `fn` (or in the `with` block) as one serializable, atomic step.

        `transaction(fn)` gives what `fn` returns. When another writer changed what `fn` had read,
        `fn` runs again; after a few times it runs in the writer's turn, where nobody can overtake
        it. So `fn` should only read and write state. An error in `fn` undoes all and is raised
        again. `fn` is given the state to work on; a transaction inside a transaction joins it.

        `with store.transaction() as tx:` runs once, commits at the end of the block, and raises
        `Conflict` when another writer changed what the block had read.

        >>> store = llmspell.open(backend="memory")
        >>> def move(state):
        ...     state.increment("account", "ada", -5)
        ...     return state.increment("account", "bob", 5)
        >>> store.transaction(move)
        5
        """
        if fn is None:
            return self._transaction_block()
        outer = self._current()
        if outer is not None:
            return fn(outer.state)
        before = _innermost.get()
        try:
            for _ in range(TRANSACTION_ATTEMPTS):
                attempt = self.attempt()
                try:
                    with attempt:
                        return fn(attempt.state)
                except Exception:
                    if not attempt.overtaken:
                        raise
            with self.attempt(alone=True) as attempt:
                return fn(attempt.state)
        finally:
            _innermost.set(before)  # once more, in case a signal's error kept the attempt from doing so

    def attempt(self, *, alone: bool = False) -> Attempt:
        """Give one run of a transaction, for callers that repeat it themselves (see `Attempt`)."""
        return Attempt(self, self._backend, alone)

    @contextmanager
    def snapshot(self) -> Iterator[State]:
        """Give a state that shows one moment of the store until the block ends; it cannot be written to."""
        now = self._clock()
        with self._backend.snapshot() as reader:
            yield State(_Snapshot(reader), lambda: now, self._max_value_bytes)

    def flush(self) -> None:
        """Return when everything acknowledged so far is on the disk, in every durability."""
        self._backend.flush()

    def version(self) -> int:
        """Give the version of the last write to the store; 0 before the first."""
        return self._backend.version()

    def schema_version(self) -> str | None:
        """Give the schema version stamped in the store; None before anything is stored."""
        return self._backend.schema_version()

    def changes(self, since: int = 0) -> Iterator[Change]:
        """Give the newest write of every key written after version `since`, ordered by version.

        `Change.stored` is None for an entry that was deleted or has expired; `Change.migrated_to`
        tells the writes of migrations from those of users. Raises `ChangesForgotten` when deletions
        after `since` are no longer known (they are kept for 30 days, and at most 100,000 of them).
        """
        from llmspell.migrations import history

        with self._backend.snapshot() as reader:
            migrated = history.runs(reader)
            for change in reader.changes(since, self._clock()):
                migrated_to = migrated.get(change.version)
                yield change if migrated_to is None else change._replace(migrated_to=migrated_to)

    def statistics(self) -> Statistics:
        """Count what is in the store; reads all of it."""
        return self._backend.statistics(self._clock())

    @property
    def migrations(self) -> Migrations:
        """What changes the shape of the values. Raises `InvalidArgument` when the store was opened without."""
        if self._make_migrations is None:
            raise InvalidArgument(
                "migrations are off for this store; open it with migrations_path=..., or with "
                "migration_enabled = true in the configuration"
            )
        if self._migrations is None:
            with _making:
                self._migrations = self._migrations or self._make_migrations(self)
        return self._migrations

    @property
    def migration_enabled(self) -> bool:
        """Whether `migrations` can be used."""
        return self._make_migrations is not None

    @property
    def backups(self) -> Backups:
        """What makes, checks and restores backups. Raises `InvalidArgument` when the store was opened without."""
        if self._make_backups is None:
            raise InvalidArgument(
                "backups are off for this store; open it with backup_path=..., or with backup_enabled = true in the "
                "configuration"
            )
        if self._backups is None:
            with _making:
                self._backups = self._backups or self._make_backups(self)
        return self._backups

    @property
    def backup_enabled(self) -> bool:
        """Whether `backups` can be used."""
        return self._make_backups is not None

    @property
    def in_transaction(self) -> bool:
        """Whether this thread or task is inside a transaction of this store."""
        return self._current() is not None

    @property
    def backend(self) -> Backend:
        """The backend behind the gate, for neighbours of the store."""
        return self._backend

    @property
    def capabilities(self) -> Capabilities:
        """What the backend promises."""
        return self._backend.capabilities

    def close(self) -> None:
        """Let go of the files. Everything acknowledged is kept; a second call does nothing."""
        self._backend.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _gate(self) -> Gate:
        attempt = _innermost.get()
        if attempt is None:
            return self._backend
        current = self._current()
        return self._backend if current is None else current.transaction

    def _current(self) -> Attempt | None:
        """Give the running transaction of this store in this thread or task."""
        attempt = _innermost.get()
        while attempt is not None and (attempt.store is not self or attempt.transaction.over):
            attempt = attempt.outer
        return attempt

    def _state_of(self, transaction: Transaction) -> State:
        return State(transaction, lambda: transaction.now, self._max_value_bytes)

    @contextmanager
    def _transaction_block(self) -> Iterator[State]:
        outer = self._current()
        if outer is not None:
            yield outer.state
            return
        with self.attempt() as attempt:
            yield attempt.state


class Attempt:
    """One run of a transaction: a `with` block that commits at its end, or forgets everything on an error.

    With `alone`, the block has the writer's turn, so that nothing can overtake it. Whoever repeats
    a transaction himself asks `overtaken` afterwards whether another run can help.
    """

    def __init__(self, store: Store, backend: Backend, alone: bool) -> None:
        self.store = store
        self.outer: Attempt | None = None
        self.overtaken = False
        self.transaction: Transaction
        self.state: State
        self._backend = backend
        self._turn = backend.turn() if alone else None

    def __enter__(self) -> Attempt:
        self.outer = _innermost.get()
        try:
            if self._turn is not None:
                self._turn.__enter__()
            self.transaction = Transaction(self._backend, self.store._clock())
            self.state = self.store._state_of(self.transaction)
            _innermost.set(self)
        except BaseException:
            _innermost.set(self.outer)
            self._end_turn()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _innermost.set(self.outer)
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


class _Snapshot:
    """A gate that only reads."""

    def __init__(self, reader: Reader) -> None:
        self.get = reader.get
        self.keys = reader.keys
        self.scopes = reader.scopes

    def commit(self, batch: Batch) -> Commit:
        """Refuse."""
        raise InvalidArgument("a snapshot cannot be written to; write to the store itself")

    def turn(self) -> AbstractContextManager[object]:
        """Refuse: whoever asks for the turn is about to write."""
        raise InvalidArgument("a snapshot cannot be written to; write to the store itself")


_making = threading.RLock()
"""Held while the neighbours of a store are made, so that of two threads one makes them."""

_innermost: ContextVar[Attempt | None] = ContextVar("llmspell_transaction", default=None)
"""The transactions that run in this thread or task, as a chain from the innermost outwards."""
