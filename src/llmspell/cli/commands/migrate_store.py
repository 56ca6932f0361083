"""Which store do the migration commands work on? The one of the configuration, with migrations switched on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.cli.store import state_settings
from llmspell.config import load_settings
from llmspell.opening import open_settings

if TYPE_CHECKING:
    from argparse import Namespace

    from llmspell.cli.output import Output
    from llmspell.config import StateSettings
    from llmspell.store import Store


def migrating_settings(arguments: Namespace) -> StateSettings:
    """Give what the configuration says about state, with migrations on: whoever types the command means it.

    `required_schema` is left out, because these commands are what brings a store into the range.
    """
    return state_settings(arguments)._replace(migration_enabled=True, required_schema=None)


def open_migrating(arguments: Namespace, output: Output) -> Store:
    """Open the store that the configuration describes; the caller closes it."""
    settings = migrating_settings(arguments)
    store = open_settings(settings, load_settings(arguments.config).script)
    if not store.capabilities.persistent:
        output.say(f'the backend "{settings.backend}" is empty and keeps nothing after this command')
    return store
