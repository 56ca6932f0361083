"""What must a place be able to do in which backups are kept? A folder on a disk, or a prefix in an object store.

A place knows folders that are named by the ids of backups, and files in them. It knows nothing of what they mean,
but for one rule: a folder is a backup once `MANIFEST` is in it, and that file comes last and goes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import TracebackType

MANIFEST = "manifest.json"
MARKS = "marks.json"
"""The one file of a backup that changes after it was made."""


class FileFacts(NamedTuple):
    """What can be known of a file without reading it. `stamp` is another text once the file was written again."""

    size_bytes: int
    stamp: str


class Draft(Protocol):
    """A backup that is being written: a `with` block, at whose end it is gone unless it was published."""

    def write(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Give what the bytes of a file go to. At the end of the block the file is on the disk, whole."""

    def read(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Give the bytes of a file that was written, as the place would give them to others."""

    def publish(self, manifest: bytes) -> None:
        """Write the manifest and let everybody see the backup, in one step that survives a power cut."""

    def __enter__(self) -> Draft: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Place(Protocol):
    """Where backups are. Every method raises `BackupUnavailable` when the place cannot be used.

    Ids are checked by the caller (`names.require_id`); names of files are those of the format.
    """

    name: str
    """As it was configured, for messages."""

    def listing(self) -> dict[str, dict[str, FileFacts]]:
        """Give the folders that look like backups, each with its files; {} where the place does not exist yet.

        What is being written or was left half written is not listed. A folder that has lost its manifest is, so that
        the damage is seen, where a place can tell it from a half written one: an object store cannot. Links are no
        files and no folders.
        """

    def files(self, backup_id: str) -> dict[str, FileFacts]:
        """Give the files of one backup, {} where there is none."""

    def read(self, backup_id: str, name: str, most_bytes: int) -> bytes | None:
        """Give a small file whole; None where there is none. `BackupDamaged` when it has more than `most_bytes`."""

    def open(self, backup_id: str, name: str) -> AbstractContextManager[BinaryIO]:
        """Give the bytes of a file; `BackupDamaged` where there is none."""

    def draft(self, backup_id: str) -> Draft:
        """Begin a backup; the place is made if it does not exist."""

    def replace(self, backup_id: str, name: str, content: bytes) -> None:
        """Write a small file anew, atomically."""

    def remove(self, backup_id: str) -> None:
        """Remove a backup. From the first moment on it is not listed any more, whatever happens meanwhile."""

    def alone(self) -> AbstractContextManager[object]:
        """Until the block ends, nobody else who asks for it is inside. The same thread may enter it again."""

    def tidy(self) -> None:
        """Remove what makers that died have left half written. Called inside `alone`."""
