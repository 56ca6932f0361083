"""Which migration would give stored documents one shape? A proposal for a person to read, never more.

The rarer shapes are brought to the most common one.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from llmspell.migrations.differences import Differences, Proposed
from llmspell.migrations.shapes import identity, shape_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell.entry import JsonValue

__all__ = ["MOST_PROPOSED", "Proposal", "Proposed", "propose"]

MOST_PROPOSED = 50


class Proposal(NamedTuple):
    """What was found in `entries` documents of so many `shapes`, `common` of which have the most common one.

    `left_out` counts the steps beyond the first 50.
    """

    entries: int
    shapes: int
    common: int
    steps: tuple[Proposed, ...]
    left_out: int = 0

    @property
    def active(self) -> int:
        """How many transforms work as they stand."""
        return sum(step.active for step in self.steps)


def propose(documents: Sequence[JsonValue]) -> Proposal:
    """Give the steps from the rarer shapes to the most common one; the documents stay as they are.

    >>> users = [{"name": "Ada", "admin": False}, {"name": "Bob", "admin": False}, {"name": "Cy"}]
    >>> propose(users).steps[0].fields
    {'type': 'default', 'field': 'admin', 'value': False}
    """
    if not documents:
        return Proposal(0, 0, 0, ())
    counted = Counter(identity(shape_of(document)) for document in documents)
    common, count = min(counted.items(), key=lambda pair: (-pair[1], -len(pair[0]), sorted(pair[0])))
    if len(counted) == 1:
        return Proposal(len(documents), 1, count, ())
    target = next(shape for shape in map(shape_of, documents) if identity(shape) == common)
    differences = Differences(documents, target)
    steps = [*differences.moves(), *differences.conversions(), *differences.defaults(), *differences.removals()]
    return Proposal(len(documents), len(counted), count, tuple(steps[:MOST_PROPOSED]), len(steps[MOST_PROPOSED:]))
