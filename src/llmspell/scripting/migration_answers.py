"""What do the migration functions answer in scripts? Tables with the same fields in every language."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from llmspell import codec
from llmspell.errors import MigrationError, StoreError
from llmspell.migrations.results import ALREADY_CURRENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.entry import JsonValue
    from llmspell.migrations.results import Migrated
    from llmspell.store import Store


def migrate(
    store: Store, target: str, dry_run: bool | None, on_error: str | None, stopping: Callable[[], bool]
) -> bytes:
    """Migrate and give what happened as JSON text, a failure too; raises `InvalidArgument` for wrong arguments."""
    migrations = store.migrations
    try:
        result = migrations.migrate(target, dry_run=bool(dry_run), on_error=on_error or "fail", stopping=stopping)
    except (MigrationError, StoreError) as error:
        problems = error.problems if isinstance(error, MigrationError) else (str(error),)
        return codec.encode(
            {
                "success": False,
                "status": "failed",
                "error": str(error),
                "from_version": _current_version(store),
                "target_version": target,
                "errors": list(problems),
            }
        )
    return codec.encode(_done(result))


def migration_status(store: Store) -> bytes:
    """Give where the store stands as JSON text; files that cannot be used stand in `error`."""
    try:
        status = store.migrations.migration_status()
    except MigrationError as error:
        nothing: JsonValue = {
            "current_version": _current_version(store),
            "is_latest": False,
            "migration_available": False,
            "migration_targets": [],
            "total_schemas": 0,
            "error": str(error),
        }
        return codec.encode(nothing)
    fields: dict[str, JsonValue] = {
        name: list(value) if isinstance(value, tuple) else value for name, value in status._asdict().items()
    }
    return codec.encode({name: value for name, value in fields.items() if value is not None})


def schema_versions(store: Store) -> bytes:
    """Give the known schema versions as a JSON array."""
    return codec.encode(list(store.migrations.schema_versions()))


def _done(result: Migrated) -> dict[str, JsonValue]:
    fields: dict[str, JsonValue] = {
        "success": True,
        "status": result.status,
        "from_version": result.from_version,
        "to_version": result.to_version,
        "items_migrated": result.items_migrated,
        "duration_ms": result.duration_ms,
    }
    if result.status == ALREADY_CURRENT:
        return {**fields, "current_version": result.from_version, "target_version": result.to_version}
    fields["warnings"] = list(result.warnings)
    if result.backup_id is not None:
        fields["backup_id"] = result.backup_id
    if result.dry_run:
        fields["dry_run"] = True
        fields["samples"] = [
            {"scope": sample.scope, "key": sample.key, "patch": json.loads(json.dumps(sample.patch()))}
            for sample in result.samples
        ]
    return fields


def _current_version(store: Store) -> str | None:
    try:
        return store.migrations.current_version()
    except StoreError:
        return None
