"""How does the store go back to a moment of its own history? As it does to a backup, with the past as the source."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from llmspell.backups.restore import Request, Restore, Source
from llmspell.backups.selection import Selection
from llmspell.errors import HistoryError
from llmspell.migrations.history import migrated_after, schema_version_at

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from llmspell.backends.base import Backend
    from llmspell.backups.results import Restored
    from llmspell.entry import Written
    from llmspell.history.points import At
    from llmspell.history.verbs import History
    from llmspell.migrations.chain import Chain

_PAGE = 1_000


def restore_moment(
    backend: Backend,
    history: History,
    at: At,
    request: Request,
    chain: Callable[[], Chain] | None,
    clock: Callable[[], float],
    undoable: Callable[[str], AbstractContextManager[str | None]],
    progress: Callable[[int, int], object] | None,
) -> Restored:
    """Make the store what it was at a point of its history, inside the block of `undoable`.

    That block gives the backup that was made before, or None. `progress` is told how many entries were taken, and
    about how many there are.
    """
    with backend.snapshot() as reader:
        past = history.past_of(reader)
        version, moment = history.resolve(past, at)

        about = reader.census(moment).entries

        def entries(take: Callable[[list[Written]], object]) -> None:
            written, taken = past.written_at(version, moment), 0
            while page := list(islice(written, _PAGE)):
                take(page)
                taken += len(page)
                if progress is not None:
                    progress(taken, max(about, taken))

        schema_version = schema_version_at(reader, version)
        if schema_version is None:
            raise HistoryError("there is nothing to go back to: nobody has written to the store yet")
        name = f"version {version}"
        source = Source(
            name,
            "",
            schema_version,
            entries,
            None,
            0,
            Selection(),
            remembered=True,
            migrated_since=lambda reader: migrated_after(reader, version),
        )
        restoring = Restore(backend, source, request, chain, clock)
        if request.dry_run:
            return restoring.make(None)
        with undoable(f"before going back to {name}") as undo:
            return restoring.make(undo)
