"""What is noted about a backup after it was made? Who holds it, and when it was last found sound or damaged.

That stands in a file of its own, so that the manifest never changes. A verdict counts only while the files are
those that it was given about.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from llmspell.backups.place import MARKS
from llmspell.errors import BackupDamaged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell.backups.place import FileFacts, Place

_MAX_BYTES = 1_000_000


class Hold(NamedTuple):
    """Why a backup stays whatever the rules say, and until when (epoch seconds; None: until it is released)."""

    reason: str
    until: float | None = None


class Marks(NamedTuple):
    """`verified_at` and `damaged` are about files whose facts were `seen`."""

    holds: tuple[Hold, ...] = ()
    verified_at: float | None = None
    damaged: str | None = None
    seen: tuple[tuple[str, int, str], ...] = ()

    def held(self, now: float) -> str | None:
        """Give the reasons why it is held now, None when it is not."""
        return "; ".join(hold.reason for hold in self.holds if hold.until is None or hold.until > now) or None


def read(place: Place, backup_id: str, files: Mapping[str, FileFacts]) -> Marks:
    """Give the marks of a backup that has these files.

    Where there is no file of marks, none were made. One that cannot be read may have told of a hold, so it counts
    as one; whoever releases the backup writes it anew.
    """
    if MARKS not in files:
        return Marks()
    try:
        marks = _parse(place.read(backup_id, MARKS, _MAX_BYTES) or b"")
    except BackupDamaged:
        marks = _UNREADABLE
    if marks.seen != _seen(files):
        return marks._replace(verified_at=None, damaged=None, seen=())
    return marks


def write(place: Place, backup_id: str, marks: Marks) -> None:
    """Write the marks; what they say of the files holds for those that are there now."""
    seen = _seen(place.files(backup_id)) if marks.verified_at or marks.damaged else ()
    place.replace(backup_id, MARKS, text_of(marks._replace(seen=seen)))


def text_of(marks: Marks) -> bytes:
    """Give the file."""
    fields = {**marks._asdict(), "holds": [hold._asdict() for hold in marks.holds]}
    return _dumped({**fields, "checksum": _checksum(fields)})


def _parse(text: bytes) -> Marks:
    try:
        fields: dict[str, Any] = json.loads(text)
        checksum = fields.pop("checksum")
        if checksum != _checksum(fields):
            return _UNREADABLE
        holds = tuple(Hold(str(hold["reason"]), _moment(hold["until"])) for hold in fields["holds"])
        damaged = fields["damaged"]
        seen = tuple((str(name), int(size), str(stamp)) for name, size, stamp in fields["seen"])
        return Marks(holds, _moment(fields["verified_at"]), None if damaged is None else str(damaged), seen)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return _UNREADABLE


def _dumped(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, indent=2).encode() + b"\n"


def _checksum(fields: dict[str, Any]) -> str:
    return hashlib.sha256(_dumped(fields)).hexdigest()


def _moment(value: Any) -> float | None:
    return None if value is None else float(value)


def _seen(files: Mapping[str, FileFacts]) -> tuple[tuple[str, int, str], ...]:
    return tuple(sorted((name, facts.size_bytes, facts.stamp) for name, facts in files.items() if name != MARKS))


_UNREADABLE = Marks((Hold("its marks cannot be read"),))
"""It may have been held, so it is."""
