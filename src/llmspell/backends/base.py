"""What must an engine be able to do? The narrow gate that every backend passes: bytes in, bytes out.

A backend knows nothing of JSON, defaults or retries; those are the store's. It knows entries,
versions, expiry and batches. `llmspell.testing.conformance` tries every promise made here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from llmspell.batch import Batch, Commit, Rewritten, Step
    from llmspell.entry import Census, Change, Stored, Written


Result = TypeVar("Result")

CLOCK_SLACK_SECONDS = 60.0
"""Writers look at the clock before their turn, so their moments may be out of order by this much."""


class Capabilities(NamedTuple):
    """What the engine promises; the store refuses what it does not, it never makes do with less."""

    persistent: bool
    """What is committed is there after the process ends."""
    shared: bool
    """Other processes can open the same store."""
    history: bool = False
    """Replaced and deleted values can be kept: `past` and `stop_history` do what they say."""


class Statistics(NamedTuple):
    """Sizes of a store, counted in one moment. Bytes are what the engine holds, not what a disk block takes."""

    entries: int
    scopes: int
    value_bytes: int
    tombstones: int
    expired: int
    """Entries past their expiry whose space is not reclaimed yet."""
    file_bytes: int
    version: int
    layout: int
    schema_version: str | None
    engine: str


class Window(NamedTuple):
    """What part of the past is known: the versions from one to the other, both included, and their moments."""

    from_version: int
    from_time: float
    to_version: int
    to_time: float
    days: int
    """How long a value that was replaced or deleted is kept."""


class Kept(NamedTuple):
    """What one version made of an entry, from then until another took its place (`until_version`; None: nothing yet).

    `at` is the moment of that version; for one from before the window, when the entry says that it was
    updated. `value` is None when the version removed the entry, or when it had expired at that moment.
    """

    version: int
    at: float
    value: bytes | None
    created_at: float
    updated_at: float
    expires_at: float | None
    until_version: int | None


class Past(Protocol):
    """Reads of what the store was. Each call sees the moment of the reader that gave this.

    A version is meant as the state that it left behind. It should lie in the window: outside of it the
    answers are not complete. `moment` (epoch seconds) decides what had expired.
    """

    def window(self) -> Window:
        """Give what can be asked for."""

    def moment_of(self, version: int) -> float:
        """Give the moment at which the store got this version, or the last one before it that was given."""

    def version_at(self, moment: float) -> int:
        """Give the last version whose moment is not later; the first of the window when all are.

        Raises `HistoryError` when the clock was set back, so that the moment was there twice.
        """

    def versions(self, scope: str, key: str, limit: int | None) -> list[Kept]:
        """Give what is known of an entry, newest first, the present included, at most `limit`."""

    def get(self, scope: str, key: str, version: int, moment: float) -> Stored | None:
        """Give the entry as it was, None when there was none."""

    def keys(self, scope: str, version: int, moment: float) -> list[tuple[str, int]]:
        """Give the keys of the scope and the versions that their entries had, in byte order of the keys."""

    def scopes(self, version: int, moment: float) -> list[str]:
        """Give the scopes that held a live entry, in byte order."""

    def written_at(self, version: int, moment: float) -> Iterator[Written]:
        """Give every entry that was live, in no order and without keeping it all in memory.

        Nothing else may be asked of the reader until the iterator has ended or is closed.
        """


class Reader(Protocol):
    """Reads that never block. `now` (epoch seconds) decides what has expired.

    `prefix` "" matches everything. Orders are byte orders of the UTF-8 text.
    """

    def get(self, scope: str, key: str, now: float) -> Stored | None:
        """Give the live entry, or None."""

    def keys(self, scope: str, prefix: str, after: str | None, limit: int | None, now: float) -> list[str]:
        """Give the keys of live entries that begin with `prefix` and come after `after`, in order."""

    def scan(self, scope: str, prefix: str, after: str | None, limit: int | None, now: float) -> list[Stored]:
        """Give the live entries that `keys` would name, in the same order."""

    def scopes(self, prefix: str, now: float) -> list[str]:
        """Give the scopes that begin with `prefix` and hold a live entry, in order."""

    def version(self) -> int:
        """Give the version of the last commit; 0 before the first."""

    def changes(self, since: int, now: float) -> Iterator[Change]:
        """Give the newest write of every key written after version `since`, by version.

        Deleted and expired entries are told as changes without an entry. Deletions are forgotten
        some time after they were made: raises `ChangesForgotten` when some after `since` are. From
        0 on, nothing can be missing.
        """

    def written(self, since: int, now: float) -> Iterator[Written]:
        """Give what `changes` would tell, in no order and without keeping it all in memory.

        Nothing else may be asked of this reader until the iterator has ended or is closed.
        """

    def census(self, now: float) -> Census:
        """Count the live entries of all scopes and sum up their versions.

        Raises `StoreDamaged` when the engine can tell that `written` would leave some out.
        """

    def count(self, scope: str, now: float) -> int:
        """Count the live entries of a scope."""

    def schema_version(self) -> str | None:
        """Give the schema version stamped in the store, None before the store exists."""

    def note(self, kind: str, name: str) -> bytes | None:
        """Give a note, or None."""

    def notes(self, kind: str, first: str = "", limit: int | None = None) -> list[tuple[str, bytes]]:
        """Give names and values of the notes of a kind whose name is `first` or comes after it, in order."""

    def past(self) -> Past | None:
        """Give the reads of what the store was, None when it keeps no history."""

    def note_kinds(self) -> list[str]:
        """Give the kinds that there are notes of, in order."""


class Revision(Reader, Protocol):
    """One large change of the store while it is made: the reads see what was done so far.

    Only `version` stays what it was before; the change will have the next one.
    """

    def apply(self, steps: Iterable[Step]) -> None:
        """Do the steps in order; `Conflict` when a `Move` would overwrite a live entry."""

    def rewrite(
        self, scope: str, after: str | None, limit: int, change: Callable[[str, bytes, int, float], bytes | None]
    ) -> Rewritten | None:
        """Replace values of the next live entries of the scope, at most `limit`, in the order of their keys.

        `change` is given key, value, version and `created_at`, and gives the new value, or None to leave
        the entry alone; it may read, not write. The entry's times stay. None when there was no entry left.
        Fewer than `limit` are looked at when their values are large.
        """

    def advance(self, version: int) -> None:
        """Let this change have at least version `version`; called before anything is written."""

    def put_all(self, entries: Iterable[Written]) -> None:
        """Store entries with the times they have, over what is there; their versions are this change's."""

    def remove_rest(self) -> int:
        """Remove every live entry that this change has not written; give how many there were."""


