"""What is encrypted comes back whole or not at all; a wrong key and damage are told apart; no secret is shown."""

import hashlib
import io
import os
import random
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.backups.encryption import MAX_KEY_FILE_BYTES, Key, derive, new_key, read_key
from llmspell.errors import BackupDamaged, BackupKeyMissing, BackupKeyWrong, BackupUnavailable

CHUNK = 64 * 1024
NONCE_BYTES, TAG_BYTES = 16, 16


def key_file(folder: Path, *texts: str, name: str = "key", mode: int = 0o600) -> str:
    path = folder / name
    path.write_text("".join(texts))
    path.chmod(mode)
    return str(path)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [new_key()[0] for _ in range(3)]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> list[Key]:
    folder = tmp_path_factory.mktemp("keys")
    return [read_key(key_file(folder, text, name=str(number))) for number, text in enumerate(texts)]


@pytest.fixture(scope="module")
def key(keys: list[Key]) -> Key:
    return keys[0]


def encrypted(key: Key, *chunks: bytes) -> bytes:
    out = io.BytesIO()
    key.encrypt(chunks, out)
    return out.getvalue()


def decrypted(key: Key, content: bytes) -> bytes:
    pieces: list[bytes] = []
    key.decrypt(io.BytesIO(content), pieces.append)
    return b"".join(pieces)


def header_bytes(content: bytes) -> int:
    return content.index(b"\n", content.index(b"\n--- ") + 1) + 1


def outcome(key: Key, content: bytes) -> type[Exception] | bytes:
    try:
        return decrypted(key, content)
    except (BackupDamaged, BackupKeyWrong) as error:
        return type(error)


def refusal(path: str) -> str:
    with pytest.raises(BackupKeyMissing) as caught:
        read_key(path)
    return str(caught.value)


# What goes in comes out


@given(st.lists(st.binary(max_size=300)))
@settings(max_examples=50)
def test_what_was_encrypted_comes_back_however_it_was_cut(key: Key, chunks: list[bytes]) -> None:
    assert decrypted(key, encrypted(key, *chunks)) == b"".join(chunks)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 17])
def test_every_size_around_the_units_of_the_format_comes_back(key: Key, size: int) -> None:
    plain = random.Random(size).randbytes(size)
    content = encrypted(key, plain)
    assert decrypted(key, content) == plain
    assert plain[:100] == b"" or size < 16 or plain[:16] not in content


def test_the_same_bytes_never_look_the_same_twice(key: Key) -> None:
    assert encrypted(key, b"again") != encrypted(key, b"again")


def test_what_was_encrypted_does_not_wait_for_the_end(key: Key) -> None:
    out = io.BytesIO()
    written: list[int] = []

    def chunks() -> Iterator[bytes]:
        for _ in range(50):
            written.append(out.tell())
            yield bytes(CHUNK)

    key.encrypt(chunks(), out)
    assert all(number * CHUNK - at < 4 * CHUNK for number, at in enumerate(written))


def test_what_was_decrypted_does_not_wait_for_the_end(key: Key) -> None:
    source = io.BytesIO(encrypted(key, bytes(50 * CHUNK)))
    total = 0

    def sink(piece: bytes) -> None:
        nonlocal total
        total += len(piece)
        assert source.tell() - total < 4 * CHUNK

    key.decrypt(source, sink)
    assert total == 50 * CHUNK


def test_a_source_that_gives_a_few_bytes_at_a_time_is_read_to_its_end(key: Key) -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(7, size or 7))

    pieces: list[bytes] = []
    key.decrypt(Slow(encrypted(key, bytes(1000))), pieces.append)
    assert b"".join(pieces) == bytes(1000)


# Keys


