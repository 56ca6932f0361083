"""Which exit code means what? The one table; `of_error` finds the code of an exception in it."""

from __future__ import annotations

from llmspell.errors import (
    BackupError,
    BackupNotFound,
    ConfigError,
    Conflict,
    HistoryError,
    InvalidArgument,
    LimitExceeded,
    LlmspellError,
    MigrationError,
    SchemaMismatch,
    ScriptError,
)
from llmspell.quick_typing import NamedTuple


class ExitCode(NamedTuple):
    """A row of the table: the name, the number that the shell sees, and the words for people."""

    name: str
    number: int
    words: str


class NotFound(LlmspellError):
    """What was named is not there: no entry under that scope and key, no hold with that reason."""


DONE = ExitCode("done", 0, "it was done")
SCRIPT_FAILED = ExitCode("script failed", 1, "the script raised an error that nothing in it caught")
WRONG_USE = ExitCode("wrong use", 2, "the command line, a value or the configuration cannot be used; nothing was done")
NOT_FOUND = ExitCode("not found", 3, "there is no such entry or backup")
CONFLICT = ExitCode("conflict", 4, "the entry does not have the expected version; nothing was written")
STORE_TROUBLE = ExitCode("store trouble", 5, "the store, the engine under it or llmspell itself failed")
MIGRATION = ExitCode("migration", 6, "the schema version of the store does not fit, or a migration could not be made")
BACKUP = ExitCode(
    "backup", 7, "a backup could not be made, read or restored, or the store does not know that point of its past"
)
LIMIT = ExitCode("limit", 124, "a limit (memory, instructions, time) stopped the script")
INTERRUPTED = ExitCode("interrupted", 130, "it was interrupted by Ctrl-C, or a question was not answered with yes")
READER_GONE = ExitCode("reader gone", 141, "whatever read the standard output closed it, as `head` does")

TABLE = (
    DONE,
    SCRIPT_FAILED,
    WRONG_USE,
    NOT_FOUND,
    CONFLICT,
    STORE_TROUBLE,
    MIGRATION,
    BACKUP,
    LIMIT,
    INTERRUPTED,
    READER_GONE,
)

# The first class that fits counts, so a narrower one stands before the one it belongs to.
_BY_ERROR: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (LimitExceeded, LIMIT),
    (ScriptError, SCRIPT_FAILED),
    (Conflict, CONFLICT),
    (NotFound, NOT_FOUND),
    (InvalidArgument, WRONG_USE),
    (ConfigError, WRONG_USE),
    (SchemaMismatch, MIGRATION),
    (MigrationError, MIGRATION),
    (BackupNotFound, NOT_FOUND),
    (BackupError, BACKUP),
    (HistoryError, BACKUP),
    (KeyboardInterrupt, INTERRUPTED),
    (BrokenPipeError, READER_GONE),
)


def of_error(error: BaseException) -> ExitCode:
    """Give the row of the table for an exception; what no other row covers is trouble of the store.

    >>> of_error(Conflict("global", "x", 1, 2)).number
    4
    """
    for kind, code in _BY_ERROR:
        if isinstance(error, kind):
            return code
    return STORE_TROUBLE
