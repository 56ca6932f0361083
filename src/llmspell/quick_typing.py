"""How does a module say the types of its names without importing `typing`?

`typing` and what it imports, and the classes that its `NamedTuple` makes, took nearly a third of a short script's time.
So what is needed of it at run time is here under the same names, and a type checker sees those of `typing`. What only
stands in annotations is imported from `typing` under `if TYPE_CHECKING`.

>>> class Point(NamedTuple):
...     x: int
...     y: int = 0
>>> Point(3)
Point(x=3, y=0)
"""

from __future__ import annotations

from collections import _tuplegetter  # type: ignore[attr-defined] # reads a field; a property takes half as long again
from types import FunctionType

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, NamedTuple, Protocol, Self, cast, overload

__all__ = ["TYPE_CHECKING", "NamedTuple", "Protocol", "cast", "overload"]


class _NamedTuple(tuple):  # type: ignore[type-arg] # tuple[Any, ...] would be another class
    """What the classes made of `NamedTuple` have in common: the words of those of `collections.namedtuple`."""

    __slots__ = ()
    if TYPE_CHECKING:  # a class that is asked for the types of its fields finds none here
        _fields: tuple[str, ...]
        _field_defaults: dict[str, Any]

    @classmethod
    def _make(cls, values: Iterable[Any]) -> Self:
        given = tuple(values)
        if len(given) != len(cls._fields):
            raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(given)}")
        return cls(*given)

    def _replace(self, /, **changes: Any) -> Self:
        wrong = [name for name in changes if name not in self._fields]
        if wrong:
            raise ValueError(f"Got unexpected field names: {wrong!r}")
        return type(self)(**(self._asdict() | changes))

    __replace__ = _replace  # for `copy.replace`, from Python 3.13 on

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self, strict=True))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._asdict().items())})"

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)


class _NamedTupleMaker(type):
    """Makes a named tuple of every class that follows `NamedTuple`."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
        if not bases:
            return super().__new__(cls, name, bases, namespace)
        fields = tuple(namespace.get("__annotations__", ()))
        defaults = {field: namespace[field] for field in fields if field in namespace}
        if tuple(defaults) != fields[len(fields) - len(defaults) :]:
            raise TypeError(f"{name} has a field without a default behind one that has one")
        namespace["__new__"] = _new(name, fields, tuple(defaults.values()))
        namespace["_fields"] = namespace["__match_args__"] = fields
        namespace["_field_defaults"] = defaults
        namespace["__slots__"] = ()
        for place, field in enumerate(fields):
            namespace[field] = _tuplegetter(place, f"Alias for field number {place}")
        return type(name, (_NamedTuple,), namespace)


def _new(name: str, fields: tuple[str, ...], defaults: tuple[Any, ...]) -> FunctionType:
    """Give the `__new__` of a class, by giving other names to the arguments of one that is compiled already.

    To compile it, as `collections.namedtuple` does, takes as long as all the rest that a class needs.
    """
    if len(fields) < len(_NEW_BY_NUMBER_OF_FIELDS):
        code = _NEW_BY_NUMBER_OF_FIELDS[len(fields)].__code__.replace(co_varnames=("cls", *fields))
    else:
        arguments = ", ".join(fields)
        code = eval(f"lambda cls, {arguments}: _make(cls, ({arguments}))").__code__
    made = FunctionType(code, globals(), "__new__", defaults)
    made.__qualname__ = f"{name}.__new__"  # this is what a wrong call of it says
    return made


_make = tuple.__new__

_NEW_BY_NUMBER_OF_FIELDS: tuple[Any, ...] = (
    lambda cls: _make(cls, ()),
    lambda cls, a: _make(cls, (a,)),
    lambda cls, a, b: _make(cls, (a, b)),
    lambda cls, a, b, c: _make(cls, (a, b, c)),
    lambda cls, a, b, c, d: _make(cls, (a, b, c, d)),
    lambda cls, a, b, c, d, e: _make(cls, (a, b, c, d, e)),
    lambda cls, a, b, c, d, e, f: _make(cls, (a, b, c, d, e, f)),
    lambda cls, a, b, c, d, e, f, g: _make(cls, (a, b, c, d, e, f, g)),
)


if not TYPE_CHECKING:
    NamedTuple = _NamedTupleMaker("NamedTuple", (), {})
    Protocol = object

    def cast(kind: object, value: object) -> object:
        """Give the value; what kind it is of is for the type checker."""
        return value

    def overload(function: object) -> object:
        """Give the function; the one without this takes its place."""
        return function