def test_the_first_identity_encrypts_and_all_of_them_decrypt(tmp_path: Path, texts: list[str], keys: list[Key]) -> None:
    rotated = read_key(key_file(tmp_path, texts[1], "\n\n# the one before\n", texts[0]))
    assert rotated.recipients == (keys[1].recipient, keys[0].recipient)
    assert rotated.recipient == keys[1].recipient
    assert decrypted(rotated, encrypted(keys[0], b"old")) == b"old"
    assert decrypted(keys[1], encrypted(rotated, b"new")) == b"new"
    assert outcome(keys[0], encrypted(rotated, b"new")) is BackupKeyWrong


def test_the_text_of_a_new_key_has_its_recipient(tmp_path: Path) -> None:
    text, recipient = new_key()
    assert text.startswith(f"# public key: {recipient}\nAGE-SECRET-KEY-1")
    assert read_key(key_file(tmp_path, text)).recipients == (recipient,)


def test_no_two_new_keys_are_the_same() -> None:
    assert len({new_key() for _ in range(20)}) == 20


@pytest.mark.parametrize(
    "spell", [lambda t: t.replace("\n", "\r\n"), lambda t: "\ufeff" + t, lambda t: f"  {t.strip()}"]
)
def test_a_key_file_may_come_from_any_editor(tmp_path: Path, texts: list[str], spell: Callable[[str], str]) -> None:
    path = tmp_path / "key"
    path.write_bytes(spell(texts[0]).encode())
    path.chmod(0o600)
    assert len(read_key(str(path)).recipients) == 1


def test_a_missing_key_file_is_told(tmp_path: Path) -> None:
    assert refusal(str(tmp_path / "none")).startswith(f'there is no key file "{tmp_path}/none"')


def test_a_folder_a_pipe_and_a_device_are_no_key_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (str(tmp_path), str(tmp_path / "pipe"), "/dev/zero"):
        assert "is no regular file" in refusal(path)


def test_a_path_that_no_file_can_have_is_told() -> None:
    assert "cannot be read" in refusal("a\0b")
    assert "cannot be read" in refusal("a" * 5000)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o601, 0o666])
def test_a_key_file_that_others_can_read_is_refused_with_the_command(
    tmp_path: Path, texts: list[str], mode: int
) -> None:
    path = key_file(tmp_path, texts[0], name="the key", mode=mode)
    told = refusal(path)
    assert f"(mode {mode:04o})" in told
    assert told.endswith(f"run `chmod 600 '{path}'`")


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_file_of_its_owner_alone_is_read(tmp_path: Path, texts: list[str], keys: list[Key], mode: int) -> None:
    assert read_key(key_file(tmp_path, texts[0], mode=mode)).recipient == keys[0].recipient


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n"])
def test_a_key_file_without_identities_is_refused(tmp_path: Path, text: str) -> None:
    assert "holds no age identity" in refusal(key_file(tmp_path, text))


def test_a_public_key_is_no_key(tmp_path: Path, key: Key) -> None:
    assert "holds a public key in line 2" in refusal(key_file(tmp_path, "# public\n", key.recipient, "\n"))


def test_a_key_file_with_anything_else_is_refused_without_showing_it(tmp_path: Path, texts: list[str]) -> None:
    secret = texts[0].splitlines()[1]
    for wrong in (
        secret[:-1],
        f"{secret}Q",
        f"{secret[:30]}B{secret[31:]}",
        f"{secret} {secret}",
        f"export K={secret}",
    ):
        told = refusal(key_file(tmp_path, texts[1], wrong))
        assert told.startswith("line 3 of the key file")
        assert secret[16:26] not in told


def test_a_file_that_is_no_text_is_no_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(random.Random(1).randbytes(1000))
    path.chmod(0o600)
    assert "is no age identity" in refusal(str(path))


def test_no_more_of_a_key_file_is_read_than_a_key_file_has(tmp_path: Path, texts: list[str]) -> None:
    padding = MAX_KEY_FILE_BYTES - len(texts[0])
    assert read_key(key_file(tmp_path, texts[0], "#" * padding)).recipients
    assert f"more than {MAX_KEY_FILE_BYTES} bytes" in refusal(key_file(tmp_path, texts[0], "#" * (padding + 1)))


