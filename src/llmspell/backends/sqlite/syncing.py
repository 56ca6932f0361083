"""Is what was written, or read, on the disk? What brings the engine's log there, and knows when nothing is to do.

Only the log is opened here: closing any descriptor of the database itself would drop this process's locks on it. What
is not in the log is in the database, and the engine has synced it there.
"""

from __future__ import annotations

import os
import threading

from llmspell.folders import sync_folder
from llmspell.quick_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

sync_data = getattr(os, "fdatasync", os.fsync)
"""Brings a file's content and length to the disk; macOS knows only how to bring all of it."""


class LogSync:
    """What one open store knows of its log. `holding` says that output waits for `settle` (durability "output")."""

    def __init__(self, folder: str, database: str, *, holding: bool) -> None:
        self.used = False
        """Whether anything was read or written since the last time it was settled. Set when it is done, not before."""
        self.writes = 0
        """How often something was written here; not every write raises the store's version. Counted when it is done."""
        self._folder = folder
        self._log = database + "-wal"
        self._holding = holding
        self._lock = threading.Lock()
        """Held while somebody settles: who comes second may go on only when what he relies on is on the disk."""
        self._settled: tuple[int, tuple[int, str] | None] = (0, None)
        self._failure: OSError | None = None
        self._named: tuple[int, int] | None = None
        """The log whose name is known to be in the folder on the disk. While a connection is open, it stays."""

    def sync(self, *, connected: bool) -> None:
        """Return when what was committed, here or elsewhere, is on the disk. `connected`: a connection is open.

        A failure stays one: the system would not tell it twice, and what it has dropped stays dropped.
        """
        if self._failure is not None:
            raise self._failure
        try:
            log = os.open(self._log, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return  # a checkpoint has moved all of it into the database, and synced that
        try:
            status = os.fstat(log)
            name = (status.st_dev, status.st_ino)
            self._sync(log, name)
            self._named = name if connected else None
        finally:
            os.close(log)

    def settle(self, versions: Callable[[], tuple[int, str] | None]) -> None:
        """Where output waits: return when what was read and written here is on the disk.

        What others have written and was read here may not be on the disk either. So `versions` decide, of the store
        and of its schema: as long as they are those that were synced last, nothing is done.
        """
        if not self._holding:
            return
        with self._lock:
            if not self.used:
                return
            self.used = False
            try:
                found = (self.writes, versions())
                if found != self._settled and self._has_content():
                    self.sync(connected=True)
                self._settled = found
            except BaseException:
                self.used = True
                raise

    @property
    def failed(self) -> bool:
        """Whether a sync has failed."""
        return self._failure is not None

    def forget_after_fork(self) -> None:
        """In a forked child: another thread of the parent may have held the lock, and the log may go."""
        self._lock = threading.Lock()
        self._named = None

    def _sync(self, log: int, name: tuple[int, int]) -> None:
        try:
            sync_data(log)
            if self._named != name:
                sync_folder(self._folder)
        except OSError as error:
            self._failure = error
            raise

    def _has_content(self) -> bool:
        try:
            return os.stat(self._log).st_size > 0
        except FileNotFoundError:
            return False
