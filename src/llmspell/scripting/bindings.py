"""What is `State` in a script? The verbs, once for all languages.

A language's adapter wraps these functions. They take and give only what every language has: text
(`bytes` or `str`), numbers, booleans, None, and values as JSON text. They never raise: a failure is
the pair (None, sentence), so that no Python object ever crosses into a script.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

from llmspell import codec
from llmspell.errors import LlmspellError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import ParamSpec, TypeVar

    from llmspell.store import Attempt, Store

    Arguments = ParamSpec("Arguments")
    Result = TypeVar("Result")

Text: TypeAlias = bytes | str
Failure: TypeAlias = tuple[None, str]


class Bindings:
    """The verbs over one open store, for one script."""

    NAMES = (
        *("save", "load", "delete", "list_keys", "exists", "entry", "scopes", "clear", "increment", "append"),
        *("update", "transaction", "touch", "array", "null", "flush"),
    )
    """What `State` has in every language."""

    def __init__(self, store: Store, stopping: Callable[[], bool]) -> None:
        self._store = store
        self._stopping = stopping
        self._attempt: Attempt | None = None

    def functions(self) -> Mapping[str, Callable[..., object]]:
        """Give every function by the name it has in the contract, and the parts that transactions are made of."""
        return {
            name: _never_raising(function, self._stopping)
            for name, function in (
                ("save", self._save),
                ("save_nothing", self._save_nothing),
                ("rewrite", self._rewrite),
                ("load", self._load),
                ("delete", self._delete),
                ("list_keys", self._list_keys),
                ("exists", self._exists),
                ("entry", self._entry),
                ("scopes", self._scopes),
                ("clear", self._clear),
                ("increment", self._increment),
                ("append", self._append),
                ("touch", self._touch),
                ("flush", self._flush),
                ("begin", self._begin),
                ("commit", self._commit),
            )
        } | {"roll_back": _never_raising(self._roll_back, _never)}

    def abandon(self) -> None:
        """Undo the transaction that a script has left open when it was stopped."""
        if self._attempt is not None:
            self._roll_back()

    def _save(self, scope: Text, key: Text, text: bytes, ttl: float | None, if_version: int | None) -> int:
        return self._store.save_json(_str(scope), _str(key), text, ttl=ttl, if_version=if_version)

    def _save_nothing(self, scope: Text, key: Text, if_version: int | None) -> int:
        return self._store.save(_str(scope), _str(key), None, if_version=if_version)

    def _rewrite(self, scope: Text, key: Text, text: bytes) -> bool:
        self._store.rewrite_json(_str(scope), _str(key), text)
        return True

    def _load(self, scope: Text, key: Text) -> bytes | None:
        stored = self._store.stored(_str(scope), _str(key))
        return None if stored is None else stored.value

    def _delete(self, scope: Text, key: Text, if_version: int | None) -> bool:
        return self._store.delete(_str(scope), _str(key), if_version=if_version)

    def _list_keys(self, scope: Text, prefix: Text | None, after: Text | None, limit: int | None) -> list[str]:
        return self._store.list_keys(
            _str(scope),
            prefix="" if prefix is None else _str(prefix),
            after=None if after is None else _str(after),
            limit=limit,
        )

    def _exists(self, scope: Text, key: Text) -> bool:
        return self._store.exists(_str(scope), _str(key))

    def _entry(self, scope: Text, key: Text) -> tuple[bytes, int, float, float, float | None] | None:
        stored = self._store.stored(_str(scope), _str(key))
        return None if stored is None else stored[2:]

    def _scopes(self, prefix: Text | None) -> list[str]:
        return self._store.scopes("" if prefix is None else _str(prefix))

    def _clear(self, scope: Text) -> int:
        return self._store.clear(_str(scope))

    def _increment(self, scope: Text, key: Text, by: int | float) -> int | float:
        return self._store.increment(_str(scope), _str(key), by)

    def _append(self, scope: Text, key: Text, item: bytes, keep: int | None) -> int:
        return self._store.append(_str(scope), _str(key), codec.decode(item), keep=keep)

    def _touch(self, scope: Text, key: Text, ttl: float | None) -> bool:
        return self._store.touch(_str(scope), _str(key), ttl)

    def _flush(self) -> bool:
        self._store.flush()
        return True

    def _begin(self, alone: bool) -> bool:
        attempt = self._store.attempt(alone=alone)
        attempt.__enter__()
        self._attempt = attempt
        return True

    def _commit(self) -> bool:
        """Commit; False when the transaction was overtaken and should run again."""
        attempt = self._ended_attempt()
        try:
            attempt.__exit__(None, None, None)
        except LlmspellError:
            if attempt.transaction.overtaken:
                return False
            raise
        return True

    def _roll_back(self) -> bool:
        """Undo; True when the transaction was overtaken meanwhile, so that running it again may help."""
        attempt = self._ended_attempt()
        undone = LlmspellError("undone")
        attempt.__exit__(LlmspellError, undone, None)
        return attempt.transaction.overtaken is not None

    def _ended_attempt(self) -> Attempt:
        attempt, self._attempt = self._attempt, None
        return cast("Attempt", attempt)


def _str(text: Text) -> str:
    return text if isinstance(text, str) else text.decode()


def _never() -> bool:
    return False


def _never_raising(
    function: Callable[Arguments, Result], stopping: Callable[[], bool]
) -> Callable[Arguments, Result | Failure]:
    def call(*arguments: Arguments.args, **options: Arguments.kwargs) -> Result | Failure:
        if stopping():
            return None, "the script was stopped"
        try:
            return function(*arguments, **options)
        except UnicodeDecodeError:
            return None, "the scope or key is no valid UTF-8"
        except LlmspellError as error:
            return None, str(error)
        except Exception as error:  # noqa: BLE001 - nothing of Python may cross into a script
            return None, f"internal error: {type(error).__name__}: {error}"

    return call
