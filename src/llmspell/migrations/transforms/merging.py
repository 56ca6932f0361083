"""How do several fields become one?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from llmspell.migrations.fields import FieldProblem
from llmspell.migrations.paths import ABSENT, Absent, Path
from llmspell.migrations.transforms.base import LOSSLESS, SKIPPED, Complement, Draft, Refusal
from llmspell.migrations.transforms.joining import refuse_entangled
from llmspell.migrations.transforms.reach import (
    SKIP,
    Target,
    absent,
    in_array,
    make,
    parts,
    put_back,
    read_missing,
    read_target,
    taking_order,
)
from llmspell.migrations.transforms.strategies import STRATEGIES, Joined, Strategy
from llmspell.migrations.transforms.values import fresh, same

if TYPE_CHECKING:
    from llmspell.entry import JsonValue
    from llmspell.migrations.fields import Fields


class Merge:
    """Several fields become one.

    Its complement is `[sources, what the target needs to be undone]`, a source being `[number, position, value]`,
    in the order in which they were taken.
    """

    loss = LOSSLESS

    __slots__ = ("_missing", "_order", "_sources", "_strategy", "_target")

    def __init__(self, sources: tuple[Path, ...], target: Target, strategy: Strategy, missing: str) -> None:
        self._sources = sources
        self._target = target
        self._strategy = strategy
        self._missing = missing
        self._order = taking_order(sources)

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read `from` (of which one may be the target), `to`, and `separator` or `strategy`."""
        sources, to = fields.paths("from"), fields.path("to")
        refuse_entangled(fields, "from", sources, to)
        return cls(sources, read_target(fields, to), _read_strategy(fields), read_missing(fields))

    def up(self, draft: Draft) -> JsonValue:
        """Combine the sources that are there, of which none may be absent unless `missing` is "skip"."""
        for source in self._sources:
            if self._missing != SKIP and source.get(draft.value) is ABSENT:
                return absent(source, self._missing)
        taken: list[Any] = []
        for number in self._order:
            one = self._sources[number].take(draft.value)
            if one is not None:
                taken.append([number, *one])
        if not taken:
            return SKIPPED
        if self._target.stops(draft):
            for number, position, value in reversed(taken):
                put_back(draft, self._sources[number], position, value)
            return SKIPPED
        kept = fresh(taken)  # the merged value may hold parts of what was taken, and is changed by what comes next
        try:
            merged = self._strategy.combine(_values(taken))
        except Refusal as error:
            raise Refusal(f"cannot {self.describe()}: {error}") from error
        draft.count(merged)
        return [kept, self._target.put(draft, merged)]

    def down(self, draft: Draft, complement: Complement) -> None:
        """Take apart what stands there now; unedited, or as far as an edit does not concern them, all come back."""
        if complement == SKIPPED:
            return
        if complement is ABSENT:
            self._down_new(draft)
            return
        taken, mark = parts(complement)
        values = _values(taken)
        found = self._target.undo(draft, mark)
        pieces: dict[int, JsonValue | Absent] = dict(zip(sorted(one[0] for one in taken), values, strict=True))
        if isinstance(found, Absent) or not same(found, self._strategy.combine(values)):
            pieces = dict(zip(pieces, self._apart(found, values), strict=True))
        for number, position, _ in reversed(taken):
            piece = pieces[number]
            if not isinstance(piece, Absent):
                put_back(draft, self._sources[number], position, piece)

    def describe(self) -> str:
        """Say what it does."""
        return f"merge {', '.join(source.text for source in self._sources)} into {self._target.path.text}"

    def writes(self) -> tuple[str, ...]:
        """Give the target."""
        return (self._target.path.text,)

    def _apart(self, found: JsonValue | Absent, values: list[JsonValue]) -> list[JsonValue | Absent]:
        try:
            return self._strategy.apart(found, values)
        except Refusal as error:
            raise Refusal(f'the field "{self._target.path.text}" cannot be taken apart: {error}') from error

    def _down_new(self, draft: Draft) -> None:
        found = self._target.path.get(draft.value)
        pieces = None if isinstance(found, Absent) else self._strategy.apart_new(found, len(self._sources))
        if pieces is None or in_array(draft, self._target.path):
            return
        self._target.undo_new(draft)
        for source, piece in zip(self._sources, pieces, strict=True):
            if not isinstance(piece, Absent):
                make(draft, source, piece)
        self._target.prune_new(draft)


def _values(taken: list[Any]) -> list[JsonValue]:
    """Give what was taken, in the order of the file."""
    return [value for _, _, value in sorted(taken, key=lambda one: int(one[0]))]


def _read_strategy(fields: Fields) -> Strategy:
    if "separator" in fields and "strategy" in fields:
        raise fields.problem("strategy", "separator is there as well; keep one of the two")
    if "strategy" in fields:
        return STRATEGIES[fields.choice("strategy", tuple(STRATEGIES))]
    if "separator" in fields:
        return Joined(fields.text("separator"))
    raise FieldProblem(fields.place, 'strategy = "first", "sum" or "list" is missing, or a separator')
