"""Which migrations has the store gone through? Records in notes, made in the same commit as the change itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from llmspell import codec
from llmspell.batch import Note
from llmspell.errors import MigrationError, MigrationFileError, StoreDamaged
from llmspell.migrations.results import Applied

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmspell.backends.base import Reader, Revision
    from llmspell.entry import JsonValue
    from llmspell.migrations.chain import Chain, Leg

_APPLIED = "migration"
_RUNS = "migration run"
_KINDS: tuple[type | tuple[type, ...], ...] = (str, str, str, str, (int, float), int, str, bool, (str, type(None)))
"""Of what kind the fields of a record are, in their order."""


def applied(reader: Reader) -> list[Applied]:
    """Give the migrations that the store stands on, in no particular order."""
    return [_parse(text) for _, text in reader.notes(_APPLIED)]


def applied_to(reader: Reader, version: str) -> Applied | None:
    """Give the record of the migration that led to `version`, None when the store was never led there."""
    text = reader.note(_APPLIED, version)
    return None if text is None else _parse(text)


def backups(reader: Reader) -> set[str]:
    """Give the ids of the backups that were made before migrations which the store stands on and has not forgotten."""
    return {one.backup_id for one in applied(reader) if one.backup_id is not None and not one.forgotten}


def record(revision: Revision, migration: Applied) -> None:
    """Note that the store stands on a migration."""
    revision.apply((Note(_APPLIED, migration.to_version, codec.encode(migration._asdict())),))


def erase(revision: Revision, version: str) -> None:
    """Note that the store stands on the migration that led to `version` no more."""
    revision.apply((Note(_APPLIED, version, None),))


def record_run(revision: Revision, from_version: str, to_version: str, now: float) -> None:
    """Note that the next version of the store is made by a migration."""
    known = revision.note(_RUNS, _next(revision))
    if known is not None:  # of runs that have changed no entry: the versions before have the shape from before them
        from_version = cast("str", cast("dict[str, JsonValue]", codec.decode(known))["from_version"])
    run: JsonValue = {"from_version": from_version, "to_version": to_version, "at": now}
    revision.apply((Note(_RUNS, _next(revision), codec.encode(run)),))


def unclaim_run(revision: Revision) -> None:
    """Note that the next version of the store will be somebody else's: the run has changed no entry, only the stamp."""
    run = cast("dict[str, JsonValue]", codec.decode(revision.note(_RUNS, _next(revision)) or b"{}"))
    revision.apply((Note(_RUNS, _next(revision), codec.encode({**run, "unchanged": True})),))


def runs(reader: Reader) -> dict[int, str]:
    """Give the store's versions that migrations have made, each with the schema version it was led to."""
    found = ((name, cast("dict[str, JsonValue]", codec.decode(text))) for name, text in reader.notes(_RUNS))
    return {int(name): cast("str", run["to_version"]) for name, run in found if "unchanged" not in run}


def _next(revision: Revision) -> str:
    return f"{revision.version() + 1:020d}"


def migrated_after(reader: Reader, version: int) -> bool:
    """Tell whether a migration has run since the store had an earlier version, be it that it changed no entry."""
    return any(int(name) > version for name, _ in reader.notes(_RUNS))


def schema_version_at(reader: Reader, version: int) -> str | None:
    """Give the schema version that the store had at an earlier version; None before anything was stored."""
    later = [
        cast("str", cast("dict[str, JsonValue]", codec.decode(text))["from_version"])
        for name, text in reader.notes(_RUNS)
        if int(name) > version
    ]
    return later[0] if later else reader.schema_version()


def refuse_changed(records: Iterable[Applied], chain: Chain) -> None:
    """Raise `MigrationFileError` when a migration that the store stands on was edited or removed since."""
    problems = []
    for one in records:
        known = chain.of(one.to_version)
        if known is None:
            problems.append(
                f"the migration {one.from_version} to {one.to_version} ({one.file}) was applied to this store and its "
                "file is gone; put it back"
            )
        elif known.fingerprint != one.fingerprint or known.from_version != one.from_version:
            problems.append(
                f"{known.file} was changed after it was applied to this store; put it back as it was, and write a "
                "new migration for the difference"
            )
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise MigrationFileError(problems[0] + more, tuple(problems))


def refuse_forgotten(reader: Reader, legs: Iterable[Leg]) -> None:
    """Raise `MigrationError` when a leg goes down over a migration whose complements were forgotten."""
    for leg in legs:
        one = applied_to(reader, leg.migration.to_version) if leg.down else None
        if one is not None and one.forgotten:
            raise MigrationError(
                f"there is no way back from {one.to_version} to {one.from_version}: what {one.file} had taken away was "
                "forgotten; go back to a copy of the store from before instead"
            )


def _parse(text: bytes) -> Applied:
    one = Applied(**cast("dict[str, JsonValue]", codec.decode(text)))  # type: ignore[arg-type]
    if not all(isinstance(value, kind) for value, kind in zip(one, _KINDS, strict=True)):
        raise StoreDamaged("a record of a migration has parts that no migration has written; restore a backup")
    return one
