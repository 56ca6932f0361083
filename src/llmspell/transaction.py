"""How do many reads and writes become one step? The optimistic transaction.

It remembers the version of everything it read and keeps its writes to itself; at the end one batch
asks the backend to check the former and apply the latter. No lock is held meanwhile.

Reads are consistent all along: after each one the store's version is looked at, and when it has
moved, everything read so far is checked again, in one step (the lazy snapshot of Riegel, Felber
and Fetzer, DISC 2006). So code inside a transaction never sees half of another's.
"""

from __future__ import annotations

from contextlib import nullcontext

from llmspell.batch import Batch, Check, Commit, Delete, EntryCheck, KeysCheck, Mutation, Put, ScopesCheck
from llmspell.entry import Stored
from llmspell.errors import Conflict, StoreClosed
from llmspell.quick_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import TypeGuard

    from llmspell.backends.base import Backend

OWN_WRITE = 0
"""The version of an entry that the transaction has written itself: the real one comes with the commit."""


class Transaction:
    """One attempt. It has the reads and the `commit` of a backend, so the verbs work on it unchanged.

    Its moment `now` is fixed: an entry does not expire while the transaction runs.
    """

    def __init__(self, backend: Backend, now: float) -> None:
        self.now = now
        self.over = False
        self.overtaken: Conflict | None = None
        """Set once somebody else has changed what was read: only running it again helps."""
        self._backend = backend
        self._seen = backend.version()
        self._read: dict[tuple[str, str], Stored | None] = {}
        self._listed: list[Check] = []
        self._written: dict[tuple[str, str], Mutation] = {}

    def get(self, scope: str, key: str, now: float) -> Stored | None:
        """Give the live entry as this transaction sees it, its own writes included."""
        self._refuse_ended()
        written = self._written.get((scope, key))
        if written is None:
            return self._get_committed(scope, key)
        if not self._lives(written):
            return None
        created_at = written.created_at
        if created_at is None:
            before = self._get_committed(scope, key)
            created_at = before.created_at if before else self.now
        updated_at = self.now if written.updated_at is None else written.updated_at
        return Stored(scope, key, written.value, OWN_WRITE, created_at, updated_at, written.expires_at)

    def keys(self, scope: str, prefix: str, after: str | None, limit: int | None, now: float) -> list[str]:
        """Give the keys as this transaction sees them; the listing is checked at the commit."""
        self._refuse_ended()
        own = {key: mutation for (of, key), mutation in self._written.items() if of == scope}
        gone = {key for key, mutation in own.items() if not self._lives(mutation)}
        enough = None if limit is None else limit + len(gone)
        committed = self._backend.keys(scope, prefix, after, enough, self.now)
        self._listed.append(KeysCheck(scope, prefix, after, enough, tuple(committed)))
        self._settle()
        if not own:
            return committed
        added = {key for key in own if key.startswith(prefix) and (after is None or key > after)}
        return sorted((added | set(committed)) - gone)[:limit]

    def scopes(self, prefix: str, now: float) -> list[str]:
        """Give the scopes as this transaction sees them; the listing is checked at the commit."""
        self._refuse_ended()
        committed = self._backend.scopes(prefix, self.now)
        self._listed.append(ScopesCheck(prefix, tuple(committed)))
        self._settle()
        seen = set(committed)
        for scope in {scope for scope, _ in self._written if scope.startswith(prefix)}:
            if self.keys(scope, "", None, 1, self.now):
                seen.add(scope)
            else:
                seen.discard(scope)
        return sorted(seen)

    def commit(self, batch: Batch) -> Commit:
        """Check the batch against what this transaction sees and keep its mutations for the end."""
        self._refuse_ended()
        for check in batch.checks:
            if isinstance(check, EntryCheck):
                self._hold(check)
        removed = 0
        for mutation in batch.mutations:
            if isinstance(mutation, Delete) and self.get(mutation.scope, mutation.key, self.now) is not None:
                removed += 1
            self._write(mutation)
        return Commit(OWN_WRITE, removed)

    def turn(self) -> AbstractContextManager[None]:
        """Nothing to wait for: nobody else sees or changes what this transaction has."""
        return nullcontext()

    def finish(self) -> Commit:
        """Check everything read and apply everything written, as one step; raises `Conflict` when overtaken."""
        self._refuse_ended()
        self.over = True
        if not self._written:
            return Commit(self._seen, 0)  # all reads were of one moment: that is when it happened
        try:
            return self._backend.commit(Batch(self.now, tuple(self._written.values()), self._checks()))
        except Conflict as conflict:
            self.overtaken = conflict
            raise

    def abandon(self) -> None:
        """Forget everything."""
        self.over = True

    def _write(self, mutation: Mutation) -> None:
        place = mutation.scope, mutation.key
        before = self._written.get(place)
        if before is not None and isinstance(mutation, Put) and mutation.created_at is None:
            # A new entry after a deletion; else what stands there goes on, though its Put is not sent.
            mutation = mutation._replace(created_at=before.created_at if self._lives(before) else self.now)
        self._written[place] = mutation

    def _lives(self, mutation: Mutation) -> TypeGuard[Put]:
        return isinstance(mutation, Put) and (mutation.expires_at is None or mutation.expires_at > self.now)

    def _get_committed(self, scope: str, key: str) -> Stored | None:
        if (scope, key) in self._read:
            return self._read[scope, key]
        stored = self._read[scope, key] = self._backend.get(scope, key, self.now)
        self._settle()
        return stored

    def _settle(self) -> None:
        """Make sure that everything read so far was true at one moment, which may be later than before."""
        if self._backend.version() == self._seen:
            return
        try:
            self._seen = self._backend.commit(Batch(self.now, (), self._checks())).version
        except Conflict as conflict:
            self.overtaken = conflict
            raise

    def _checks(self) -> tuple[Check, ...]:
        entries = (
            EntryCheck(scope, key, stored.version if stored else 0) for (scope, key), stored in self._read.items()
        )
        return (*entries, *self._listed)

    def _hold(self, check: EntryCheck) -> None:
        stored = self.get(check.scope, check.key, self.now)
        if stored is None:
            if check.version != 0:
                raise Conflict(check.scope, check.key, check.version, 0)
        elif stored.version == OWN_WRITE:
            raise Conflict(check.scope, check.key, check.version, -1)
        elif stored.version != check.version:
            raise Conflict(check.scope, check.key, check.version, stored.version)

    def _refuse_ended(self) -> None:
        if self.over:
            raise StoreClosed("the transaction is over; use the store, or begin another transaction")
        if self.overtaken:
            raise self.overtaken
