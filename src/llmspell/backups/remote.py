"""How are backups kept in an object store? One prefix each, whose manifest is put last and deleted first.

An object store has no lock. None is needed between makers: ids are random, and a manifest is only ever created,
never written over. A maker that dies leaves objects without a manifest, which `tidy` removes a day later, and
perhaps parts of an upload, which only a rule of the bucket can remove (abort incomplete multipart uploads).
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, BinaryIO, cast

from llmspell.backups.names import is_id
from llmspell.backups.object_store import ObjectStore
from llmspell.backups.place import MANIFEST, FileFacts
from llmspell.errors import BackupDamaged, BackupUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType

    from obstore import ObjectMeta, ReadableFile, WritableFile

_PIECE_BYTES = 8 * 1024 * 1024  # 10,000 of them are the most that S3 takes for a file
_PIECES_AT_ONCE = 4
_LEFT_SECONDS = 24 * 60 * 60

_turns: dict[str, RLock] = {}


class RemotePlace:
    """See `Place`. The bucket must exist. `stamp` is the object's ETag.

    A server that cannot be reached, or is silent, is `BackupUnavailable` after at most some 15 seconds; a file
    that stalls on its way up after two minutes. `url` and what it raises are those of `ObjectStore`.
    """

    def __init__(self, url: str) -> None:
        self.name = url
        self._store = ObjectStore(url)
        self._turn = _turns.setdefault(self._store.address, RLock())

    def listing(self) -> dict[str, dict[str, FileFacts]]:
        """See `Place.listing`. A folder without a manifest is never listed: it may be somebody's draft."""
        return {name: _facts(files) for name, files in self._folders().items() if MANIFEST in files}

    def files(self, backup_id: str) -> dict[str, FileFacts]:
        """See `Place.files`."""
        found = self._folders(backup_id).get(backup_id, {})
        return _facts(found) if MANIFEST in found else {}

    def read(self, backup_id: str, name: str, most_bytes: int) -> bytes | None:
        """See `Place.read`."""
        with self._store.asking() as obstore:
            try:
                found = obstore.get(self._store.reading, f"{backup_id}/{name}")
                content = bytes(found.bytes()) if found.meta["size"] <= most_bytes else None
            except FileNotFoundError:
                found = None
        if found is None:
            self._folders(backup_id)  # which raises when it is not the file that is missing but the bucket
            return None
        if content is None:
            raise BackupDamaged(f"{name} of {backup_id} has more than {most_bytes} bytes, which no such file has")
        return content

    @contextmanager
    def open(self, backup_id: str, name: str) -> Iterator[BinaryIO]:
        """See `Place.open`. The bytes are fetched in pieces of 8 MiB, each of which is kept until it was read."""
        file: ReadableFile | None = None
        with self._store.asking() as obstore:
            try:
                file = obstore.open_reader(self._store.reading, f"{backup_id}/{name}", buffer_size=_PIECE_BYTES)
            except FileNotFoundError:
                file = None
        if file is None:
            self._folders(backup_id)
            raise BackupDamaged(f"{name} is missing")
        yield cast("BinaryIO", _Download(file, self))

    def draft(self, backup_id: str) -> RemoteDraft:
        """See `Place.draft`. The bucket is never made."""
        return RemoteDraft(self, backup_id)

    def replace(self, backup_id: str, name: str, content: bytes) -> None:
        """See `Place.replace`."""
        with self._store.asking() as obstore:
            obstore.put(self._store.reading, f"{backup_id}/{name}", content)

    def remove(self, backup_id: str) -> None:
        """See `Place.remove`."""
        self._delete(backup_id, self._folders(backup_id).get(backup_id, {}))

    def alone(self) -> AbstractContextManager[object]:
        """See `Place.alone`: a lock within this process only. The top of this module tells why that is enough."""
        return self._turn

    def tidy(self) -> None:
        """See `Place.tidy`: removes folders without a manifest in which nothing was written for a day.

        The newest object of the place tells what time it is, as the server has it.
        """
        folders = self._folders()
        times = {name: max(one["last_modified"] for one in files.values()) for name, files in folders.items()}
        now = max(times.values(), default=None)
        for name, files in folders.items():
            if MANIFEST not in files and now is not None and (now - times[name]).total_seconds() > _LEFT_SECONDS:
                left = self._folders(name).get(name, {})
                if MANIFEST not in left:  # nobody was that slow
                    self._delete(name, left)

    def _folders(self, backup_id: str | None = None) -> dict[str, dict[str, ObjectMeta]]:
        """Give what lies under the ids of backups, one listing for all."""
        found: dict[str, dict[str, ObjectMeta]] = {}
        with self._store.asking() as obstore:
            for page in obstore.list(self._store.reading, backup_id, chunk_size=1000):
                for one in page:
                    folder, _, name = one["path"].partition("/")
                    if is_id(folder) and name and "/" not in name:
                        found.setdefault(folder, {})[name] = one
        return found

    def _delete(self, backup_id: str, files: dict[str, ObjectMeta]) -> None:
        for name in sorted(files, key=lambda name: name != MANIFEST):
            with self._store.asking() as obstore:
                try:
                    obstore.delete(self._store.reading, f"{backup_id}/{name}")
                except FileNotFoundError:
                    continue  # some servers say so when somebody else was faster


