"""What do users hold? The open store: the verbs, transactions, snapshots, and the way to close it."""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext
from functools import partial

from llmspell import arguments, codec
from llmspell.attempt import Attempt, innermost
from llmspell.errors import InvalidArgument
from llmspell.limits import MAX_VALUE_BYTES, TRANSACTION_ATTEMPTS
from llmspell.neighbours import Neighbours
from llmspell.quick_typing import TYPE_CHECKING, overload
from llmspell.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import TypeVar

    from llmspell.backends.base import Backend, Capabilities, Reader, Statistics
    from llmspell.backups.results import Restored
    from llmspell.backups.verbs import Backups
    from llmspell.batch import Batch, Commit
    from llmspell.entry import Change, JsonValue
    from llmspell.history.points import At
    from llmspell.history.results import Difference, Points, Version
    from llmspell.history.verbs import History
    from llmspell.migrations.verbs import Migrations
    from llmspell.state import Default, Gate

    Result = TypeVar("Result")


class Store(Neighbours):
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
        history_days: int = 0,
    ) -> None:
        if history_days and not backend.capabilities.history:
            raise InvalidArgument(
                f"history_days = {history_days} was asked for, but this backend keeps no history; "
                "open the store with another backend, or without history_days"
            )
        super().__init__(
            *(backend, clock, max_value_bytes),
            None if migrations is None else partial(migrations, self),
            None if backups is None else partial(backups, self),
        )
        self._backend = backend
        self._history_days = history_days
        self._past: History | None = None

    @overload
    def load(self, scope: str, key: str, *, at: At | None = None) -> JsonValue: ...
    @overload
    def load(self, scope: str, key: str, default: Default, *, at: At | None = None) -> JsonValue | Default: ...
    def load(self, scope: str, key: str, default: object = None, *, at: At | None = None) -> object:
        """Give the value, or `default` when there is no live entry; with `at` the value of an earlier point.

        A point is a version (a whole number below 1,000,000,000), epoch seconds (any other number), a
        `datetime`, an ISO 8601 text (without a zone it is local time), or said at length: `{"version": 17}`,
        `{"time": 1700000000}`. At a version the state is meant that it left behind. With `at` committed state is
        read, even inside a transaction. Raises `HistoryError` when the store keeps no history or does not
        know that point.

        >>> store = llmspell.open(backend="memory", history_days=30)
        >>> first, second = store.save("app", "theme", "dark"), store.save("app", "theme", "light")
        >>> store.load("app", "theme"), store.load("app", "theme", at=first)
        ('light', 'dark')
        """
        if at is not None:
            text = self._history().load_json(scope, key, at)
            return default if text is None else codec.decode(text)
        # Not the inherited method where it can be avoided: everybody loads, and one more call in it would be felt.
        if innermost.get() is not None:
            return super().load(scope, key, default)
        try:
            stored = self._backend.get(scope, key, self._clock()) if type(scope) is type(key) is str else None
        except UnicodeEncodeError:
            stored = None
        if stored is None:
            arguments.require_names(scope, key)  # what is found has names that were accepted once
            return default
        return codec.decode(stored.value)

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
        Raises `InvalidArgument` for an `async def`.

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
            return arguments.ended(fn(outer.state))
        before = innermost.get()
        try:
            for _ in range(TRANSACTION_ATTEMPTS):
                attempt = self.attempt()
                try:
                    with attempt:
                        return arguments.ended(fn(attempt.state))
                except Exception:
                    if not attempt.overtaken:
                        raise
            with self.attempt(alone=True) as attempt:
                return arguments.ended(fn(attempt.state))
        finally:
            innermost.set(before)  # once more, in case a signal's error kept the attempt from doing so

    def attempt(self, *, alone: bool = False) -> Attempt:
        """Give one run of a transaction, for callers that repeat it themselves (see `Attempt`)."""
        return Attempt(self, self._backend, self._clock, self._max_value_bytes, alone)

    @contextmanager
    def snapshot(self) -> Iterator[State]:
        """Give a state that shows one moment of the store until the block ends; it cannot be written to."""
        now = self._clock()
        with self._backend.snapshot() as reader:
            yield State(_Snapshot(reader), lambda: now, self._max_value_bytes)

    def flush(self) -> None:
        """Return when everything acknowledged so far is on the disk, in every durability."""
        self._backend.flush()

    def settle(self) -> None:
        """With durability "output", do what `flush` does before anybody outside learns of what was saved or read.

        Scripts have it called for them before their output leaves. It is quick when nothing has happened since the
        last time; in the other durabilities it does nothing.
        """
        self._backend.settle()

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

    def history(self, scope: str, key: str, *, limit: int | None = 100) -> list[Version]:
        """Give what is known of an entry, newest first, the present value included, at most `limit` (None: all).

        What was replaced or deleted is known for `history_days`. A deletion is told as a `Version` of its own.
        Committed state is read, even inside a transaction. Raises `HistoryError` when the store keeps no history.

        >>> store = llmspell.open(backend="memory", history_days=30)
        >>> _ = store.save("app", "theme", "dark"), store.delete("app", "theme")
        >>> [(version.version, version.value, version.deleted) for version in store.history("app", "theme")]
        [(2, None, True), (1, 'dark', False)]
        """
        return self._history().history(scope, key, limit=limit)

    def diff(self, scope: str, from_: At, to: At | None = None) -> list[Difference]:
        """Give what differs in a scope between two points (see `load`), in byte order of the keys; `to` None is now.

        Committed state is read, even inside a transaction. Raises `HistoryError` when the store keeps no history or
        does not know a point.

        >>> store = llmspell.open(backend="memory", history_days=30)
        >>> first, second = store.save("app", "theme", "dark"), store.save("app", "theme", "light")
        >>> store.diff("app", first)
        [Difference(key='theme', change='changed', before='dark', after='light')]
        """
        return self._history().diff(scope, from_, to)

    def restore_points(self) -> Points:
        """Tell which versions and moments can be named; raises `HistoryError` when the store keeps no history."""
        return self._history().restore_points()

    def stop_history(self) -> None:
        """Throw away all replaced and deleted values, and keep no more of them, as one atomic step.

        This store, opened with `history_days` or not, begins no new history; the next one that is opened with
        `history_days` does.
        """
        self._history().stop()

    @property
    def history_days(self) -> int:
        """For how many days this program asks the store to keep what is replaced and deleted; 0: it does not ask."""
        return self._history_days

    @property
    def history_enabled(self) -> bool:
        """Whether replaced and deleted values are kept, or will be from the next write on."""
        return self._history().enabled()

    def statistics(self) -> Statistics:
        """Count what is in the store; reads all of it."""
        return self._backend.statistics(self._clock())

    def restore(
        self,
        at: At,
        *,
        scopes: Sequence[str] | str | None = None,
        keys: Sequence[str] | str | None = None,
        exclude: Sequence[str] | str | None = None,
        into: str | None = None,
        dry_run: bool = False,
        force: bool = False,
        progress: Callable[[int, int], object] | None = None,
    ) -> Restored:
        """Make the store what it was at a point of its history (see `load`), in one atomic step.

        The arguments are those of `Backups.restore_backup`. Where backups are on, one is made first, and the result
        names it; in any case the version before the restore is a point that one can go back to. Raises
        `HistoryError` when the store does not know that point.

        >>> store = llmspell.open(backend="memory", history_days=30)
        >>> first = store.save("app", "theme", "dark")
        >>> _ = store.clear("app")
        >>> store.restore(first).entries_restored, store.load("app", "theme")
        (1, 'dark')
        """
        from llmspell.backups.moments import restore_moment
        from llmspell.backups.restore import request_of

        if self.in_transaction:
            raise InvalidArgument("restore cannot run inside a transaction; end the transaction first")
        request = request_of(scopes, keys, exclude, into, dry_run, self._max_value_bytes)

        def undoable(description: str) -> AbstractContextManager[str | None]:
            return self.backups.undoable(description, force=force) if self.backup_enabled else nullcontext()

        chain = (lambda: self.migrations.chain()) if self.migration_enabled else None
        return restore_moment(self._backend, self._history(), at, request, chain, self._clock, undoable, progress)

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
        attempt = innermost.get()
        if attempt is None:
            return self._backend
        current = self._current()
        return self._backend if current is None else current.transaction

    def _current(self) -> Attempt | None:
        """Give the running transaction of this store in this thread or task."""
        attempt = innermost.get()
        while attempt is not None and (attempt.store is not self or attempt.transaction.over):
            attempt = attempt.outer
        return attempt

    def _history(self) -> History:
        if self._past is None:
            from llmspell.history.verbs import History

            self._past = History(self._backend, self._clock, self._history_days)
        return self._past

    @contextmanager
    def _transaction_block(self) -> Iterator[State]:
        outer = self._current()
        if outer is not None:
            yield outer.state
            return
        with self.attempt() as attempt:
            yield attempt.state


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
