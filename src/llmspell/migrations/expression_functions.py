"""Which functions may an expression call, beside CEL's own?

The package's extended library, with stricter ones in place of those that take true for 1 or make values
without bounds; ours; and those that the store's owner registered.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final, cast

from llmspell.errors import InvalidArgument
from llmspell.limits import MAX_INTEGER, MIN_INTEGER
from llmspell.migrations.expression_text import IN_ORDER, KEYWORDS, MACROS, SIZE_OF
from llmspell.migrations.moments import EPOCH
from llmspell.migrations.paths import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from llmspell.entry import JsonValue

MAX_MADE_TEXT: Final = 10_000_000
MAX_MADE_ELEMENTS: Final = 1_000_000
MAX_RANGE: Final = 100_000
MAX_DIGITS: Final = 20

_KNOWN_KINDS: Final = (type(None), bool, int, float, bytes, datetime, timedelta)

# fmt: off
NATIVE: Final = frozenset({
    "bytes", "contains", "double", "duration", "dyn", "endsWith", "getDate", "getDayOfMonth", "getDayOfWeek",
    "getDayOfYear", "getFullYear", "getHours", "getMilliseconds", "getMinutes", "getMonth", "getSeconds", "has",
    "hasValue", "int", "matches", "optional.none", "optional.of", "optional.ofNonZeroValue", "or", "orValue",
    "size", "startsWith", "string", "timestamp", "type", "uint", "value",
})
# fmt: on
"""What the compiled core has, found by trying."""


class WrongValues(Exception):
    """A function was called with values that it does not take, or would make one that is too large."""


class Functions:
    """The functions that expressions may call beside CEL's own: ours, and those the store's owner registered.

    Raises `InvalidArgument` for a name that is no identifier or that expressions have already.
    """

    def __init__(self, own: Mapping[str, Callable[..., object]] | None = None) -> None:
        self._own = dict(own or {})
        self._library: dict[str, Callable[..., object]] | None = None
        for name, function in self._own.items():
            if not isinstance(name, str) or not name.isascii() or not name.isidentifier():
                raise InvalidArgument(f"{name!r} is no name for a function; use ASCII letters, digits and _")
            if name in _RESERVED:
                raise InvalidArgument(f'a function cannot be named "{name}": expressions have one; take another name')
            if not callable(function):
                raise InvalidArgument(f'the function "{name}" is {function!r}, which cannot be called')

    def __contains__(self, name: object) -> bool:
        return name in NATIVE or name in self._made()

    def names(self) -> list[str]:
        """Give every function's name, sorted."""
        return sorted(NATIVE.union(MACROS, self._made()))

    def named(self, calls: Iterable[str]) -> dict[str, Callable[..., object]]:
        """Give those of `calls` that are Python functions, and what the compiled core calls by another name."""
        made = self._made()
        return {name: made[name] for name in calls if name in made}

    def is_own(self, name: str) -> bool:
        """Tell whether the store's owner registered it."""
        return name in self._own

    def _made(self) -> dict[str, Callable[..., object]]:
        if self._library is None:
            from cel.stdlib import STDLIB_FUNCTIONS

            mathematics = {
                name: _without_booleans(name, cast("Callable[..., object]", function))
                for name, function in STDLIB_FUNCTIONS.items()
                if name.startswith("math.")
            }
            self._library = {**STDLIB_FUNCTIONS, **mathematics, **_STRICT, **self._own}
        return self._library


