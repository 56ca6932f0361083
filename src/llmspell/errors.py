"""What can go wrong: every exception of llmspell, under one root.

::

    LlmspellError
    ├── ConfigError            the configuration cannot be used
    ├── InvalidArgument        a scope, a key or an option breaks a rule (also a ValueError)
    │   └── InvalidValue       a value cannot be stored exactly
    ├── Conflict               an expected version does not hold
    ├── StoreError             the store or its engine cannot do it
    │   ├── StoreUnavailable   the files cannot be reached, created or written
    │   ├── StoreFull          the disk is full
    │   ├── StoreBusy          another program holds the store and does not let go
    │   ├── StoreClosed        it was closed, or the transaction is over
    │   ├── StoreDamaged       the files are not sound
    │   ├── ForeignStore       the file belongs to another program
    │   ├── LayoutTooNew       written by a newer llmspell
    │   ├── SchemaMismatch     the schema version is outside the required range
    │   │   └── SchemaTooNew   the schema version is newer than every known migration
    │   ├── ChangesForgotten   deletions since that version are no longer known
    │   ├── UnsafeFileSystem   locks cannot be trusted there
    │   └── UnsafeEngine       this build of the engine has a known data-loss bug
    ├── MigrationError         a migration cannot be made; the store is as it was
    │   ├── MigrationFileError a migration file cannot be used
    │   ├── MigrationPathError there is no way from one schema version to the other
    │   └── MigrationFailed    an entry could not go through (scope, key, transform, reason)
    ├── BackupError            a backup cannot be made, read or restored; the store is as it was
    │   ├── BackupNotFound     there is no backup of that name
    │   ├── BackupUnavailable  the place of the backups cannot be reached, read or written
    │   ├── BackupDamaged      what a backup holds is not what was written
    │   ├── BackupTooNew       made by a newer llmspell
    │   ├── BackupKeyMissing   it is encrypted and no key was given
    │   └── BackupKeyWrong     the key is none that it was encrypted for
    ├── HistoryError           the store does not know that moment
    └── ScriptError            a script failed
        └── LimitExceeded      a limit stopped the script

Every message is one sentence that says what was asked, what was found and what to do.
"""

__all__ = [
    "BackupDamaged",
    "BackupError",
    "BackupKeyMissing",
    "BackupKeyWrong",
    "BackupNotFound",
    "BackupTooNew",
    "BackupUnavailable",
    "ChangesForgotten",
    "ConfigError",
    "Conflict",
    "ForeignStore",
    "HistoryError",
    "InvalidArgument",
    "InvalidValue",
    "LayoutTooNew",
    "LimitExceeded",
    "LlmspellError",
    "MigrationError",
    "MigrationFailed",
    "MigrationFileError",
    "MigrationPathError",
    "SchemaMismatch",
    "SchemaTooNew",
    "ScriptError",
    "StoreBusy",
    "StoreClosed",
    "StoreDamaged",
    "StoreError",
    "StoreFull",
    "StoreUnavailable",
    "UnsafeEngine",
    "UnsafeFileSystem",
]


class LlmspellError(Exception):
    """The root: `except LlmspellError` catches everything that llmspell raises on purpose."""


class ConfigError(LlmspellError):
    """The configuration cannot be used; nothing was opened."""


class InvalidArgument(LlmspellError, ValueError):
    """A scope, a key or an option breaks a rule; nothing was done."""


class InvalidValue(InvalidArgument):
    """A value cannot be stored exactly; nothing was stored.

    `path` leads to the part that cannot, as in `.items[3].callback`; it is empty for the whole value.
    `reason` says what is wrong there, `refusal` what was not done because of it.
    """

    def __init__(self, path: str, reason: str, refusal: str = "the value cannot be stored") -> None:
        self.path = path
        self.reason = reason
        self.refusal = refusal
        super().__init__(path, reason, refusal)

    def __str__(self) -> str:
        return f"{self.refusal}: {self.path or 'it'} {self.reason}"


