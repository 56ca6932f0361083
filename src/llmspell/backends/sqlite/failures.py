"""What does an engine's error mean to the person who meets it?"""

from __future__ import annotations

import apsw

from llmspell.errors import StoreBusy, StoreDamaged, StoreError, StoreFull, StoreUnavailable


def translate(error: apsw.Error | OSError, name: str) -> StoreError:
    """Give the store's error for an engine's or the system's; `name` is the store's file or folder.

    Every sentence says what was found and what to do; the cause is kept by the caller's `raise ... from`.
    """
    if isinstance(error, OSError):
        return StoreUnavailable(
            f'the store in "{name}" cannot be used: {error.strerror or error}; '
            "check that the path is a folder that you may write to"
        )
    if isinstance(error, apsw.NotADBError | apsw.CorruptError):
        return StoreDamaged(
            f'"{name}" is damaged or is no store at all ({error}); keep a copy of the folder, '
            "look with `llmspell state check`, and go back to a copy or backup that is sound"
        )
    if isinstance(error, apsw.FullError):
        return StoreFull(
            f'the disk that holds "{name}" is full; this was not stored, everything before it is kept: free some space'
        )
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return StoreBusy(
            f'"{name}" is held by another program that does not use llmspell (an SQLite shell, a copy tool?); '
            "close it and try again"
        )
    if isinstance(error, apsw.CantOpenError | apsw.ReadOnlyError | apsw.PermissionsError | apsw.AuthError):
        return StoreUnavailable(
            f'"{name}" cannot be opened or written ({error}); check that the folder and the files in it '
            "belong to you and may be written"
        )
    if isinstance(error, apsw.IOError):
        return StoreUnavailable(f'the disk under "{name}" failed ({error}); look at the system\'s log before going on')
    return StoreError(f'the engine failed on "{name}": {error}')
