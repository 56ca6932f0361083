"""What does a backup say of itself? Its manifest: one JSON file that carries its own checksum.

The text is exactly the one that `text_of` writes: whatever differs from it by a byte is no manifest. With a key the
manifest is authenticated too (HMAC), so that nobody without the key can write another one, and what would tell
about the content (description, scopes, checksums of the content) stands in an encrypted file beside it.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from llmspell.backups.compression import SUFFIXES
from llmspell.backups.content import Packing, Part
from llmspell.backups.names import FULL, INCREMENTAL, is_id
from llmspell.errors import BackupDamaged, BackupTooNew
from llmspell.limits import MAX_INTEGER
from llmspell.schema_range import require_version

if TYPE_CHECKING:
    from collections.abc import Callable


FORMAT = "llmspell backup"
FORMAT_VERSION = 1
MAX_BYTES = 4_000_000
MAX_VERSION = 2**53
"""No store gets there by writing. A manifest that tells of more is not believed when a store goes on above it."""

ENTRIES, NOTES, DETAILS = "entries.jsonl", "notes.jsonl", "details.json"


class Details(NamedTuple):
    """What only those may know who may know the content."""

    description: str
    scopes: tuple[str, ...]
    exclude: tuple[str, ...]
    content_sha256: dict[str, str]


class Manifest(NamedTuple):
    """A backup as its manifest tells it. Times are epoch seconds; versions are those of the store.

    A full backup has no parent and `since_version` 0; an incremental one holds what was written after
    `since_version`, which is the `version` of its parent. `parent_checksum` is the checksum of the parent's
    manifest. `total_entries` and `version_sum` tell the state that the whole chain makes, None where the
    backup is of a part of the store. `details` is None while they are encrypted and nobody has opened them.
    """

    id: str
    parent_id: str | None
    parent_checksum: str | None
    sequence: int
    created_at: float
    schema_version: str
    since_version: int
    version: int
    entry_count: int
    tombstone_count: int
    total_entries: int | None
    version_sum: int | None
    compression: str
    recipient: str | None
    parts: tuple[Part, ...]
    details: Details | None
    made_by: str

    @property
    def full(self) -> bool:
        """Whether it stands on no other backup."""
        return self.parent_id is None

    @property
    def size_bytes(self) -> int:
        """How large its files are, without the manifest."""
        return sum(part.size_bytes for part in self.parts)

    def part(self, stem: str) -> Part | None:
        """Give the file with the content called `stem`, None where the backup has none."""
        for part in self.parts:
            if part.name.startswith(stem):
                return part
        return None


def text_of(manifest: Manifest, authenticate: Callable[[bytes], str] | None) -> bytes:
    """Give the file; `authenticate` makes the code that only the holder of the key can make."""
    fields = _fields(manifest)
    if authenticate is not None:
        fields["authentication"] = authenticate(_dumped(fields))
    return _dumped({**fields, "checksum": _checksum(fields)})


def checksum_of(text: bytes) -> str:
    """Give the checksum that a manifest carries: the name of exactly this backup, for those who stand on it."""
    return cast("str", json.loads(text)["checksum"])


def details_text(details: Details) -> bytes:
    """Give the content of the encrypted file with the details."""
    return _dumped(_details_fields(details))


def with_details(manifest: Manifest, text: bytes) -> Manifest:
    """Give the manifest with the details that stood in the encrypted file."""
    try:
        details = _details(json.loads(text))
        if details_text(details) != text:
            raise ValueError("its text is not the one that was written")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BackupDamaged(f"the encrypted details are not readable ({error})") from error
    parts = tuple(part._replace(content_sha256=details.content_sha256.get(part.name)) for part in manifest.parts)
    return manifest._replace(details=details, parts=parts)


def parse(text: bytes, authenticate: Callable[[bytes, str], str] | None) -> Manifest:
    """Read a manifest; raises `BackupDamaged` unless it is exactly what was written, `BackupTooNew` for a newer format.

    `authenticate` is asked for the code of an encrypted one, given the recipient that it was encrypted for;
    without it the code is not looked at.
    """
    try:
        fields = json.loads(text)
        if fields.get("format") != FORMAT:
            raise ValueError(f'it is no manifest of the format "{FORMAT}"')
        if fields["format_version"] != FORMAT_VERSION:
            raise BackupTooNew(
                f"it has format {fields['format_version']!r} and this llmspell reads format {FORMAT_VERSION}; update it"
            )
        found = fields.pop("checksum")
        if _dumped({**fields, "checksum": found}) != text or found != _checksum(fields):
            raise ValueError("its checksum does not fit")
        code = fields.pop("authentication", None)
        manifest = _manifest(fields)
        if _dumped(_fields(manifest)) != _dumped(fields):
            raise ValueError("it has fields that the format does not have")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BackupDamaged(f"its manifest is not readable ({error})") from error
    if manifest.recipient is not None and authenticate is not None:
        _require_authentic(fields, code, manifest.recipient, authenticate)
    return manifest


def packing_of(manifest: Manifest, key: Any) -> Packing:
    """Give how the files of a backup are unpacked."""
    return Packing(manifest.compression, 0, key)


def _require_authentic(
    fields: dict[str, Any], code: object, recipient: str, authenticate: Callable[[bytes, str], str]
) -> None:
    import hmac

    expected = authenticate(_dumped(fields), recipient)
    if type(code) is not str or not hmac.compare_digest(code.encode(), expected.encode()):
        raise BackupDamaged("its manifest was not written with the key that it names: somebody has changed it")


def _fields(manifest: Manifest) -> dict[str, Any]:
    open_details = manifest.details if manifest.recipient is None else None
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "id": manifest.id,
        "kind": FULL if manifest.full else INCREMENTAL,
        "parent_id": manifest.parent_id,
        "parent_checksum": manifest.parent_checksum,
        "sequence": manifest.sequence,
        "created_at": manifest.created_at,
        "schema_version": manifest.schema_version,
        "since_version": manifest.since_version,
        "version": manifest.version,
        "entry_count": manifest.entry_count,
        "tombstone_count": manifest.tombstone_count,
        "total_entries": manifest.total_entries,
        "version_sum": manifest.version_sum,
        "compression": manifest.compression,
        "encryption": None if manifest.recipient is None else {"type": "age", "recipient": manifest.recipient},
        "files": {
            part.name: {"bytes": part.size_bytes, "sha256": part.sha256, "content_bytes": part.content_bytes}
            for part in manifest.parts
        },
        "details": None if open_details is None else _details_fields(open_details),
        "made_by": manifest.made_by,
    }


def _details_fields(details: Details) -> dict[str, Any]:
    return {
        "description": details.description,
        "scopes": list(details.scopes),
        "exclude": list(details.exclude),
        "content_sha256": details.content_sha256,
    }


def _manifest(fields: dict[str, Any]) -> Manifest:
    """Build the manifest of fields whose checksum fits; raises `ValueError` for what no maker writes."""
    encryption, inner = fields["encryption"], fields["details"]
    recipient = None if encryption is None else _typed(encryption["recipient"], str)
    details = None if recipient is not None else _details(inner)
    compression = _typed(fields["compression"], str)
    if compression not in SUFFIXES:
        raise ValueError(f"it is packed with {compression!r}, which this llmspell does not know")
    parent_id, parent_checksum = fields["parent_id"], fields["parent_checksum"]
    if not is_id(_typed(fields["id"], str)) or not (parent_id is None or is_id(_typed(parent_id, str))):
        raise ValueError("it names itself or its parent by what is no id")
    _typed(parent_checksum, type(None) if parent_id is None else str)
    totals = [None if fields[name] is None else _count(fields[name]) for name in ("total_entries", "version_sum")]
    return Manifest(
        fields["id"],
        parent_id,
        parent_checksum,
        _count(fields["sequence"]),
        float(_typed(fields["created_at"], float)),
        _schema_version(fields["schema_version"]),
        _version(fields["since_version"]),
        _version(fields["version"]),
        _count(fields["entry_count"]),
        _count(fields["tombstone_count"]),
        totals[0],
        totals[1],
        compression,
        recipient,
        _parts(fields["files"], Packing(compression, 0), recipient is not None, details),
        details,
        _typed(fields["made_by"], str),
    )


def _parts(
    files: dict[str, dict[str, Any]], packing: Packing, encrypted: bool, details: Details | None
) -> tuple[Part, ...]:
    age = ".age" if encrypted else ""
    known = {packing.file_name(stem) + age for stem in (ENTRIES, NOTES)} | ({DETAILS + age} if encrypted else set())
    parts = []
    for name, about in files.items():
        if name not in known:
            raise ValueError(f"it names the file {name!r}, which no backup has")
        digest = details.content_sha256[name] if details is not None else None
        sizes = _count(about["bytes"]), _typed(about["sha256"], str), _count(about["content_bytes"])
        parts.append(Part(name, *sizes, digest))
    if packing.file_name(ENTRIES) + age not in files:
        raise ValueError("it names no file with entries")
    return tuple(parts)


def _details(fields: dict[str, Any]) -> Details:
    return Details(
        _typed(fields["description"], str),
        tuple(_typed(glob, str) for glob in fields["scopes"]),
        tuple(_typed(glob, str) for glob in fields["exclude"]),
        {_typed(name, str): _typed(digest, str) for name, digest in fields["content_sha256"].items()},
    )


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{value!r} where {kind.__name__} belongs")
    return value


def _version(value: Any) -> int:
    if _count(value) > MAX_INTEGER // 2:
        raise ValueError(f"{value!r} where the version of a store belongs")
    return cast("int", value)


def _schema_version(value: Any) -> str:
    require_version(_typed(value, str))
    return cast("str", value)


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MAX_INTEGER:
        raise ValueError("a number is missing, or out of bounds")
    return value


def _dumped(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _checksum(fields: dict[str, Any]) -> str:
    return hashlib.sha256(_dumped(fields)).hexdigest()
