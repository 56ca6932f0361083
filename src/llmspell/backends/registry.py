"""Which backend has which name? Names are looked up here, modules are imported when one is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, cast

from llmspell.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.backends.base import Backend


class BackendOptions(NamedTuple):
    """What a backend is opened with: the folder, how durable a commit is, the stamp of a new store.

    `durability` is "full" (on the disk when `commit` returns), "normal", or "output" (as normal; `settle` brings it to
    the disk).
    `accept_schema` is asked before every commit, in the writer's turn, and raises when the store's
    schema version is none that this program may write. With `history_days` above 0 the first write lets
    the store keep replaced and deleted values for that long.
    """

    path: str
    durability: str
    schema_version: str
    accept_schema: Callable[[str], None] | None = None
    history_days: int = 0


_FACTORIES = {
    "disk": "llmspell.backends.sqlite.backend:open_disk",
    "memory": "llmspell.backends.sqlite.backend:open_memory",
}

NAMES = tuple(_FACTORIES)


def open_backend(name: str, options: BackendOptions) -> Backend:
    """Open the backend called `name`; raises `InvalidArgument` for an unknown one."""
    target = _FACTORIES.get(name)
    if target is None:
        raise InvalidArgument(f'there is no backend "{name}"; known: {", ".join(NAMES)}')
    module, _, function = target.partition(":")
    factory = cast("Callable[[BackendOptions], Backend]", getattr(import_module(module), function))
    return factory(options)
