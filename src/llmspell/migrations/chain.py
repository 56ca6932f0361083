"""Which migrations lead from one schema version to another? One chain of versions, without gaps or branches.

Versions are compared as semver.org says: pre-releases come before their release, and build metadata (`+...`)
makes no difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from llmspell.errors import MigrationPathError
from llmspell.migrations.files import file_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llmspell.migrations.migration import Migration

MAX_LISTED = 20


class Leg(NamedTuple):
    """One migration on the way, to be made or, with `down`, to be undone."""

    migration: Migration
    down: bool

    @property
    def start(self) -> str:
        """The version before this leg."""
        return self.migration.to_version if self.down else self.migration.from_version

    @property
    def end(self) -> str:
        """The version after this leg."""
        return self.migration.from_version if self.down else self.migration.to_version


class Chain:
    """All known migrations, in order. `versions` are all versions that they lead from or to, ascending.

    Raises `MigrationFileError` with the file names when two migrations lead to one version, or start from one, when
    no migration leads to the version that another starts from, or when one version is written in two ways.
    """

    __slots__ = ("_positions", "latest", "migrations", "versions")

    def __init__(self, migrations: Iterable[Migration]) -> None:
        import semver

        ascending = sorted(migrations, key=lambda one: (semver.Version.parse(one.to_version), one.file))
        problems = _problems(ascending)
        if problems:
            raise file_error(problems)
        lowest = [migration.from_version for migration in ascending[:1]]
        self.migrations: tuple[Migration, ...] = tuple(ascending)
        self.versions: tuple[str, ...] = (*lowest, *(migration.to_version for migration in ascending))
        self.latest: str | None = self.versions[-1] if self.versions else None
        self._positions = {_precedence(version): position for position, version in enumerate(self.versions)}

    def path(self, current: str, target: str) -> tuple[Leg, ...]:
        """Give the migrations from `current` to `target` in the order in which they are made or undone.

        Nothing is to be done between equal versions. Raises `MigrationPathError` when one of them is not known, and
        `MigrationFileError` when the code of a migration that would be made is not there.
        """
        if _precedence(current) == _precedence(target):
            return ()
        start = self._positions.get(_precedence(current))
        end = self._positions.get(_precedence(target))
        if start is None or end is None:
            raise MigrationPathError(
                f"no migration path from {current} to {target}; known versions: {_listed(self.versions)}; "
                "choose one of them or add the migration that is missing"
            )
        if start < end:
            missing = [sentence for migration in self.migrations[start:end] for sentence in migration.missing]
            if missing:
                raise file_error(missing)
            return tuple(Leg(migration, down=False) for migration in self.migrations[start:end])
        return tuple(Leg(migration, down=True) for migration in reversed(self.migrations[end:start]))

    def knows(self, version: str) -> bool:
        """Tell whether a migration leads from or to `version`."""
        return _precedence(version) in self._positions

    def of(self, version: str) -> Migration | None:
        """Give the migration that leads to `version`; None for the lowest version and for those that are not known."""
        position = self._positions.get(_precedence(version), 0)
        return self.migrations[position - 1] if position else None


def _precedence(version: str) -> str:
    """Give the same text for versions that are equal in order: a semantic version without its build metadata."""
    return version.partition("+")[0]


def _problems(ascending: Sequence[Migration]) -> list[str]:
    """Give what is wrong; the later checks only make sense when the earlier ones found nothing."""
    return [*_duplicates(ascending), *_heads(ascending)] or _two_spellings(ascending) or _gaps(ascending)


def _duplicates(ascending: Sequence[Migration]) -> list[str]:
    first: dict[str, Migration] = {}
    return [
        f"duplicate: {one.file} leads to version {one.to_version} and {other.file} to {other.to_version}"
        f"{'' if one.to_version == other.to_version else ', which is the same version'}; keep one of them"
        for other in ascending
        if (one := first.setdefault(_precedence(other.to_version), other)) is not other
    ]


def _heads(ascending: Sequence[Migration]) -> list[str]:
    first: dict[str, Migration] = {}
    return [
        f"two heads: {one.from_version} leads to both {one.to_version} ({one.file}) and "
        f"{other.to_version} ({other.file}); let one start from where the other ends"
        for other in ascending
        if (one := first.setdefault(_precedence(other.from_version), other)) is not other
        and _precedence(one.to_version) != _precedence(other.to_version)
    ]


def _two_spellings(ascending: Sequence[Migration]) -> list[str]:
    first: dict[str, tuple[str, str]] = {}
    problems = []
    for migration in ascending:
        for version in (migration.from_version, migration.to_version):
            spelled, file = first.setdefault(_precedence(version), (version, migration.file))
            if spelled != version:
                problems.append(
                    f"one version in two spellings: {file} says {spelled} and {migration.file} says {version}; "
                    "what follows + makes no version of its own: write the same in both"
                )
    return problems


def _gaps(ascending: Sequence[Migration]) -> list[str]:
    reached = {migration.to_version for migration in ascending}
    starts = [migration for migration in ascending if migration.from_version not in reached]
    return [
        f"gap: {migration.file} starts from {migration.from_version}, and no migration leads there "
        f"({starts[0].file} starts from {starts[0].from_version}); add the migration that is missing"
        for migration in starts[1:]
    ]


def _listed(versions: Sequence[str]) -> str:
    if len(versions) <= MAX_LISTED:
        return ", ".join(versions) or "none"
    return f"{', '.join(versions[: MAX_LISTED - 1])} ... {versions[-1]} ({len(versions)} versions)"
