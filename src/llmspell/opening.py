"""How is a store opened? The only place that picks a backend."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from llmspell.backends.registry import BackendOptions, open_backend
from llmspell.config import StateSettings, load_settings
from llmspell.errors import InvalidArgument, SchemaMismatch
from llmspell.limits import MAX_VALUE_BYTES_BOUND
from llmspell.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable


def open(
    path: str | os.PathLike[str] | None = None,
    *,
    config: str | os.PathLike[str] | None = None,
    backend: str | None = None,
    durability: str | None = None,
    max_value_bytes: int | None = None,
    schema_version: str | None = None,
    required_schema: str | None = None,
    clock: Callable[[], float] = time.time,
) -> Store:
    """Open the store in the folder `path`, or the one that a configuration file describes.

    Without `path` and `config` it is the folder `./state`; `backend="memory"` gives a private store
    that is gone when it is closed. Nothing is created before the first write. `durability` "full"
    has every write on the disk before the call returns, "normal" may lose the last moments in a
    power cut. Options given here win over those of the file.

    Raises `ConfigError` for a file that cannot be used, `InvalidArgument` for impossible options,
    and the kinds of `StoreError` for a folder that cannot be used.

    >>> import tempfile; folder = tempfile.TemporaryDirectory()
    >>> with llmspell.open(folder.name + "/state") as store:
    ...     _ = store.save("global", "greeting", "hello")
    >>> with llmspell.open(folder.name + "/state") as store:
    ...     store.load("global", "greeting")
    'hello'
    >>> folder.cleanup()
    """
    settings = StateSettings() if config is None else load_settings(config).state
    settings = settings._replace(
        path=settings.path if path is None else _folder_name(path),
        backend=settings.backend if backend is None else backend,
        durability=settings.durability if durability is None else durability,
        max_value_bytes=settings.max_value_bytes if max_value_bytes is None else max_value_bytes,
        schema_version=settings.schema_version if schema_version is None else schema_version,
        required_schema=settings.required_schema if required_schema is None else required_schema,
    )
    if settings.durability not in ("full", "normal"):
        raise InvalidArgument(f'durability must be "full" or "normal", not {settings.durability!r}')
    if type(settings.max_value_bytes) is not int or not 0 < settings.max_value_bytes <= MAX_VALUE_BYTES_BOUND:
        raise InvalidArgument(
            f"max_value_bytes must be a whole number from 1 to {MAX_VALUE_BYTES_BOUND}, "
            f"not {settings.max_value_bytes!r}"
        )
    if schema_version is not None:
        from llmspell.schema_range import require_version

        require_version(schema_version)
    return open_settings(settings, clock=clock)


def open_settings(settings: StateSettings, *, clock: Callable[[], float] = time.time) -> Store:
    """Open the store that `settings` describe; see `open`."""
    options = BackendOptions(settings.path, settings.durability, settings.schema_version)
    store = Store(
        open_backend(settings.backend, options),
        clock=clock,
        max_value_bytes=settings.max_value_bytes,
    )
    try:
        _require_schema(store, settings)
    except BaseException:
        store.close()
        raise
    return store


def _folder_name(path: str | os.PathLike[str]) -> str:
    name = os.fspath(path)
    if not name or "\0" in name:
        raise InvalidArgument(f"the path {name!r} names no folder; give one such as './state'")
    return name


def _require_schema(store: Store, settings: StateSettings) -> None:
    if settings.required_schema is None:
        return
    from llmspell.schema_range import satisfies

    found = store.schema_version() or settings.schema_version
    if not satisfies(found, settings.required_schema):
        raise SchemaMismatch(
            f'the store in "{settings.path}" has schema version {found}, outside the required '
            f"{settings.required_schema}; open it with the program that fits, or change required_schema"
        )
