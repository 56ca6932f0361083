"""What was packed comes out as it was, in pieces of bounded size, and what cannot be unpacked is damage."""

from __future__ import annotations

import gzip
import random
import subprocess
import sys
from collections.abc import Iterable

import pytest
import zstandard

from llmspell.backups.compression import GZIP, NONE, SUFFIXES, ZSTD, compressed, unpacker
from llmspell.errors import BackupDamaged, BackupUnavailable

ALL = [ZSTD, GZIP, NONE]
PACKED = [ZSTD, GZIP]
NOISE = random.Random(5).randbytes(700_000)


def packed(compression: str, *chunks: bytes, level: int = 3) -> bytes:
    return b"".join(compressed(chunks, compression, level))


def unpacked(compression: str, pieces: Iterable[bytes]) -> list[bytes]:
    out: list[bytes] = []
    unpack = unpacker(compression, out.append)
    for piece in pieces:
        unpack.feed(piece)
    return out


@pytest.mark.parametrize("compression", ALL)
@pytest.mark.parametrize("size", [1, 7, 65_536, 10_000_000])
@pytest.mark.parametrize("content", [[], [b""], [b"a"], [b"one", b"", b"two"], [NOISE], [b"a" * 3_000_000, NOISE]])
def test_content_comes_back_whatever_the_pieces_are(compression: str, size: int, content: list[bytes]) -> None:
    if size < 100 and sum(map(len, content)) > 100:
        content = [part[:5_000] for part in content]
    text = packed(compression, *content)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert b"".join(unpacked(compression, pieces)) == b"".join(content)


@pytest.mark.parametrize("compression", PACKED)
def test_a_higher_level_packs_closer(compression: str) -> None:
    words = random.Random(5)
    text = b" ".join(b"%d" % words.randrange(3_000) for _ in range(60_000))
    assert len(packed(compression, text, level=19)) < len(packed(compression, text, level=1)) < len(text)


def test_what_is_packed_is_what_the_usual_tools_read() -> None:
    assert gzip.decompress(packed(GZIP, b"text")) == b"text"
    assert zstandard.ZstdDecompressor().decompressobj().decompress(packed(ZSTD, b"text")) == b"text"
    assert packed(NONE, b"te", b"xt") == b"text"


@pytest.mark.parametrize("compression", PACKED)
def test_a_little_that_unpacks_to_very_much_comes_in_small_pieces(compression: str) -> None:
    bomb = packed(compression, *[bytes(1_000_000)] * 100)
    assert len(bomb) < 500_000
    pieces = unpacked(compression, [bomb])
    assert sum(map(len, pieces)) == 100_000_000
    assert max(map(len, pieces)) <= 262_144


@pytest.mark.parametrize("compression", PACKED)
def test_unpacking_ends_with_the_first_piece_that_is_refused(compression: str) -> None:
    taken = 0

    def sink(piece: bytes) -> None:
        nonlocal taken
        taken += len(piece)
        if taken > 1_000_000:
            raise BackupDamaged("enough")

    bomb = packed(compression, *[bytes(1_000_000)] * 100)
    with pytest.raises(BackupDamaged, match="enough"):
        unpacker(compression, sink).feed(bomb)
    assert taken < 1_300_000


def test_a_window_that_would_take_too_much_memory_is_damage() -> None:
    huge = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True)
    stream = zstandard.ZstdCompressor(compression_params=huge).compressobj()
    text = stream.compress(NOISE) + stream.flush()
    with pytest.raises(BackupDamaged, match="cannot be unpacked"):
        unpacked(ZSTD, [text])


@pytest.mark.parametrize("compression", PACKED)
@pytest.mark.parametrize("text", [b"not packed at all", b"\0" * 100, b"\x1f\x8b\x08 but no more than that"])
def test_what_was_never_packed_cannot_be_unpacked(compression: str, text: bytes) -> None:
    with pytest.raises(BackupDamaged, match="it cannot be unpacked"):
        unpacked(compression, [text])


@pytest.mark.parametrize("compression", PACKED)
def test_a_flipped_bit_is_damage_or_other_content_and_nothing_worse(compression: str) -> None:
    whole = packed(compression, NOISE[:2_000], b"a" * 5_000)
    chance = random.Random(7)
    damaged = 0
    for _ in range(300):
        at = chance.randrange(len(whole))
        text = whole[:at] + bytes([whole[at] ^ (1 << chance.randrange(8))]) + whole[at + 1 :]
        try:
            assert sum(map(len, unpacked(compression, [text]))) < 10_000_000
        except BackupDamaged:
            damaged += 1
    assert damaged > 0


def test_each_has_a_suffix_of_its_own() -> None:
    assert sorted(SUFFIXES) == sorted(ALL)
    assert len(set(SUFFIXES.values())) == 3


def test_without_its_library_zstd_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(BackupUnavailable, match="pip install zstandard"):
        packed(ZSTD, b"text")
    with pytest.raises(BackupUnavailable, match="pip install zstandard"):
        unpacker(ZSTD, print)
    assert unpacked(GZIP, [packed(GZIP, b"text")]) == [b"text"]


def test_the_library_is_loaded_only_when_something_is_packed() -> None:
    code = "import sys, llmspell.backups.compression; sys.exit('zstandard' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
