"""What does the configuration file say?

TOML becomes one frozen `Settings`; what cannot be used becomes one `ConfigError` that points at the line.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TypeVar

from llmspell import limits
from llmspell.config.settings import DURABILITIES, ScriptSettings, Settings, StateSettings
from llmspell.config.table import MAX_TIMEOUT_SECONDS, Problem, Table, escaped, sentence
from llmspell.errors import ConfigError

FILE_NAME = "llmspell.toml"
MAX_FILE_BYTES = 1_000_000
MAX_VALUE_BYTES_BOUND = 1_000_000_000
MAX_RETENTION_DAYS = 36_500
MAX_HISTORY_DAYS = 36_500
MAX_ZSTD_LEVEL = 19
MAX_GZIP_LEVEL = 9
MAX_KEPT = 100_000
MIN_STACK_BYTES = 65_536
MAX_STACK_BYTES = 4_194_304
LANGUAGES = ("lua", "javascript", "python")

Number = TypeVar("Number", int, float)


def load_settings(
    path: str | os.PathLike[str] | None = None,
    *,
    directory: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """The settings in the file `path`, or in `llmspell.toml` if there is one, or else the defaults.

    `directory` is where `llmspell.toml` is looked for, the working directory unless given. `${NAME}` in
    a text is replaced from `environ`, the environment of the process unless given. Raises `ConfigError`
    for the first thing in the file that cannot be used. Opens nothing but that file.

    >>> load_settings(directory="/nonexistent").state.path
    './state'
    """
    if path is None:
        path = os.path.join(directory or "", FILE_NAME)
        if not os.path.lexists(path):
            return Settings()
    source = os.fspath(path)
    place = escaped(source)
    text = _read(source, place)
    problems: list[Problem] = []
    root = Table((), _parse(text, place), os.environ if environ is None else environ, problems)
    runtime = root.table("runtime")
    settings = Settings(source, _state(root, runtime), _script(root, runtime))
    if problems:
        raise ConfigError(sentence(place, text, problems))
    return settings


def _read(source: str, place: str) -> str:
    try:
        with open(source, "rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError(f"{place}: there is no such file; check the path of the configuration file") from error
    except IsADirectoryError as error:
        raise ConfigError(f"{place} is a folder; name the configuration file in it") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{place} cannot be read: {reason}; make it readable or name another file") from error
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"{place} has more than {MAX_FILE_BYTES} bytes; name a configuration file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{place}, line {line}: the text is not UTF-8; save the file as UTF-8") from error


def _parse(text: str, place: str) -> Mapping[str, object]:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, _, position = str(error).rstrip(")").rpartition(" (at ")
        if position == "end of document":
            last_line = text.rstrip().count("\n") + 1
            position = f"line {last_line} (the end of the file)"
        raise ConfigError(f"{place}, {position}: this is not valid TOML: {message}; correct it there") from error
    except RecursionError as error:
        raise ConfigError(f"{place}: arrays or tables stand too deep inside each other; use fewer levels") from error
    except ValueError as error:  # tomllib lets Python's limit on the digits of an integer through
        raise ConfigError(f"{place}: an integer has too many digits; write a smaller one") from error


def _state(root: Table, runtime: Table) -> StateSettings:
    if "state_persistence" not in runtime:
        return _current_state(root.table("state"))
    if "state" in root:
        runtime.refuse("state_persistence", "is the older spelling of [state] and both are in the file", "keep one")
        return StateSettings()
    return _older_state(runtime.table("state_persistence"))


def _current_state(state: Table) -> StateSettings:
    default = StateSettings()
    settings = StateSettings(
        enabled=state.flag("enabled", default.enabled),
        backend=state.choice("backend", ("disk", "memory"), default.backend),
        path=state.text("path", default.path),
        durability=state.choice("durability", DURABILITIES, default.durability),
        max_value_bytes=state.whole("max_value_bytes", 1, MAX_VALUE_BYTES_BOUND, default.max_value_bytes),
        migration_enabled=state.flag("migration_enabled", default.migration_enabled),
        schema_version=state.version("schema_version", default.schema_version),
        required_schema=state.version_range("required_schema", default.required_schema),
        migrations_path=state.text("migrations_path", default.migrations_path),
        allow_python_migrations=state.flag("allow_python_migrations", default.allow_python_migrations),
    )
    settings = _with_backups(settings, state)
    settings = settings._replace(
        history_days=state.whole("history_days", 0, MAX_HISTORY_DAYS, default.history_days),
    )
    state.refuse_others()
    return settings


def _with_backups(settings: StateSettings, state: Table) -> StateSettings:
    days = settings.backup_retention_days
    settings = settings._replace(
        backup_enabled=state.flag("backup_enabled", settings.backup_enabled),
        backup_path=state.text("backup_path", settings.backup_path),
        backup_retention_days=state.whole("backup_retention_days", 0, MAX_RETENTION_DAYS, days),
        backup_incremental=state.flag("backup_incremental", settings.backup_incremental),
        backup_full_interval_seconds=state.whole("backup_full_interval_seconds", 1, limits.MAX_INTEGER, None),
        backup_compression=state.choice("backup_compression", ("zstd", "gzip", "none"), settings.backup_compression),
        backup_compression_level=state.whole(
            "backup_compression_level", 1, MAX_ZSTD_LEVEL, settings.backup_compression_level
        ),
        backup_verify=state.choice("backup_verify", ("full", "checksum"), settings.backup_verify),
        backup_encryption_key_file=state.text("backup_encryption_key_file", settings.backup_encryption_key_file),
        backup_scopes=state.texts("backup_scopes", settings.backup_scopes),
        backup_exclude=state.texts("backup_exclude", settings.backup_exclude),
        backup_keep_last=state.whole("backup_keep_last", 0, MAX_KEPT, settings.backup_keep_last),
        backup_keep_hourly=state.whole("backup_keep_hourly", 0, MAX_KEPT, settings.backup_keep_hourly),
        backup_keep_daily=state.whole("backup_keep_daily", 0, MAX_KEPT, settings.backup_keep_daily),
        backup_keep_weekly=state.whole("backup_keep_weekly", 0, MAX_KEPT, settings.backup_keep_weekly),
        backup_keep_monthly=state.whole("backup_keep_monthly", 0, MAX_KEPT, settings.backup_keep_monthly),
        backup_keep_yearly=state.whole("backup_keep_yearly", 0, MAX_KEPT, settings.backup_keep_yearly),
        backup_max_backups=state.whole("backup_max_backups", 1, limits.MAX_INTEGER, None),
        backup_max_age_seconds=state.whole("backup_max_age_seconds", 1, limits.MAX_INTEGER, None),
        backup_max_total_bytes=state.whole("backup_max_total_bytes", 1, limits.MAX_INTEGER, None),
    )
    if settings.backup_compression == "gzip" and settings.backup_compression_level > MAX_GZIP_LEVEL:
        allowed = f"it must be 1 to {MAX_GZIP_LEVEL} with gzip, 1 to {MAX_ZSTD_LEVEL} with zstd"
        state.refuse("backup_compression_level", "is out of range", allowed)
    return settings


def _older_state(state: Table) -> StateSettings:
    default = StateSettings()
    backends = ("disk", "memory", "rocksdb", "sled")
    settings = StateSettings(
        enabled=state.flag("enabled", default.enabled),
        backend="memory" if state.choice("backend_type", backends, default.backend) == "memory" else "disk",
        migration_enabled=state.flag("migration_enabled", default.migration_enabled),
        backup_enabled=state.flag("backup_enabled", default.backup_enabled),
        max_value_bytes=state.whole("max_state_size_bytes", 1, MAX_VALUE_BYTES_BOUND, default.max_value_bytes),
        schema_version=state.version("schema_version", default.schema_version),
    )
    settings = _with_older_backup(settings, state.table("backup"))
    state.refuse_others()
    return settings


def _with_older_backup(settings: StateSettings, backup: Table) -> StateSettings:
    level = settings.backup_compression_level
    settings = settings._replace(
        backup_path=backup.text("backup_dir", settings.backup_path),
        backup_compression=_older_compression(backup, settings.backup_compression),
        backup_compression_level=backup.whole("compression_level", 1, MAX_GZIP_LEVEL, level),
        backup_incremental=backup.flag("incremental_enabled", settings.backup_incremental),
        backup_max_backups=backup.whole("max_backups", 1, limits.MAX_INTEGER, None),
        backup_max_age_seconds=backup.whole("max_backup_age", 1, limits.MAX_INTEGER, None),
        backup_full_interval_seconds=backup.whole("full_backup_interval", 1, limits.MAX_INTEGER, None),
    )
    backup.refuse_others()
    return settings


def _older_compression(backup: Table, default: str) -> str:
    enabled = backup.flag("compression_enabled", True)
    compression = backup.choice("compression_type", ("brotli", "gzip", "lz4", "none", "zstd"), default)
    if not enabled:
        return "none"
    return "zstd" if compression in ("brotli", "lz4") else compression


def _script(root: Table, runtime: Table) -> ScriptSettings:
    default = ScriptSettings()
    engines = root.table("engines")
    lua, javascript, python = (engines.table(language) for language in LANGUAGES)
    security = runtime.table("security")
    libraries = ("safe", "full")
    stdlib = lua.choice("stdlib", libraries, None)
    stdlib_level = lua.choice("stdlib_level", libraries, None)
    if stdlib and stdlib_level and stdlib != stdlib_level:
        lua.refuse("stdlib_level", "differs from engines.lua.stdlib, which means the same", "keep one")
    time_limit_ms = security.whole("max_execution_time_ms", 0, MAX_TIMEOUT_SECONDS * 1000, None)
    max_memory_bytes = security.whole("max_memory_bytes", 0, limits.MAX_INTEGER, None)
    settings = ScriptSettings(
        default_engine=root.choice("default_engine", LANGUAGES, default.default_engine),
        stdlib=stdlib or stdlib_level or default.stdlib,
        memory_limit_bytes=_stricter(
            lua.whole("memory_limit", 0, limits.MAX_INTEGER, None),
            max_memory_bytes,
            default.memory_limit_bytes,
        ),
        max_instructions=lua.whole("max_instructions", 0, limits.MAX_INTEGER, default.max_instructions),
        timeout_seconds=_stricter(
            runtime.seconds("script_timeout_seconds", None),
            None if time_limit_ms is None else time_limit_ms / 1000,
            default.timeout_seconds,
        ),
        allow_file_access=security.flag("allow_file_access", default.allow_file_access),
        allow_process_spawn=security.flag("allow_process_spawn", default.allow_process_spawn),
        allow_network_access=security.flag("allow_network_access", default.allow_network_access),
        javascript_memory_limit_bytes=_stricter(
            javascript.whole("memory_limit", 0, limits.MAX_INTEGER, None),
            max_memory_bytes,
            default.javascript_memory_limit_bytes,
        ),
        javascript_stack_bytes=javascript.whole(
            "max_stack_bytes", MIN_STACK_BYTES, MAX_STACK_BYTES, default.javascript_stack_bytes
        ),
        python_enabled=python.flag("enabled", default.python_enabled),
    )
    python.refuse_misspelt()  # what was to be forbidden would stay allowed
    return settings


def _stricter(one: Number | None, other: Number | None, default: Number) -> Number:
    """The smaller of two limits, where 0 is no limit and None is not given."""
    if one is None or other is None:
        given = other if one is None else one
        return default if given is None else given
    return min(one, other) or max(one, other)
