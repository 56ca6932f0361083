"""What do backups answer? The typed results of every call, with the fields that scripts see too."""

from __future__ import annotations

from typing import NamedTuple

from llmspell.backups.retention import Decision


class Created(NamedTuple):
    """A backup that was made and proven. Sizes are in bytes, `created_at` in whole epoch seconds.

    `entry_count` counts the entries in this backup's own file: for an incremental one, those that were written
    since its parent. `incremental` and `is_incremental` are the same. `warnings` tells what was asked for and
    came out another way, such as an incremental backup that became a full one.
    """

    backup_id: str
    size_bytes: int
    entry_count: int
    incremental: bool
    is_incremental: bool
    parent_id: str | None
    created_at: int
    duration_ms: float
    warnings: tuple[str, ...] = ()
    success: bool = True
    error: str | None = None


class Listed(NamedTuple):
    """A backup in the list. `verified_at` (epoch seconds) is None unless its files, as they are, were found sound.

    `held` gives the reasons why retention leaves it alone; `damage` what is known to be wrong with it or with what
    it stands on, None if nothing is. `description` is None while it is encrypted and there is no key. `partial`: it is
    of some scopes, those like `scopes` and not like `exclude`.
    """

    id: str
    created_at: int
    size_bytes: int
    entry_count: int
    is_incremental: bool
    incremental: bool
    parent_id: str | None
    schema_version: str
    description: str | None
    verified_at: float | None
    held: str | None = None
    damage: str | None = None
    encrypted: bool = False
    partial: bool = False
    scopes: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class Restored(NamedTuple):
    """What a restore did. `entries_restored` counts the entries that came from the backup and have not expired.

    `entries_removed` counts the live entries that it took away, because the backup does not have them.
    `pre_restore_backup_id` names the backup that undoes it, None where there was nothing to lose. `version` is
    the store's version that the changes have. A `dry_run` changed nothing and lists its `changes`.
    """

    backup_id: str
    entries_restored: int
    entries_removed: int
    pre_restore_backup_id: str | None
    version: int
    schema_version: str
    duration_ms: float
    dry_run: bool = False
    changes: tuple[RestoredChange, ...] = ()
    success: bool = True
    error: str | None = None


class RestoredChange(NamedTuple):
    """What a restore would do to one entry: `change` is "added", "changed" or "removed"."""

    change: str
    scope: str
    key: str


class Validated(NamedTuple):
    """What reading a backup, and everything it stands on, has found.

    `checksum_valid`: every file is byte for byte what was written. `integrity_valid`: every entry could be decoded,
    and together they are the state that was backed up. `errors` has a sentence for each thing that is wrong,
    `restorable` the ids of the backups that can still be restored when this one cannot.
    """

    is_valid: bool
    checksum_valid: bool
    integrity_valid: bool
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    validated_at: float
    backup_id: str
    restorable: tuple[str, ...] = ()


class CleanedUp(NamedTuple):
    """What retention did, or would do in a `dry_run`. `space_freed` is in bytes."""

    dry_run: bool
    deleted_count: int
    retained_count: int
    space_freed: int
    decisions: tuple[Decision, ...]
    success: bool = True
    error: str | None = None


class Usage(NamedTuple):
    """What the backups take, in bytes. The oldest and the newest one by their ids, None where there is none."""

    total_backups: int
    total_size: int
    full_backups: int
    incremental_backups: int
    oldest_backup: str | None
    newest_backup: str | None
