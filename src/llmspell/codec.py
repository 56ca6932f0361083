"""How does a JSON value become bytes, and bytes a value again, without changing on the way?

`encode` refuses whatever JSON cannot hold exactly; `decode` trusts bytes that `encode` made;
`parse` reads JSON text from outside. The fast codec (orjson) is imported at first use, because its
import takes longer than a whole short script.
"""

from __future__ import annotations

from llmspell.errors import InvalidValue, StoreDamaged
from llmspell.limits import INFINITY, MAX_DEPTH, MAX_INTEGER, MIN_INTEGER
from llmspell.quick_typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.entry import JsonValue

MANY_DIGITS = b"0" * 16
"""What integers that a float of 64 bits may not hold look like, once `DIGITS_ALIKE` has made all digits the same."""

DIGITS_ALIKE = bytes(48 if 48 <= code <= 57 else 32 for code in range(256))

_dumps: Callable[[object], bytes] | None = None
_loads: Callable[[bytes], JsonValue] | None = None


def encode(value: object) -> bytes:
    """Give the compact UTF-8 JSON text of `value`; object fields keep their order.

    Raises `InvalidValue` with the path of the part that JSON cannot hold exactly: NaN, infinities,
    integers beyond 64 bits, text with lone surrogates, tuples, sets, other objects, fields that
    are not text, more than 128 levels (which a cycle always has).

    >>> encode({"n": 1, "x": 1.0, "list": [None, True]})
    b'{"n":1,"x":1.0,"list":[null,true]}'
    """
    _check(value, 0)
    try:
        return (_dumps or _load_dumps())(value)
    except TypeError as error:  # the one thing left: text that is no Unicode
        path = _path_of_bad_text(value)
        raise InvalidValue(path or "", "holds text with a lone surrogate, which is no Unicode") from error


def encode_trusted(value: JsonValue) -> bytes:
    """Give the JSON text of a value whose parts all came from stored text, which cannot hold anything else.

    >>> encode_trusted([{"n": 1}])
    b'[{"n":1}]'
    """
    return (_dumps or _load_dumps())(value)


def canonical(text: str) -> bytes:
    """Give JSON text that another encoder has made as `encode` would have written it.

    Raises `InvalidValue` for what is no JSON, nested too deep, or text with lone surrogates. Numbers keep their
    kinds; an integer beyond 64 bits becomes a float.

    >>> canonical('[1e+21,0.000001]') == encode([1e21, 1e-6])
    True
    """
    raw = text.encode()
    if _loads is None and not _may_be_spelt_otherwise(raw):
        return raw  # without importing the fast codec
    try:
        value = (_loads or _load_loads())(raw)
    except ValueError as error:
        raise InvalidValue("", f"is no JSON that can be stored ({error})") from error
    require_depth(raw)
    return (_dumps or _load_dumps())(value)


def require_depth(text: bytes) -> None:
    """Raise `InvalidValue` when JSON text made of trusted parts is nested deeper than a value may be."""
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH:  # a text with fewer brackets cannot be
        _check(decode(text), 0)


def trusted() -> tuple[Callable[[bytes], JsonValue], Callable[[JsonValue], bytes]]:
    """Give the bare functions behind `decode` and `encode_trusted`, for loops over very many values.

    The first raises `ValueError` where `decode` raises `StoreDamaged`.
    """
    return _loads or _load_loads(), _dumps or _load_dumps()


def decode(text: bytes) -> JsonValue:
    """Give the value of JSON text that `encode` made; raises `StoreDamaged` when the text is no JSON any more.

    >>> decode(b'{"n":1,"x":1.0}')
    {'n': 1, 'x': 1.0}
    """
    try:
        return (_loads or _load_loads())(text)
    except ValueError as error:
        raise StoreDamaged(
            f"a stored value is no JSON any more ({error}): the store is damaged; find the entry with "
            "`llmspell state check`, and go back to a copy or backup that is sound"
        ) from error


