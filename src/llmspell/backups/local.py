"""How are backups kept in a folder of a disk? One folder each, that appears whole and goes at once.

A backup is written under a name that begins with `.new-`, synced file by file, and renamed when all of it is on the
disk. One that goes is renamed to `.gone-` before its files are removed. So a crash leaves at most folders with such
names, which the next one who is alone in the place removes. Files are 0600, folders 0700; links are never followed.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from llmspell.backends.lock import Entry, FileLock
from llmspell.backups.names import is_id
from llmspell.backups.place import MANIFEST, FileFacts
from llmspell.errors import BackupDamaged, BackupUnavailable
from llmspell.fail_points import reach
from llmspell.folders import make_folder, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType

_LOCK = ".lock"
_NEW, _GONE = ".new-", ".gone-"


class LocalPlace:
    """See `Place`. `folder` need not exist before the first backup."""

    def __init__(self, folder: str) -> None:
        self.name = folder
        self._folder = os.path.abspath(folder)
        self._lock = FileLock(
            os.path.join(self._folder, _LOCK),
            before_open=self._make_folder,
            refusal=lambda error: self._trouble(error),
            keep_open=False,
        )

    def listing(self) -> dict[str, dict[str, FileFacts]]:
        """See `Place.listing`."""
        try:
            names = sorted(name for name in os.listdir(self._folder) if is_id(name))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._trouble(error) from error
        return {name: files for name in names if (files := self.files(name))}

    def files(self, backup_id: str) -> dict[str, FileFacts]:
        """See `Place.files`."""
        folder = os.path.join(self._folder, backup_id)
        found = {}
        try:
            if os.path.islink(folder):
                return {}
            for name in os.listdir(folder):
                facts = None if name.startswith(_NEW) else _facts(os.path.join(folder, name))
                if facts is not None:
                    found[name] = facts
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise self._trouble(error) from error
        return found

    def read(self, backup_id: str, name: str, most_bytes: int) -> bytes | None:
        """See `Place.read`."""
        try:
            file = _open_regular(os.path.join(self._folder, backup_id), name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._trouble(error) from error
        with file:
            content = self._read(file, most_bytes + 1)
        if len(content) > most_bytes:
            raise BackupDamaged(f"{name} of {backup_id} has more than {most_bytes} bytes, which no such file has")
        return content

    @contextmanager
    def open(self, backup_id: str, name: str) -> Iterator[BinaryIO]:
        """See `Place.open`."""
        with self._opened(os.path.join(self._folder, backup_id), name) as file:
            yield file

    def draft(self, backup_id: str) -> LocalDraft:
        """See `Place.draft`."""
        return LocalDraft(self, self._folder, backup_id)

    def replace(self, backup_id: str, name: str, content: bytes) -> None:
        """See `Place.replace`."""
        folder = os.path.join(self._folder, backup_id)
        new = os.path.join(folder, f"{_NEW}{name}")
        try:
            _remove(new)
            with _create(new) as file:
                file.write(content)
                reach("marks.written")
                _sync(file)
            reach("marks.replacing")
            os.rename(new, os.path.join(folder, name))
            reach("marks.replaced")
            sync_folder(folder)
        except OSError as error:
            raise self._trouble(error) from error

    def remove(self, backup_id: str) -> None:
        """See `Place.remove`."""
        gone = os.path.join(self._folder, f"{_GONE}{backup_id}")
        try:
            os.rename(os.path.join(self._folder, backup_id), gone)
            sync_folder(self._folder)
            reach("backup.unlisted")
            _remove(gone)
        except OSError as error:
            raise self._trouble(error) from error

    @contextmanager
    def alone(self) -> Iterator[None]:
        """See `Place.alone`: a lock between all processes on this machine. Who may only read goes without."""
        with ExitStack() as stack:
            try:
                stack.enter_context(Entry(self._lock))
            except BackupUnavailable as error:
                if getattr(error.__cause__, "errno", None) not in (errno.EROFS, errno.EACCES, errno.EPERM):
                    raise
            yield

    def tidy(self) -> None:
        """See `Place.tidy`."""
        try:
            for name in os.listdir(self._folder):
                path = os.path.join(self._folder, name)
                if name.startswith((_NEW, _GONE)) and is_id(name.partition("-")[2]):
                    _remove(path)
                elif is_id(name) and os.path.isdir(path) and not os.path.islink(path):
                    for unfinished in [one for one in os.listdir(path) if one.startswith(_NEW)]:
                        _remove(os.path.join(path, unfinished))
        except OSError as error:
            raise self._trouble(error) from error

    @contextmanager
    def _opened(self, folder: str, name: str) -> Iterator[BinaryIO]:
        try:
            file = _open_regular(folder, name)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise BackupDamaged(f"{name} is missing") from error
        except OSError as error:
            raise self._trouble(error) from error
        with file:
            yield cast("BinaryIO", _Reading(file, self))

    def _read(self, file: BinaryIO, size: int) -> bytes:
        try:
            return file.read(size)
        except OSError as error:
            raise self._trouble(error) from error

    def _make_folder(self) -> None:
        make_folder(self._folder)

    def _trouble(self, error: OSError) -> BackupUnavailable:
        """Give the error for one of the system's; the cause is kept by the caller's `raise ... from`."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return BackupUnavailable(f'the disk that holds the backups in "{self.name}" is full; free some space')
        if error.errno in (errno.ENOTDIR, errno.EEXIST) and not os.path.isdir(self._folder):
            return BackupUnavailable(
                f'"{self.name}" is to be the folder of the backups and is, or lies in, a file; name a folder in '
                "[state] backup_path"
            )
        return BackupUnavailable(
            f'the backups in "{self.name}" cannot be used: {error.strerror or error}; check that the path is a folder '
            "that you may read and write"
        )


