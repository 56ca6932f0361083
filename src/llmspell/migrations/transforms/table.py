"""Which transforms are there, and how is a list of them read?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from llmspell.migrations.fields import Environment, FieldProblem, Fields
from llmspell.migrations.transforms.converting import read_convert
from llmspell.migrations.transforms.custom import Custom
from llmspell.migrations.transforms.entries import DeleteEntry, Relocate
from llmspell.migrations.transforms.filling import Computed, Default, Set
from llmspell.migrations.transforms.joining import Split, Unwrap, Wrap
from llmspell.migrations.transforms.merging import Merge
from llmspell.migrations.transforms.nested import Conditional, TransformArray
from llmspell.migrations.transforms.structure import Copy, Move, Remove

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmspell.migrations.transforms.base import Transform

MAX_NESTING = 16
"""How many transforms may stand inside each other."""


class Step(NamedTuple):
    """A transform of a migration, with the globs of its own, if it has any, for scope and key."""

    transform: Transform
    scope: str | None
    key: str | None


DOCUMENT_TRANSFORMS: dict[str, Callable[[Fields], Transform]] = {
    "move": Move.read,
    "rename": Move.read,
    "copy": Copy.read,
    "remove": Remove.read,
    "hoist": Move.read_hoist,
    "plunge": Move.read_plunge,
    "default": Default.read,
    "set": Set.read,
    "computed": Computed.read,
    "convert": read_convert,
    "split": Split.read,
    "merge": Merge.read,
    "wrap": Wrap.read,
    "unwrap": Unwrap.read,
    "transform_array": TransformArray.read,
    "conditional": Conditional.read,
    "custom": Custom.read,
}
"""The transforms that change a document."""

ENTRY_TRANSFORMS: dict[str, Callable[[Fields], Transform]] = {
    "delete_entry": DeleteEntry.read,
    "rename_key": Relocate.read_key,
    "move_scope": Relocate.read_scope,
}
"""The transforms that concern an entry as a whole; they are not for parts of documents."""


def read_steps(value: object, place: tuple[str | int, ...], environment: Environment) -> tuple[Step, ...]:
    """Read the transforms of a migration; raises `FieldProblem`."""
    return tuple(_read_step(fields) for fields in _tables(value, place, environment))


def read_transforms(value: object, place: tuple[str | int, ...], environment: Environment) -> tuple[Transform, ...]:
    """Read transforms inside another one, where there is no scope or key to choose by; raises `FieldProblem`."""
    return tuple(_read_inner(fields) for fields in _tables(value, place, environment))


def _read_step(fields: Fields) -> Step:
    name = fields.choice("type", (*DOCUMENT_TRANSFORMS, *ENTRY_TRANSFORMS))
    scope, key = fields.text("scope", None), fields.text("key", None)
    transform = (DOCUMENT_TRANSFORMS | ENTRY_TRANSFORMS)[name](fields)
    fields.refuse_others()
    return Step(transform, scope, key)


def _read_inner(fields: Fields) -> Transform:
    if fields.text("type") in ENTRY_TRANSFORMS:
        raise fields.problem(
            "type", f'"{fields.text("type")}" is for entries; it cannot stand inside another transform'
        )
    transform = DOCUMENT_TRANSFORMS[fields.choice("type", tuple(DOCUMENT_TRANSFORMS))](fields)
    fields.refuse_others()
    return transform


def _tables(value: object, place: tuple[str | int, ...], environment: Environment) -> Iterator[Fields]:
    if not isinstance(value, list) or not value:
        raise FieldProblem(place, "it takes an array of at least one transform")
    if len(place) > 2 * MAX_NESTING:
        raise FieldProblem(place, f"more than {MAX_NESTING} transforms stand inside each other")
    for index, table in enumerate(value):
        if not isinstance(table, dict):
            raise FieldProblem((*place, index), 'it takes a table such as { type = "remove", field = "age" }')
        yield Fields(table, (*place, index), environment, read_transforms)
