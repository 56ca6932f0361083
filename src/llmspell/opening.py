"""How is a store opened? The only place that picks a backend."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from llmspell.backends.registry import BackendOptions, open_backend
from llmspell.config import ScriptSettings, Settings, StateSettings, load_settings
from llmspell.config.loading import MAX_HISTORY_DAYS
from llmspell.config.settings import DURABILITIES
from llmspell.errors import InvalidArgument, SchemaMismatch, SchemaTooNew
from llmspell.limits import MAX_VALUE_BYTES_BOUND
from llmspell.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.backups.verbs import Backups
    from llmspell.migrations.attempt import BackupFirst
    from llmspell.migrations.verbs import Migrations


def open(
    path: str | os.PathLike[str] | None = None,
    *,
    config: str | os.PathLike[str] | None = None,
    backend: str | None = None,
    durability: str | None = None,
    max_value_bytes: int | None = None,
    schema_version: str | None = None,
    required_schema: str | None = None,
    migrations_path: str | os.PathLike[str] | None = None,
    allow_python_migrations: bool | None = None,
    backup_path: str | os.PathLike[str] | None = None,
    backup_encryption_key_file: str | os.PathLike[str] | None = None,
    history_days: int | None = None,
    clock: Callable[[], float] = time.time,
) -> Store:
    """Open the store in the folder `path`, or the one that a configuration file describes.

    Without `path` and `config` it is the folder `./state`; `backend="memory"` gives a private store
    that is gone when it is closed. Nothing is created before the first write.

    `durability` "full", the default, has every write on the disk before the call returns; "normal" may lose the last
    moments in a power cut; "output" is "normal" until `flush` is called, or `settle`, which `run_script` does
    before it returns: call one of them before anybody outside learns of what was saved. A file that says "output"
    speaks of scripts, and means "full" here.

    `required_schema` is a range such as ">=1.0.0,<2.0.0": a store whose schema version is outside of it is refused,
    and so is every later write once somebody has migrated it out of the range.
    `migrations_path`, the folder of the migration files, turns migrations on: `store.migrations`.
    `allow_python_migrations` lets those files name Python code, which runs with all rights of the program.
    `backup_path`, a folder or the URL of an object store such as "s3://bucket/prefix", turns backups on:
    `store.backups`; `backup_encryption_key_file` names the file with the age key that they are encrypted with.
    `history_days` above 0 lets the store keep replaced and deleted values for so many days, from the first write
    on, whoever makes it: `store.history`, `store.load(..., at=...)`, `store.diff`.
    Options given here win over those of the file.

    Raises `ConfigError` for a file that cannot be used, `InvalidArgument` for impossible options,
    and the kinds of `StoreError` for a folder that cannot be used; `SchemaTooNew` when migrations are on
    and the store's schema version is newer than every known one.

    >>> import tempfile; folder = tempfile.TemporaryDirectory()
    >>> with llmspell.open(folder.name + "/state") as store:
    ...     _ = store.save("global", "greeting", "hello")
    >>> with llmspell.open(folder.name + "/state") as store:
    ...     store.load("global", "greeting")
    'hello'
    >>> folder.cleanup()
    """
    loaded = Settings() if config is None else load_settings(config)
    settings = loaded.state
    settings = settings._replace(
        path=settings.path if path is None else _folder_name(path),
        backend=settings.backend if backend is None else backend,
        durability=settings.durability_for(holding=False) if durability is None else durability,
        max_value_bytes=settings.max_value_bytes if max_value_bytes is None else max_value_bytes,
        schema_version=settings.schema_version if schema_version is None else schema_version,
        required_schema=settings.required_schema if required_schema is None else required_schema,
        migration_enabled=settings.migration_enabled or migrations_path is not None,
        migrations_path=settings.migrations_path if migrations_path is None else _folder_name(migrations_path),
        backup_enabled=settings.backup_enabled or backup_path is not None,
        backup_path=settings.backup_path if backup_path is None else _folder_name(backup_path),
        history_days=settings.history_days if history_days is None else history_days,
    )
    if backup_encryption_key_file is not None:
        settings = settings._replace(backup_encryption_key_file=_folder_name(backup_encryption_key_file))
    if allow_python_migrations is not None:
        settings = settings._replace(allow_python_migrations=allow_python_migrations)
    if settings.durability not in DURABILITIES:
        raise InvalidArgument(f'durability must be "full", "output" or "normal", not {settings.durability!r}')
    if type(settings.max_value_bytes) is not int or not 0 < settings.max_value_bytes <= MAX_VALUE_BYTES_BOUND:
        raise InvalidArgument(
            f"max_value_bytes must be a whole number from 1 to {MAX_VALUE_BYTES_BOUND}, "
            f"not {settings.max_value_bytes!r}"
        )
    if type(settings.history_days) is not int or not 0 <= settings.history_days <= MAX_HISTORY_DAYS:
        raise InvalidArgument(
            f"history_days must be a whole number from 0 to {MAX_HISTORY_DAYS}, not {settings.history_days!r}"
        )
    if schema_version is not None:
        from llmspell.schema_range import require_version

        require_version(schema_version)
    return open_settings(settings, loaded.script, holding=True, clock=clock)


def open_settings(
    settings: StateSettings,
    script: ScriptSettings | None = None,
    *,
    holding: bool = False,
    clock: Callable[[], float] = time.time,
) -> Store:
    """Open the store that `settings` describe; see `open`. `script` bounds the scripts that migrations bring along.

    `holding` says that the caller settles the store before output leaves; without it every write is on the disk
    before its call returns, unless the settings ask for less.
    """
    accept = None if settings.required_schema is None else _accepting(settings)
    durability = settings.durability_for(holding=holding)
    options = BackendOptions(settings.path, durability, settings.schema_version, accept, settings.history_days)
    store = Store(
        open_backend(settings.backend, options),
        clock=clock,
        max_value_bytes=settings.max_value_bytes,
        migrations=_migrations_of(settings, script or ScriptSettings(), clock) if settings.migration_enabled else None,
        backups=_backups_of(settings, clock) if settings.backup_enabled else None,
        history_days=settings.history_days,
    )
    try:
        if accept is not None:
            accept(store.schema_version() or settings.schema_version)
        if settings.migration_enabled:
            _refuse_too_new(store, settings)
    except BaseException:
        store.close()
        raise
    return store


def _folder_name(path: str | os.PathLike[str]) -> str:
    name = os.fspath(path)
    if not name or "\0" in name:
        raise InvalidArgument(f"the path {name!r} names no folder; give one such as './state'")
    return name


def _accepting(settings: StateSettings) -> Callable[[str], None]:
    """Give what raises for a schema version outside of the required range; quick for one it has accepted before."""
    from llmspell.schema_range import satisfies

    required, accepted = settings.required_schema or "", set[str]()

    def accept(found: str) -> None:
        if found in accepted:
            return
        if not satisfies(found, required):
            raise SchemaMismatch(
                f'the store in "{settings.path}" has schema version {found}, outside the required {required}; '
                "open it with the program that fits, or change required_schema"
            )
        accepted.add(found)

    return accept


def _refuse_too_new(store: Store, settings: StateSettings) -> None:
    """Raise `SchemaTooNew` for a store from the future. The names of the files tell; none is read for it."""
    found = store.schema_version()
    if found is None or found == settings.schema_version:
        return
    from llmspell.migrations.files import versions_by_name

    known = versions_by_name(settings.migrations_path)
    if found in known:
        return
    from llmspell.schema_range import order

    newest = max((*known, settings.schema_version), key=order)
    if order(found) > order(newest):
        raise SchemaTooNew(
            f'the store in "{settings.path}" has schema version {found}, newer than every version known here (the '
            f'newest is {newest}, from "{settings.migrations_path}"); update the program or its migrations'
        )


def _migrations_of(
    settings: StateSettings, script: ScriptSettings, clock: Callable[[], float]
) -> Callable[[Store], Migrations]:
    """Give what makes the migrations of a store, once somebody asks for them."""

    def make(store: Store) -> Migrations:
        from llmspell.migrations.attempt import MigrationOptions
        from llmspell.migrations.verbs import Migrations
        from llmspell.scripting.code import open_code

        options = MigrationOptions(
            settings.migrations_path,
            settings.schema_version,
            settings.max_value_bytes,
            settings.allow_python_migrations,
            lambda path, source: open_code(path, source, script),
            _backup_first(store) if store.backup_enabled else None,
        )
        return Migrations(store.backend, options, clock=clock, in_transaction=lambda: store.in_transaction)

    return make


def _backup_first(store: Store) -> BackupFirst:
    """Give what makes a backup before a migration of the store."""
    from llmspell.errors import BackupNotFound
    from llmspell.migrations.attempt import BackupFirst

    hold = "before a migration"

    def make(description: str, held: bool) -> str:
        return store.backups.back_up_before(description, hold if held else None)

    def release(backup_id: str) -> None:
        try:
            store.backups.release_backup(backup_id, hold)
        except BackupNotFound:
            return  # somebody has removed it

    return BackupFirst(make, release)


def _backups_of(settings: StateSettings, clock: Callable[[], float]) -> Callable[[Store], Backups]:
    """Give what makes the backups of a store, once somebody asks for them."""

    def make(store: Store) -> Backups:
        from llmspell.backups.options import BackupOptions
        from llmspell.backups.retention import Rules
        from llmspell.backups.verbs import Backups

        _refuse_inside(settings)
        options = BackupOptions(
            settings.backup_path,
            settings.schema_version,
            settings.max_value_bytes,
            settings.backup_compression,
            settings.backup_compression_level,
            settings.backup_verify,
            settings.backup_encryption_key_file,
            settings.backup_scopes,
            settings.backup_exclude,
            settings.backup_incremental,
            settings.backup_full_interval_seconds,
            Rules(
                settings.backup_retention_days,
                settings.backup_keep_last,
                settings.backup_keep_hourly,
                settings.backup_keep_daily,
                settings.backup_keep_weekly,
                settings.backup_keep_monthly,
                settings.backup_keep_yearly,
                settings.backup_max_backups,
                settings.backup_max_age_seconds,
                settings.backup_max_total_bytes,
            ),
        )
        return Backups(
            store.backend,
            options,
            clock=clock,
            in_transaction=lambda: store.in_transaction,
            chain=(lambda: store.migrations.chain()) if store.migration_enabled else None,
        )

    return make


def _refuse_inside(settings: StateSettings) -> None:
    """Refuse backups in the folder of the store itself: what takes the one takes the other."""
    if "://" in settings.backup_path or settings.backend != "disk":
        return
    state, backups = os.path.realpath(settings.path), os.path.realpath(settings.backup_path)
    if os.path.commonpath((state, backups)) == state:
        raise InvalidArgument(
            f'the backups would lie in "{settings.backup_path}", inside the folder of the store itself, and be lost '
            "with it; name another folder in [state] backup_path"
        )