class Conflict(LlmspellError):
    """An expected version does not hold; nothing was written.

    `expected` and `actual` are versions, 0 for "no entry", -1 for one that the running transaction
    has written itself. When the conflict is about a listing
    (the keys of a scope, the scopes), `key` is None and both versions are None.
    """

    def __init__(self, scope: str | None, key: str | None, expected: int | None, actual: int | None) -> None:
        self.scope = scope
        self.key = key
        self.expected = expected
        self.actual = actual
        super().__init__(scope, key, expected, actual)

    def __str__(self) -> str:
        if self.scope is None:
            return "Conflict: the list of scopes changed while the transaction ran"
        if self.key is None:
            return f'Conflict: the keys of scope "{self.scope}" changed while the transaction ran'
        return (
            f'Conflict: scope "{self.scope}", key "{self.key}": '
            f"expected {_spell(self.expected)}, found {_spell(self.actual)}"
        )


def _spell(version: int | None) -> str:
    if version == -1:
        return "an entry that this transaction has written"
    return f"version {version}" if version else "no entry (version 0)"


class StoreError(LlmspellError):
    """The store or its engine cannot do what was asked."""


class StoreUnavailable(StoreError):
    """The store's files cannot be reached, created or written."""


class StoreFull(StoreError):
    """The disk is full; what was asked was not stored, everything before it is kept."""


class StoreBusy(StoreError):
    """Another program holds the store and does not let go."""


class StoreClosed(StoreError):
    """The store was closed, or the transaction or snapshot is over."""


class StoreDamaged(StoreError):
    """The store's files are not sound."""


class ForeignStore(StoreError):
    """The file belongs to another program."""


class LayoutTooNew(StoreError):
    """The store was written by a newer llmspell."""


class SchemaMismatch(StoreError):
    """The store's schema version is outside the required range."""


class SchemaTooNew(SchemaMismatch):
    """The store's schema version is newer than every migration that is known here."""


class ChangesForgotten(StoreError):
    """Deletions since that version are no longer known; read everything instead."""


class UnsafeFileSystem(StoreError):
    """The file system cannot lock safely."""


class UnsafeEngine(StoreError):
    """This build of the engine has a known data-loss bug."""


class MigrationError(LlmspellError):
    """A migration cannot be made; the store is as it was.

    `problems` has a sentence for each thing that is wrong, when there are several.
    """

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        self.problems = problems or (message,)
        super().__init__(message)


class MigrationFileError(MigrationError):
    """A migration file cannot be used; the message names file, line and field."""


class MigrationPathError(MigrationError):
    """The known migrations lead from no version here to the one that was asked for."""


class MigrationFailed(MigrationError):
    """An entry could not go through; the message names its scope, key, transform and the reason."""


class BackupError(LlmspellError):
    """A backup cannot be made, read or restored; the store is as it was.

    `problems` has a sentence for each thing that is wrong, when there are several.
    """

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        self.problems = problems or (message,)
        super().__init__(message)


class BackupNotFound(BackupError):
    """There is no backup of that name."""


class BackupUnavailable(BackupError):
    """The place of the backups cannot be reached, read or written, or it is full."""


class BackupDamaged(BackupError):
    """What a backup holds is not what was written; nothing was restored from it."""


class BackupTooNew(BackupError):
    """The backup was made by a newer llmspell."""


class BackupKeyMissing(BackupError):
    """The backup is encrypted and no key was given."""


class BackupKeyWrong(BackupError):
    """The key is none that the backup was encrypted for."""


class HistoryError(LlmspellError):
    """The store does not know that moment: history is off, or it lies outside of what is kept."""


class ScriptError(LlmspellError):
    """A script failed; the message names the script, the line and the call.

    `output` is what it had printed until then, when `llmspell.scripting.run_script` ran it; otherwise it is empty.
    """

    output: str = ""


class LimitExceeded(ScriptError):
    """A limit (memory, instructions, time, output) stopped the script."""
