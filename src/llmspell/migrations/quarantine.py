"""Where are entries that could not go through a migration? Aside, whole, in notes, until they are retried."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from llmspell import codec
from llmspell.batch import Delete, Note, Put
from llmspell.migrations.complements import entry_of, whole_entry
from llmspell.migrations.results import Quarantined

if TYPE_CHECKING:
    from llmspell.backends.base import Reader, Revision
    from llmspell.entry import JsonValue, Stored

_QUARANTINE = "quarantine"
_LAST_NUMBER = "quarantine number"


class Ward(NamedTuple):
    """What is noted with an entry that is put aside.

    `schema_version` is the shape its value has; `migration` the one that it could not go through.
    """

    schema_version: str
    migration: str
    reason: str
    now: float


def listed(reader: Reader) -> list[Quarantined]:
    """Give everything that is put aside, the oldest first."""
    return [_parse(name, text) for name, text in reader.notes(_QUARANTINE)]


def next_number(reader: Reader) -> int:
    """Give the number that the next entry to be put aside gets: never one that another entry had."""
    return int(reader.note(_LAST_NUMBER, "") or 0) + 1


def put_aside(revision: Revision, stored: Stored, ward: Ward, number: int) -> None:
    """Take an entry out of its scope and keep it whole."""
    note = Note(_QUARANTINE, _name(number), _text(stored, ward))
    revision.apply((note, Note(_LAST_NUMBER, "", b"%d" % number), Delete(stored.scope, stored.key)))


def give_new_reason(revision: Revision, one: Quarantined, reason: str) -> None:
    """Note why an entry still cannot come back."""
    text = cast("bytes", revision.note(_QUARANTINE, _name(one.number)))
    about = cast("dict[str, JsonValue]", codec.decode(text))
    revision.apply((Note(_QUARANTINE, _name(one.number), codec.encode_trusted({**about, "reason": reason})),))


def bring_back(revision: Revision, one: Quarantined, value: bytes, scope: str, key: str) -> None:
    """Give an entry its place again, with the value it has now and the times it had."""
    text = cast("bytes", revision.note(_QUARANTINE, _name(one.number)))
    put = _put(text)
    place = Put(scope, key, value, put.expires_at, put.created_at, put.updated_at)
    revision.apply((place, Note(_QUARANTINE, _name(one.number), None)))


def discard(revision: Revision, number: int) -> None:
    """Throw a quarantined entry away."""
    revision.apply((Note(_QUARANTINE, _name(number), None),))


def created_at(reader: Reader, number: int) -> float:
    """Give when a quarantined entry was created."""
    return cast("float", _put(cast("bytes", reader.note(_QUARANTINE, _name(number)))).created_at)


def _name(number: int) -> str:
    return f"{number:020d}"


def _text(stored: Stored, ward: Ward) -> bytes:
    about = codec.encode(ward._asdict())
    return about[:-1] + b',"entry":' + whole_entry(stored) + b"}"


def _put(text: bytes) -> Put:
    about = cast("dict[str, JsonValue]", codec.decode(text))
    return entry_of(codec.encode_trusted(about["entry"]))


def _parse(name: str, text: bytes) -> Quarantined:
    about = cast("dict[str, JsonValue]", codec.decode(text))
    ward = Ward(*(about[field] for field in Ward._fields))  # type: ignore[arg-type]
    put = _put(text)
    return Quarantined(
        int(name), put.scope, put.key, put.value, ward.schema_version, ward.migration, ward.reason, ward.now
    )
