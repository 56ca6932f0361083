"""How does a backup stay unreadable without its key? In the age format (X25519), through the library pyrage.

A key is a file of age identities, one in a line. The first one encrypts, all of them decrypt: to rotate a key,
put a new line above the old one. Nothing of it is ever in a message, a `repr` or a file of a backup; what
is public is the recipient (`age1...`) that belongs to each identity.

Two things the format cannot tell apart: an encrypted file whose header was damaged just where the file's key is
wrapped for the recipient, and one that was never encrypted for it. Both are `BackupKeyWrong` here. Whoever
must know compares the recipient and the SHA-256 of the file, which stand in the manifest, beforehand.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, BinaryIO

from llmspell.errors import BackupDamaged, BackupKeyMissing, BackupKeyWrong, BackupUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

MAX_KEY_FILE_BYTES = 64 * 1024

_FIRST_LINE = b"age-encryption.org/v1\n"  # of every file of the format, but of those spelt as text
_PIECE_BYTES = 64 * 1024  # the format's own unit
_CONTEXT = b"llmspell backup manifest"
_NEEDS = "it must be a file of lines AGE-SECRET-KEY-1..., as `llmspell backup key` writes it"


class Key:
    """Identities that encrypt, decrypt and vouch for backups. Got from `read_key`; safe in many threads.

    `recipient` is the public half of the first identity, `recipients` those of all of them, in their order.
    """

    __slots__ = ("_identities", "recipient", "recipients")

    def __init__(self, identities: Iterable[object]) -> None:
        self._identities = tuple(identities)
        self.recipients: tuple[str, ...] = tuple(str(one.to_public()) for one in self._identities)  # type: ignore[attr-defined]
        self.recipient = self.recipients[0]

    def __repr__(self) -> str:
        return f"Key({', '.join(self.recipients)})"

    def encrypt(self, chunks: Iterable[bytes], out: BinaryIO) -> None:
        """Write the bytes of all `chunks` to `out`, encrypted for `recipient`; in memory is some 100 KiB of them.

        What `chunks` or `out` raise comes out unchanged; what was written until then is no whole file.
        """
        pyrage = _pyrage()
        feed, drain = _Feed(chunks), _Drain(out.write)
        to = [pyrage.x25519.Recipient.from_str(self.recipient)]
        failure = _run(lambda: pyrage.encrypt_io(feed, drain, to), feed, drain, pyrage.EncryptError)
        if failure is not None:
            raise BackupUnavailable(f"the package pyrage cannot encrypt here ({failure}); install it anew")

    def decrypt(self, source: BinaryIO, sink: Callable[[bytes], object]) -> None:
        """Give the decrypted bytes of `source` to `sink`, piece by piece.

        Every piece is genuine and in its place. Only when this returns was it all of them: a file that ends
        early is found at its end. Raises `BackupKeyWrong` when no identity fits (see the top of this module)
        and `BackupDamaged` for everything else. What `source` or `sink` raise comes out unchanged.
        """
        pyrage = _pyrage()
        start = _read_full(source, len(_FIRST_LINE))
        if start != _FIRST_LINE:
            raise BackupDamaged(
                "an encrypted file was asked for and what was found is none: its first line is not "
                f'"{_FIRST_LINE.decode().strip()}"; restore another backup'
            )
        feed, drain = _Feed(_pieces(start, source)), _Drain(sink)
        identities = list(self._identities)
        failure = _run(lambda: pyrage.decrypt_io(feed, drain, identities), feed, drain, pyrage.DecryptError)
        if failure is None:
            return
        reason = " ".join(str(failure).split())
        # The library has one class for all that is wrong with a header; only the words tell which it is.
        if "no matching keys" in reason.lower():
            raise BackupKeyWrong(
                f"the file was encrypted for another key than {_listed(self.recipients)}; "
                "give the key file that was in use when the backup was made"
            )
        raise BackupDamaged(
            f"an encrypted file was to be decrypted and it is not what was written ({reason}); restore another backup"
        )

    def authenticate(self, text: bytes, recipient: str | None = None) -> str:
        """Give the HMAC-SHA256 of `text`, in hexadecimal, that only holders of the identity of `recipient` can make.

        The first identity is taken unless a recipient is named; `BackupKeyWrong` when it is none of this
        key's. The HMAC's key is derived from the identity (`derive`), so it tells nothing about it. Compare with
        `hmac.compare_digest`.
        """
        wanted = self.recipient if recipient is None else recipient
        if wanted not in self.recipients:
            raise BackupKeyWrong(
                f"the backup was made with the key {wanted} and the key file has {_listed(self.recipients)}; "
                "give the key file that was in use when the backup was made"
            )
        secret = str(self._identities[self.recipients.index(wanted)]).encode("ascii")
        return hmac.digest(derive(secret, b"", _CONTEXT, 32), text, "sha256").hex()


def read_key(path: str) -> Key:
    """Read an age identity file: lines `AGE-SECRET-KEY-1...`, comments that begin with `#`, and blank lines.

    Raises `BackupKeyMissing` when there is no such file, others than its owner may read it, or it holds anything
    else; `BackupUnavailable` when pyrage is not installed.
    """
    from_str, error_class = _pyrage().x25519.Identity.from_str, _pyrage().IdentityError
    identities = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text.lower().startswith("age1"):
            raise BackupKeyMissing(
                f'the key file "{path}" holds a public key in line {number}; {_NEEDS}, the public one cannot decrypt'
            )
        try:
            identities.append(from_str(text))
        except error_class:
            # Without the line and the library's words: either could show a part of the secret.
            raise BackupKeyMissing(f'line {number} of the key file "{path}" is no age identity; {_NEEDS}') from None
    if not identities:
        raise BackupKeyMissing(f'the key file "{path}" holds no age identity; {_NEEDS}')
    return Key(identities)


def new_key() -> tuple[str, str]:
    """Give the text of a new key file, and the recipient that belongs to it.

    The text is secret: write it to a file that only its owner can read.
    """
    identity = _pyrage().x25519.Identity.generate()
    recipient = str(identity.to_public())
    return f"# public key: {recipient}\n{identity}\n", recipient


def derive(secret: bytes, salt: bytes, context: bytes, length: int) -> bytes:
    """Derive a key of `length` bytes (at most 8160) from a secret: HKDF with SHA-256, as RFC 5869 has it.

    >>> derive(b"secret", b"", b"one use", 4).hex() == derive(b"secret", b"", b"another use", 4).hex()
    False
    """
    drawn = hmac.digest(salt or bytes(hashlib.sha256().digest_size), secret, "sha256")
    made = block = b""
    number = 0
    while len(made) < length:
        number += 1
        block = hmac.digest(drawn, block + context + bytes([number]), "sha256")
        made += block
    return made[:length]


class _Stopped(Exception):
    """Ends the library's work; what really happened stands in `failure` of whoever raised it.

    The exception itself would be wrapped by the library, or even taken for an interruption and tried again.
    """


class _Feed:
    """Chunks, as the file that the library reads."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")
        self.failure: BaseException | None = None

    def read(self, size: int) -> bytes:
        if self.failure is not None:
            raise _Stopped
        try:
            while not self._rest:
                chunk = next(self._chunks, None)
                if chunk is None:
                    return b""
                self._rest = memoryview(chunk)
        except BaseException as error:
            self.failure = error
            raise _Stopped from error
        piece, self._rest = self._rest[:size], self._rest[size:]
        return bytes(piece)


