"""Which documents can migrations be tried on? A few stored ones stand for all, and files beside the migrations."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from llmspell import arguments, codec
from llmspell.config.table import escaped
from llmspell.errors import InvalidArgument, InvalidValue
from llmspell.migrations.files import read_file
from llmspell.schema_range import require_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from llmspell.backends.base import Reader

FOLDER = "samples"
"""The folder beside the migrations; in it is one for each version, with documents in the shape of that version."""

_KEYS_AT_ONCE = 1_000
_ENTRY = {"scope", "key", "value"}
_ENTRY_TOO = {"version", "created_at", "updated_at", "expires_at"}

Item = TypeVar("Item")


class Specimen(NamedTuple):
    """A document to try migrations on, as compact JSON text.

    `name` is what to call it in sentences. `version` is the schema version whose shape it has. Scope and key are
    None for a file that holds a document alone.
    """

    name: str
    version: str
    scope: str | None
    key: str | None
    text: bytes


def evenly(items: Iterable[Item], most: int) -> list[Item]:
    """Give all items, or `most` of them evenly spread, in their order; never holds more than twice as many.

    >>> evenly(range(10), 3), evenly("ab", 3)
    ([0, 2, 6], ['a', 'b'])
    """
    if most <= 0:
        return []
    kept: list[Item] = []
    step = 1
    for number, item in enumerate(items):
        if number % step:
            continue
        kept.append(item)
        if len(kept) > 2 * most:
            kept = kept[::2]
            step *= 2
    if len(kept) <= most:
        return kept
    return [kept[number * len(kept) // most] for number in range(most)]


def places(
    reader: Reader, concerned: Callable[[str], Callable[[str], object] | None], now: float
) -> Iterator[tuple[str, str]]:
    """Give the scopes and keys of live entries; `concerned` gives what chooses the keys of a scope, None for none."""
    for scope in reader.scopes("", now):
        chooses = concerned(scope)
        after = None
        while chooses is not None and (keys := reader.keys(scope, "", after, _KEYS_AT_ONCE, now)):
            after = keys[-1]
            yield from ((scope, key) for key in keys if chooses(key))


def written(folder: str) -> tuple[list[Specimen], list[str]]:
    """Give the documents in `VERSION/*.json` of `folder`, and a sentence for each file that holds none.

    A file holds a document, or an entry as exports write them, with `scope`, `key` and `value`.
    """
    found: list[Specimen] = []
    problems: list[str] = []
    if os.path.islink(folder):
        return [], [_link(folder)]
    for version in _names(folder, folders=True):
        inner = os.path.join(folder, version)
        if os.path.islink(inner):
            problems.append(_link(inner))
            continue
        try:
            require_version(version)
        except InvalidArgument as error:
            problems.append(f"{escaped(inner)}: {error}; name the folder after the version of the documents in it")
            continue
        for name in _names(inner, folders=False):
            if not name.lower().endswith(".json"):
                continue
            place = escaped(os.path.join(inner, name))
            try:
                found.append(_specimen(place, version, read_file(inner, name)))
            except InvalidValue as error:
                problems.append(f"{place}: {error.path or 'the text'} {error.reason}; correct it there")
            except InvalidArgument as error:
                problems.append(f"{place}: {error}")
    return found, problems


def _link(folder: str) -> str:
    return f"{escaped(folder)}: it is a link, which may lead anywhere; put the folder itself there"


def _specimen(place: str, version: str, content: bytes) -> Specimen:
    try:
        value = codec.parse(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InvalidArgument("the text is not UTF-8; save the file as UTF-8") from error
    scope, key = None, None
    if isinstance(value, dict) and value.keys() >= _ENTRY and value.keys() <= _ENTRY | _ENTRY_TOO:
        scope, key = arguments.scope_name(value["scope"]), arguments.key_name(value["key"])
        value = value["value"]
    if value is None:
        raise InvalidArgument("null cannot be stored, so it is no sample; write a document")
    return Specimen(place, version, scope, key, codec.encode(value))


def _names(folder: str, *, folders: bool) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.name for entry in entries if entry.is_dir() == folders and not entry.name.startswith(".")
            )
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise InvalidArgument(
            f'the samples in "{folder}" cannot be read: {error.strerror}; correct the folder'
        ) from error
