"""Does one document go through one migration, and back, as it should? The laws, tried on the code of real runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from llmspell import codec
from llmspell.migrations.paths import kind_of, spell
from llmspell.migrations.transforms.base import Draft, Refusal
from llmspell.migrations.transforms.custom import Custom

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell.entry import JsonValue
    from llmspell.migrations.documents import Way
    from llmspell.migrations.migration import Migration
    from llmspell.migrations.paths import Step


class Tried(NamedTuple):
    """What came of it: where the document is now, and every law that was broken, a clause each.

    `text` is None when it goes no further: it was refused, or the migration deletes the entry.
    """

    scope: str
    key: str
    text: bytes | None
    problems: tuple[str, ...] = ()


def try_document(migration: Migration, way: Way, scope: str, key: str, text: bytes, now: float) -> Tried:
    """Take a document up twice and down again; `way` is that of the migration for the scope.

    The laws: it can go up, all rules hold, the second time gives the same, and going down gives it back byte for
    byte, also where a function of somebody's own has to do that.
    """
    draft, again = Draft(scope, key, None, now), Draft(scope, key, None, now)
    try:
        new, record = way.up(draft, text)
    except Refusal as refusal:
        return Tried(scope, key, None, (f"it cannot go up: {refusal}",))
    problems = []
    try:
        second, second_record = way.up(again, text)
    except Refusal as refusal:
        problems.append(f"it went up once and not a second time: {refusal}")
    else:
        if (new, _place(draft), record) != (second, _place(again), second_record):
            problems.append(_unsteady(migration, record, second_record))
    if draft.deleted:
        return Tried(draft.scope, draft.key, None, tuple(problems))
    if not problems:  # the way down of what is never twice the same proves nothing
        kept = codec.encode_trusted(record)  # decoded anew each time, because going down may use up what it is given
        problems += _down(way, Draft(scope, key, None, now), text, new, codec.decode(kept), "going down")
        for number, name, edited in _by_own_code(migration, kept):
            described = f"going down by the code of transform {number} ({name}), as entries do that were edited since,"
            # Order means nothing in JSON, and not every language keeps it.
            problems += _down(way, Draft(scope, key, None, now), text, new, edited, described, ordered=False)
    return Tried(draft.scope, draft.key, new, tuple(problems))


def _down(
    way: Way, draft: Draft, before: bytes, after: bytes, record: JsonValue, described: str, *, ordered: bool = True
) -> Iterator[str]:
    try:
        back = way.down(draft, after, record)
    except Refusal as refusal:
        yield f"{described} fails: {refusal}"
        return
    if back != before and (ordered or _sorted(back) != _sorted(before)):
        yield f"{described} does not give it back: {_difference(codec.decode(before), codec.decode(back))}"


def _by_own_code(migration: Migration, kept: bytes) -> Iterator[tuple[int, str, JsonValue]]:
    """Give, for each transform that has a function for the way down, the record of a document edited since.

    Without an edit the old value comes back from what was kept, and the function would never be called.
    """
    for index, step in enumerate(migration.steps):
        transform, record = step.transform, codec.decode(kept)
        if not isinstance(transform, Custom) or transform.down_function is None or not isinstance(record, list):
            continue
        complement = record[index]
        if isinstance(complement, list):
            record[index] = [complement[0], ""]  # the digest of no document
            yield index + 1, transform.describe(), record


def _sorted(text: bytes) -> str:
    """Give JSON text with the fields of every object in the order of their names."""
    return json.dumps(codec.decode(text), sort_keys=True)


def _unsteady(migration: Migration, record: JsonValue, second: JsonValue) -> str:
    advice = "let it depend on nothing but the document"
    if isinstance(record, list) and isinstance(second, list):
        for index, (one, other) in enumerate(zip(record, second, strict=True)):
            if one != other:
                described = migration.steps[index].transform.describe()
                return f"transform {index + 1} ({described}) gives something else the second time; {advice}"
    return f"it becomes something else the second time; {advice}"


def _place(draft: Draft) -> tuple[str, str, bool]:
    return draft.scope, draft.key, draft.deleted


def _difference(before: JsonValue, after: JsonValue, steps: tuple[Step, ...] = ()) -> str:
    """Name the first place where two different values differ."""
    where = f'"{spell(steps)}"' if steps else "the value"
    if isinstance(before, dict) and isinstance(after, dict):
        for name in before:
            if name not in after:
                return f'"{spell((*steps, name))}" is missing'
            if codec.encode(before[name]) != codec.encode(after[name]):
                return _difference(before[name], after[name], (*steps, name))
        extra = next((name for name in after if name not in before), None)
        return f"the fields of {where} are in another order" if extra is None else f'"{spell((*steps, extra))}" is new'
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            if codec.encode(one) != codec.encode(other):
                return _difference(one, other, (*steps, index))
    return f"{where} was {_shown(before)} and is {_shown(after)}"


def _shown(value: JsonValue) -> str:
    if isinstance(value, dict | list):
        return f"{kind_of(value)} of {len(value)}"
    text = codec.encode(value).decode()
    return text if len(text) <= 60 else text[:57] + "..."
