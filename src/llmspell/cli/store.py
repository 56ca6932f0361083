"""Which store do the commands work on? The one that the configuration describes."""

from __future__ import annotations

from llmspell.config import load_settings
from llmspell.errors import ConfigError
from llmspell.opening import open_settings
from llmspell.quick_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace

    from llmspell.cli.output import Output
    from llmspell.config import StateSettings
    from llmspell.store import Store


def state_settings(arguments: Namespace) -> StateSettings:
    """Give what the configuration says about state; raises `ConfigError` when it switches state off."""
    settings = load_settings(arguments.config)
    if not settings.state.enabled:
        raise ConfigError(f'state is switched off in "{settings.source}"; write enabled = true in its table [state]')
    return settings.state


def open_state(arguments: Namespace, output: Output) -> Store:
    """Open the store that the configuration describes; the caller closes it."""
    return open_store(state_settings(arguments), output)


def open_store(settings: StateSettings, output: Output) -> Store:
    """Open the store of `settings`; say so when it is one that forgets everything at the end of the command."""
    store = open_settings(settings)
    if not store.capabilities.persistent:
        output.say(f'the backend "{settings.backend}" is empty and keeps nothing after this command')
    return store
