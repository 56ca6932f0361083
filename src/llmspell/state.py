"""What can be done with state? The verbs of the contract, in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar, overload

from llmspell import arguments, codec
from llmspell.batch import Batch, Check, Commit, Delete, EntryCheck, Put
from llmspell.entry import Entry, JsonValue, Stored
from llmspell.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

Default = TypeVar("Default")
Result = TypeVar("Result")


class Gate(Protocol):
    """What the verbs work on: a backend, a transaction or a snapshot."""

    def get(self, scope: str, key: str, now: float) -> Stored | None:
        """Give the live entry, or None."""

    def keys(self, scope: str, prefix: str, after: str | None, limit: int | None, now: float) -> list[str]:
        """Give the keys of live entries, in byte order."""

    def scopes(self, prefix: str, now: float) -> list[str]:
        """Give the scopes that hold a live entry, in byte order."""

    def commit(self, batch: Batch) -> Commit:
        """Apply the batch whole, or raise and apply nothing."""

    def turn(self) -> AbstractContextManager[object]:
        """Until the block ends, nobody else commits."""


class State:
    """The verbs over one gate. Users hold a `Store`, or what `Store.transaction` and `Store.snapshot` give.

    Scopes are text of 1 to 256 bytes, keys of 1 to 512 bytes of UTF-8, both without NUL. Values are
    JSON: None, bool, int (64 bits), float (finite), str, list, dict with str keys, at most 128
    levels deep. Every verb raises `InvalidArgument` (or `InvalidValue`, which is one) before it
    does anything, and `StoreError` when the store cannot do it.
    """

    def __init__(self, gate: Gate, clock: Callable[[], float], max_value_bytes: int) -> None:
        self._direct = gate
        self._clock = clock
        self._max_value_bytes = max_value_bytes

    def save(
        self, scope: str, key: str, value: JsonValue, *, ttl: float | None = None, if_version: int | None = None
    ) -> int:
        """Store `value` and give its version; None deletes the key. Atomic.

        `ttl` is in seconds: the entry ends that long from now; without it the entry has no expiry,
        even if it had one before. `if_version` lets the save happen only while the entry has that
        version (0: only while there is none), else `Conflict` is raised. Inside a transaction the
        result is 0, because the version is given when the transaction commits.

        >>> store = llmspell.open(backend="memory")
        >>> store.save("app", "config", {"theme": "dark"})
        1
        """
        if value is None:
            now, checks = self._delete_request(scope, key, if_version)
            arguments.expiry(ttl, now)
            return self._gate().commit(Batch(now, (Delete(scope, key),), checks)).version
        return self.save_json(scope, key, codec.encode(value), ttl=ttl, if_version=if_version)

    def save_json(
        self, scope: str, key: str, text: bytes, *, ttl: float | None = None, if_version: int | None = None
    ) -> int:
        """Do what `save` does for a value that is JSON text already.

        The caller answers for the text: compact UTF-8 that `codec.encode` could have made.
        """
        arguments.require_names(scope, key)
        if len(text) > self._max_value_bytes:
            arguments.value_text(text, self._max_value_bytes)
        now = self._clock()
        put = Put(scope, key, text, None if ttl is None else arguments.expiry(ttl, now))
        checks = () if if_version is None else _version_check(scope, key, if_version)
        return self._gate().commit(Batch(now, (put,), checks)).version

    def rewrite_json(self, scope: str, key: str, text: bytes) -> None:
        """Replace the value as `save_json` does, but keep the expiry that the entry has."""
        arguments.require_names(scope, key)
        gate, now = self._gate(), self._clock()
        with gate.turn():
            self._rewrite(gate, scope, key, text, gate.get(scope, key, now), now)

    @overload
    def load(self, scope: str, key: str) -> JsonValue: ...
    @overload
    def load(self, scope: str, key: str, default: Default) -> JsonValue | Default: ...
    def load(self, scope: str, key: str, default: object = None) -> object:
        """Give the value, or `default` when there is no live entry.

        >>> store = llmspell.open(backend="memory")
        >>> store.load("app", "config", {"theme": "light"})
        {'theme': 'light'}
        """
        arguments.require_names(scope, key)
        stored = self._gate().get(scope, key, self._clock())
        return default if stored is None else codec.decode(stored.value)

    def stored(self, scope: str, key: str) -> Stored | None:
        """Give the entry with its value as JSON text, or None."""
        arguments.require_names(scope, key)
        return self._gate().get(scope, key, self._clock())

    def delete(self, scope: str, key: str, *, if_version: int | None = None) -> bool:
        """Remove the entry; True if it was there. Atomic; `if_version` as in `save`."""
        now, checks = self._delete_request(scope, key, if_version)
        return self._gate().commit(Batch(now, (Delete(scope, key),), checks)).removed > 0

    def list_keys(
        self, scope: str, *, prefix: str = "", after: str | None = None, limit: int | None = None
    ) -> list[str]:
        """Give the keys of the scope in byte order: those that begin with `prefix`, after `after`, at most `limit`.

        >>> store = llmspell.open(backend="memory")
        >>> _ = store.save("user", "ada", 1), store.save("user", "bob", 2)
        >>> store.list_keys("user", after="ada")
        ['bob']
        """
        scope, prefix = arguments.scope_name(scope), arguments.optional_text(prefix, "prefix")
        after = None if after is None else arguments.optional_text(after, "after")
        return self._gate().keys(scope, prefix, after, arguments.limit_count(limit), self._clock())

    def exists(self, scope: str, key: str) -> bool:
        """Tell whether there is a live entry."""
        return self.stored(scope, key) is not None

    def entry(self, scope: str, key: str) -> Entry | None:
        """Give the value with its version and times (epoch seconds), or None."""
        stored = self.stored(scope, key)
        return None if stored is None else Entry(scope, key, codec.decode(stored.value), *stored[3:])

    def scopes(self, prefix: str = "") -> list[str]:
        """Give the scopes that begin with `prefix` and hold at least one live entry, in byte order."""
        return self._gate().scopes(arguments.optional_text(prefix, "prefix"), self._clock())

    def clear(self, scope: str) -> int:
        """Remove every entry of the scope, as one atomic step; give how many there were."""
        scope, gate, now = arguments.scope_name(scope), self._gate(), self._clock()
        with gate.turn():
            keys = gate.keys(scope, "", None, None, now)
            return gate.commit(Batch(now, tuple(Delete(scope, key) for key in keys))).removed if keys else 0

    def increment(self, scope: str, key: str, by: int | float = 1) -> int | float:
        """Add `by` to the number (0 where there is none) and give the new one. Atomic; the expiry stays.

        Raises `InvalidArgument` when the value is no number, `InvalidValue` when the sum leaves 64 bits.

        >>> store = llmspell.open(backend="memory")
        >>> store.increment("stats", "visits"), store.increment("stats", "visits", 10)
        (1, 11)
        """
        by, gate, now = arguments.amount(by), self._gate(), self._clock()
        arguments.require_names(scope, key)
        with gate.turn():
            stored = gate.get(scope, key, now)
            number = codec.number(stored.value) if stored else 0
            if number is None:
                raise InvalidArgument(f'scope "{scope}", key "{key}" holds no number, so nothing can be added to it')
            number += by
            self._rewrite(gate, scope, key, codec.encode_number(number), stored, now)
        return number

    def append(self, scope: str, key: str, item: JsonValue, *, keep: int | None = None) -> int:
        """Add `item` to the end of the array ([] where there is none) and give its new length.

        `keep` drops items from the front until that many are left. Atomic; the expiry stays. Raises
        `InvalidArgument` when the value is no array.
        """
        arguments.require_names(scope, key)
        keep = arguments.keep_count(keep)
        codec.encode(item)  # refused before anything else happens, with a path that begins at the item
        gate, now = self._gate(), self._clock()
        with gate.turn():
            stored = gate.get(scope, key, now)
            items = codec.decode(stored.value) if stored else []
            if not isinstance(items, list):
                raise InvalidArgument(f'scope "{scope}", key "{key}" holds no array, so nothing can be appended to it')
            items.append(item)
            if keep is not None:
                del items[:-keep]
            self._rewrite(gate, scope, key, codec.encode(items), stored, now)
        return len(items)

    def update(
        self, scope: str, key: str, fn: Callable[[JsonValue], JsonValue], default: JsonValue = None
    ) -> JsonValue:
        """Save what `fn` makes of the value (of `default` where there is none) and give it; None deletes. Atomic.

        `fn` may run again when somebody else changed the value meanwhile, so it should do nothing
        but compute. The expiry stays. Raises `InvalidArgument` for an `async def`.

        >>> store = llmspell.open(backend="memory")
        >>> store.update("app", "name", lambda name: name + "!", "anonymous")
        'anonymous!'
        """

        text = None if default is None else codec.encode(default)  # so that every run gets one that no run has changed

        def attempt(state: State) -> JsonValue:
            stored = state.stored(scope, key)
            old = stored.value if stored else text
            value = arguments.ended(fn(None if old is None else codec.decode(old)))
            if value is None:
                state.delete(scope, key)
            else:
                state.rewrite_json(scope, key, codec.encode(value))
            return value

        return self.transaction(attempt)

    def touch(self, scope: str, key: str, ttl: float | None = None) -> bool:
        """Let the entry end `ttl` seconds from now, or never (None); False when there is none. Atomic.

        Only the expiry changes (and the version, as with every write).
        """
        arguments.require_names(scope, key)
        gate, now = self._gate(), self._clock()
        expires_at = arguments.expiry(ttl, now)
        with gate.turn():
            stored = gate.get(scope, key, now)
            if stored is None:
                return False
            put = Put(scope, key, stored.value, expires_at, stored.created_at, stored.updated_at)
            gate.commit(Batch(now, (put,)))
        return True

    def transaction(self, fn: Callable[[State], Result]) -> Result:
        """Run `fn` as part of the transaction (or snapshot) that this state belongs to."""
        return arguments.ended(fn(self))

    null: None = None
    """What scripts in other languages write for JSON's null; in Python it is None itself."""

    @staticmethod
    def array(values: Iterable[JsonValue] = ()) -> list[JsonValue]:
        """Give the values as a list, which every list in Python is already: for those who come from other languages.

        >>> State.array(("a", "b"))
        ['a', 'b']
        """
        return list(values)

    def _gate(self) -> Gate:
        return self._direct

    def _delete_request(self, scope: str, key: str, if_version: int | None) -> tuple[float, tuple[Check, ...]]:
        arguments.require_names(scope, key)
        return self._clock(), () if if_version is None else _version_check(scope, key, if_version)

    def _rewrite(self, gate: Gate, scope: str, key: str, text: bytes, stored: Stored | None, now: float) -> None:
        """Replace a value that was just read, keeping its expiry."""
        arguments.value_text(text, self._max_value_bytes)
        gate.commit(Batch(now, (Put(scope, key, text, stored.expires_at if stored else None),)))


def _version_check(scope: str, key: str, if_version: int) -> tuple[Check, ...]:
    version = arguments.version_number(if_version)
    return (EntryCheck(scope, key, version),) if version is not None else ()
