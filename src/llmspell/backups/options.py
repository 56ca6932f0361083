"""What are the backups of a store made with? The options, as the configuration gives them."""

from __future__ import annotations

from typing import NamedTuple

from llmspell.backups.retention import Rules

FULL_VERIFICATION, CHECKSUMS = "full", "checksum"


class BackupOptions(NamedTuple):
    """`place` is a folder or the URL of an object store; `key_file` names the age key, None for plain backups.

    `verify` is "full" (read back, decode and compare every entry) or "checksum" (read back the bytes). `scopes`
    and `exclude` are the globs of backups that name none themselves. `new_schema_version` is what a store that
    nobody has written to yet will be stamped with. `full_interval_seconds`: an incremental backup becomes a full
    one when the full one that it would stand on is older.
    """

    place: str
    new_schema_version: str
    max_value_bytes: int
    compression: str = "zstd"
    compression_level: int = 3
    verify: str = FULL_VERIFICATION
    key_file: str | None = None
    scopes: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    incremental: bool = True
    full_interval_seconds: int | None = None
    rules: Rules = Rules()