def parse(text: str | bytes) -> JsonValue:
    """Give the value of JSON text from outside: a command line, a file, another program.

    Stricter than JSON readers usually are, so that nothing changes silently: a field named twice,
    NaN, an integer beyond 64 bits or a float beyond all bounds raise `InvalidValue`.

    >>> parse('[1, 1.0, "é"]')
    [1, 1.0, 'é']
    """
    import json

    try:
        value = json.loads(text, object_pairs_hook=_object_of_unique_names)
    except RecursionError as error:
        raise InvalidValue("", f"is nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:  # malformed JSON, bytes that are no UTF-8, an integer of thousands of digits
        if isinstance(error, InvalidValue):
            raise
        raise InvalidValue("", f"is not valid JSON ({error})") from error
    _check(value, 0)
    path = _path_of_bad_text(value)
    if path is not None:
        raise InvalidValue(path, "holds text with a lone surrogate, which is no Unicode")
    return cast("JsonValue", value)


def number(text: bytes) -> int | float | None:
    """Give the number that stored JSON text holds; None when it holds anything else.

    >>> number(b"2.5"), number(b'"2.5"')
    (2.5, None)
    """
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def encode_number(value: int | float) -> bytes:
    """Give the JSON text of a number; raises `InvalidValue` beyond 64 bits or beyond all bounds.

    >>> encode_number(3.0)
    b'3.0'
    """
    if type(value) is int:  # without importing the fast codec, because counting is what short scripts do
        _check(value, 0)
        return b"%d" % value
    return encode(value)


def member_path(name: str) -> str:
    """Give the piece of a path that leads to the field `name`: `.name`, or `["odd name"]`."""
    return f".{name}" if name.isidentifier() else f'["{name}"]'


def _may_be_spelt_otherwise(text: bytes) -> bool:
    """Tell whether JSON text that a JavaScript engine has made may differ from what `encode` writes."""
    return (
        b"e+" in text
        or b"e-" in text
        or b"0.0000" in text
        or b"\\u" in text
        or MANY_DIGITS in text.translate(DIGITS_ALIKE)
        or text.count(b"{") + text.count(b"[") > MAX_DEPTH
    )


def _check(value: object, depth: int) -> None:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return
    if kind is int:
        if not MIN_INTEGER <= cast("int", value) <= MAX_INTEGER:
            raise InvalidValue("", "is an integer beyond 64 bits; store it as text")
    elif kind is float:
        if not -INFINITY < cast("float", value) < INFINITY:
            raise InvalidValue("", f"is {value}, which JSON has no number for")
    elif kind is dict:
        _check_object(cast("dict[object, object]", value), depth)
    elif kind is list:
        _check_array(cast("list[object]", value), depth)
    else:
        raise InvalidValue("", f"is {_article(kind.__name__)}, which is no JSON{_hint(value)}")


def _check_object(value: dict[object, object], depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise InvalidValue("", f"is nested deeper than {MAX_DEPTH} levels, or contains itself")
    for name, part in value.items():
        if type(name) is not str:
            raise InvalidValue("", f"has the field {name!r}, whose name is no text")
        kind = type(part)  # texts and small numbers, which most are, are passed over without a call
        if kind is not str and (kind is not int or not MIN_INTEGER <= part <= MAX_INTEGER):  # type: ignore[operator]
            try:
                _check(part, depth + 1)
            except InvalidValue as error:
                raise InvalidValue(member_path(name) + error.path, error.reason) from None


def _check_array(value: list[object], depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise InvalidValue("", f"is nested deeper than {MAX_DEPTH} levels, or contains itself")
    for index, part in enumerate(value):
        kind = type(part)
        if kind is not str and (kind is not int or not MIN_INTEGER <= part <= MAX_INTEGER):  # type: ignore[operator]
            try:
                _check(part, depth + 1)
            except InvalidValue as error:
                raise InvalidValue(f"[{index}]{error.path}", error.reason) from None


def _path_of_bad_text(value: object) -> str | None:
    """Give the path of the first text that is no Unicode, or None."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return ""
        return None
    if isinstance(value, dict):
        pieces = (
            (f"[{name!r}]" if _path_of_bad_text(name) == "" else member_path(name), name, part)
            for name, part in value.items()
        )
        for piece, name, part in pieces:
            if _path_of_bad_text(name) is not None:
                return piece
            inner = _path_of_bad_text(part)
            if inner is not None:
                return piece + inner
    if isinstance(value, list):
        for index, part in enumerate(value):
            inner = _path_of_bad_text(part)
            if inner is not None:
                return f"[{index}]{inner}"
    return None


def _object_of_unique_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise InvalidValue("", f'names the field "{name}" twice')
            seen.add(name)
    return result


def _article(name: str) -> str:
    return ("an " if name[:1].lower() in "aeiou" else "a ") + name


def _hint(value: object) -> str:
    if isinstance(value, tuple | set | frozenset):
        return "; make it a list"
    if isinstance(value, dict):
        return "; make it a plain dict"
    if isinstance(value, bytes):
        return "; decode it to text first"
    for plain in (str, int, float):
        if isinstance(value, plain):
            return f"; make it a plain {plain.__name__}"
    return ""


def _load_dumps() -> Callable[[object], bytes]:
    global _dumps
    import orjson

    _dumps = orjson.dumps
    return _dumps


def _load_loads() -> Callable[[bytes], JsonValue]:
    global _loads
    import orjson

    _loads = orjson.loads
    return _loads
