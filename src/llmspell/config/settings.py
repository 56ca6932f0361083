"""What can be configured? The settings with their defaults."""

from __future__ import annotations

from typing import NamedTuple

from llmspell import limits

FULL, NORMAL, OUTPUT = "full", "normal", "output"
DURABILITIES = (FULL, OUTPUT, NORMAL)
MEMORY_LIMIT_BYTES = 268_435_456
STACK_BYTES = 1_048_576
TIMEOUT_SECONDS = 300.0


class StateSettings(NamedTuple):
    """What `[state]` says, or the older `[runtime.state_persistence]`.

    The paths stand as written: a relative one starts at the working directory. `durability` is None where nothing is
    said about it: then it is "output" for scripts whose output can be held back, and "full" for everybody else.
    `required_schema` is only known to be written correctly; whether a store fits is decided elsewhere.
    """

    enabled: bool = True
    backend: str = "disk"
    path: str = "./state"
    durability: str | None = None
    max_value_bytes: int = limits.MAX_VALUE_BYTES
    migration_enabled: bool = False
    schema_version: str = "1.0.0"
    required_schema: str | None = None
    migrations_path: str = "./migrations"
    backup_enabled: bool = False
    backup_path: str = "./backups"
    backup_retention_days: int = 30
    backup_compression: str = "zstd"
    backup_compression_level: int = 3
    backup_incremental: bool = True
    backup_max_backups: int | None = None
    backup_max_age_seconds: int | None = None
    backup_full_interval_seconds: int | None = None
    allow_python_migrations: bool = False
    backup_verify: str = "full"
    backup_encryption_key_file: str | None = None
    backup_scopes: tuple[str, ...] = ()
    backup_exclude: tuple[str, ...] = ()
    backup_keep_last: int = 0
    backup_keep_hourly: int = 0
    backup_keep_daily: int = 0
    backup_keep_weekly: int = 0
    backup_keep_monthly: int = 0
    backup_keep_yearly: int = 0
    backup_max_total_bytes: int | None = None
    history_days: int = 0

    def durability_for(self, *, holding: bool) -> str:
        """Give the durability for somebody whose output is held back until the store is settled, or is not.

        >>> StateSettings().durability_for(holding=True), StateSettings().durability_for(holding=False)
        ('output', 'full')
        """
        if holding:
            return self.durability or OUTPUT
        return FULL if self.durability in (None, OUTPUT) else self.durability


class ScriptSettings(NamedTuple):
    """What a script may use; 0 means no limit.

    `memory_limit_bytes` and `max_instructions` are those of Lua. Python scripts have no limits.
    """

    default_engine: str = "lua"
    stdlib: str = "safe"
    memory_limit_bytes: int = MEMORY_LIMIT_BYTES
    max_instructions: int = 0
    timeout_seconds: float = TIMEOUT_SECONDS
    allow_file_access: bool = False
    allow_process_spawn: bool = False
    allow_network_access: bool = False
    javascript_memory_limit_bytes: int = MEMORY_LIMIT_BYTES
    javascript_stack_bytes: int = STACK_BYTES
    python_enabled: bool = True


class Settings(NamedTuple):
    """Everything that can be configured; `source` is the file it came from, None for the defaults."""

    source: str | None = None
    state: StateSettings = StateSettings()
    script: ScriptSettings = ScriptSettings()
