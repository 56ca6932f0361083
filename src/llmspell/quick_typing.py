"""How does a module say the types of its names without importing `typing`?

`typing` and what it imports, and the classes that its `NamedTuple` makes, would take a third of a short script's time.
So what is needed of it at run time is here under the same names, and a type checker sees those of `typing`. What only
stands in annotations is imported from `typing` under `if TYPE_CHECKING`.

>>> class Point(NamedTuple):
...     x: int
...     y: int = 0
>>> Point(3)
Point(x=3, y=0)
"""

from __future__ import annotations

from operator import itemgetter

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, NamedTuple, Protocol, Self, cast, overload

__all__ = ["TYPE_CHECKING", "NamedTuple", "Protocol", "cast", "overload"]


class _NamedTuple(tuple):  # type: ignore[type-arg] # tuple[Any, ...] would be another class
    """What the classes made of `NamedTuple` have in common: all that those of `collections.namedtuple` have.

    Making one of those takes several times as long, because a `__new__` is compiled for each. Objects of these are
    made as quickly, unless fields are given by their names.
    """

    __slots__ = ()
    if TYPE_CHECKING:  # a class that is asked for the types of its fields finds none here
        _fields: tuple[str, ...]
        _field_defaults: Mapping[str, Any]
        _defaults: tuple[Any, ...]

    def __new__(cls, *values: Any, **named: Any) -> Self:
        lacking = len(cls._fields) - len(values)
        if named or not 0 <= lacking <= len(cls._defaults):
            values = cls._arranged(values, named)
        elif lacking:
            values += cls._defaults[-lacking:]
        return _new_tuple(cls, values)

    @classmethod
    def _arranged(cls, values: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        """Give the values of all fields in their order; raises `TypeError` as the call of a function does."""
        fields = cls._fields
        placed = dict(zip(fields, values, strict=False))
        found = {**cls._field_defaults, **placed, **named}
        if len(values) > len(fields) or placed.keys() & named.keys() or found.keys() != set(fields):
            given = ", ".join([*map(repr, values), *(f"{name}={value!r}" for name, value in named.items())])
            raise TypeError(f"{cls.__name__}({given}) does not fit its fields: {', '.join(fields)}")
        return tuple(found[field] for field in fields)

    @classmethod
    def _make(cls, values: Iterable[Any]) -> Self:
        return cls(*values)

    def _replace(self, **changes: Any) -> Self:
        return type(self)(**(self._asdict() | changes))

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self, strict=True))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._asdict().items())})"

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)


_new_tuple = tuple.__new__


class _NamedTupleMaker(type):
    """Makes a named tuple of every class that follows `NamedTuple`."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
        if not bases:
            return super().__new__(cls, name, bases, namespace)
        fields = tuple(namespace["__annotations__"])
        defaults = {field: namespace[field] for field in fields if field in namespace}
        namespace["_field_defaults"], namespace["_defaults"] = defaults, tuple(defaults.values())
        namespace["_fields"] = namespace["__match_args__"] = fields
        namespace["__slots__"] = ()
        for place, field in enumerate(fields):
            namespace[field] = property(itemgetter(place))
        return type(name, (_NamedTuple,), namespace)


if not TYPE_CHECKING:
    NamedTuple = _NamedTupleMaker("NamedTuple", (), {})
    Protocol = object

    def cast(kind: object, value: object) -> object:
        """Give the value; what kind it is of is for the type checker."""
        return value

    def overload(function: object) -> object:
        """Give the function; the one without this takes its place."""
        return function
