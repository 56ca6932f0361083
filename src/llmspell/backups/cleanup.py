"""Which backups go? Those that the rules of retention do not keep, children before their parents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.backups.results import CleanedUp
from llmspell.backups.retention import Candidate, Decision, decide, deletion_order
from llmspell.errors import BackupUnavailable
from llmspell.fail_points import reach

if TYPE_CHECKING:
    from llmspell.backups.catalog import Catalog, Known
    from llmspell.backups.retention import Rules


def clean_up(catalog: Catalog, rules: Rules, now: float, *, dry_run: bool) -> CleanedUp:
    """Remove what the rules let go; called while alone in the place.

    A backup that cannot be read stays: somebody has to look at it. Raises `BackupUnavailable`, saying how many are
    gone already, when one cannot be removed.
    """
    candidates = [_candidate(one, now) for one in catalog.known.values()]
    decisions = decide(candidates, rules, now)
    unreadable = [Decision(name, True, f"it cannot be read: {error}") for name, error in catalog.unreadable.items()]
    going = deletion_order(candidates, decisions)
    freed = 0
    for number, backup_id in enumerate(going):
        if not dry_run:
            reach("cleanup.removing")
            try:
                catalog.place.remove(backup_id)
            except BackupUnavailable as error:
                raise BackupUnavailable(
                    f"{backup_id} could not be removed, {number} of {len(going)} are gone: {error}"
                ) from error
        freed += catalog.known[backup_id].size_bytes
    retained = len(catalog.known) + len(catalog.unreadable) - len(going)
    return CleanedUp(dry_run, len(going), retained, freed, (*decisions, *unreadable))


def _candidate(one: Known, now: float) -> Candidate:
    manifest = one.manifest
    return Candidate(
        manifest.id,
        manifest.parent_id,
        manifest.created_at,
        manifest.sequence,
        one.size_bytes,
        manifest.full,
        one.marks.verified_at is not None,
        one.marks.held(now),
    )
