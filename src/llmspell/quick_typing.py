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
    from collections.abc import Iterable
    from typing import Any, NamedTuple, Protocol, Self, cast, overload

__all__ = ["TYPE_CHECKING", "NamedTuple", "Protocol", "cast", "overload"]


class _NamedTuple(tuple):  # type: ignore[type-arg] # not tuple[Any, ...], which costs another class
    """What the classes made of `NamedTuple` have in common; the same as those of `collections.namedtuple` have.

    Making those takes several times as long, most of it for a `__new__` that is compiled for each of them. Here that
    is done when the first object is made: most classes are never used in a short run.
    """

    __slots__ = ()
    _fields: tuple[str, ...] = ()
    _field_defaults: dict[str, Any] = {}  # noqa: RUF012 - each class has its own

    def __new__(cls, *values: Any, **named: Any) -> Self:
        made = next(base for base in cls.__mro__ if "_fields" in base.__dict__)
        fields = ", ".join(cls._fields)
        new = eval(f"lambda cls, {fields}: new(cls, ({fields},))", {"new": tuple.__new__})
        new.__defaults__ = tuple(cls._field_defaults.values())
        made.__new__ = new  # type: ignore[method-assign]
        first: Self = new(cls, *values, **named)
        return first

    @classmethod
    def _make(cls, values: Iterable[Any]) -> Self:
        return cls(*values)

    def _replace(self, **changes: Any) -> Self:
        return type(self)(**(self._asdict() | changes))

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self, strict=True))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{n}={v!r}' for n, v in self._asdict().items())})"

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)


class _NamedTupleMaker(type):
    """Makes a named tuple of every class that follows `NamedTuple`."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
        if not bases:
            return super().__new__(cls, name, bases, namespace)
        fields = tuple(namespace["__annotations__"])
        defaults = {field: namespace[field] for field in fields if field in namespace}
        namespace.update(_fields=fields, _field_defaults=defaults, __match_args__=fields, __slots__=())
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