class _Drain:
    """A function that takes bytes, as the file that the library writes."""

    def __init__(self, sink: Callable[[bytes], object]) -> None:
        self._sink = sink
        self.failure: BaseException | None = None

    def write(self, piece: bytes) -> int:
        if self.failure is not None:
            raise _Stopped  # the library writes what it has buffered, even then
        try:
            self._sink(piece)
        except BaseException as error:
            self.failure = error
            raise _Stopped from error
        return len(piece)

    def flush(self) -> None:
        """Nothing is kept back."""


def _run(work: Callable[[], object], feed: _Feed, drain: _Drain, error_class: type[Exception]) -> Exception | None:
    """Do the library's work. What the two ends raised comes out; what the library found wrong is given."""
    found: Exception | None = None
    try:
        work()
    except (error_class, OSError, _Stopped) as error:
        found = error
    for failure in (feed.failure, drain.failure):
        if failure is not None:
            raise failure
    return found


def _pieces(start: bytes, source: BinaryIO) -> Iterator[bytes]:
    yield start
    while piece := source.read(_PIECE_BYTES):
        yield piece


def _read_full(source: BinaryIO, size: int) -> bytes:
    found = b""
    while len(found) < size and (piece := source.read(size - len(found))):
        found += piece
    return found


def _text(path: str) -> str:
    import os
    import shlex
    import stat

    try:
        # O_NONBLOCK: a pipe under this name must not make us wait for somebody who writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise BackupKeyMissing(f'the key file "{path}" is no regular file; {_NEEDS}')
            if status.st_mode & 0o077:
                raise BackupKeyMissing(
                    f'the key file "{path}" can be read or changed by others than its owner '
                    f"(mode {stat.S_IMODE(status.st_mode):04o}); run `chmod 600 {shlex.quote(path)}`"
                )
            with open(descriptor, "rb", closefd=False) as file:
                content = file.read(MAX_KEY_FILE_BYTES + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise BackupKeyMissing(
            f'there is no key file "{path}"; give the path of one, or make one with `llmspell backup key`'
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BackupKeyMissing(f'the key file "{path}" cannot be read ({reason}); give one that can') from None
    if len(content) > MAX_KEY_FILE_BYTES:
        raise BackupKeyMissing(f'the key file "{path}" has more than {MAX_KEY_FILE_BYTES} bytes; {_NEEDS}')
    return content.decode("utf-8-sig", "replace")


def _listed(recipients: tuple[str, ...]) -> str:
    return ", ".join(recipients)


def _pyrage() -> ModuleType:
    try:
        import pyrage
    except ImportError:
        raise BackupUnavailable(
            "encrypted backups need the package pyrage, which is not installed; "
            "run `pip install 'llmspell[encryption]'`"
        ) from None
    module: ModuleType = pyrage
    return module
