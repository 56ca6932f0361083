"""What do migrations answer? The typed results of every call."""

from __future__ import annotations

from typing import NamedTuple

COMPLETED, ALREADY_CURRENT = "completed", "already_current"


class Sample(NamedTuple):
    """An entry before and after, as JSON text; `after` is None when the migration removes the entry.

    `to_scope` and `to_key` differ from `scope` and `key` when the entry moves.
    """

    scope: str
    key: str
    before: bytes
    after: bytes | None
    to_scope: str
    to_key: str

    def patch(self) -> list[dict[str, object]]:
        """Give the difference as a JSON Patch (RFC 6902); one that removes the whole value when the entry goes."""
        if self.after is None:
            return [{"op": "remove", "path": ""}]
        import json

        import jsonpatch

        made = jsonpatch.make_patch(json.loads(self.before), json.loads(self.after))
        return list(made)


class Migrated(NamedTuple):
    """What a run did. `status` is "completed" or "already_current".

    `items_migrated` counts the entries that were changed, `items_quarantined` those put aside.
    `samples` shows the first few changed entries of a dry run. `version` is the store's version that
    the changes have; a dry run has undone it. `backup_id` names the backup that was made first, None where backups
    are off.
    """

    status: str
    from_version: str
    to_version: str
    items_migrated: int = 0
    items_quarantined: int = 0
    duration_ms: float = 0.0
    warnings: tuple[str, ...] = ()
    dry_run: bool = False
    samples: tuple[Sample, ...] = ()
    version: int = 0
    backup_id: str | None = None


class Status(NamedTuple):
    """Where the store stands among the known schema versions.

    `migration_targets` are the versions that it can be migrated to from here, upwards and downwards,
    ascending. `error` says why nothing can be migrated, None when something can.
    """

    current_version: str
    latest_version: str | None
    is_latest: bool
    migration_available: bool
    migration_targets: tuple[str, ...]
    total_schemas: int
    error: str | None = None


class PlannedStep(NamedTuple):
    """One migration of a plan. `loss` is "lossless", "lossy" or "opaque"; `notices` is what to look at before."""

    file: str
    description: str
    from_version: str
    to_version: str
    down: bool
    entries: int
    loss: str
    transforms: tuple[str, ...]
    notices: tuple[str, ...]


class Plan(NamedTuple):
    """What a migration would do, found out without changing anything."""

    from_version: str
    to_version: str
    steps: tuple[PlannedStep, ...]
    samples: tuple[Sample, ...]


class Applied(NamedTuple):
    """A migration that the store has gone through. `applied_at` is in epoch seconds.

    `forgotten` tells that what it took away was purged, so that there is no way back over it. `backup_id` names the
    backup that was made before it, which is held until then.
    """

    from_version: str
    to_version: str
    file: str
    description: str
    applied_at: float
    items_migrated: int
    fingerprint: str
    forgotten: bool = False
    backup_id: str | None = None


class Quarantined(NamedTuple):
    """An entry that was put aside, whole. Its value has the shape of `schema_version`."""

    number: int
    scope: str
    key: str
    value: bytes
    schema_version: str
    migration: str
    reason: str
    quarantined_at: float


class Retried(NamedTuple):
    """What came of retrying a quarantined entry: `problem` is None when it is back."""

    number: int
    scope: str
    key: str
    problem: str | None


class Event(NamedTuple):
    """Something that happened in a run: `name` is "migration.started", ".progress", ".completed" or ".failed".

    `done` entries of `total` have been looked at; `total` counts every entry in the scopes concerned.
    What a `dry_run` has completed is undone.
    """

    name: str
    from_version: str
    to_version: str
    done: int
    total: int
    error: str | None = None
    dry_run: bool = False
