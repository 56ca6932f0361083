"""What do the backup functions answer in scripts? Tables with the same fields in every language.

A field that there is nothing to say in is left out. Moments are whole epoch seconds.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from llmspell import codec
from llmspell.errors import BackupError, HistoryError, MigrationError, StoreError
from llmspell.scripting.call_options import SELECTION, read_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.backups.results import Created, Listed, Restored, Validated
    from llmspell.entry import JsonValue
    from llmspell.store import Store

MAX_CHANGES = 1_000
"""How many changes a dry run lists; it counts all of them."""

CREATE_OPTIONS = ("incremental", "description", "scopes", "exclude", "hold")
RESTORE_OPTIONS = (*SELECTION, "into", "dry_run", "force")
FAILURES = (BackupError, HistoryError, MigrationError, StoreError)
"""What makes an answer of an operation that failed. Wrong arguments are raised."""


def create_backup(store: Store, incremental: bool | None, options: bytes | None, stopping: Callable[[], bool]) -> bytes:
    """Make a backup and give what was made as JSON text, a failure too; raises `InvalidArgument`."""
    given = read_options(options, CREATE_OPTIONS)
    incremental = given.pop("incremental", incremental)
    try:
        made = store.backups.create_backup(incremental, **given, progress=watch(stopping))
    except FAILURES as error:
        return failure(error)
    return codec.encode(_created(made))


def list_backups(store: Store) -> bytes:
    """Give the backups as a JSON array, the newest first; raises what the place or the store raises."""
    return codec.encode([_listed(one) for one in store.backups.list_backups()])


def restore_backup(store: Store, backup_id: str, options: bytes | None, stopping: Callable[[], bool]) -> bytes:
    """Restore and give what was restored as JSON text, a failure too; raises `InvalidArgument`."""
    given = read_options(options, RESTORE_OPTIONS)
    try:
        done = store.backups.restore_backup(backup_id, **given, progress=watch(stopping))
    except FAILURES as error:
        return failure(error, backup_id=backup_id)
    return codec.encode({"backup_id": done.backup_id, **restored(done)})


def validate_backup(store: Store, backup_id: str, stopping: Callable[[], bool]) -> bytes:
    """Read a backup through and give the verdict as JSON text, also when it could not be read."""
    try:
        found = store.backups.validate_backup(backup_id, progress=watch(stopping))
    except FAILURES as error:
        verdict: dict[str, JsonValue] = {
            "is_valid": False,
            "checksum_valid": False,
            "integrity_valid": False,
            "errors": list(problems_of(error)),
            "warnings": [],
            "validated_at": int(time.time()),
            "backup_id": backup_id,
        }
        return codec.encode(verdict)
    return codec.encode(
        {
            "is_valid": found.is_valid,
            "checksum_valid": found.checksum_valid,
            "integrity_valid": found.integrity_valid,
            "errors": list(found.errors),
            "warnings": [*found.warnings, *_still_there(found)],
            "validated_at": int(found.validated_at),
            "backup_id": found.backup_id,
        }
    )


def cleanup_backups(store: Store, dry_run: bool | None) -> bytes:
    """Let retention do its work and give its decisions as JSON text, a failure too."""
    try:
        done = store.backups.cleanup_backups(bool(dry_run))
    except FAILURES as error:
        return failure(error, dry_run=bool(dry_run))
    decisions: list[JsonValue] = [dict(decision._asdict()) for decision in done.decisions]
    return codec.encode(
        {
            "success": True,
            "dry_run": done.dry_run,
            "deleted_count": done.deleted_count,
            "retained_count": done.retained_count,
            "space_freed": done.space_freed,
            "decisions": decisions,
        }
    )


def get_storage_usage(store: Store) -> bytes:
    """Give what the backups take as JSON text; raises what the place or the store raises."""
    return codec.encode(present(store.backups.get_storage_usage()._asdict()))


def restored(done: Restored) -> dict[str, JsonValue]:
    """Give what a restore did, from a backup or from history."""
    fields: dict[str, JsonValue] = {"success": True, "entries_restored": done.entries_restored}
    if done.pre_restore_backup_id is not None:
        fields["pre_restore_backup_id"] = done.pre_restore_backup_id
    if done.dry_run:
        fields["dry_run"] = True
        fields["changes"] = [dict(change._asdict()) for change in done.changes[:MAX_CHANGES]]
        fields["changes_total"] = len(done.changes)
    return fields


def failure(error: Exception, **fields: JsonValue) -> bytes:
    """Give the answer of an operation that failed; the store is as it was."""
    return codec.encode({"success": False, **fields, "error": str(error)})


def problems_of(error: Exception) -> tuple[str, ...]:
    """Give a sentence for each thing that is wrong."""
    return error.problems if isinstance(error, BackupError | MigrationError) else (str(error),)


def present(fields: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Leave out the fields that there is nothing to say in."""
    return {name: value for name, value in fields.items() if value is not None}


def _created(made: Created) -> dict[str, JsonValue]:
    fields: dict[str, JsonValue] = {
        "success": True,
        "backup_id": made.backup_id,
        "size_bytes": made.size_bytes,
        "entry_count": made.entry_count,
        "incremental": made.incremental,
        "is_incremental": made.is_incremental,
        "parent_id": made.parent_id,
        "created_at": made.created_at,
        "duration_ms": made.duration_ms,
        "warnings": list(made.warnings) or None,
    }
    return present(fields)


def _listed(one: Listed) -> dict[str, JsonValue]:
    fields: dict[str, JsonValue] = {
        "id": one.id,
        "created_at": one.created_at,
        "size_bytes": one.size_bytes,
        "entry_count": one.entry_count,
        "is_incremental": one.is_incremental,
        "incremental": one.incremental,
        "parent_id": one.parent_id,
        "schema_version": one.schema_version,
        "description": one.description or None,
        "verified_at": None if one.verified_at is None else int(one.verified_at),
    }
    return present(fields)


def _still_there(found: Validated) -> list[str]:
    if found.is_valid:
        return []
    return [f"other backups that can be restored: {', '.join(found.restorable) or 'none'}"]


def watch(stopping: Callable[[], bool]) -> Callable[[int, int], None]:
    """Give what ends long work when the script must end; the script does not see the answer."""

    def look(_done: int, _total: int) -> None:
        if stopping():
            raise BackupError("the script was stopped while this went on; nothing came of it")

    return look