def in_order(value: object) -> object:
    """Give what `map` and `filter` go through: an array as it is, the names of an object's fields sorted."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return sorted(value, key=lambda name: (type(name).__name__, name))
    raise WrongValues(f"map and filter go through an array or an object, not {_kind(value)}")


def size_of(value: object) -> int:
    """Count the characters of a text, the elements of an array, the fields of an object."""
    if isinstance(value, str | list | dict | bytes):
        return len(value)
    raise WrongValues(f"it takes text, an array or an object, not {_kind(value)}")


def check_result(value: object, max_elements: int) -> None:
    """Raise `WrongValues` for what the package would change silently: large integers, for example."""
    if type(value) is int and not MIN_INTEGER <= value <= MAX_INTEGER:
        raise WrongValues("it gives an integer beyond 64 bits")
    if isinstance(value, str):
        if len(value) > MAX_MADE_TEXT:
            raise WrongValues(f"it gives text of more than {MAX_MADE_TEXT:,} characters")
    elif isinstance(value, list | tuple | dict):
        if len(value) > max_elements:
            raise WrongValues(f"it gives {len(value):,} elements, more than the {max_elements:,} that may be made here")
        for part in value.values() if isinstance(value, dict) else value:
            check_result(part, max_elements)
    elif not isinstance(value, _KNOWN_KINDS) and type(value).__name__ != "OptionalValue":
        raise WrongValues(f"it gives a value of the type {type(value).__name__}, which expressions do not know")


def moment(epoch_seconds: float) -> datetime:
    """Give the value of `now()`."""
    return EPOCH + timedelta(seconds=epoch_seconds)


def kinds(values: Iterable[object]) -> str:
    """Name the kinds of the values that a function was given."""
    return ", ".join(_kind(value) for value in values) or "nothing"


def _kind(value: object) -> str:
    if isinstance(value, None.__class__ | bool | int | float | str | list | dict):
        return kind_of(cast("JsonValue", value))
    return {"datetime": "a timestamp", "timedelta": "a duration", "bytes": "bytes"}.get(type(value).__name__, "a value")


def _without_booleans(name: str, function: Callable[..., object]) -> Callable[..., object]:
    """Refuse true and false, which Python counts as 1 and 0."""

    def strict(*values: object) -> object:
        _numbers(_elements(values))
        return function(*values)

    strict.__name__ = name
    return strict


def _elements(values: tuple[object, ...]) -> list[object]:
    """Take either a single array or several values."""
    return values[0] if len(values) == 1 and isinstance(values[0], list) else list(values)


def _numbers(values: list[object]) -> list[int | float]:
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise WrongValues(f"it takes numbers, not {_kind(value)}")
    return cast("list[int | float]", values)


def _texts(values: Iterable[object]) -> list[str]:
    texts = list(values)
    for value in texts:
        if not isinstance(value, str):
            raise WrongValues(f"it takes text, not {_kind(value)}")
    return cast("list[str]", texts)


def _sum(*values: object) -> object:
    elements = _elements(values)
    if elements and all(isinstance(value, timedelta) for value in elements):
        return sum(cast("list[timedelta]", elements), timedelta())
    numbers = _numbers(elements)
    if any(isinstance(number, float) for number in numbers):
        return math.fsum(numbers)  # `sum` of floats differs between versions of Python
    return sum(numbers)


def _alike(values: tuple[object, ...]) -> list[object]:
    elements = _elements(values)
    if not elements:
        raise WrongValues("it takes at least one value")
    for alike in (str, datetime, timedelta):
        if isinstance(elements[0], alike):
            if not all(isinstance(value, alike) for value in elements):
                raise WrongValues(f"it takes values of one kind, not {kinds(elements[:4])}")
            return elements
    return list(_numbers(elements))


def _min(*values: object) -> object:
    return min(_alike(values))  # type: ignore[type-var]


def _max(*values: object) -> object:
    return max(_alike(values))  # type: ignore[type-var]


def _sort(values: object) -> object:
    if not isinstance(values, list):
        raise WrongValues(f"it takes an array, not {_kind(values)}")
    return sorted(_alike((values,))) if values else []  # type: ignore[type-var]


def _round(value: object, digits: object = 0) -> int | float:
    """Round half away from zero; what a person reads counts, so 2.675 to 2 digits is 2.68."""
    number = _numbers([value])[0]
    if type(digits) is not int or abs(digits) > MAX_DIGITS:
        raise WrongValues(f"it takes -{MAX_DIGITS} to {MAX_DIGITS} digits, not {digits!r}")
    if not math.isfinite(number):
        raise WrongValues(f"{number} cannot be rounded")
    if isinstance(number, int) and digits >= 0:
        return number
    exact = Decimal(repr(number))
    rounded = exact
    if exact.as_tuple().exponent < -digits:  # type: ignore[operator]
        shifted = exact.scaleb(digits).to_integral_value(ROUND_HALF_UP)
        rounded = shifted.scaleb(-digits)
    return int(rounded) if isinstance(number, int) or digits <= 0 else float(rounded)


def _concat(*values: object) -> object:
    if values and all(isinstance(value, list) for value in values):
        arrays = cast("tuple[list[object], ...]", values)
        _bound(sum(len(array) for array in arrays), MAX_MADE_ELEMENTS, "elements")
        return [element for array in arrays for element in array]
    if not values or not all(isinstance(value, str) for value in values):
        raise WrongValues(f"it takes texts or arrays, not {kinds(values[:4])}; write string(x) for a number")
    return _join(list(values))


def _join(values: object, separator: object = "") -> str:
    if not isinstance(values, list):
        raise WrongValues(f"it takes an array, not {_kind(values)}")
    (between,) = _texts([separator])
    texts = _texts(values)
    _bound(sum(map(len, texts)) + len(between) * len(texts), MAX_MADE_TEXT, "characters")
    return between.join(texts)


def _replace(text: object, old: object, new: object, limit: object = -1) -> str:
    text, old, new = _texts([text, old, new])
    if type(limit) is not int:
        raise WrongValues(f"it takes a number of replacements, not {_kind(limit)}")
    _bound(len(text) + text.count(old) * len(new), MAX_MADE_TEXT, "characters")
    return text.replace(old, new, limit)


def _range(end: object) -> list[int]:
    if type(end) is not int:
        raise WrongValues(f"it takes an integer, not {_kind(end)}")
    _bound(end, MAX_RANGE, "elements")
    return list(range(end))


def _bound(amount: int, limit: int, unit: str) -> None:
    if amount > limit:
        raise WrongValues(f"it would make {amount:,} {unit}; {limit:,} is the most")


def _lower(text: object) -> str:
    return _texts([text])[0].lower()


def _upper(text: object) -> str:
    return _texts([text])[0].upper()


def _trim(text: object) -> str:
    return _texts([text])[0].strip()


def _coalesce(*values: object) -> object:
    return next((value for value in values if value is not None), None)


def _string(value: object) -> str:
    if isinstance(value, bool):  # the compiled core has the other kinds
        return "true" if value else "false"
    raise WrongValues(f"it takes a number, text, true or false, not {_kind(value)}")


def _identity(value: object) -> object:
    """Give what tells values apart: true is not 1, 1 and 1.0 are one number, the order of fields does not count."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, list):
        return ("array", tuple(map(_identity, value)))
    if isinstance(value, dict):
        return ("object", frozenset((name, _identity(part)) for name, part in value.items()))
    return value


