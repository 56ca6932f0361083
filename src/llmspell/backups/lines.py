"""How is an entry written in a backup? As one line of JSON, with its value last and spliced in byte for byte.

A line is `{"scope","key","version","created_at","updated_at","expires_at","value"}` in this order; one that tells of
a deletion is `{"scope","key","version","deleted_at"}`. Because the value stands last and no text inside JSON holds a
bare quotation mark, the first `,"value":` of a line is where it begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell import codec
from llmspell.arguments import key_name, scope_name
from llmspell.errors import BackupDamaged, InvalidArgument, StoreDamaged
from llmspell.limits import MAX_DEPTH, MAX_INTEGER, MAX_VALUE_BYTES_BOUND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from llmspell.entry import Written

_CHUNK_BYTES = 262_144
_VALUE = b',"value":'
_ENTRY = ("scope", "key", "version", "created_at", "updated_at", "expires_at", "value")
_DELETION = ("scope", "key", "version", "deleted_at")
_LONGEST_BYTES = MAX_VALUE_BYTES_BOUND + 10_000
"""Of a line: the largest value, and what else stands in it."""
_AT_ONCE = 256
"""So few that what is made of them is gone before the interpreter looks for garbage among it."""
_MOMENTS = {float}
_NEVER = {type(None)}
_SHORT_KEY = 128
"""A key of so many letters is within the bound, however many bytes each of them takes."""
_SHALLOW_BYTES = 2 * MAX_DEPTH
"""A value of so many bytes has no room for being nested too deep."""


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


def parse(lines: Sequence[bytes]) -> list[Written]:
    """Give the entries of lines; raises `BackupDamaged` for the first one that no store could have written."""
    entries: list[Written] = []
    for first in range(0, len(lines), _AT_ONCE):
        entries += _parsed(lines[first : first + _AT_ONCE])
    return entries


def _parsed(lines: Sequence[bytes]) -> list[Written]:
    from orjson import dumps, loads

    # Written for speed: the usual lines pass all together, column by column; others are looked at one by one.
    try:
        documents = list(map(loads, lines))
        text = dumps(documents)
        if set(map(tuple, documents)) != {_ENTRY} or text != b"[%b]" % b",".join(lines):
            return [_entry(line, document) for line, document in zip(lines, documents, strict=True)]
        columns = tuple(zip(*map(dict.values, documents), strict=True))
        for scope in set(columns[0]):
            scope_name(scope)
        keys, versions = columns[1], columns[2]
        if set(map(type, keys)) != {str} or not _are_plain(keys):
            for key in keys:
                key_name(key)
        if set(map(type, versions)) != {int} or not 0 < min(versions) <= max(versions) <= MAX_INTEGER:
            raise ValueError("a version that is no version")
        if not (
            set(map(type, columns[3])) | set(map(type, columns[4])) | set(map(type, columns[5])) - _NEVER <= _MOMENTS
        ):
            raise ValueError("a time that is no number")
        values = [line[line.index(_VALUE) + 9 : -1] for line in lines]
        if max(map(len, values)) > _SHALLOW_BYTES:
            for value in values:
                codec.require_depth(value)
        return list(zip(*columns[:6], values, strict=True))
    except (ValueError, TypeError, AttributeError, InvalidArgument, StoreDamaged) as error:
        raise BackupDamaged(f"it holds a line that is no entry ({error})") from error


def _are_plain(keys: Sequence[str]) -> bool:
    lengths = list(map(len, keys))
    return min(lengths) > 0 and max(lengths) <= _SHORT_KEY and "\0" not in "".join(keys)


def _entry(line: bytes, fields: dict[str, Any]) -> Written:
    """Look at one line closely."""
    from orjson import dumps

    text: bytes | None = None
    if tuple(fields) == _ENTRY:
        scope, key, version, created_at, updated_at, expires_at, value = fields.values()
        text = inner = line[line.index(_VALUE) + 9 : -1]
        if dumps(value) == inner:
            codec.require_depth(inner)
        else:  # our codec would spell it another way, so it has to be read as what comes from outside
            codec.parse(inner)
    elif tuple(fields) == _DELETION:
        scope, key, version, created_at = fields.values()
        updated_at, expires_at = created_at, None
    else:
        raise ValueError(f"its fields are {', '.join(fields)}")
    if type(version) is not int or not 0 < version <= MAX_INTEGER:
        raise ValueError(f"version {version!r}")
    if not {type(created_at), type(updated_at)} | {type(expires_at)} - _NEVER <= _MOMENTS:
        raise ValueError("a time that is no number")
    return scope_name(scope), key_name(key), version, created_at, updated_at, expires_at, text


class Lines:
    """Gives whole lines to `take`, whatever the pieces are that they come in. `end` tells that nothing follows."""

    def __init__(self, take: Callable[[list[bytes]], object]) -> None:
        self._take = take
        self._rest: list[bytes] = []
        self._waiting = 0

    def feed(self, piece: bytes) -> None:
        """Take the next piece."""
        first, found, others = piece.partition(b"\n")
        self._rest.append(first)
        if not found:
            self._waiting += len(first)
            if self._waiting > _LONGEST_BYTES:
                raise BackupDamaged(f"it holds a line of more than {_LONGEST_BYTES} bytes, which no entry has")
            return
        self._waiting = 0
        lines = others.split(b"\n")
        lines.insert(0, b"".join(self._rest))
        self._rest = [lines.pop()]
        self._take(lines)

    def end(self) -> None:
        """Make sure that the last line was whole."""
        if any(self._rest):
            raise BackupDamaged("its last line is cut short")