class LocalDraft:
    """See `Draft`."""

    def __init__(self, place: LocalPlace, folder: str, backup_id: str) -> None:
        self._place = place
        self._parent = folder
        self._folder = os.path.join(folder, f"{_NEW}{backup_id}")
        self._final = os.path.join(folder, backup_id)
        self._published = False

    def __enter__(self) -> LocalDraft:
        try:
            make_folder(self._parent)
            os.mkdir(self._folder, 0o700)
        except OSError as error:
            raise self._place._trouble(error) from error
        reach("backup.begun")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._published:
            return
        try:
            _remove(self._folder)
        except OSError:
            return  # told by the error that led here; the next maker removes it

    @contextmanager
    def write(self, name: str) -> Iterator[BinaryIO]:
        """See `Draft.write`."""
        try:
            with _create(os.path.join(self._folder, name)) as file:
                yield cast("BinaryIO", _Writing(file, self._place))
                file.flush()
                reach("backup.written")
                _sync(file)
        except OSError as error:
            raise self._place._trouble(error) from error

    def read(self, name: str) -> AbstractContextManager[BinaryIO]:
        """See `Draft.read`."""
        return self._place._opened(self._folder, name)

    def publish(self, manifest: bytes) -> None:
        """See `Draft.publish`."""
        with self.write(MANIFEST) as file:
            file.write(manifest)
        try:
            sync_folder(self._folder)
            reach("backup.publishing")
            os.rename(self._folder, self._final)
            self._published = True
            reach("backup.published")
            sync_folder(self._parent)
        except OSError as error:
            raise self._place._trouble(error) from error


class _Reading:
    """A file whose trouble is told as that of the place."""

    def __init__(self, file: BinaryIO, place: LocalPlace) -> None:
        self._file = file
        self._place = place

    def read(self, size: int = -1) -> bytes:
        return self._place._read(self._file, size)


class _Writing:
    """A file whose trouble is told as that of the place, apart from what others raise while it is open."""

    def __init__(self, file: BinaryIO, place: LocalPlace) -> None:
        self._file = file
        self._place = place

    def write(self, piece: bytes) -> int:
        try:
            written = self._file.write(piece)
            reach("backup.writing")
            return written
        except OSError as error:
            raise self._place._trouble(error) from error

    def flush(self) -> None:
        try:
            self._file.flush()
        except OSError as error:
            raise self._place._trouble(error) from error


def _facts(path: str) -> FileFacts | None:
    """Look at a file; None for what is no file, or has gone since its name was read."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    return FileFacts(status.st_size, f"{status.st_mtime_ns}-{status.st_ino}") if stat.S_ISREG(status.st_mode) else None


def _open_regular(folder: str, name: str) -> BinaryIO:
    """Open a file for reading; a link, a pipe or a device is as if it was not there."""
    if os.path.islink(folder):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), folder)
    try:
        descriptor = os.open(os.path.join(folder, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    return os.fdopen(descriptor, "rb")


def _create(path: str) -> BinaryIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "wb")


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _remove(path: str) -> None:
    """Remove what is there: a file, a link (not what it leads to), a folder with all that is in it."""
    if not os.path.isdir(path) or os.path.islink(path):
        _remove_file(path)
        return
    folders = [path]
    for folder in folders:  # it grows while it is gone through: no depth is too deep
        for entry in list(os.scandir(folder)):
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            else:
                _remove_file(entry.path)
            reach("backup.removing")
    for folder in reversed(folders):
        os.rmdir(folder)


def _remove_file(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
