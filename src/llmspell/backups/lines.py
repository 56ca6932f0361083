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


def chunks(written: Iterable[Written], counted: Callable[[int, int], None]) -> Iterator[bytes]:
    """Give the lines of entries, some at a time; `counted` is told how many of them are entries and deletions."""
    import orjson

    dumps, spliced, line_end = orjson.dumps, orjson.Fragment, orjson.OPT_APPEND_NEWLINE
    lines: list[bytes] = []
    size = deletions = 0
    for scope, key, version, created_at, updated_at, expires_at, value in written:
        if value is None:
            deletions += 1
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
            counted(len(lines) - deletions, deletions)
            lines, size, deletions = [], 0, 0
    if lines:
        yield b"".join(lines)
        counted(len(lines) - deletions, deletions)


def parse(lines: Iterable[bytes]) -> list[Written]:
    """Give the entries of lines; raises `BackupDamaged` for the first one that no store could have written."""
    import orjson

    loads, dumps = orjson.loads, orjson.dumps
    entries: list[Written] = []
    for line in lines:
        try:
            fields = loads(line)
            if len(fields) == 7:
                scope, key, version, created_at, updated_at, expires_at, value = map(fields.__getitem__, _ENTRY)
                text: bytes | None = line[line.index(_VALUE) + 9 : -1]
                if dumps(value) != text:
                    _require_exact(text)
                elif text is not None and text.count(b"[") + text.count(b"{") > 128:
                    codec.require_depth(text)
            else:
                scope, key, version, created_at = map(fields.__getitem__, _DELETION)
                updated_at, expires_at, text = created_at, None, None
            _require_place(scope, key)
            if type(version) is not int or not 0 < version <= MAX_INTEGER:
                raise ValueError(f"version {version!r}")
            if not (_is_moment(created_at) and _is_moment(updated_at)) or not (
                expires_at is None or _is_moment(expires_at)
            ):
                raise ValueError("a time that is no number")
        except (ValueError, KeyError, TypeError, AttributeError, InvalidArgument, StoreDamaged) as error:
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


def _require_place(scope: object, key: object) -> None:
    # The usual name is short and plain; everything else is looked at closely.
    if type(scope) is not str or not scope.isprintable() or not 0 < len(scope) <= 64:
        scope_name(scope)
    if type(key) is not str or not key.isprintable() or not 0 < len(key) <= 128:
        key_name(key)


def _is_moment(value: object) -> bool:
    return (type(value) is float and math.isfinite(value)) or type(value) is int


def _require_exact(text: bytes | None) -> None:
    """Raise unless the text is JSON that a store may hold, though our codec would spell it another way."""
    if text is None or b"\n" in text:
        raise ValueError("a value that is no JSON")
    codec.parse(text)
