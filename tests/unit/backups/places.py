"""Where do the tests keep backups? A store and the place beside it, what is in both, and ways to spoil it."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import zstandard

import llmspell
from llmspell.backups.options import BackupOptions
from llmspell.backups.retention import Rules
from llmspell.backups.verbs import Backups
from llmspell.limits import MAX_VALUE_BYTES
from tests.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from llmspell.backups.results import Created

    Spoil = Callable[[bytes], bytes]

ENTRIES_FILE = "entries.jsonl.zst"


class Known(NamedTuple):
    """One entry with everything that a restore must bring back."""

    scope: str
    key: str
    value: bytes
    created_at: float
    updated_at: float
    expires_at: float | None


class Seen(NamedTuple):
    """What a store holds, but for its versions."""

    entries: list[Known]
    schema_version: str | None


class Home:
    """A store with a place for backups, both made when they are first used, and a clock that stands still.

    Several homes of one root share the place when they have other names.
    """

    def __init__(
        self,
        root: Path,
        clock: Clock,
        *,
        name: str = "state",
        backend: str = "disk",
        schema_version: str = "1.0.0",
        migrations_path: Path | None = None,
        place: str = "backups",
        **options: Any,
    ) -> None:
        self.root = root
        self.clock = clock
        self.folder = root / name
        self.place = root / place
        self.store = llmspell.open(
            str(self.folder),
            backend=backend,
            durability="normal",
            clock=clock,
            schema_version=schema_version,
            migrations_path=migrations_path,
        )
        options = {"rules": Rules(days=0), **options}
        self.options = BackupOptions(str(self.place), schema_version, MAX_VALUE_BYTES)._replace(**options)
        self.backups = self.with_options()

    def with_options(self, **options: Any) -> Backups:
        """Give the backups of the same store and place, made with other options."""
        store = self.store
        return Backups(
            store.backend,
            self.options._replace(**options),
            clock=self.clock,
            in_transaction=lambda: store.in_transaction,
            chain=(lambda: store.migrations.chain()) if store.migration_enabled else None,
        )

    def full(self, **options: Any) -> str:
        """Make a full backup, a second later than what was done before; give its id."""
        return self._made(False, **options).backup_id

    def incremental(self, **options: Any) -> str:
        """Make an incremental backup that really is one; give its id."""
        made = self._made(True, **options)
        assert made.warnings == ()
        assert made.is_incremental
        return made.backup_id

    def asked_for_incremental(self, **options: Any) -> Created:
        """Ask for an incremental backup, whatever comes out."""
        return self._made(True, **options)

    def save_json(self, scope: str, key: str, text: bytes) -> None:
        """Save a value as text, spelt as it stands here."""
        self.store.save_json(scope, key, text)

    def seen(self) -> Seen:
        """Give what is in the store now."""
        return seen(self.store, self.clock())

    def values(self, scope: str) -> dict[str, Any]:
        """Give the values of a scope by key."""
        return {key: self.store.load(scope, key) for key in self.store.list_keys(scope)}

    def files(self, backup_id: str) -> Path:
        """Give the folder of a backup."""
        return self.place / backup_id

    def close(self) -> None:
        self.store.close()

    def _made(self, incremental: bool, **options: Any) -> Created:
        self.clock.advance(1)
        return self.backups.create_backup(incremental, **options)


def seen(store: llmspell.Store, now: float) -> Seen:
    """Give what is in a store."""
    backend = store.backend
    found = [one for scope in backend.scopes("", now) for one in backend.scan(scope, "", None, None, now)]
    entries = [Known(one.scope, one.key, one.value, one.created_at, one.updated_at, one.expires_at) for one in found]
    return Seen(entries, store.schema_version())


def tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Give everything below a folder, with mode, time of the last change and content.

    The file that an engine keeps in shared memory is left out: reading writes to it.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        if not path.name.endswith("-shm"):
            content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            found[str(path.relative_to(folder))] = (status.st_mode, status.st_mtime_ns, content)
    return found


def spoil(path: Path, how: Spoil) -> None:
    """Change the content of a file, and leave its times as they were."""
    status = path.stat()
    path.write_bytes(how(path.read_bytes()))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def flip(content: bytes, at: int | None = None) -> bytes:
    """Give the content with one bit turned over, in its middle unless told where."""
    at = len(content) // 2 if at is None else at
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def manifest_fields(folder: Path) -> dict[str, Any]:
    """Give what stands in the manifest of a backup."""
    fields: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    return fields


def rewrite(folder: Path, **fields: Any) -> None:
    """Write a manifest anew so that its checksum fits, as somebody does who knows the format."""
    known = manifest_fields(folder) | fields
    known.pop("checksum")
    checksum = hashlib.sha256(manifest_text(known)).hexdigest()
    (folder / "manifest.json").write_bytes(manifest_text({**known, "checksum": checksum}))


def rewrite_entries(folder: Path, lines: Iterable[bytes], **fields: Any) -> None:
    """Write other entries into a backup, and a manifest that fits them; `fields` are those that it has besides."""
    content = b"".join(lines)
    packed = zstandard.compress(content)
    (folder / ENTRIES_FILE).write_bytes(packed)
    known = manifest_fields(folder)
    known["files"][ENTRIES_FILE] = {
        "bytes": len(packed),
        "sha256": hashlib.sha256(packed).hexdigest(),
        "content_bytes": len(content),
    }
    known["details"]["content_sha256"][ENTRIES_FILE] = hashlib.sha256(content).hexdigest()
    rewrite(folder, **(known | fields))


def manifest_text(fields: dict[str, Any]) -> bytes:
    """Give the text of a manifest, written without the code that is tested."""
    return json.dumps(fields, indent=2, ensure_ascii=False).encode() + b"\n"


def entry_lines(folder: Path) -> list[bytes]:
    """Give the lines of a backup's entries, unpacked without the code that is tested."""
    packed = (folder / ENTRIES_FILE).read_bytes()
    return zstandard.ZstdDecompressor().decompressobj().decompress(packed).splitlines(keepends=True)


def chain_by_hand(home: Home, length: int) -> list[str]:
    """Write a chain of backups without the code that is tested; give their ids.

    The backup `n` (from 1) has written the value `n` to the key `k<n % 7>` of the scope "app", as version `n`.
    """
    home.store.save("app", "k1", 1)
    made = [home.full()]
    start = home.files(made[0])
    fields = manifest_fields(start)
    for number in range(2, length + 1):
        backup_id = f"{made[0][:16]}-incr-{_letters(number)}"
        folder = home.files(backup_id)
        folder.mkdir()
        (folder / "manifest.json").write_bytes((start / "manifest.json").read_bytes())
        line = (
            f'{{"scope":"app","key":"k{number % 7}","version":{number},"created_at":1.0,"updated_at":1.0,'
            f'"expires_at":null,"value":{number}}}\n'
        )
        live = range(max(1, number - 6), number + 1)
        rewrite_entries(
            folder,
            [line.encode()],
            id=backup_id,
            kind="incr",
            parent_id=made[-1],
            parent_checksum=fields["checksum"],
            sequence=number,
            since_version=number - 1,
            version=number,
            total_entries=len(live),
            version_sum=sum(live),
        )
        fields = manifest_fields(folder)
        made.append(backup_id)
    return made


def _letters(number: int) -> str:
    return "".join(chr(ord("a") + number // 26**place % 26) for place in range(6))