class Backend(Reader, Protocol):
    """One open store of an engine. All methods may be called from any thread."""

    @property
    def capabilities(self) -> Capabilities:
        """What this engine promises."""

    def commit(self, batch: Batch) -> Commit:
        """Apply the batch as one atomic step under one new version, or raise `Conflict` and change nothing.

        When it returns, the batch is as durable as the backend was asked to be, and every read
        that begins later sees it.
        """

    def revise(self, now: float, work: Callable[[Revision], Result]) -> Result:
        """Run `work` in the writer's turn as one atomic step under one new version; give what it gives.

        Nothing of it is seen by others until it is done, and readers go on meanwhile; a backend that is not
        shared may let them wait. An error in `work` undoes all and is raised again. What `work` calls
        writes through the revision alone: a `commit` or `revise` from inside raises `InvalidArgument` and
        changes nothing.
        """

    def in_revision(self) -> bool:
        """Tell whether this thread is inside the `work` of a `revise`."""

    def turn(self) -> AbstractContextManager[object]:
        """Take the writer's turn: until the block ends, nobody else commits. The same thread may enter it again."""

    def snapshot(self) -> AbstractContextManager[Reader]:
        """Give a reader that sees one moment of the store until the block ends. Writers go on meanwhile."""

    def stop_history(self) -> None:
        """Throw away what is kept of the past and keep no more, as one atomic step.

        The next opened store that asks for history begins a new one.
        """

    def flush(self) -> None:
        """Return when everything committed so far is on the disk."""

    def settle(self) -> None:
        """Called before anything leaves a script. Return when what was committed or read here is on the disk.

        That is in durability "output" alone, and quick when it is there already; in the others nothing happens.
        """

    def problems(self) -> Iterator[str]:
        """Look through the whole store and give a sentence for everything that is not sound."""

    def statistics(self, now: float) -> Statistics:
        """Count."""

    def close(self) -> None:
        """Let go of everything. A second call does nothing; any other call then raises `StoreClosed`."""
