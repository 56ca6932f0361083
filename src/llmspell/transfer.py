"""How does a store become JSON lines, and JSON lines a store?

A line is one entry: `{"scope","key","value","version","created_at","updated_at","expires_at"}`, in this
order, null where there is nothing. Lines are ordered by scope, then key (byte orders). The text of a value is
spliced in as the store holds it, so an export of an imported export is the same but for the versions.
"""

from __future__ import annotations

import time
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple, cast

from llmspell import arguments, codec
from llmspell.batch import Batch, Put
from llmspell.errors import InvalidArgument, InvalidValue
from llmspell.limits import MAX_VALUE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from llmspell.backends.base import Reader
    from llmspell.entry import JsonValue, Stored
    from llmspell.store import Store

KEYS_AT_ONCE = 1_000
"""Keys are listed in pages and values read one by one: a page of the largest values would fill the memory."""

_REQUIRED = ("scope", "key", "value")
_FIELDS = (*_REQUIRED, "version", "created_at", "updated_at", "expires_at")
_EXAMPLE = '{"scope": "global", "key": "greeting", "value": "hello"}'


class Imported(NamedTuple):
    """What an import did: how many entries it wrote, and how many it left out because they had expired."""

    entries: int
    expired: int


class Parsed(NamedTuple):
    """What stands in JSON lines: the writes to make, and how many entries had expired."""

    puts: tuple[Put, ...]
    expired: int


def export_entries(
    store: Store, globs: Sequence[str] = (), *, clock: Callable[[], float] = time.time
) -> Iterator[bytes]:
    """Give a line, with its line end, for every live entry whose scope matches one of `globs`; for all without globs.

    All lines show one moment of the store, however long reading them takes; writers go on meanwhile.

    >>> store = llmspell.open(backend="memory", clock=lambda: 5.0)
    >>> _ = store.save("global", "greeting", "hello")
    >>> for line in export_entries(store): print(line.decode(), end="")
    {"scope":"global","key":"greeting","value":"hello","version":1,"created_at":5.0,"updated_at":5.0,"expires_at":null}
    """
    with store.backend.snapshot() as reader:
        for stored in live_entries(reader, globs, clock()):
            yield _line(stored)


def live_entries(reader: Reader, globs: Sequence[str], now: float) -> Iterator[Stored]:
    """Give every live entry whose scope matches one of `globs` (every scope without globs), by scope, then key."""
    for scope in reader.scopes("", now):
        if globs and not any(fnmatchcase(scope, glob) for glob in globs):
            continue
        after = None
        while keys := reader.keys(scope, "", after, KEYS_AT_ONCE, now):
            after = keys[-1]
            for key in keys:
                stored = reader.get(scope, key, now)
                if stored is not None:
                    yield stored


def import_entries(
    store: Store,
    lines: Iterable[bytes],
    *,
    max_value_bytes: int = MAX_VALUE_BYTES,
    clock: Callable[[], float] = time.time,
) -> Imported:
    """Write the entries of `lines` in one atomic step, over what is there; see `parse_lines` for what it raises.

    >>> store = llmspell.open(backend="memory")
    >>> import_entries(store, [b'{"scope": "global", "key": "greeting", "value": "hello"}'])
    Imported(entries=1, expired=0)
    """
    now = clock()
    parsed = parse_lines(lines, now, max_value_bytes)
    if parsed.puts:
        store.backend.commit(Batch(now, parsed.puts))
    return Imported(len(parsed.puts), parsed.expired)


def parse_lines(lines: Iterable[bytes], now: float, max_value_bytes: int = MAX_VALUE_BYTES) -> Parsed:
    """Give what to write for `lines`; lines without anything in them count for nothing.

    Raises `InvalidArgument` with the number of the line and the reason for the first line that is no
    entry, names a field that no entry has, or names an entry that an earlier line has named.
    """
    puts: list[Put] = []
    seen: dict[tuple[str, str], int] = {}
    expired = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            put = _put(line, max_value_bytes)
        except InvalidArgument as error:
            raise InvalidArgument(f"line {number}: {error}") from error
        first = seen.setdefault((put.scope, put.key), number)
        if first != number:
            raise InvalidArgument(
                f'line {number}: scope "{put.scope}", key "{put.key}" stands on line {first} already; keep one of them'
            )
        if put.expires_at is not None and put.expires_at <= now:
            expired += 1
        else:
            puts.append(put)
    return Parsed(tuple(puts), expired)


def _line(stored: Stored) -> bytes:
    return b'{"scope":%b,"key":%b,"value":%b,"version":%d,"created_at":%b,"updated_at":%b,"expires_at":%b}\n' % (
        codec.encode(stored.scope),
        codec.encode(stored.key),
        stored.value,
        stored.version,
        codec.encode_number(stored.created_at),
        codec.encode_number(stored.updated_at),
        b"null" if stored.expires_at is None else codec.encode_number(stored.expires_at),
    )


def _put(line: bytes, max_value_bytes: int) -> Put:
    entry = _object(line)
    for name in entry:
        if name not in _FIELDS:
            raise InvalidArgument(f'"{name}" is no field of an entry; there are {", ".join(_FIELDS)}')
    for name in _REQUIRED:
        if name not in entry:
            raise InvalidArgument(f'the field "{name}" is missing; an entry looks like {_EXAMPLE}')
    scope, key = arguments.scope_name(entry["scope"]), arguments.key_name(entry["key"])
    text = arguments.value_text(codec.encode(entry["value"]), max_value_bytes)
    return Put(scope, key, text, *(_moment(entry, name) for name in ("expires_at", "created_at", "updated_at")))


def _object(line: bytes) -> dict[str, JsonValue]:
    try:
        entry = codec.parse(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"byte {error.start + 1} is no UTF-8; convert the file to UTF-8") from error
    except InvalidValue as error:
        raise InvalidArgument(_fault(error)) from error
    if not isinstance(entry, dict):
        raise InvalidArgument(f"it is no JSON object; an entry looks like {_EXAMPLE}")
    return entry


def _fault(error: InvalidValue) -> str:
    """Say what is wrong in a line without the number of the line, which the parser of a single one believes to be 1."""
    from json import JSONDecodeError

    cause = error.__cause__
    if isinstance(cause, JSONDecodeError):
        return f"it is not valid JSON ({cause.msg} at column {cause.colno})"
    return f"{error.path or 'it'} {error.reason}"


def _moment(entry: dict[str, JsonValue], name: str) -> float | None:
    moment = entry.get(name)
    if moment is None:
        return None
    if type(moment) not in (int, float):
        raise InvalidArgument(f'the field "{name}" holds {moment!r}; it takes epoch seconds or null')
    return float(cast("int | float", moment))
