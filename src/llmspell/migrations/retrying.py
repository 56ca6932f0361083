"""How do quarantined entries come back? Along the migrations from the shape they have to the store's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.errors import MigrationError
from llmspell.migrations import quarantine
from llmspell.migrations.complements import Complements
from llmspell.migrations.documents import Way
from llmspell.migrations.results import Retried
from llmspell.migrations.run import named
from llmspell.migrations.transforms.base import Draft, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmspell.backends.base import Revision
    from llmspell.entry import JsonValue
    from llmspell.migrations.chain import Leg
    from llmspell.migrations.results import Quarantined


def retry(
    revision: Revision,
    one: Quarantined,
    legs_from: Callable[[str], Sequence[Leg]],
    now: float,
    max_value_bytes: int,
) -> Retried:
    """Take a quarantined entry along the legs from its shape to the store's and give it its place again.

    What cannot arrive stays aside, with the new reason.
    """
    draft = Draft(one.scope, one.key, None, now)
    text = one.value
    records: list[tuple[Complements, str, str, JsonValue, tuple[str, str]]] = []
    try:
        for leg in legs_from(one.schema_version):
            scope, key = draft.scope, draft.key
            way = Way(leg.migration, scope, max_value_bytes)
            if way.leads_nowhere or not way.concerns(key):
                continue
            if leg.down:
                raise Refusal(f"it has the shape of {leg.start}; it comes back when the store goes up there")
            text, record = way.up(draft, text)
            if draft.deleted:
                raise Refusal(f"{leg.migration.file} would delete it; discard it instead")
            records.append((Complements(leg.migration.to_version), scope, key, record, (draft.scope, draft.key)))
        if revision.get(draft.scope, draft.key, now) is not None:
            raise Refusal(f"there is another entry at {named(draft.scope, draft.key)} now")
    except (Refusal, MigrationError) as error:
        quarantine.give_new_reason(revision, one, str(error))
        return Retried(one.number, one.scope, one.key, str(error))
    for complements, scope, key, record, place in records:
        complements.insert(revision, scope, key, record)
        complements.keep_late(revision, scope, [(key, quarantine.created_at(revision, one.number))])
        if place != (scope, key):
            complements.keep_moves(revision, scope, [(key, *place)])
    quarantine.bring_back(revision, one, text, draft.scope, draft.key)
    return Retried(one.number, draft.scope, draft.key, None)
