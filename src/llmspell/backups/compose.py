"""What is the state that a backup stands for? Its chain, read backwards: the newest word on a key counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.backups.reading import Contents
from llmspell.errors import BackupDamaged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmspell.backups.catalog import Known
    from llmspell.backups.encryption import Key
    from llmspell.backups.place import Place
    from llmspell.entry import Written


def contents_of(place: Place, known: Known, key: Key | None) -> Contents:
    """Give what reads the files of a backup of the place."""
    backup_id = known.manifest.id
    return Contents(known.manifest, lambda name: place.open(backup_id, name), key)


def compose(
    place: Place,
    chain: Sequence[Known],
    key: Key | None,
    take: Callable[[list[Written]], object],
    progress: Callable[[int], object] | None = None,
) -> None:
    """Pass the entries of the state on to `take`, some at a time, in no order, each once.

    `chain` begins with the full backup; the state is that of the last one. Raises `BackupDamaged`, naming the
    backup, unless every file is as it was written and the entries are as many as there were, with the versions
    that they had. That can be known only at the end: what `take` was given counts for nothing when this raises.
    """
    target = chain[-1].manifest
    moment = target.created_at
    decided: set[tuple[str, str]] = set()
    total = version_sum = 0

    for known in reversed(chain):
        newest, oldest = known is chain[-1], known is chain[0]

        def emit(entries: list[Written], newest: bool = newest, oldest: bool = oldest) -> None:
            nonlocal total, version_sum
            looked_at = len(entries)
            if not newest:
                entries = [entry for entry in entries if entry[:2] not in decided]
            if not oldest:
                decided.update(entry[:2] for entry in entries)
            live = [entry for entry in entries if entry[6] is not None and (entry[5] is None or entry[5] > moment)]
            total += len(live)
            version_sum += sum([entry[2] & 0xFFFFFFFF for entry in live])
            take(live)
            if progress is not None:
                progress(looked_at)

        try:
            contents_of(place, known, key).entries(emit)
        except BackupDamaged as error:
            raise BackupDamaged(f"{known.manifest.id} is damaged: {error}") from error
    if target.total_entries is not None and (total, version_sum) != (target.total_entries, target.version_sum):
        raise BackupDamaged(
            f"{target.id} is damaged: with what it stands on it makes {total} entries, and its manifest tells of "
            f"{target.total_entries} with other versions"
        )
