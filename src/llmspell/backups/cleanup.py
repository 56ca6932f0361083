"""Which backups go? Those that the rules of retention do not keep, children before their parents.

The rules count backups of the same scopes together, and apart from others: one of a few scopes never makes one of
everything go. So they do with those that this store remembers and those of another store, or of one that is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.backups.results import CleanedUp
from llmspell.backups.retention import Candidate, Decision, clock_doubt, decide, deletion_order
from llmspell.errors import BackupUnavailable
from llmspell.fail_points import reach

if TYPE_CHECKING:
    from collections.abc import Container

    from llmspell.backups.catalog import Catalog, Known
    from llmspell.backups.retention import Rules


def clean_up(catalog: Catalog, rules: Rules, now: float, remembered: Container[str], *, dry_run: bool) -> CleanedUp:
    """Remove what the rules let go; called while alone in the place. `remembered` has the ids that the store knows.

    A backup that cannot be read stays, and what it stands on: somebody has to look at it. Raises
    `BackupUnavailable`, saying how many are gone already, when one cannot be removed.
    """
    candidates = _candidates(catalog, now)
    decisions = _decide(catalog, candidates, rules, now, remembered)
    unreadable = [Decision(name, True, f"it cannot be read: {error}") for name, error in catalog.unreadable.items()]
    going = deletion_order(candidates.values(), decisions)
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


def _candidates(catalog: Catalog, now: float) -> dict[str, Candidate]:
    needed = _under(catalog, catalog.unopened, "stands under {}, which cannot be read now")
    found = {backup_id: _candidate(one, now, needed.get(backup_id)) for backup_id, one in catalog.known.items()}
    if clock_doubt(found.values(), now) is None:
        return found
    # A hold that ends at some moment must not end because of a wrong clock.
    always = float("-inf")
    return {backup_id: _candidate(one, always, needed.get(backup_id)) for backup_id, one in catalog.known.items()}


def _candidate(one: Known, now: float, needed: str | None) -> Candidate:
    manifest = one.manifest
    return Candidate(
        manifest.id,
        manifest.parent_id,
        manifest.created_at,
        manifest.sequence,
        one.size_bytes,
        manifest.full,
        one.marks.verified_at is not None,
        one.marks.held(now) or needed,
    )


def _decide(
    catalog: Catalog, candidates: dict[str, Candidate], rules: Rules, now: float, remembered: Container[str]
) -> list[Decision]:
    """Decide group by group, newest first; what a kept one of another group stands on stays as well."""
    groups: dict[tuple[object, ...], list[Candidate]] = {}
    for backup_id, one in catalog.known.items():
        details = one.manifest.details
        scopes = None if details is None else (details.scopes, details.exclude)
        kind = one.manifest.total_entries is None, scopes, backup_id in remembered
        groups.setdefault(kind, []).append(candidates[backup_id])
    decided = {decision.backup_id: decision for group in groups.values() for decision in decide(group, rules, now)}
    kept = [backup_id for backup_id, decision in decided.items() if decision.should_retain]
    for backup_id, reason in _under(catalog, kept, "stands under {}, which is kept").items():
        if not decided[backup_id].should_retain:
            decided[backup_id] = Decision(backup_id, True, reason)
    newest_first = (one.manifest.id for one in catalog.newest_first())
    return [decided[backup_id] for backup_id in newest_first]


def _under(catalog: Catalog, backup_ids: Container[str], words: str) -> dict[str, str]:
    """Give what the backups stand on, as far as it is known, each with the reason in words."""
    parents = {name: one.manifest.parent_id for name, one in catalog.known.items()}
    parents |= {name: manifest.parent_id for name, manifest in catalog.unopened.items()}
    found: dict[str, str] = {}
    for backup_id in [name for name in parents if name in backup_ids]:
        child, parent = backup_id, parents[backup_id]
        while parent is not None and parent in parents and parent not in found:
            found[parent] = words.format(child)
            child, parent = parent, parents[parent]
    return {backup_id: reason for backup_id, reason in found.items() if backup_id in catalog.known}
