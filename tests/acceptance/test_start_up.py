"""A short command is short: what takes long to import is not imported for it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.acceptance.conftest import Llmspell

SLOW = {
    *("argcomplete", "asyncio", "click", "dataclasses", "difflib", "inspect", "json", "locale", "logging"),
    *("orjson", "rich", "shutil", "subprocess", "traceback", "typing_extensions"),
}


TELLING = """
import sys
from llmspell.cli.main import main
code = main(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
sys.exit(code)
"""


def imported(llmspell: Llmspell, *words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", TELLING, *words],
        cwd=llmspell.folder,
        env=llmspell.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "words",
    [
        ("run", "script.lua", "--an-option"),
        ("exec", 'State.save("a", "b", {1, 2.5, "x"})'),
        ("state", "load", "a", "b"),
        ("state", "exists", "a", "b"),
        ("state", "list-keys", "a"),
        ("state", "delete", "a", "b"),
        ("state", "increment", "a", "n"),
        ("--version",),
        ("-c", "other.toml", "run", "script.lua"),
    ],
)
def test_nothing_slow_is_imported(llmspell: Llmspell, words: tuple[str, ...]) -> None:
    llmspell.write("script.lua", 'State.increment("stats", "runs") print(State.load("a", "b"))')
    llmspell.write("other.toml", '[state]\npath = "other"\n')
    llmspell.ok("state", "save", "a", "b", "1")
    assert imported(llmspell, *words) & SLOW == set()


def test_json_is_the_only_slow_thing_where_it_is_needed(llmspell: Llmspell) -> None:
    assert imported(llmspell, "state", "scopes", "--json") & SLOW == {"json"}


def test_only_the_named_command_is_imported(llmspell: Llmspell) -> None:
    llmspell.ok("state", "save", "a", "b", "1")
    commands = {name for name in imported(llmspell, "state", "load", "a", "b") if ".cli.commands." in name}
    assert commands == {"llmspell.cli.commands.state_entry"}
    assert "lupa" not in imported(llmspell, "state", "load", "a", "b")
    assert "llmspell.backends.sqlite" not in imported(llmspell, "--help")
