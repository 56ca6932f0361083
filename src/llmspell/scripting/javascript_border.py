"""How does a function of the host become one that JavaScript can call without harm?

The engine's package hands over text, numbers, booleans and None, and each of them with a trap: text ends at a NUL,
integers are cut to 32 bits, and what there was no memory for arrives as None. So what a script leaves out arrives as
False, whole numbers cross as text, hard text as JSON behind a sign, and None means that memory ran out. A function
never raises: a failure is text that begins with "!".
"""

from __future__ import annotations

from llmspell import codec
from llmspell.errors import Conflict, InvalidValue, LlmspellError
from llmspell.quick_typing import TYPE_CHECKING
from llmspell.scripting.bindings import NO_MEMORY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from llmspell.scripting.run import Run

_ESCAPED = "\x01"
_FAILED = "!"
_UNUSUAL = "~"
_MOST_EXACT = 2**53 - 1
"""The largest whole number that JavaScript's numbers hold exactly."""


def tell(sentence: str, error: LlmspellError | None) -> str:
    """Give a failure as the library takes it: the name of the error, its sentence, and what else it knows."""
    fields: dict[str, object] = {}
    if isinstance(error, Conflict):
        fields = {"scope": error.scope, "key": error.key, "expected": error.expected, "actual": error.actual}
    elif isinstance(error, InvalidValue):
        fields = {"path": error.path, "reason": error.reason}
    problems = getattr(error, "problems", None)
    if problems is not None:
        fields["problems"] = list(problems)
    import json

    name = "Error" if error is None else type(error).__name__
    return _FAILED + json.dumps({"name": name, "message": sentence, "fields": fields})


def crossing(function: Callable[..., object], kinds: str, run: Run) -> Callable[..., object]:
    """Wrap a function whose parameters are of these kinds, a letter for each.

    `t` text, `j` JSON text, `n` a number, `b` a boolean; capital letters may be left out, which gives None.
    """
    readers = [_READERS[kind] for kind in kinds]

    def call(*arguments: Any) -> object:
        try:
            if None in arguments:
                return tell(NO_MEMORY, None)
            result = function(*[read(argument) for read, argument in zip(readers, arguments, strict=True)])
            kind = type(result)
            if kind is str or kind is bool or kind is float or result is None:
                return result
            return _plain(result)
        except LlmspellError as error:
            return tell(str(error), error)
        except MemoryError:
            return tell(NO_MEMORY, None)
        except Exception as error:  # noqa: BLE001 - it ends the script; the engine must not see it
            run.stop = run.stop or error
            return tell("the script was stopped", None)

    return call


def crossings(functions: Mapping[str, Callable[..., object]], run: Run) -> dict[str, Callable[..., object]]:
    """Wrap the functions of the bindings."""
    return {name: crossing(function, _KINDS[name], run) for name, function in functions.items()}


def marked(text: bytes) -> str:
    """Give JSON text as `decode` in values.js takes it: behind a sign where JavaScript may change a number.

    That is an integer beyond 2^53, which has 16 digits or more, or a float such as 1.0. Looking costs less here.

    >>> marked(b'[1, 2.5]'), marked(b'[1.0]')
    ('[1, 2.5]', '~[1.0]')
    """
    if b".0" in text or codec.MANY_DIGITS in text.translate(codec.DIGITS_ALIKE):
        return _UNUSUAL + text.decode()
    return text.decode()


def _plain(result: object) -> object:
    """Give a result as the package can hand it over.

    >>> _plain(["a", "b"]), _plain(2**60), _plain((b"[1]", 7, 1.5, 2.0, None))
    ('=a\\x00b', '1152921504606846976', '7 1.5 2.0 -\\n[1]')
    """
    if isinstance(result, bytes):
        return marked(result)
    if isinstance(result, int):
        return float(result) if -_MOST_EXACT <= result <= _MOST_EXACT else str(result)
    if isinstance(result, list):
        return "=" + "\0".join(result)
    if isinstance(result, tuple):
        text, version, created_at, updated_at, expires_at = result
        ending = "-" if expires_at is None else repr(expires_at)
        return f"{version} {created_at!r} {updated_at!r} {ending}\n{marked(text)}"
    raise TypeError(f"a {type(result).__name__} cannot be given to JavaScript")


def _text(argument: str) -> str:
    if argument[:1] == _ESCAPED:
        import json

        unescaped: str = json.loads(argument[1:])
        return unescaped
    return argument


def _optional_text(argument: str | bool) -> str | None:
    return None if argument is False else _text(argument)  # type: ignore[arg-type]


def _json_text(argument: str) -> bytes:
    return codec.canonical(argument)


def _optional_json_text(argument: str | bool) -> bytes | None:
    return None if argument is False else codec.canonical(argument)  # type: ignore[arg-type]


def _number(argument: str | float) -> int | float:
    return int(argument) if type(argument) is str else argument  # type: ignore[return-value]


def _optional_number(argument: str | float | bool) -> int | float | None:
    return None if argument is False else _number(argument)


def _flag(argument: bool | float) -> bool:
    return bool(argument)


def _optional_flag(argument: float) -> bool | None:
    """A flag that may be left out crosses as 1, 0 or, when it was, -1."""
    return None if argument < 0 else bool(argument)


_READERS: dict[str, Callable[[Any], object]] = {
    "t": _text,
    "T": _optional_text,
    "j": _json_text,
    "J": _optional_json_text,
    "n": _number,
    "N": _optional_number,
    "b": _flag,
    "B": _optional_flag,
}

_KINDS = {
    "save": "ttjNN",
    "save_nothing": "ttN",
    "rewrite": "ttj",
    "load": "tt",
    "load_at": "ttj",
    "delete": "ttN",
    "list_keys": "tTTN",
    "exists": "tt",
    "entry": "tt",
    "scopes": "T",
    "clear": "t",
    "increment": "ttn",
    "append": "ttjN",
    "touch": "ttN",
    "flush": "",
    "begin": "b",
    "commit": "",
    "roll_back": "",
    "migrate": "tBT",
    "migration_status": "",
    "schema_versions": "",
    "create_backup": "BJ",
    "list_backups": "",
    "restore_backup": "tJ",
    "validate_backup": "t",
    "cleanup_backups": "B",
    "get_storage_usage": "",
    "history": "ttJ",
    "diff": "tjJ",
    "restore_points": "",
    "restore": "jJ",
}