def _identities(values: object) -> set[object]:
    if not isinstance(values, list):
        raise WrongValues(f"it takes an array, not {_kind(values)}")
    return set(map(_identity, values))


def _contains(whole: object, part: object) -> bool:
    if isinstance(whole, dict):
        return part in whole
    return _identity(part) in _identities(whole)


def _distinct(values: object) -> list[object]:
    if not isinstance(values, list):
        raise WrongValues(f"it takes an array, not {_kind(values)}")
    found: dict[object, object] = {}
    for value in values:
        found.setdefault(_identity(value), value)
    return list(found.values())


_STRICT: Final[dict[str, Callable[..., object]]] = {
    "coalesce": _coalesce,
    "concat": _concat,
    "contains": _contains,
    "distinct": _distinct,
    "join": _join,
    "lists.range": _range,
    "lower": _lower,
    "max": _max,
    "min": _min,
    "now": lambda: None,  # an evaluation puts its own moment here
    "replace": _replace,
    "round": _round,
    "sets.contains": lambda whole, part: _identities(part) <= _identities(whole),
    "sets.equivalent": lambda one, other: _identities(one) == _identities(other),
    "sets.intersects": lambda one, other: bool(_identities(one) & _identities(other)),
    "sort": _sort,
    "string": _string,
    "sum": _sum,
    "trim": _trim,
    "upper": _upper,
}

# fmt: off
_LIBRARY: Final = frozenset({
    "bool", "charAt", "first", "flatten", "indexOf", "last", "lastIndexOf", "lowerAscii", "reverse", "slice",
    "split", "substring", "upperAscii",
})
# fmt: on
"""The package's functions without a namespace that are not replaced, named here to be known without its import."""

_RESERVED: Final = NATIVE.union(MACROS, KEYWORDS, _STRICT, _LIBRARY, {IN_ORDER, SIZE_OF})
