"""How does one reach migrations and backups from a store? By `store.migrations` and `store.backups`, or by one word.

In scripts of every language the words are `State.migrate`, `State.create_backup` and so on, so a store has them too.
They give and raise what those of `Migrations` and `Backups` do, and `InvalidArgument` where the store has none.
"""

from __future__ import annotations

import threading

from llmspell.errors import InvalidArgument
from llmspell.quick_typing import TYPE_CHECKING
from llmspell.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmspell.backups.results import CleanedUp, Created, Listed, Restored, Usage, Validated
    from llmspell.backups.verbs import Backups
    from llmspell.migrations.results import Migrated, Status
    from llmspell.migrations.verbs import Migrations
    from llmspell.state import Gate

    Progress = Callable[[int, int], object]


class Neighbours(State):
    """The verbs of `State`, and those of what stands beside a store, which is imported and made when somebody asks."""

    def __init__(
        self,
        gate: Gate,
        clock: Callable[[], float],
        max_value_bytes: int,
        make_migrations: Callable[[], Migrations] | None,
        make_backups: Callable[[], Backups] | None,
    ) -> None:
        super().__init__(gate, clock, max_value_bytes)
        self._make_migrations = make_migrations
        self._make_backups = make_backups
        self._migrations: Migrations | None = None
        self._backups: Backups | None = None

    @property
    def migrations(self) -> Migrations:
        """What changes the shape of the values. Raises `InvalidArgument` when the store was opened without."""
        if self._make_migrations is None:
            raise InvalidArgument(
                "migrations are off for this store; open it with migrations_path=..., or with "
                "migration_enabled = true in the configuration"
            )
        if self._migrations is None:
            with _making:
                self._migrations = self._migrations or self._make_migrations()
        return self._migrations

    @property
    def migration_enabled(self) -> bool:
        """Whether `migrations` can be used."""
        return self._make_migrations is not None

    @property
    def backups(self) -> Backups:
        """What makes, checks and restores backups. Raises `InvalidArgument` when the store was opened without."""
        if self._make_backups is None:
            raise InvalidArgument(
                "backups are off for this store; open it with backup_path=..., or with backup_enabled = true in the "
                "configuration"
            )
        if self._backups is None:
            with _making:
                self._backups = self._backups or self._make_backups()
        return self._backups

    @property
    def backup_enabled(self) -> bool:
        """Whether `backups` can be used."""
        return self._make_backups is not None

    def migrate(
        self,
        target: str | None = None,
        *,
        dry_run: bool = False,
        on_error: str = "fail",
        confirm: Callable[[Migrated], bool] | None = None,
        stopping: Callable[[], bool] | None = None,
    ) -> Migrated:
        """Do what `Migrations.migrate` does."""
        return self.migrations.migrate(target, dry_run=dry_run, on_error=on_error, confirm=confirm, stopping=stopping)

    def migration_status(self) -> Status:
        """Do what `Migrations.migration_status` does."""
        return self.migrations.migration_status()

    def schema_versions(self) -> tuple[str, ...]:
        """Do what `Migrations.schema_versions` does."""
        return self.migrations.schema_versions()

    def create_backup(
        self,
        incremental: bool | None = None,
        *,
        description: str = "",
        scopes: Sequence[str] | str | None = None,
        exclude: Sequence[str] | str | None = None,
        hold: str | bool | None = None,
        progress: Progress | None = None,
    ) -> Created:
        """Do what `Backups.create_backup` does."""
        return self.backups.create_backup(
            incremental, description=description, scopes=scopes, exclude=exclude, hold=hold, progress=progress
        )

    def list_backups(self) -> list[Listed]:
        """Do what `Backups.list_backups` does."""
        return self.backups.list_backups()

    def restore_backup(
        self,
        backup_id: str,
        *,
        scopes: Sequence[str] | str | None = None,
        keys: Sequence[str] | str | None = None,
        exclude: Sequence[str] | str | None = None,
        into: str | None = None,
        dry_run: bool = False,
        force: bool = False,
        progress: Progress | None = None,
    ) -> Restored:
        """Do what `Backups.restore_backup` does."""
        return self.backups.restore_backup(
            backup_id,
            scopes=scopes,
            keys=keys,
            exclude=exclude,
            into=into,
            dry_run=dry_run,
            force=force,
            progress=progress,
        )

    def validate_backup(self, backup_id: str, *, progress: Progress | None = None) -> Validated:
        """Do what `Backups.validate_backup` does."""
        return self.backups.validate_backup(backup_id, progress=progress)

    def cleanup_backups(self, dry_run: bool = False) -> CleanedUp:
        """Do what `Backups.cleanup_backups` does."""
        return self.backups.cleanup_backups(dry_run)

    def get_storage_usage(self) -> Usage:
        """Do what `Backups.get_storage_usage` does."""
        return self.backups.get_storage_usage()


_making = threading.RLock()
"""Held while the neighbours of a store are made, so that of two threads one makes them."""
