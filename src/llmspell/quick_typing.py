"""How does a module say the types of its names without importing `typing`?

Importing `typing` and making a class of its `NamedTuple` is slow: a third of the time that a short script would take.
So what a short command needs at run time has the same names here, where a type checker sees those of `typing`.
The other words of `typing` stand in annotations only, and are imported under `if TYPE_CHECKING`.

>>> class Point(NamedTuple):
...     x: int
...     y: int = 0
>>> Point(3)
Point(x=3, y=0)
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any, NamedTuple, Protocol, cast, overload

__all__ = ["TYPE_CHECKING", "NamedTuple", "Protocol", "cast", "overload"]


class _NamedTupleMaker(type):
    """Makes a named tuple of every class that follows `NamedTuple`."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
        if not bases:
            return super().__new__(cls, name, bases, namespace)
        from collections import namedtuple

        fields = namespace["__annotations__"]
        defaults = [namespace.pop(field) for field in fields if field in namespace]
        made: type = namedtuple(name, fields, defaults=defaults, module=namespace["__module__"])  # type: ignore[misc]
        for attribute, value in namespace.items():
            if attribute != "__module__":
                setattr(made, attribute, value)
        return made


if not TYPE_CHECKING:
    NamedTuple = _NamedTupleMaker("NamedTuple", (), {})
    Protocol = object

    def cast(kind: object, value: object) -> object:
        """Give the value; what kind it is of is for the type checker."""
        return value

    def overload(function: object) -> object:
        """Give the function; the one without this takes its place."""
        return function