class RemoteDraft:
    """See `Draft`. Files go up in pieces of 8 MiB, at most four at once; nothing else of them is in memory."""

    def __init__(self, place: RemotePlace, backup_id: str) -> None:
        self._place = place
        self._id = backup_id
        self._done = False

    def __enter__(self) -> RemoteDraft:
        if self._place._folders(self._id):
            raise self._taken()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._done:
            return
        try:
            self._place.remove(self._id)
        except BackupUnavailable as trouble:
            if error is None:
                raise
            error.add_note(f"what was written of {self._id} could not be removed: {trouble}")

    @contextmanager
    def write(self, name: str) -> Iterator[BinaryIO]:
        """See `Draft.write`."""
        place = self._place
        with place._store.asking() as obstore:
            file = obstore.open_writer(
                place._store.writing, f"{self._id}/{name}", buffer_size=_PIECE_BYTES, max_concurrency=_PIECES_AT_ONCE
            )
        try:
            yield cast("BinaryIO", _Upload(file, place))
        except BaseException as error:
            try:
                with place._store.asking():
                    file.__exit__(type(error), error, error.__traceback__)  # takes the upload back
            except BackupUnavailable as trouble:
                error.add_note(f"the upload of {name} could not be taken back: {trouble}")
            raise
        with place._store.asking():
            file.close()

    def read(self, name: str) -> AbstractContextManager[BinaryIO]:
        """See `Draft.read`."""
        return self._place.open(self._id, name)

    def publish(self, manifest: bytes) -> None:
        """See `Draft.publish`. `BackupUnavailable` when another maker was faster under this id; his is left alone."""
        place = self._place
        created = False
        with place._store.asking() as obstore:
            try:
                obstore.put(place._store.reading, f"{self._id}/{MANIFEST}", manifest, mode="create")
                created = True
            except obstore.exceptions.AlreadyExistsError:
                created = False
        if not created:
            facts = place.files(self._id).get(MANIFEST)
            self._done = facts is not None  # what is there belongs to a backup now: ours, or that of another
            # A try whose answer was lost, and the library made another one: then it is ours.
            if facts is None or facts.size_bytes != len(manifest) or self._manifest(len(manifest)) != manifest:
                raise self._taken()
        self._done = True

    def _manifest(self, size_bytes: int) -> bytes | None:
        return self._place.read(self._id, MANIFEST, size_bytes)

    def _taken(self) -> BackupUnavailable:
        return BackupUnavailable(
            f'the backup {self._id} was to be written to "{self._place.name}" and somebody has begun one of this name '
            "already; make the backup again"
        )


class _Download:
    """A file whose trouble is told as that of the place."""

    def __init__(self, file: ReadableFile, place: RemotePlace) -> None:
        self._file = file
        self._place = place

    def read(self, size: int = -1) -> bytes:
        with self._place._store.asking():
            return bytes(self._file.read(None if size is None or size < 0 else size))


class _Upload:
    """A file whose trouble is told as that of the place, apart from what others raise while it is open."""

    def __init__(self, file: WritableFile, place: RemotePlace) -> None:
        self._file = file
        self._place = place

    def write(self, piece: bytes) -> int:
        with self._place._store.asking():
            return self._file.write(piece)

    def flush(self) -> None:
        """Nothing is to be gained before the end of the file."""


def _facts(files: dict[str, ObjectMeta]) -> dict[str, FileFacts]:
    return {
        name: FileFacts(one["size"], one["e_tag"] or one["last_modified"].isoformat()) for name, one in files.items()
    }
