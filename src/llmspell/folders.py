"""When does a name survive a power cut? When the folder that it stands in has been synced."""

from __future__ import annotations

import os


def sync_folder(path: str) -> None:
    """Return when the names in the folder are on the disk; raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: str) -> None:
    """Make the folder and those above it that are missing, each with mode 0700, so that they survive a power cut.

    One that is there stays as it is. `path` is absolute; raises `OSError`, also for a file of that name.
    """
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    if not os.path.lexists(parent):
        make_folder(parent)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
        return
    sync_folder(parent)
