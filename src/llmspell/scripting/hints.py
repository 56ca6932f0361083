"""What did a script mean that called a function which `State` does not have? The same answer in every language."""

from __future__ import annotations

from llmspell.quick_typing import TYPE_CHECKING
from llmspell.scripting.bindings import Bindings

if TYPE_CHECKING:
    from llmspell.store import Store

_RENAMED = {"set": "save", "get": "load", "list": "list_keys", "keys": "list_keys", "remove": "delete", "has": "exists"}


def functions_of(store: Store) -> tuple[str, ...]:
    """Give what `State` has for this store, in the order of the contract."""
    return sum((names for names, there, _ in _optional(store) if there), Bindings.NAMES)


def hint_about(name: str, store: Store) -> str:
    """Give what to add to the error of a script that called `State.NAME`; "" when the function is there.

    >>> hint_about("get", llmspell.open(backend="memory"))
    '; State.get does not exist, use State.load'
    """
    known = functions_of(store)
    if name in known:
        return ""
    for names, _, setting in _optional(store):
        if name in names:
            return f"; State.{name} does not exist because the configuration does not say {setting}"
    from difflib import get_close_matches

    nearest = _RENAMED.get(name) or next(iter(get_close_matches(name, known, 1)), None)
    return f"; State.{name} does not exist" + (f", use State.{nearest}" if nearest else f"; known: {', '.join(known)}")


def _optional(store: Store) -> tuple[tuple[tuple[str, ...], bool, str], ...]:
    return (
        (Bindings.MIGRATION_NAMES, store.migration_enabled, "migration_enabled = true"),
        (Bindings.BACKUP_NAMES, store.backup_enabled, "backup_enabled = true"),
        (Bindings.HISTORY_NAMES, store.history_days > 0, "history_days = N"),
    )