# Damage and wrong keys


def test_another_key_is_wrong_and_the_error_names_what_was_tried(keys: list[Key]) -> None:
    content = encrypted(keys[0], bytes(1000))
    with pytest.raises(BackupKeyWrong) as caught:
        decrypted(keys[1], content)
    assert keys[1].recipient in str(caught.value)


def test_a_flipped_bit_anywhere_in_the_header_is_found(key: Key) -> None:
    content = encrypted(key, b"header")
    stanza = range(content.index(b"-> X25519"), content.index(b"\n", content.index(b"\n", 30) + 1) + 1)
    for at in range(header_bytes(content)):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[at] ^= 1 << bit
            found = outcome(key, bytes(flipped))
            assert found is BackupDamaged or (found is BackupKeyWrong and at in stanza), (at, bit)


def test_a_flipped_bit_anywhere_in_the_payload_is_damage(key: Key) -> None:
    content = encrypted(key, random.Random(1).randbytes(2 * CHUNK + 500))
    start = header_bytes(content)
    whole, last = CHUNK + TAG_BYTES, len(content) - 1
    edges = [start, start + NONCE_BYTES - 1, start + NONCE_BYTES, start + NONCE_BYTES + whole - 1]
    chosen = random.Random(2).choices(range(start, len(content)), k=1500)
    for at in (*edges, start + NONCE_BYTES + whole, last - TAG_BYTES, last, *chosen):
        flipped = bytearray(content)
        flipped[at] ^= 1 << random.Random(at).randrange(8)
        assert outcome(key, bytes(flipped)) is BackupDamaged, at


def test_a_file_that_ends_early_is_damage_wherever_it_ends(key: Key) -> None:
    content = encrypted(key, bytes(2 * CHUNK))
    start = header_bytes(content)
    edges = [start + NONCE_BYTES + number * (CHUNK + TAG_BYTES) + more for number in (0, 1, 2) for more in (-1, 0, 1)]
    for size in (*range(start + 60), *edges):
        if size < len(content):
            assert outcome(key, content[:size]) is BackupDamaged, size


@pytest.mark.parametrize("more", [b"\0", b"\n", bytes(TAG_BYTES), bytes(CHUNK)])
@pytest.mark.parametrize("size", [0, 100, CHUNK, 2 * CHUNK])
def test_a_file_that_goes_on_after_its_end_is_damage(key: Key, size: int, more: bytes) -> None:
    content = encrypted(key, bytes(size))
    assert outcome(key, content + more) is BackupDamaged
    assert outcome(key, content + content) is BackupDamaged


def test_swapped_repeated_and_missing_chunks_are_damage(key: Key) -> None:
    content = encrypted(key, random.Random(3).randbytes(3 * CHUNK))
    start, whole = header_bytes(content) + NONCE_BYTES, CHUNK + TAG_BYTES
    head = content[:start]
    one, two, three = (content[start + number * whole : start + (number + 1) * whole] for number in range(3))
    for chunks in ((two, one, three), (one, one, three), (one, three), (one, two), (one, two, three, three), (three,)):
        assert outcome(key, head + b"".join(chunks)) is BackupDamaged


def test_the_header_of_another_file_for_the_same_key_is_damage(key: Key) -> None:
    content, other = encrypted(key, b"one"), encrypted(key, b"two")
    assert outcome(key, other[: header_bytes(other)] + content[header_bytes(content) :]) is BackupDamaged
    cut, other_cut = content.index(b"\n--- "), other.index(b"\n--- ")
    assert outcome(key, other[:other_cut] + content[cut:]) is BackupDamaged


