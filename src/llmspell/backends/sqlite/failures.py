"""What does an engine's error mean to the person who meets it?"""

from __future__ import annotations

import errno

import apsw

from llmspell.errors import StoreBusy, StoreClosed, StoreDamaged, StoreError, StoreFull, StoreUnavailable

FAILURES = (apsw.Error, OSError, UnicodeDecodeError)
"""What the engine and the system raise; text that is no UTF-8 comes only from damaged files."""

# Our statements are fixed: one that fails on a column or a constraint has met a damaged schema or row.
DAMAGED = (apsw.NotADBError, apsw.CorruptError, apsw.SQLError, apsw.ConstraintError, UnicodeDecodeError)


def translate(error: Exception, name: str) -> StoreError:
    """Give the store's error for an engine's or the system's; `name` is the store's file or folder.

    Every sentence says what was found and what to do; the cause is kept by the caller's `raise ... from`.
    """
    if _is_full(error):
        return StoreFull(
            f'the disk that holds "{name}" is full; this call stored nothing, what was stored before is kept: '
            "free some space"
        )
    if isinstance(error, OSError):
        return StoreUnavailable(
            f'the store in "{name}" cannot be used: {error.strerror or error}; '
            "check that the path is a folder that you may write to"
        )
    if isinstance(error, DAMAGED) or _extended(error) == apsw.SQLITE_IOERR_SHORT_READ:
        return StoreDamaged(
            f'"{name}" is damaged or is no store at all ({error}); keep a copy of the folder, '
            "look with `llmspell state check`, and go back to a copy or backup that is sound"
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
    if isinstance(error, apsw.ConnectionClosedError | apsw.CursorClosedError):
        return StoreClosed(f'the store in "{name}", or the snapshot of it, is closed; open it again')
    if isinstance(error, apsw.IOError):
        return StoreUnavailable(f'the disk under "{name}" failed ({error}); look at the system\'s log before going on')
    return StoreError(f'the engine failed on "{name}": {error}')


def unsynced(error: OSError, name: str) -> StoreError:
    """Give the store's error for a disk that does not take what was committed; what it has dropped stays dropped."""
    return StoreUnavailable(
        f'what was saved in "{name}" cannot be brought to the disk: {error.strerror or error}; it survives the end of '
        "this process, but maybe no power cut: look at the system's log, then save again what matters"
    )


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return isinstance(error, apsw.FullError) or _extended(error) == apsw.SQLITE_IOERR_SHMSIZE


def _extended(error: Exception) -> int:
    """Give SQLite's finer code of an input or output error, 0 for any other error."""
    return int(getattr(error, "extendedresult", 0)) if isinstance(error, apsw.IOError) else 0
