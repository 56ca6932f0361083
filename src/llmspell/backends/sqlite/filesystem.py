"""On what does the store's folder lie? File systems on which locks cannot be trusted are told apart by name."""

from __future__ import annotations

import os

MOUNTS = "/proc/self/mountinfo"
"""Linux's table of mounts (proc_pid_mountinfo(5)); where it is missing, nothing can be told."""

UNSAFE = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "ncpfs", "ocfs2", "gfs2"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.rclone", "fuse.s3fs", "fuse.smbnetfs", "fuse.curlftpfs"}
)
"""Network and cluster file systems: a lock may be seen by one machine only, shared memory always is."""


def unsafe_type(path: str, mounts: str | None = None) -> str | None:
    """Give the type of the file system under `path` if it is an unsafe one, else None.

    `path` need not exist yet: its nearest existing parent counts. `mounts` is the text of the
    mount table, read from the system when not given.

    >>> unsafe_type("/data/state", "36 25 0:32 / / rw - ext4 /dev/a rw\\n37 36 0:33 / /data rw - nfs4 host:/x rw\\n")
    'nfs4'
    """
    if mounts is None:
        try:
            with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as table:
                mounts = table.read()
        except OSError:
            return None
    found = _type_of(os.path.realpath(path), mounts)
    return found if found in UNSAFE else None


def _type_of(path: str, mounts: str) -> str | None:
    best, kind = -1, None
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        words = fields.split(" ")
        if len(words) < 5 or not rest:
            continue
        point = _unescaped(words[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:  # a later mount on the same point covers the earlier one
            best, kind = len(point), rest.split(" ")[0]
    return kind


def _unescaped(text: str) -> str:
    """Undo the octal escapes of the mount table: blank, tab, newline, number sign, backslash."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\043", "#"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
