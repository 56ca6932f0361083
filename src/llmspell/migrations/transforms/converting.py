"""How do values become other values? By their kind, or by a table of what becomes what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from llmspell import codec
from llmspell.errors import InvalidValue
from llmspell.migrations.paths import ABSENT, Absent, Path, kind_of
from llmspell.migrations.transforms.base import LOSSLESS, SKIPPED, Complement, Draft, Refusal
from llmspell.migrations.transforms.kinds import KINDS, to_kind_of, to_moment_like, to_string
from llmspell.migrations.transforms.reach import absent, parts, read_missing, set_at
from llmspell.migrations.transforms.values import fresh, same

if TYPE_CHECKING:
    from llmspell.entry import JsonValue
    from llmspell.migrations.fields import Fields


class Convert:
    """A value becomes one of another kind; its complement is `[old value]`."""

    loss = LOSSLESS

    __slots__ = ("_convert", "_field", "_kind", "_missing")

    def __init__(self, field: Path, kind: str, missing: str) -> None:
        self._field = field
        self._kind = kind
        self._convert = KINDS[kind]
        self._missing = missing

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read `field` and `to`."""
        return cls(fields.path("field", whole=True), fields.choice("to", tuple(KINDS)), read_missing(fields))

    def up(self, draft: Draft) -> JsonValue:
        """Convert without losing anything, or refuse."""
        old = self._field.get(draft.value)
        if isinstance(old, Absent):
            return absent(self._field, self._missing)
        new = self._convert(old)
        if type(new) is type(old) and new == old:
            return SKIPPED
        set_at(draft, self._field, new)
        return [old]

    def down(self, draft: Draft, complement: Complement) -> None:
        """Bring the old value back; an edited one becomes one of the old kind, by the same rules."""
        if complement == SKIPPED or complement is ABSENT:
            return
        found = self._field.get(draft.value)
        if isinstance(found, Absent):
            return
        (old,) = parts(complement)
        if same(found, self._convert(old)):
            set_at(draft, self._field, old)
        elif self._kind == "datetime":
            set_at(draft, self._field, to_moment_like(found, old))
        else:
            set_at(draft, self._field, to_kind_of(found, old))

    def describe(self) -> str:
        """Say what it does."""
        return f"convert {self._field.text} to {self._kind}"

    def writes(self) -> tuple[str, ...]:
        """Give the field."""
        return (self._field.text,)


class Translate:
    """A value becomes what a table says; its complement is `[old value]`.

    The names in the table are text: that of the value itself, or the JSON text of a number, true, false or null.
    """

    loss = LOSSLESS

    __slots__ = ("_field", "_mapping", "_missing", "_otherwise", "_sources")

    def __init__(self, field: Path, mapping: dict[str, JsonValue], otherwise: JsonValue | Absent, missing: str) -> None:
        self._field = field
        self._mapping = mapping
        self._otherwise = otherwise
        self._missing = missing
        self._sources: dict[bytes, list[str | None]] = {}
        for name, new in mapping.items():
            self._sources.setdefault(codec.encode(new), []).append(name)
        if not isinstance(otherwise, Absent):
            self._sources.setdefault(codec.encode(otherwise), []).append(None)

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read `field`, `mapping` and, if there, `otherwise`."""
        field, mapping = fields.path("field", whole=True), fields.mapping("mapping")
        otherwise = fields.value("otherwise") if "otherwise" in fields else ABSENT
        return cls(field, mapping, otherwise, read_missing(fields))

    def up(self, draft: Draft) -> JsonValue:
        """Give the field the value that the table has for it."""
        old = self._field.get(draft.value)
        if isinstance(old, Absent):
            return absent(self._field, self._missing)
        set_at(draft, self._field, fresh(self._translated(old)))
        return [old]

    def down(self, draft: Draft, complement: Complement) -> None:
        """Bring the old value back; an edited one goes the table's way back, which must be the only one."""
        if complement == SKIPPED:
            return
        found = self._field.get(draft.value)
        if isinstance(found, Absent):
            return
        if complement is ABSENT:
            name = self._only_source(found)
            if name is not None and _scalar(name) is ABSENT:
                set_at(draft, self._field, name)
            return
        (old,) = parts(complement)
        if not same(found, self._translated(old)):
            old = self._back(found, old)
        set_at(draft, self._field, old)

    def describe(self) -> str:
        """Say what it does."""
        return f"convert {self._field.text} by a mapping"

    def writes(self) -> tuple[str, ...]:
        """Give the field."""
        return (self._field.text,)

    def _translated(self, old: JsonValue) -> JsonValue:
        if not isinstance(old, dict | list):
            name = "null" if old is None else to_string(old)
            if name in self._mapping:
                return self._mapping[name]
        if not isinstance(self._otherwise, Absent):
            return self._otherwise
        known = ", ".join(f'"{name}"' for name in self._mapping)
        raise Refusal(f"the mapping has nothing for {_spell(old)}; it knows {known}; add it there, or otherwise = ...")

    def _only_source(self, new: JsonValue) -> str | None:
        names = self._sources.get(codec.encode(new), [])
        return names[0] if len(names) == 1 else None

    def _back(self, found: JsonValue, old: JsonValue) -> JsonValue:
        """Give what an edited value was in the older version: text if it was text, else what the name spells."""
        name = self._only_source(found)
        if name is None:
            raise Refusal(f"{_spell(found)} was set since, and the mapping leads to it from no value or from several")
        scalar = _scalar(name)
        return name if isinstance(old, str) or isinstance(scalar, Absent) else scalar


def read_convert(fields: Fields) -> Convert | Translate:
    """Read a conversion: `to` or `mapping`."""
    if "to" in fields and "mapping" in fields:
        raise fields.problem("mapping", "to is there as well; keep one of the two")
    return Translate.read(fields) if "mapping" in fields else Convert.read(fields)


def _scalar(name: str) -> JsonValue | Absent:
    """Give the number, true, false or null that a name of the table may spell; ABSENT when it is text for certain."""
    try:
        value = codec.parse(name)
    except InvalidValue:
        return ABSENT
    return ABSENT if isinstance(value, str | dict | list) or codec.encode(value) != name.encode() else value


def _spell(value: JsonValue) -> str:
    if isinstance(value, dict | list):
        return kind_of(value)
    text = codec.encode(value).decode()
    return text if len(text) <= 60 else text[:57] + "..."
