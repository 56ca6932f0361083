"""What is `State` in a script? The verbs, once for all languages.

A language's adapter wraps these functions. They take and give only what every language has: text
(`bytes` or `str`), numbers, booleans, None, and values as JSON text. They never raise: a failure is
what the language's `tell` makes of it, the pair (None, sentence) unless it says otherwise, so that no
Python object ever crosses into a script.
"""

from __future__ import annotations

from llmspell import codec
from llmspell.errors import InvalidArgument, LlmspellError
from llmspell.quick_typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias, TypeVar, TypeVarTuple, Unpack

    from llmspell.attempt import Attempt
    from llmspell.entry import Stored
    from llmspell.store import Store

    Arguments = TypeVarTuple("Arguments")
    Result = TypeVar("Result")

Text: TypeAlias = bytes | str
Failure: TypeAlias = tuple[None, str]

Tell: TypeAlias = "Callable[[str, LlmspellError | None], object]"
"""What a language makes of a failure: given the sentence, and the exception when it is one of llmspell's own."""

NO_MEMORY = "not enough memory"
"""The sentence of a failure that is none of the call's: the script has taken all the memory it may."""

_HELD_WITH_ENTRY_BYTES = 500
_HELD_WITH_NAME_BYTES = 60
"""What a transaction needs beside the text of a value, of a name that it has listed."""


