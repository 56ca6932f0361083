"""How is an entry written in a backup? As one line of JSON, with its value last and spliced in byte for byte.

A line is `{"scope","key","version","created_at","updated_at","expires_at","value"}` in this order; one that tells of
a deletion is `{"scope","key","version","deleted_at"}`. Because the value stands last and no text inside JSON holds a
bare quotation mark, the first `,"value":` of a line is where it begins.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from llmspell import codec
from llmspell.arguments import key_name, scope_name
from llmspell.errors import BackupDamaged, InvalidArgument, StoreDamaged
from llmspell.limits import MAX_INTEGER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from llmspell.entry import Written

_CHUNK_BYTES = 262_144
_VALUE = b',"value":'
_ENTRY = ("scope", "key", "version", "created_at", "updated_at", "expires_at", "value")
_DELETION = ("scope", "key", "version", "deleted_at")


def chunks(
    written: Iterable[Written], counted: Callable[[int, int], None], *, deletions: bool = True
) -> Iterator[bytes]:
    """Give the lines of entries, some at a time; `counted` is told how many of them are entries and deletions.

    Without `deletions` those are left out.
    """
    import orjson

    dumps, spliced, line_end = orjson.dumps, orjson.Fragment, orjson.OPT_APPEND_NEWLINE
    lines: list[bytes] = []
    size = gone = 0
    for scope, key, version, created_at, updated_at, expires_at, value in written:
        if value is None:
            if not deletions:
                continue
            gone += 1
            fields: dict[str, Any] = {"scope": scope, "key": key, "version": version, "deleted_at": updated_at}
        else:
            fields = {
                "scope": scope,
                "key": key,
                "version": version,
                "created_at": created_at,
                "updated_at": updated_at,
                "expires_at": expires_at,
                "value": spliced(value),
            }
        line = dumps(fields, option=line_end)
        lines.append(line)
        size += len(line)
        if size >= _CHUNK_BYTES:
            yield b"".join(lines)
            counted(len(lines) - gone, gone)
            lines, size, gone = [], 0, 0
    if lines:
        yield b"".join(lines)
        counted(len(lines) - gone, gone)


def parse(lines: Iterable[bytes]) -> list[Written]:
    """Give the entries of lines; raises `BackupDamaged` for the first one that no store could have written."""
    import orjson

    loads, dumps = orjson.loads, orjson.dumps
    entries: list[Written] = []
    seen_scope = ""
    # Written for speed: the usual line passes with one look at each of its parts, any other is looked at closely.
    for line in lines:
        try:
            fields = loads(line)
            if len(fields) == 7:
                scope, key, version, created_at, updated_at, expires_at, value = fields.values()
                text: bytes | None = line[line.index(_VALUE) + 9 : -1]
                if dumps(value) != text:
                    _require_exact(text)
                elif value.__class__ is dict or value.__class__ is list:
                    codec.require_depth(text)
                _require_names(fields, _ENTRY)
            else:
                scope, key, version, created_at = fields.values()
                updated_at, expires_at, text = created_at, None, None
                _require_names(fields, _DELETION)
            if scope != seen_scope:
                seen_scope = scope_name(scope)
            if key.__class__ is not str or not 0 < len(key) <= 128 or "\0" in key:
                key_name(key)
            if not (version.__class__ is int and created_at.__class__ is float and updated_at.__class__ is float):
                _require_moments(created_at, updated_at)
            if expires_at is not None and expires_at.__class__ is not float:
                _require_moments(expires_at)
            if version.__class__ is not int or not 0 < version <= MAX_INTEGER:
                raise ValueError(f"version {version!r}")
        except (ValueError, TypeError, AttributeError, InvalidArgument, StoreDamaged) as error:
            raise BackupDamaged(f"it holds a line that is no entry ({error})") from error
        entries.append((scope, key, version, created_at, updated_at, expires_at, text))
    return entries


class Lines:
    """Gives whole lines to `take`, whatever the pieces are that they come in. `end` tells that nothing follows."""

    def __init__(self, take: Callable[[list[bytes]], object]) -> None:
        self._take = take
        self._rest: list[bytes] = []

    def feed(self, piece: bytes) -> None:
        """Take the next piece."""
        first, found, others = piece.partition(b"\n")
        self._rest.append(first)
        if not found:
            return
        lines = others.split(b"\n")
        lines.insert(0, b"".join(self._rest))
        self._rest = [lines.pop()]
        self._take(lines)

    def end(self) -> None:
        """Make sure that the last line was whole."""
        if any(self._rest):
            raise BackupDamaged("its last line is cut short")


def _require_names(fields: dict[str, Any], names: tuple[str, ...]) -> None:
    if tuple(fields) != names:
        raise ValueError(f"its fields are {', '.join(fields)}")


def _require_moments(*moments: object) -> None:
    for moment in moments:
        if not (
            (type(moment) is int and abs(moment) <= MAX_INTEGER) or (type(moment) is float and math.isfinite(moment))
        ):
            raise ValueError(f"{moment!r} where a time belongs")


def _require_exact(text: bytes | None) -> None:
    """Raise unless the text is JSON that a store may hold, though our codec would spell it another way."""
    if text is None:
        raise ValueError("a value that is no JSON")
    codec.parse(text)
