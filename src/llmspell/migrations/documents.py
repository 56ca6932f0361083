"""How does one document go through one migration, and back?"""

from __future__ import annotations

import re
from fnmatch import translate
from typing import TYPE_CHECKING, TypeAlias

from llmspell import codec
from llmspell.errors import InvalidValue
from llmspell.limits import MAX_DEPTH
from llmspell.migrations.paths import ABSENT, Absent, PathError
from llmspell.migrations.transforms.base import MAX_GROWTH, SKIPPED, Complement, Draft, Refusal
from llmspell.migrations.transforms.quick import quick_up

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmspell.entry import JsonValue
    from llmspell.migrations.migration import Migration
    from llmspell.migrations.transforms.base import Transform
    from llmspell.migrations.transforms.quick import QuickUp
    from llmspell.migrations.validators import Rule

_SHALLOW_BYTES = 2 * MAX_DEPTH
"""A text up to this length cannot be too deep: each level takes two brackets."""

Match: TypeAlias = "Callable[[str], object] | None"
"""Tells whether a name fits a glob; None stands for one that everything fits."""


class Way:
    """One migration, as far as it concerns the entries of one scope."""

    def __init__(self, migration: Migration, scope: str, max_value_bytes: int) -> None:
        self._migration = migration
        self._max_value_bytes = max_value_bytes
        self._growth = max(MAX_GROWTH, 10 * max_value_bytes)
        self._steps: list[tuple[Transform, Match] | None] = []
        """The transforms with the keys they are for; None for one that is not for this scope."""
        for step in migration.steps:
            concerned = fits(step.scope or migration.scope, scope)
            self._steps.append((step.transform, matcher(step.key or migration.key)) if concerned else None)
        self._has_rules = bool(migration.pre or migration.post)
        self._own = fits(migration.scope, scope)
        self._own_key = matcher(migration.key)
        ups = [step[0].up for step in self._steps if step and step[1] is None]
        self._every_up = ups if len(ups) == len(self._steps) and self._own and self._own_key is None else None
        self.concerns_all = self._every_up is not None
        self._decode, self._encode = codec.trusted()

    @property
    def quick_up(self) -> QuickUp | None:
        """One function for all transforms, when calling it is all that the usual document needs; None otherwise."""
        if self._every_up is None or self._has_rules:
            return None
        return quick_up([step.transform for step in self._migration.steps])

    @property
    def leads_nowhere(self) -> bool:
        """Tell whether no entry of the scope is concerned."""
        return not (self._own and self._has_rules) and not any(self._steps)

    def concerns(self, key: str) -> bool:
        """Tell whether the migration is for an entry of the scope."""
        if self.concerns_all or self._validates(key):
            return True
        return any(step is not None and (step[1] is None or step[1](key)) for step in self._steps)

    def up(self, draft: Draft, text: bytes) -> tuple[bytes, JsonValue]:
        """Take a document up; give its new text and the record that brings it back. Raises `Refusal`.

        When it sets `draft.deleted`, the text is the old one.
        """
        draft.growth = self._growth
        try:
            draft.value = self._decode(text)
        except ValueError:
            draft.value = codec.decode(text)  # raises in words
        validates = self._validates(draft.key)
        if validates:
            _refuse("before the migration", self._migration.pre, draft.value)
        complements: list[JsonValue] = []
        try:
            if self._every_up is not None:
                for up in self._every_up:
                    complements.append(up(draft))
                    if draft.deleted:
                        break
            else:
                self._up_some(draft, complements)
        except (Refusal, PathError, InvalidValue) as error:
            index = len(complements)
            described = self._migration.steps[index].transform.describe()
            raise Refusal(f"transform {index + 1} ({described}): {error}") from error
        if draft.deleted:
            return text, complements
        if validates:
            _refuse("after the migration", self._migration.post, draft.value)
        new = self._text(draft.value)
        if not self.is_storable(new):
            self._refuse_unstorable(draft.value, new)
        return new, complements if any(complements) else _shortest(complements)

    def is_storable(self, text: bytes) -> bool:
        """Tell quickly that a text can be stored; False when it needs a closer look."""
        size = len(text)
        if size <= _SHALLOW_BYTES:
            return size <= self._max_value_bytes and text != b"null"
        return size <= self._max_value_bytes and text.count(b"{") + text.count(b"[") <= MAX_DEPTH

    def down(self, draft: Draft, text: bytes, record: JsonValue | Absent) -> bytes:
        """Take a document down again; `record` is what `up` gave, ABSENT for one made in the new version."""
        draft.value = codec.decode(text)
        key = draft.key
        for index in range(len(self._steps) - 1, -1, -1):
            step = self._steps[index]
            if step is None or (step[1] is not None and not step[1](key)):
                continue
            complement = _complement(record, index)
            if complement is not SKIPPED:
                try:
                    step[0].down(draft, complement)
                except (Refusal, PathError, InvalidValue) as error:
                    raise Refusal(f"transform {index + 1} ({step[0].describe()}): {error}") from error
        new = self._text(draft.value)
        if not self.is_storable(new):
            self._refuse_unstorable(draft.value, new)
        return new

    def _up_some(self, draft: Draft, complements: list[JsonValue]) -> None:
        key = draft.key
        for step in self._steps:
            concerned = step is not None and (step[1] is None or step[1](key))
            complements.append(step[0].up(draft) if step and concerned else SKIPPED)
            if draft.deleted:
                return

    def _validates(self, key: str) -> bool:
        """Tell whether the rules of the migration are for this entry."""
        return self._has_rules and self._own and (self._own_key is None or bool(self._own_key(key)))

    def _text(self, value: JsonValue) -> bytes:
        try:
            return self._encode(value)
        except TypeError as error:  # so deep that the codec gives up before anybody could count the levels
            raise Refusal(f"the value would be too deep: it has more than {MAX_DEPTH} levels") from error

    def _refuse_unstorable(self, value: JsonValue, text: bytes) -> None:
        if value is None:
            raise Refusal("nothing would be left of it: null cannot be stored; use delete_entry to remove the entry")
        try:
            codec.require_depth(text)
        except InvalidValue as error:
            raise Refusal(f"the value would be too deep: {error}") from error
        if len(text) > self._max_value_bytes:
            limit = f"max_value_bytes = {self._max_value_bytes}"
            raise Refusal(f"it would take {len(text)} bytes as JSON, more than {limit}")


def matcher(glob: str) -> Match:
    """Compile a glob as of shells, upper and lower case told apart.

    >>> matcher("user:*")("user:ada") is not None
    True
    """
    return None if glob == "*" else re.compile(translate(glob)).match


def fits(glob: str, name: str) -> bool:
    """Tell whether a name fits a glob."""
    match = matcher(glob)
    return match is None or match(name) is not None


def _refuse(when: str, rules: Sequence[Rule], value: JsonValue) -> None:
    from llmspell.migrations.validators import problems

    found = problems(rules, value)
    if found:
        raise Refusal(f"validation {when}: {'; '.join(found)}")


def _shortest(complements: list[JsonValue]) -> JsonValue:
    """Spell the records that most documents have in a few bytes.

    >>> _shortest([SKIPPED, SKIPPED]), _shortest([None]), _shortest([SKIPPED, None])
    (0, None, [0, None])
    """
    if any(complements):
        return complements
    if all(one is None for one in complements):
        return None
    return SKIPPED if None not in complements else complements


def _complement(record: JsonValue | Absent, index: int) -> Complement:
    if isinstance(record, list):
        return record[index]
    return record if record is ABSENT or record is None else SKIPPED
