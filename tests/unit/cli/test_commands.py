from __future__ import annotations

from importlib import import_module

import pytest

from llmspell.backups.verbs import Backups
from llmspell.cli.commands import COMMANDS, Command
from llmspell.state import State
from llmspell.store import Store


def every(commands: dict[str, Command]) -> list[tuple[str, Command]]:
    found = []
    for name, command in commands.items():
        found += [(name, command), *every(command.verbs or {})]
    return found


@pytest.mark.parametrize(("name", "command"), every(COMMANDS))
def test_a_command_has_a_summary_examples_and_either_a_target_or_verbs(name: str, command: Command) -> None:
    assert command.summary[0].islower()
    assert not command.summary.endswith(".")
    assert command.examples
    assert all(f" {name} " in f"{example} " for example in command.examples if command.verbs is None)
    assert bool(command.target) != bool(command.verbs)
    if command.target:
        module, _, function = command.target.partition(":")
        assert callable(getattr(import_module(module), function))


def test_verbs_have_the_names_of_the_methods() -> None:
    verbs = COMMANDS["state"].verbs or {}
    in_python = {name.replace("_", "-") for kind in (State, Store) for name in vars(kind) if not name.startswith("_")}
    assert set(verbs) - in_python == {"export", "import", "stats", "check"}


def test_commands_of_backups_are_words_of_the_methods() -> None:
    methods = {name for name in vars(Backups) if not name.startswith("_")}
    words = {word for name in methods for word in name.split("_")}
    assert set(COMMANDS["backup"].verbs or {}) - words == {"show", "key"}
