"""What do the history functions answer in scripts? Tables with the same fields in every language.

A field that there is nothing to say in is left out. Times are epoch seconds, with fractions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell import codec
from llmspell.history.points import FIRST_EPOCH_SECOND
from llmspell.scripting.backup_answers import FAILURES, RESTORE_OPTIONS, failure, present, restored, watch
from llmspell.scripting.call_options import read_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.entry import JsonValue
    from llmspell.store import Store

HISTORY_OPTIONS = ("limit",)

_NOTHING = object()


def load(store: Store, scope: str, key: str, at: bytes) -> bytes | None:
    """Give the value at a point as JSON text, None when there was no live entry."""
    value: Any = store.load(scope, key, _NOTHING, at=_point(codec.decode(at)))
    return None if value is _NOTHING else codec.encode(value)


def history(store: Store, scope: str, key: str, options: bytes | None) -> bytes:
    """Give what is known of an entry as a JSON array, the newest version first."""
    given = read_options(options, HISTORY_OPTIONS)
    return codec.encode([present(dict(version._asdict())) for version in store.history(scope, key, **given)])


def diff(store: Store, scope: str, from_: bytes, to: bytes | None) -> bytes:
    """Give what differs in a scope between two points as a JSON array, in byte order of the keys."""
    end = None if to is None else _point(codec.decode(to))
    found = store.diff(scope, _point(codec.decode(from_)), end)
    return codec.encode([present(dict(difference._asdict())) for difference in found])


def restore_points(store: Store) -> bytes:
    """Give which versions and moments can be named as JSON text."""
    return codec.encode(dict(store.restore_points()._asdict()))


def restore(store: Store, at: bytes, options: bytes | None, stopping: Callable[[], bool]) -> bytes:
    """Take the store back to a point and give what was done as JSON text, a failure too."""
    given = read_options(options, RESTORE_OPTIONS)
    point = _point(codec.decode(at))
    try:
        done = store.restore(point, **given, progress=watch(stopping))
    except FAILURES as error:
        return failure(error)
    return codec.encode({**restored(done), "version": done.version})


def _point(said: JsonValue) -> Any:
    """Take a whole number for a version however the language spells it: some have only numbers with fractions."""
    if isinstance(said, dict):
        return {name: _whole(value) if name == "version" else value for name, value in said.items()}
    whole = _whole(said)
    return whole if isinstance(whole, int) and whole < FIRST_EPOCH_SECOND else said


def _whole(said: JsonValue) -> JsonValue:
    return int(said) if isinstance(said, float) and said.is_integer() else said
