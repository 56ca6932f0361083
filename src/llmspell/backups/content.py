"""How does content become a file of a backup, and content again? Through a checksum, a compressor and a cipher.

On the way out: content, compressed, encrypted when there is a key, written. On the way back everything is checked:
the size and SHA-256 of the file, the size and SHA-256 of the content. Neither is ever in memory as a whole.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from llmspell.backups.compression import SUFFIXES, compressed, unpacker
from llmspell.errors import BackupDamaged, BackupKeyMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from llmspell.backups.encryption import Key

_READ_BYTES = 1_048_576


class Packing(NamedTuple):
    """How the files of a backup are packed: the compression with its level, and the key, None for plain files."""

    compression: str
    level: int
    key: Key | None = None

    def file_name(self, stem: str) -> str:
        """Give the name of the file that holds the content called `stem`.

        >>> Packing("zstd", 3).file_name("entries.jsonl")
        'entries.jsonl.zst'
        """
        return f"{stem}{SUFFIXES[self.compression]}{'.age' if self.key else ''}"


class Part(NamedTuple):
    """One file of a backup. `content_sha256` is None while it stands in encrypted details that nobody has opened."""

    name: str
    size_bytes: int
    sha256: str
    content_bytes: int
    content_sha256: str | None


def write_content(out: BinaryIO, name: str, content: Iterable[bytes], packing: Packing) -> Part:
    """Write content to a file; give what is to be known of it."""
    plain = _Counted()
    written = _CountedFile(out)
    pieces = compressed(plain.passing(content), packing.compression, packing.level)
    if packing.key is None:
        for piece in pieces:
            written.write(piece)
    else:
        packing.key.encrypt(pieces, cast("BinaryIO", written))
    return Part(name, written.size, written.digest.hexdigest(), plain.size, plain.digest.hexdigest())


def read_content(source: BinaryIO, part: Part, packing: Packing, sink: Callable[[bytes], object]) -> None:
    """Pass the content of a file on to `sink`, piece by piece; raises `BackupDamaged` unless all of it is as written.

    That can be known only at the end: what `sink` was given counts for nothing when this raises.
    """
    plain = _Counted()

    def checked(piece: bytes) -> None:
        plain.add(piece)
        if plain.size > part.content_bytes:
            raise BackupDamaged(f"{part.name} holds more than the {part.content_bytes} bytes that its manifest tells")
        sink(piece)

    unpack = unpacker(packing.compression, checked).feed
    raw = _CountedSource(source, part)
    if part.name.endswith(".age"):
        if packing.key is None:
            raise BackupKeyMissing("it is encrypted, and backup_encryption_key_file names no key")
        packing.key.decrypt(cast("BinaryIO", raw), unpack)
        raw.drain()
    else:
        for piece in iter(lambda: raw.read(_READ_BYTES), b""):
            unpack(piece)
    raw.require_whole()
    if plain.size != part.content_bytes:
        raise BackupDamaged(f"{part.name} holds {plain.size} bytes of content, its manifest tells {part.content_bytes}")
    if part.content_sha256 is not None and plain.digest.hexdigest() != part.content_sha256:
        raise BackupDamaged(f"the content of {part.name} is not the one that its manifest tells (SHA-256)")


def check_file(source: BinaryIO, part: Part) -> None:
    """Read a file without unpacking it; raises `BackupDamaged` unless size and SHA-256 are those of its manifest."""
    raw = _CountedSource(source, part)
    raw.drain()
    raw.require_whole()


class _Counted:
    """Bytes that went by: how many, and their SHA-256."""

    def __init__(self) -> None:
        self.size = 0
        self.digest = hashlib.sha256()

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        self.digest.update(piece)

    def passing(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.add(piece)
            yield piece


class _CountedFile(_Counted):
    def __init__(self, out: BinaryIO) -> None:
        super().__init__()
        self._out = out

    def write(self, piece: bytes) -> int:
        self.add(piece)
        self._out.write(piece)
        return len(piece)

    def flush(self) -> None:
        self._out.flush()


class _CountedSource(_Counted):
    def __init__(self, source: BinaryIO, part: Part) -> None:
        super().__init__()
        self._source = source
        self._part = part

    def read(self, size: int = -1) -> bytes:
        piece = self._source.read(_READ_BYTES if size < 0 else size)
        self.add(piece)
        if self.size > self._part.size_bytes:
            self.require_whole()
        return piece

    def drain(self) -> None:
        while self.read(_READ_BYTES):
            continue

    def require_whole(self) -> None:
        part = self._part
        if self.size != part.size_bytes:
            found = "more" if self.size > part.size_bytes else f"{self.size}"
            raise BackupDamaged(f"{part.name} has {found} bytes, its manifest tells {part.size_bytes}")
        if self.digest.hexdigest() != part.sha256:
            raise BackupDamaged(f"{part.name} is not the file that its manifest tells (SHA-256)")