class Bindings:
    """The verbs over one open store, for one script."""

    NAMES = (
        *("save", "load", "delete", "list_keys", "exists", "entry", "scopes", "clear", "increment", "append"),
        *("update", "transaction", "touch", "array", "null", "flush"),
    )
    """What `State` has in every language."""

    MIGRATION_NAMES = ("migrate", "migration_status", "schema_versions")
    """What it has besides when migrations are enabled."""

    BACKUP_NAMES = (
        *("create_backup", "list_backups", "restore_backup", "validate_backup", "cleanup_backups"),
        "get_storage_usage",
    )
    """What it has besides when backups are enabled."""

    HISTORY_NAMES = ("history", "diff", "restore_points", "restore")
    """What it has besides when the program asks for history."""

    def __init__(
        self, store: Store, stopping: Callable[[], bool], memory_limit_bytes: int = 0, tell: Tell | None = None
    ) -> None:
        self._store = store
        self._tell = tell or _tell_pair
        self._stopping = stopping
        self._memory_limit_bytes = memory_limit_bytes
        self._attempt: Attempt | None = None
        self._held: dict[tuple[Text, Text | None], int] = {}
        """What the open transaction keeps until it ends: bytes by scope and key, or by scope and None for listings."""
        self._held_bytes = 0

    def functions(self) -> Mapping[str, Callable[..., object]]:
        """Give every function by the name it has in the contract, and the parts that transactions are made of.

        `load_at` is `load` at a point in time; it is always there, and says so where the store keeps no history.
        """
        named: dict[str, Callable[..., object]] = {
            "save": self._save,
            "save_nothing": self._save_nothing,
            "rewrite": self._rewrite,
            "load": self._load,
            "load_at": self._load_at,
            "delete": self._delete,
            "list_keys": self._list_keys,
            "exists": self._exists,
            "entry": self._entry,
            "scopes": self._scopes,
            "clear": self._clear,
            "increment": self._increment,
            "append": self._append,
            "touch": self._touch,
            "flush": self._flush,
            "begin": self._begin,
            "commit": self._commit,
        }
        if self._store.migration_enabled:
            migrating = (self._migrate, self._migration_status, self._schema_versions)
            named.update(zip(self.MIGRATION_NAMES, migrating, strict=True))
        if self._store.backup_enabled:
            backing_up = (
                *(self._create_backup, self._list_backups, self._restore_backup, self._validate_backup),
                *(self._cleanup_backups, self._get_storage_usage),
            )
            named.update(zip(self.BACKUP_NAMES, backing_up, strict=True))
        if self._store.history_days:
            looking_back = (self._history, self._diff, self._restore_points, self._restore)
            named.update(zip(self.HISTORY_NAMES, looking_back, strict=True))
        return {name: _never_raising(function, self._stopping, self._tell) for name, function in named.items()} | {
            "roll_back": _never_raising(self._roll_back, _never, self._tell)
        }

    def abandon(self) -> None:
        """Undo the transaction that a script has left open when it was stopped."""
        if self._attempt is not None:
            self._roll_back()

    def _save(self, scope: Text, key: Text, text: bytes, ttl: float | None, if_version: int | None) -> int:
        if self._attempt is not None:
            self._hold(scope, key, len(text))
        return self._store.save_json(_str(scope), _str(key), text, ttl=ttl, if_version=if_version)

    def _save_nothing(self, scope: Text, key: Text, if_version: int | None) -> int:
        self._hold(scope, key, 0)
        return self._store.save(_str(scope), _str(key), None, if_version=if_version)

    def _rewrite(self, scope: Text, key: Text, text: bytes) -> bool:
        self._hold(scope, key, len(text))
        self._store.rewrite_json(_str(scope), _str(key), text)
        return True

    def _load(self, scope: Text, key: Text) -> bytes | None:
        stored = self._stored(scope, key)
        return None if stored is None else stored.value

    def _load_at(self, scope: Text, key: Text, at: bytes) -> bytes | None:
        from llmspell.scripting.history_answers import load

        return load(self._store, _str(scope), _str(key), at)

    def _delete(self, scope: Text, key: Text, if_version: int | None) -> bool:
        self._hold(scope, key, 0)
        return self._store.delete(_str(scope), _str(key), if_version=if_version)

    def _list_keys(self, scope: Text, prefix: Text | None, after: Text | None, limit: int | None) -> list[str]:
        keys = self._store.list_keys(
            _str(scope),
            prefix="" if prefix is None else _str(prefix),
            after=None if after is None else _str(after),
            limit=limit,
        )
        self._hold_listing(scope, keys)
        return keys

    def _exists(self, scope: Text, key: Text) -> bool:
        return self._stored(scope, key) is not None

    def _entry(self, scope: Text, key: Text) -> tuple[bytes, int, float, float, float | None] | None:
        stored = self._stored(scope, key)
        return None if stored is None else stored[2:]

    def _scopes(self, prefix: Text | None) -> list[str]:
        scopes = self._store.scopes("" if prefix is None else _str(prefix))
        self._hold_listing("", scopes)
        return scopes

    def _clear(self, scope: Text) -> int:
        if self._attempt is not None:
            for key in self._store.list_keys(_str(scope)):
                self._hold(scope, key, 0)
        return self._store.clear(_str(scope))

    def _increment(self, scope: Text, key: Text, by: int | float) -> int | float:
        self._hold(scope, key, 0)
        return self._store.increment(_str(scope), _str(key), by)

    def _append(self, scope: Text, key: Text, item: bytes, keep: int | None) -> int:
        if self._attempt is not None:
            stored = self._stored(scope, key)
            self._hold(scope, key, len(item) + (len(stored.value) if stored else 0))
        return self._store.append(_str(scope), _str(key), codec.decode(item), keep=keep)

    def _touch(self, scope: Text, key: Text, ttl: float | None) -> bool:
        if self._attempt is not None:
            self._stored(scope, key)
        return self._store.touch(_str(scope), _str(key), ttl)

    def _flush(self) -> bool:
        self._store.flush()
        return True

    def _migrate(self, target: Text, dry_run: bool | None, on_error: Text | None) -> bytes:
        from llmspell.scripting.migration_answers import migrate

        choice = None if on_error is None else _str(on_error)
        return migrate(self._store, _str(target), dry_run, choice, self._stopping)

    def _migration_status(self) -> bytes:
        from llmspell.scripting.migration_answers import migration_status

        return migration_status(self._store)

    def _schema_versions(self) -> bytes:
        from llmspell.scripting.migration_answers import schema_versions

        return schema_versions(self._store)

    def _create_backup(self, incremental: bool | None, options: bytes | None) -> bytes:
        from llmspell.scripting.backup_answers import create_backup

        return create_backup(self._store, incremental, options, self._stopping)

    def _list_backups(self) -> bytes:
        from llmspell.scripting.backup_answers import list_backups

        return list_backups(self._store)

    def _restore_backup(self, backup_id: Text, options: bytes | None) -> bytes:
        from llmspell.scripting.backup_answers import restore_backup

        return restore_backup(self._store, _str(backup_id), options, self._stopping)

    def _validate_backup(self, backup_id: Text) -> bytes:
        from llmspell.scripting.backup_answers import validate_backup

        return validate_backup(self._store, _str(backup_id), self._stopping)

    def _cleanup_backups(self, dry_run: bool | None) -> bytes:
        from llmspell.scripting.backup_answers import cleanup_backups

        return cleanup_backups(self._store, dry_run)

    def _get_storage_usage(self) -> bytes:
        from llmspell.scripting.backup_answers import get_storage_usage

        return get_storage_usage(self._store)

    def _history(self, scope: Text, key: Text, options: bytes | None) -> bytes:
        from llmspell.scripting.history_answers import history

        return history(self._store, _str(scope), _str(key), options)

    def _diff(self, scope: Text, from_: bytes, to: bytes | None) -> bytes:
        from llmspell.scripting.history_answers import diff

        return diff(self._store, _str(scope), from_, to)

    def _restore_points(self) -> bytes:
        from llmspell.scripting.history_answers import restore_points

        return restore_points(self._store)

    def _restore(self, at: bytes, options: bytes | None) -> bytes:
        from llmspell.scripting.history_answers import restore

        return restore(self._store, at, options, self._stopping)

    def _stored(self, scope: Text, key: Text) -> Stored | None:
        stored = self._store.stored(_str(scope), _str(key))
        if self._attempt is not None:
            self._hold(scope, key, 0 if stored is None else len(stored.value))
        return stored

    def _hold(self, scope: Text, key: Text | None, size: int) -> None:
        """Refuse what would make the open transaction larger than a script's memory may be."""
        if self._attempt is None:
            return
        before = self._held.get((scope, key), 0)
        self._held_bytes += max(size + _HELD_WITH_ENTRY_BYTES - before, 0)
        self._held[scope, key] = max(size + _HELD_WITH_ENTRY_BYTES, before)
        if 0 < self._memory_limit_bytes < self._held_bytes:
            raise MemoryError

    def _hold_listing(self, scope: Text, names: list[str]) -> None:
        listed = sum(map(len, names)) + len(names) * _HELD_WITH_NAME_BYTES
        self._hold(scope, None, self._held.get((scope, None), 0) + listed)

    def _begin(self, alone: bool) -> bool:
        self.abandon()  # one that memory ran out under could not be ended
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
        self._held, self._held_bytes = {}, 0
        return cast("Attempt", attempt)


def _str(text: Text) -> str:
    return text if isinstance(text, str) else text.decode()


def _never() -> bool:
    return False


def _tell_pair(sentence: str, _error: LlmspellError | None) -> Failure:
    return None, sentence


def _never_raising(
    function: Callable[[Unpack[Arguments]], Result], stopping: Callable[[], bool], tell: Tell
) -> Callable[[Unpack[Arguments]], Result | object]:
    def call(*arguments: *Arguments) -> Result | object:
        if stopping():
            return tell("the script was stopped", None)
        try:
            return function(*arguments)
        except UnicodeDecodeError:
            return tell("the scope or key is no valid UTF-8", InvalidArgument("the scope or key is no valid UTF-8"))
        except LlmspellError as error:
            return tell(str(error), error)
        except MemoryError:
            return tell(NO_MEMORY, None)
        except Exception as error:  # noqa: BLE001 - nothing of Python may cross into a script
            return tell(f"internal error: {type(error).__name__}: {error}", None)

    return call
