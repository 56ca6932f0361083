"""Where do the tests migrate? A folder of migration files, a store that uses it, and what is in the store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import llmspell
from tests.clock import Clock

if TYPE_CHECKING:
    from llmspell.entry import JsonValue, Stored
    from llmspell.migrations.results import Migrated
    from llmspell.migrations.verbs import Migrations

FIRST, SECOND, THIRD = "1.0.0", "2.0.0", "3.0.0"

RENAME = {"type": "rename", "from": "name", "to": "full_name"}
"""A step that a document without a name cannot go through."""
DELETE_OLD = {"type": "delete_entry", "condition": "has(this.old)"}


class Full(NamedTuple):
    """Everything about a store that can be seen from outside, entries past their expiry left out."""

    entries: list[Stored]
    schema_version: str | None
    version: int
    notes: list[list[tuple[str, bytes]]]


class Home:
    """A folder of migrations and a store that uses it, with a clock that stands still."""

    def __init__(self, folder: Path, store: llmspell.Store, clock: Clock) -> None:
        self.folder = folder
        self.store = store
        self.clock = clock

    @property
    def migrations(self) -> Migrations:
        return self.store.migrations

    def step(self, *transforms: dict[str, Any], to: str = SECOND, start: str = FIRST, **fields: Any) -> Path:
        """Write the migration file from one version to the next."""
        return put_step(self.folder, *transforms, to=to, start=start, **fields)

    def save(self, *keys: str, scope: str = "users", **fields: JsonValue) -> None:
        """Save a document with these fields under every key; without fields it is `{"name": key}`."""
        for key in keys:
            self.store.save(scope, key, dict(fields) or {"name": key})

    def up(self, target: str | None = None, **options: Any) -> Migrated:
        """Migrate, a second later than what was done before, with a second until what is done next."""
        self.clock.advance(1)
        try:
            return self.store.migrations.migrate(target, **options)
        finally:
            self.clock.advance(1)

    def down(self, target: str = FIRST, **options: Any) -> Migrated:
        """Migrate down, as `up` does upward."""
        return self.up(target, **options)

    def values(self, scope: str = "users") -> dict[str, Any]:
        """Give the values of a scope by key."""
        return {key: self.store.load(scope, key) for key in self.store.list_keys(scope)}

    def full(self) -> Full:
        """Give everything that is in the store."""
        return full(self.store, self.clock())


def put_step(folder: Path, *transforms: dict[str, Any], to: str, start: str, **fields: Any) -> Path:
    """Write a migration file as JSON."""
    folder.mkdir(exist_ok=True)
    table = {"from_version": start, "to_version": to, **fields}
    if transforms:
        table["transforms"] = list(transforms)
    file = folder / f"{to}_step.json"
    file.write_text(json.dumps(table))
    return file


def put_toml_step(folder: Path, *transforms: dict[str, Any], to: str, start: str) -> Path:
    """Write the same migration as TOML, which has no null."""
    folder.mkdir(exist_ok=True)
    tables = "".join(
        "[[transforms]]\n" + "".join(f"{_toml(name)} = {_toml(value)}\n" for name, value in transform.items())
        for transform in transforms
    )
    file = folder / f"{to}_step.toml"
    file.write_text(f'from_version = "{start}"\nto_version = "{to}"\n{tables}')
    return file


def full(store: llmspell.Store, now: float) -> Full:
    """Give everything that is in a store."""
    backend = store.backend
    kinds = ["migration", "migration run", "quarantine"]
    kinds += [f"{kind} {version}" for kind in ("complement", "moved", "deleted") for version in (SECOND, THIRD)]
    return Full(entries(store, now), store.schema_version(), store.version(), [backend.notes(kind) for kind in kinds])


def entries(store: llmspell.Store, now: float) -> list[Stored]:
    """Give every live entry with its text, version and times."""
    backend = store.backend
    return [one for scope in backend.scopes("", now) for one in backend.scan(scope, "", None, None, now)]


def without_versions(found: list[Stored]) -> list[Stored]:
    """Give entries in which everything but their versions can be compared."""
    return [one._replace(version=0) for one in found]


def _toml(value: JsonValue) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(name)} = {_toml(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, float):
        return repr(value)
    assert value is not None
    return json.dumps(value, ensure_ascii=False)