def test_a_wrapped_key_for_somebody_else_is_a_wrong_key(keys: list[Key]) -> None:
    content, other = encrypted(keys[0], b"one"), encrypted(keys[1], b"two")
    cut, other_cut = content.index(b"\n--- "), other.index(b"\n--- ")
    assert outcome(keys[0], other[:other_cut] + content[cut:]) is BackupKeyWrong


@pytest.mark.parametrize(
    "content", [b"", b"{}", bytes(100_000), b"age-encryption.org/v2\n", b"age-encryption.org/v1\n"]
)
def test_what_is_no_encrypted_file_is_damage(key: Key, content: bytes) -> None:
    assert outcome(key, content) is BackupDamaged


def test_the_format_spelt_as_text_is_not_what_was_written(key: Key) -> None:
    import pyrage

    recipient = pyrage.x25519.Recipient.from_str(key.recipient)
    assert outcome(key, pyrage.encrypt(b"plain", [recipient], armored=True)) is BackupDamaged


@given(st.binary(max_size=2000))
@settings(max_examples=100)
def test_any_bytes_are_refused_with_an_error_of_ours(key: Key, content: bytes) -> None:
    assert outcome(key, content) is BackupDamaged
    assert outcome(key, b"age-encryption.org/v1\n-> X25519 " + content) in (BackupDamaged, BackupKeyWrong)


# What others raise


class Own(Exception):
    """Raised by the two ends."""


@pytest.mark.parametrize(
    "error", [Own("own"), OSError(28, "full"), InterruptedError(), KeyboardInterrupt(), EOFError()]
)
@pytest.mark.parametrize("calls", [0, 1, 5])
def test_what_the_ends_raise_comes_out_unchanged(key: Key, error: BaseException, calls: int) -> None:
    content = encrypted(key, bytes(10 * CHUNK))
    cause = ValueError("cause")

    class Ending(io.BytesIO):
        """Fails at a later call, and would go on after that."""

        left = calls

        def fail(self) -> None:
            self.left -= 1
            if self.left == -1:
                raise error from cause

        def read(self, size: int | None = -1, /) -> bytes:
            self.fail()
            return super().read(min(size or 0, 1000) if calls else size)

        def write(self, piece: object, /) -> int:
            self.fail()
            return super().write(cast("bytes", piece))

    def chunks() -> Iterator[bytes]:
        yield from [bytes(1000)] * calls
        raise error from cause

    ways: list[Callable[[], None]] = [
        lambda: key.encrypt(chunks(), io.BytesIO()),
        lambda: key.encrypt([bytes(20 * CHUNK)], Ending()),
        lambda: key.decrypt(Ending(content), io.BytesIO().write),
        lambda: key.decrypt(io.BytesIO(content), Ending().write),
    ]
    for way in ways:
        with pytest.raises(type(error)) as caught:
            way()
        assert caught.value is error
        assert caught.value.__cause__ is cause


def test_nothing_is_given_to_a_sink_that_failed(key: Key) -> None:
    given_pieces: list[bytes] = []

    def sink(piece: bytes) -> None:
        given_pieces.append(piece)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        key.decrypt(io.BytesIO(encrypted(key, bytes(5 * CHUNK))), sink)
    assert len(given_pieces) == 1


# Vouching


