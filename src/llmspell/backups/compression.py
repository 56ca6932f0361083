"""How are archives compressed? By name: zstd, gzip or none, always as a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from llmspell.errors import BackupDamaged, BackupUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

ZSTD, GZIP, NONE = "zstd", "gzip", "none"

SUFFIXES = {ZSTD: ".zst", GZIP: ".gz", NONE: ""}

_PIECE_BYTES = 65_536
_MAX_WINDOW_BYTES = 2**27  # what level 19 needs, and the most that the command `zstd -d` takes without being asked


class Unpacker(Protocol):
    """Takes what was compressed piece by piece and passes on what it was before."""

    def feed(self, piece: bytes) -> None:
        """Take the next piece; raises `BackupDamaged` when it cannot be read."""


def compressed(chunks: Iterable[bytes], compression: str, level: int) -> Iterator[bytes]:
    """Give the chunks, compressed."""
    if compression == NONE:
        yield from chunks
        return
    if compression == ZSTD:
        # One thread beside ours: reading the store and compressing go on at the same time.
        compressor = _zstandard().ZstdCompressor(level=level, threads=1).compressobj()
    else:
        import zlib

        compressor = zlib.compressobj(min(level, 9), wbits=31)
    for chunk in chunks:
        piece = compressor.compress(chunk)
        if piece:
            yield piece
    yield compressor.flush()


def unpacker(compression: str, sink: Callable[[bytes], None]) -> Unpacker:
    """Give what passes on to `sink` what was compressed, in pieces of bounded size however much that is."""
    if compression == NONE:
        return _Plain(sink)
    return _Zstd(sink) if compression == ZSTD else _Gzip(sink)


class _Plain:
    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self.feed = sink


class _Zstd:
    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self._library = _zstandard()
        unpacking = self._library.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES)
        # Not `self`: the library's objects are not seen by the collector, and a circle through one would never go.
        self._writer = unpacking.stream_writer(_Target(sink), write_size=_PIECE_BYTES * 4)

    def feed(self, piece: bytes) -> None:
        try:
            self._writer.write(piece)
        except self._library.ZstdError as error:
            raise BackupDamaged(f"it cannot be unpacked ({error})") from error


class _Target:
    """A function that takes bytes, as the file that the library writes."""

    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self.write = sink


class _Gzip:
    def __init__(self, sink: Callable[[bytes], None]) -> None:
        import zlib

        self._failure = zlib.error
        self._sink = sink
        self._stream = zlib.decompressobj(wbits=31)

    def feed(self, piece: bytes) -> None:
        try:
            while piece:
                self._sink(self._stream.decompress(piece, _PIECE_BYTES * 4))
                piece = self._stream.unconsumed_tail
        except self._failure as error:
            raise BackupDamaged(f"it cannot be unpacked ({error})") from error


def _zstandard() -> ModuleType:
    try:
        import zstandard
    except ImportError as error:
        raise BackupUnavailable(
            "the library that packs backups is missing; install it with `pip install zstandard`"
        ) from error
    return zstandard
