"""Which schema versions could the next word be? Found in file names and the store; no migration file is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Action, Namespace
    from collections.abc import Callable
    from typing import TypeAlias

    from llmspell.store import Store

    Question: TypeAlias = Callable[[Store, tuple[str, ...]], list[str]]
    """Given the store and the versions that file names tell, it gives the answers."""


def complete_newer(action: Action) -> None:
    """Let the shell complete the versions above the store's."""
    _complete(action, _newer)


def complete_older(action: Action) -> None:
    """Let the shell complete the versions that the store came from."""
    _complete(action, _older)


def complete_any(action: Action) -> None:
    """Let the shell complete the versions above and below the store's."""
    _complete(action, lambda store, known: [*_older(store, known), *_newer(store, known)])


def complete_applied(action: Action) -> None:
    """Let the shell complete the versions whose migration can be forgotten."""
    _complete(action, lambda store, known: [one.to_version for one in store.migrations.applied() if not one.forgotten])


def _newer(store: Store, known: tuple[str, ...]) -> list[str]:
    from llmspell.schema_range import order

    current = order(store.migrations.current_version())
    return sorted((version for version in known if order(version) > current), key=order)


def _older(store: Store, known: tuple[str, ...]) -> list[str]:
    return [one.from_version for one in store.migrations.applied()]


def _complete(action: Action, question: Question) -> None:
    def answers(prefix: str, parsed_args: Namespace, **_: object) -> list[str]:
        try:
            return [version for version in _ask(parsed_args, question) if version.startswith(prefix)]
        except Exception:  # noqa: BLE001 - a shell in the middle of a line is no place for errors
            return []

    setattr(action, "completer", answers)  # noqa: B010 - no attribute that argparse knows


def _ask(arguments: Namespace, question: Question) -> list[str]:
    from llmspell.cli.commands.migrate_store import migrating_settings
    from llmspell.migrations.files import versions_by_name
    from llmspell.opening import open_settings

    settings = migrating_settings(arguments)
    if settings.backend != "disk":
        return []
    with open_settings(settings) as store:
        return question(store, versions_by_name(settings.migrations_path))