@pytest.mark.parametrize(
    ("secret", "salt", "context", "length", "expected"),
    [
        (
            "0b" * 22,
            "000102030405060708090a0b0c",
            "f0f1f2f3f4f5f6f7f8f9",
            42,
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            bytes(range(0x50)).hex(),
            bytes(range(0x60, 0xB0)).hex(),
            bytes(range(0xB0, 0x100)).hex(),
            82,
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
            "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
        ),
        (
            "0b" * 22,
            "",
            "",
            42,
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ],
)
def test_keys_are_derived_as_rfc_5869_has_it(secret: str, salt: str, context: str, length: int, expected: str) -> None:
    made = derive(bytes.fromhex(secret), bytes.fromhex(salt), bytes.fromhex(context), length)
    assert made.hex() == expected


def test_the_same_text_and_key_give_the_same_proof(tmp_path: Path, texts: list[str], keys: list[Key]) -> None:
    again = read_key(key_file(tmp_path, texts[0]))
    assert keys[0].authenticate(b"text") == again.authenticate(b"text")
    assert len(bytes.fromhex(again.authenticate(b"text"))) == hashlib.sha256().digest_size


def test_a_fixed_key_gives_the_same_proof_for_ever(tmp_path: Path) -> None:
    # Checked with the HKDF and the HMAC of OpenSSL.
    text = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX\n"
    key = read_key(key_file(tmp_path, text))
    assert key.authenticate(b"a manifest") == "943b1b64f85a7312048adb78420ce421dedab5bdc74997dc92ff97e63308f809"
    assert (
        read_key(key_file(tmp_path, text.lower())).authenticate(b"a manifest")
        == "943b1b64f85a7312048adb78420ce421dedab5bdc74997dc92ff97e63308f809"
    )


def test_another_text_or_key_gives_another_proof(keys: list[Key]) -> None:
    assert len({keys[0].authenticate(b"text"), keys[0].authenticate(b"texu"), keys[1].authenticate(b"text")}) == 3


def test_a_rotated_key_proves_what_the_key_before_has_proven(tmp_path: Path, texts: list[str], keys: list[Key]) -> None:
    rotated = read_key(key_file(tmp_path, texts[1], texts[0]))
    assert rotated.authenticate(b"text") == keys[1].authenticate(b"text")
    assert rotated.authenticate(b"text", keys[0].recipient) == keys[0].authenticate(b"text")


def test_no_proof_can_be_made_for_another_recipient(keys: list[Key]) -> None:
    with pytest.raises(BackupKeyWrong) as caught:
        keys[0].authenticate(b"text", keys[1].recipient)
    assert keys[1].recipient in str(caught.value)


# Secrets, and what is not installed


def test_a_key_shows_its_public_half_only(key: Key, texts: list[str]) -> None:
    secret = texts[0].splitlines()[1][16:26]
    assert repr(key) == f"Key({key.recipient})"
    assert secret not in f"{key!r}{key!s}{key.__reduce_ex__!r}{Key.__slots__}"
    assert not hasattr(key, "__dict__")


def test_no_error_shows_a_secret(tmp_path: Path, texts: list[str], keys: list[Key]) -> None:
    secrets = [text.splitlines()[1][16:26] for text in texts]
    content = encrypted(keys[0], b"plain words")
    ways: list[Callable[[], object]] = [
        lambda: decrypted(keys[1], content),
        lambda: decrypted(keys[0], content[:-1]),
        lambda: keys[0].authenticate(b"", "age1"),
        lambda: read_key(key_file(tmp_path, texts[0][:-3])),
        lambda: read_key(key_file(tmp_path, texts[0], mode=0o644, name="open")),
    ]
    for way in ways:
        with pytest.raises((BackupDamaged, BackupKeyMissing, BackupKeyWrong)) as caught:
            way()
        told = "".join(traceback.format_exception(caught.value))
        assert not any(secret in told for secret in secrets)
        assert "plain words" not in told.replace('b"plain words"', "")


def test_without_the_library_the_error_names_the_command(
    tmp_path: Path, texts: list[str], key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = key_file(tmp_path, texts[0])
    monkeypatch.setitem(sys.modules, "pyrage", None)
    ways: list[Callable[[], object]] = [
        new_key,
        lambda: read_key(path),
        lambda: key.encrypt([], io.BytesIO()),
        lambda: key.decrypt(cast("BinaryIO", io.BytesIO()), print),
    ]
    for way in ways:
        with pytest.raises(BackupUnavailable) as caught:
            way()
        assert str(caught.value).endswith("run `pip install 'llmspell[encryption]'`")
