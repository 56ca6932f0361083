"""Are the arguments of a verb within the contract? Each function gives the argument back, or raises."""

from __future__ import annotations

import math
from types import CoroutineType
from typing import TypeVar

from llmspell.errors import InvalidArgument, InvalidValue
from llmspell.limits import MAX_INTEGER, MAX_KEY_BYTES, MAX_SCOPE_BYTES, MAX_TTL_SECONDS, MIN_INTEGER

Result = TypeVar("Result")


def require_names(scope: object, key: object) -> None:
    """Raise unless `scope_name` and `key_name` accept them; one call for both, because every load and save makes it."""
    if (
        type(scope) is str
        and type(key) is str
        and scope.isascii()
        and key.isascii()
        and 0 < len(scope) <= MAX_SCOPE_BYTES
        and 0 < len(key) <= MAX_KEY_BYTES
        and "\0" not in scope
        and "\0" not in key
    ):
        return
    scope_name(scope)
    key_name(key)


def scope_name(scope: object) -> str:
    """Accept text of 1 to 256 bytes of UTF-8 without NUL.

    >>> scope_name("agent:writer")
    'agent:writer'
    """
    return _name(scope, "scope", MAX_SCOPE_BYTES)


def key_name(key: object) -> str:
    """Accept text of 1 to 512 bytes of UTF-8 without NUL."""
    return _name(key, "key", MAX_KEY_BYTES)


def optional_text(text: object, what: str) -> str:
    """Accept text, "" too; None counts as ""."""
    if text is None:
        return ""
    if type(text) is not str:
        raise InvalidArgument(f"{what} must be text, not {_spell(text)}")
    _utf8_length(text, what)
    return text


def limit_count(limit: object) -> int | None:
    """Accept None (no limit) or a whole number from 0 up."""
    if limit is None:
        return None
    if type(limit) is not int or limit < 0:
        raise InvalidArgument(f"limit must be a whole number from 0 up, not {_spell(limit)}")
    return min(limit, 2**62)


def keep_count(keep: object) -> int | None:
    """Accept None (keep all) or a whole number from 1 up."""
    if keep is None:
        return None
    if type(keep) is not int or keep < 1:
        raise InvalidArgument(f"keep must be a whole number from 1 up, not {_spell(keep)}")
    return keep


def version_number(version: object) -> int | None:
    """Accept None (do not check) or a whole number from 0 up; 0 means "there is no entry"."""
    if version is None:
        return None
    if type(version) is not int or version < 0:
        raise InvalidArgument(f"if_version must be a whole number from 0 up, not {_spell(version)}")
    return version


def expiry(ttl: object, now: float) -> float | None:
    """Give the moment (epoch seconds) that lies `ttl` seconds after `now`; None stays None."""
    if ttl is None:
        return None
    if type(ttl) not in (int, float) or not 0 < ttl <= MAX_TTL_SECONDS:  # type: ignore[operator]
        raise InvalidArgument(
            f"ttl must be a number of seconds above 0 and at most {MAX_TTL_SECONDS:.0f}, not {_spell(ttl)}"
        )
    return now + float(ttl)  # type: ignore[arg-type]


def amount(by: object) -> int | float:
    """Accept a whole number of 64 bits or a finite float."""
    if type(by) is int and MIN_INTEGER <= by <= MAX_INTEGER:
        return by
    if type(by) is float and math.isfinite(by):
        return by
    raise InvalidArgument(f"by must be a whole number of 64 bits or a finite float, not {_spell(by)}")


def value_text(text: bytes, max_value_bytes: int) -> bytes:
    """Accept JSON text that is not larger than `max_value_bytes`."""
    if len(text) > max_value_bytes:
        raise InvalidValue(
            "",
            f"takes {len(text)} bytes as JSON, more than max_value_bytes = {max_value_bytes}; split it over keys",
        )
    return text


def ended(result: Result) -> Result:
    """Accept what a function has returned, unless it is a coroutine: an `async def` that has not even begun."""
    if isinstance(result, CoroutineType):
        result.close()
        raise InvalidArgument("the function must be done when it returns, not be async; await first, then begin")
    return result


def _name(name: object, what: str, most_bytes: int) -> str:
    if type(name) is not str:
        raise InvalidArgument(f"the {what} must be text, not {_spell(name)}")
    size = len(name) if name.isascii() else _utf8_length(name, f"the {what}")
    if not 0 < size <= most_bytes:
        if size == 0:
            raise InvalidArgument(f"the {what} is empty; give it at least one character")
        raise InvalidArgument(f'the {what} "{name[:40]}..." takes {size} bytes; at most {most_bytes} are allowed')
    if "\0" in name:
        raise InvalidArgument(f"the {what} {name!r} contains a NUL character, which is not allowed")
    return name


def _utf8_length(text: str, what: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"{what} {text!r} holds a lone surrogate, which is no Unicode") from error


def _spell(thing: object) -> str:
    if thing is None:
        return "nothing"
    if type(thing) is int and not MIN_INTEGER <= thing <= MAX_INTEGER:
        return "an integer beyond 64 bits"  # Python refuses to write out those of thousands of digits
    text = repr(thing)
    if len(text) > 60:
        text = text[:57] + "..."
    return f"{text} ({type(thing).__name__})"
