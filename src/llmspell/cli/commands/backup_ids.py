"""Which backups and scopes could the next word be? Found in the names of folders and in the store.

Only names are looked at: no manifest is read, and no place is asked that is not on this machine, because a shell
waits for the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Action, Namespace
    from collections.abc import Callable
    from typing import TypeAlias

    from llmspell.config import StateSettings

    Question: TypeAlias = Callable[[StateSettings, str], list[str]]
    """Given the settings and what is typed already, it gives the answers."""

_MOST_ANSWERS = 500


def complete_ids(action: Action) -> None:
    """Let the shell complete the ids of the backups, the newest first."""
    _complete(action, _ids)


def complete_scopes(action: Action) -> None:
    """Let the shell complete the scopes of the store."""
    _complete(action, _scopes)


def _ids(settings: StateSettings, prefix: str) -> list[str]:
    from llmspell.backups.places import open_place
    from llmspell.cli.commands.backup_store import LATEST

    if "://" in settings.backup_path:
        return []
    found = sorted(open_place(settings.backup_path).listing(), reverse=True)
    return [*found[:_MOST_ANSWERS], *([LATEST] if found else [])]


def _scopes(settings: StateSettings, prefix: str) -> list[str]:
    from llmspell.opening import open_settings

    if settings.backend != "disk":
        return []
    with open_settings(settings._replace(required_schema=None, migration_enabled=False)) as store:
        return [scope for scope in store.scopes(prefix)[:_MOST_ANSWERS] if scope.isprintable()]


def _complete(action: Action, question: Question) -> None:
    def answers(prefix: str, parsed_args: Namespace, **_: object) -> list[str]:
        from llmspell.cli.store import state_settings

        try:
            found = question(state_settings(parsed_args), prefix)
        except Exception:  # noqa: BLE001 - a shell in the middle of a line is no place for errors
            return []
        return [answer for answer in found if answer.startswith(prefix)]

    setattr(action, "completer", answers)  # noqa: B010 - no attribute that argparse knows
