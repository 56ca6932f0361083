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

NOT_FOR_A_SCRIPT = {"argparse", "enum", "importlib", "math", "re", "typing", "warnings"}
"""What llmspell could do its work with, and does without: together they would take a third of a short script's time."""

TELLING = """
import sys
from llmspell.cli.main import main
code = main(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
sys.exit(code)
"""

COLLECTING = """
import gc, sys
from llmspell.cli.main import main
gc.disable()
code = main(sys.argv[1:])
print(gc.isenabled(), file=sys.stderr)
sys.exit(code)
"""


def imported(llmspell: Llmspell, *words: str) -> set[str]:
    return set(told(llmspell, TELLING, *words).split())


def told(llmspell: Llmspell, program: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=llmspell.folder,
        env=llmspell.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stderr


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


@pytest.mark.parametrize(
    "words",
    [
        ("run", "script.lua", "--an-option"),
        ("run", "script.js"),
        ("exec", 'State.save("a", "b", {1, 2.5, "x"})'),
    ],
)
def test_a_script_is_run_without_what_its_run_can_do_without(llmspell: Llmspell, words: tuple[str, ...]) -> None:
    llmspell.write("script.lua", 'State.increment("stats", "runs") print(State.load("a", "b"))')
    llmspell.write("script.js", 'State.increment("stats", "runs"); console.log(State.load("a", "b"))')
    for _ in ("a new store", "the store that is there"):
        assert imported(llmspell, *words) & NOT_FOR_A_SCRIPT == set()


@pytest.mark.parametrize(
    "words", [("load", "a", "b"), ("save", "a", "c", "1"), ("delete", "a", "b"), ("list-keys", "a")]
)
def test_a_command_about_state_does_without_typing(llmspell: Llmspell, words: tuple[str, ...]) -> None:
    llmspell.ok("state", "save", "a", "b", "1")
    assert "typing" not in imported(llmspell, "state", *words)


@pytest.mark.parametrize(
    "words", [("run", "empty.lua"), ("run", "empty.js"), ("run", "empty.py"), ("exec", "print(1)"), ("state", "scopes")]
)
def test_garbage_is_collected_once_a_command_has_started(llmspell: Llmspell, words: tuple[str, ...]) -> None:
    for suffix in ("lua", "js", "py"):
        llmspell.write(f"empty.{suffix}", "")
    assert told(llmspell, COLLECTING, *words) == "True\n"
