"""Which store and which backups do the backup commands work on? Those of the configuration, switched on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.backups.names import is_id, require_id
from llmspell.backups.verbs import BEFORE_RESTORE
from llmspell.cli.store import state_settings
from llmspell.config import load_settings
from llmspell.errors import BackupNotFound
from llmspell.opening import open_settings

if TYPE_CHECKING:
    from argparse import Namespace

    from llmspell.backups.verbs import Backups
    from llmspell.cli.output import Output
    from llmspell.config import StateSettings
    from llmspell.store import Store

LATEST = "latest"
"""The word that stands for the id of the newest backup."""


def backup_settings(arguments: Namespace) -> StateSettings:
    """Give what the configuration says about state, with backups on: whoever types the command means it.

    `required_schema` is left out: a store that no program may use as it is can be backed up and brought back all
    the same.
    """
    return state_settings(arguments)._replace(backup_enabled=True, required_schema=None)


def open_backups(arguments: Namespace, output: Output, *, migrating: bool = False) -> Store:
    """Open the store that the configuration describes; the caller closes it.

    `migrating`: with migrations, where the configuration has them on, for what brings entries of another schema
    version back. Without, a store is opened that has no migrations known here.
    """
    settings = backup_settings(arguments)
    if not migrating:
        settings = settings._replace(migration_enabled=False)
    store = open_settings(settings, load_settings(arguments.config).script)
    if not store.capabilities.persistent:
        output.say(f'the backend "{settings.backend}" is empty and keeps nothing after this command')
    return store


def chosen(word: str, backups: Backups, arguments: Namespace, output: Output) -> str:
    """Give the id that a word means: itself, or that of the newest backup for "latest".

    Raises `InvalidArgument` for a word that is neither, `BackupNotFound` when there is no newest one.
    """
    if word != LATEST:
        return require_id(word)
    listed = backups.list_backups()
    unread = max(filter(is_id, backups.problems()), default="")
    if not listed:
        raise BackupNotFound(none_there(arguments, unread))
    # Not one that was made before a restore: "latest" said twice would undo what it did.
    taken = next((one for one in listed if not (one.description or "").startswith(BEFORE_RESTORE)), listed[0])
    newest = taken.id
    if newest != listed[0].id:
        output.say(f"taking {newest}; what was made after it undoes restores")
    if taken.partial:
        output.say(f"{newest} is of some scopes only; {LATEST} is the newest backup, whatever is in it")
    if unread > newest:
        output.say(f"the latest backup that can be read is {newest}; {unread} is newer and cannot be read")
    return newest


def none_there(arguments: Namespace, unread: str = "") -> str:
    """Say that there is no backup, and how one is made. `unread` is the id of one that cannot be read."""
    from llmspell.cli.commands.backup_text import command

    place = backup_settings(arguments).backup_path
    if unread:
        return f'there is no backup in "{place}" that can be read; see {command(arguments, "list")}'
    return f'there is no backup in "{place}"; make one with {command(arguments, "create")}'
