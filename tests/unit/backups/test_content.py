"""What was written comes back whole, or reading it raises; the sizes in a manifest bound what is read."""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Callable
from typing import BinaryIO, cast

import pytest

from llmspell.backups.compression import GZIP, NONE, ZSTD
from llmspell.backups.content import Packing, Part, check_file, read_content, write_content
from llmspell.errors import BackupDamaged, BackupKeyMissing

NAME = "entries.jsonl"
CONTENT = [b"one\n" * 1_000, b"", b"two\n" * 1_000]
WHOLE = b"".join(CONTENT)


def written(packing: Packing, content: list[bytes] = CONTENT) -> tuple[bytes, Part]:
    out = io.BytesIO()
    part = write_content(out, NAME, content, packing)
    return out.getvalue(), part


def read(text: bytes, part: Part, packing: Packing) -> bytes:
    pieces: list[bytes] = []
    read_content(io.BytesIO(text), part, packing, pieces.append)
    return b"".join(pieces)


def refusal(text: bytes, part: Part, packing: Packing) -> str:
    with pytest.raises(BackupDamaged) as caught:
        read(text, part, packing)
    return str(caught.value)


@pytest.fixture(params=[ZSTD, GZIP, NONE])
def packing(request: pytest.FixtureRequest) -> Packing:
    return Packing(request.param, 3)


def test_the_name_of_a_file_tells_how_it_is_packed() -> None:
    names = [Packing(one, 3).file_name("entries.jsonl") for one in (ZSTD, GZIP, NONE)]
    assert names == ["entries.jsonl.zst", "entries.jsonl.gz", "entries.jsonl"]


@pytest.mark.parametrize("content", [CONTENT, [], [b""], [random.Random(3).randbytes(3_000_000)]])
def test_content_comes_back(packing: Packing, content: list[bytes]) -> None:
    text, part = written(packing, content)
    assert read(text, part, packing) == b"".join(content)
    check_file(io.BytesIO(text), part)


def test_what_is_known_of_a_file_is_its_size_and_checksum_packed_and_unpacked(packing: Packing) -> None:
    text, part = written(packing)
    assert part == Part(
        NAME, len(text), hashlib.sha256(text).hexdigest(), len(WHOLE), hashlib.sha256(WHOLE).hexdigest()
    )


def test_every_flipped_bit_is_found(packing: Packing) -> None:
    text, part = written(packing, [b"a few words\n", bytes(range(40))])
    for at in range(len(text)):
        spoilt = text[:at] + bytes([text[at] ^ 1 << at % 8]) + text[at + 1 :]
        assert refusal(spoilt, part, packing)
        with pytest.raises(BackupDamaged):
            check_file(io.BytesIO(spoilt), part)


def test_every_truncation_and_every_extension_is_found(packing: Packing) -> None:
    text, part = written(packing, [b"a few words\n"])
    for spoilt in [*(text[:at] for at in range(len(text))), text + b"\0", text + text, text * 1_000]:
        assert refusal(spoilt, part, packing)
        with pytest.raises(BackupDamaged, match=r"entries.jsonl has \w+ bytes, its manifest tells \d+"):
            check_file(io.BytesIO(spoilt), part)


def test_a_file_of_another_backup_is_found(packing: Packing) -> None:
    _, part = written(packing)
    other, _ = written(packing, [WHOLE.replace(b"one", b"ten")])
    assert "entries.jsonl" in refusal(other, part, packing)


def told_otherwise(part: Part, text: bytes) -> dict[str, Part]:
    """Give parts that lie about one thing each, beginning with the least."""
    return {
        "size": part._replace(size_bytes=len(text) + 1),
        "sha256": part._replace(sha256="0" * 64),
        "more content": part._replace(content_bytes=part.content_bytes + 1),
        "less content": part._replace(content_bytes=part.content_bytes - 1),
        "content checksum": part._replace(content_sha256="0" * 64),
    }


@pytest.mark.parametrize("lie", ["size", "sha256", "more content", "less content", "content checksum"])
def test_a_manifest_that_lies_about_one_thing_is_found(packing: Packing, lie: str) -> None:
    text, part = written(packing)
    assert refusal(text, told_otherwise(part, text)[lie], packing)


def test_a_content_checksum_that_nobody_could_read_is_not_looked_at(packing: Packing) -> None:
    text, part = written(packing)
    assert read(text, part._replace(content_sha256=None), packing) == WHOLE


@pytest.mark.parametrize("compression", [ZSTD, GZIP])
def test_a_file_that_unpacks_to_more_than_was_told_is_left_at_once(compression: str) -> None:
    packing = Packing(compression, 3)
    text, part = written(packing, [bytes(1_000_000)] * 100)
    taken = 0

    def sink(piece: bytes) -> None:
        nonlocal taken
        taken += len(piece)

    with pytest.raises(BackupDamaged, match="holds more than the 1000 bytes that its manifest tells"):
        read_content(io.BytesIO(text), part._replace(content_bytes=1_000), packing, sink)
    assert taken <= 1_000


class Endless:
    """A file that never ends, and counts what was read of it."""

    def __init__(self) -> None:
        self.given = 0

    def read(self, size: int = -1) -> bytes:
        self.given += size
        assert self.given < 100_000_000, "nobody stops reading"
        return bytes(size)


@pytest.mark.parametrize(
    "reading", [check_file, lambda source, part: read_content(source, part, Packing(NONE, 0), len)]
)
def test_a_file_that_is_longer_than_was_told_is_left_at_once(reading: Callable[[BinaryIO, Part], None]) -> None:
    source = Endless()
    part = Part(NAME, 5_000_000, "0" * 64, 10**15, None)
    with pytest.raises(BackupDamaged, match="has more bytes, its manifest tells 5000000"):
        reading(cast("BinaryIO", source), part)
    assert source.given < 8_000_000


def test_an_encrypted_file_without_a_key_is_no_damage() -> None:
    text, part = written(Packing(NONE, 0))
    with pytest.raises(BackupKeyMissing, match="backup_encryption_key_file"):
        read(text, part._replace(name="entries.jsonl.age"), Packing(NONE, 0))


def test_what_ends_the_reader_comes_through(packing: Packing) -> None:
    text, part = written(packing)

    def sink(_: bytes) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        read_content(io.BytesIO(text), part, packing, sink)
