"""How is a file written so that a crash leaves the old one or the new one, and nothing between?"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from llmspell.errors import InvalidArgument
from llmspell.folders import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterable


def write_file(path: str, pieces: Iterable[bytes], mode: int) -> None:
    """Write `pieces` to `path`; a new file gets `mode` (less the umask), one that is there keeps its own.

    The file changes in one step, at the end. A device or a pipe is written to as it is.
    """
    try:
        _write(os.path.realpath(path), pieces, mode)
    except OSError as error:
        raise InvalidArgument(f'"{path}" cannot be written: {error.strerror}; name another file') from error


def _write(path: str, pieces: Iterable[bytes], mode: int) -> None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        status = None
    if status is not None and not stat.S_ISREG(status.st_mode):
        with open(path, "wb") as file:
            file.writelines(pieces)
        return
    temporary = f"{path}.{os.getpid()}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb") as file:
            if status is not None:
                os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
            file.writelines(pieces)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    sync_folder(os.path.dirname(path))
