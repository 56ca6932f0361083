from __future__ import annotations

import pytest

from llmspell.cli.commands import COMMANDS
from llmspell.cli.line import Line, script_call, take_apart


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ((), ()),
        (("--json",), ()),
        (("state",), ("state",)),
        (("state", "--json"), ("state",)),
        (("state", "load", "run", "x"), ("state", "load")),
        (("-c", "state", "config", "show"), ("config", "show")),
        (("--config=state", "config", "show"), ("config", "show")),
        (("--config", "run", "state", "-c", "x", "scopes"), ("state", "scopes")),
        (("-crun", "completion", "bash"), ("completion",)),
        (("--", "state", "load"), ("state", "load")),
    ],
)
def test_the_command_words_are_found_among_options(given: tuple[str, ...], path: tuple[str, ...]) -> None:
    line = take_apart(given, COMMANDS)
    assert (line.path, line.stray, line.words) == (path, None, given)


@pytest.mark.parametrize(
    ("given", "path", "stray"),
    [(("stat",), (), "stat"), (("--json", "state", "lod", "x"), ("state",), "lod"), (("-",), (), "-")],
)
def test_a_word_that_is_no_command_is_told(given: tuple[str, ...], path: tuple[str, ...], stray: str) -> None:
    assert take_apart(given, COMMANDS) == Line(given, path, stray)


@pytest.mark.parametrize(
    ("given", "own"),
    [
        (("run", "a.lua"), 2),
        (("run", "a.lua", "--json", "-c", "x"), 2),
        (("run", "--json", "a.lua", "b"), 3),
        (("run", "-c", "a.lua", "b.lua", "c"), 4),
        (("--debug", "exec", "--", "-x", "--", "y"), 4),
        (("run", "-", "--", "-"), 2),
    ],
)
def test_everything_behind_the_script_is_left_to_it(given: tuple[str, ...], own: int) -> None:
    line = take_apart(given, COMMANDS)
    assert (line.words, line.script_arguments) == (given[:own], given[own:])


def test_a_flag_counts_only_among_our_own_words() -> None:
    assert take_apart(("run", "--json", "a.lua"), COMMANDS).asks("--json")
    assert not take_apart(("run", "a.lua", "--json"), COMMANDS).asks("--json")
    assert not take_apart(("state", "load", "--", "a", "--json"), COMMANDS).asks("--json")


@pytest.mark.parametrize(
    ("given", "call"),
    [
        (("run", "a.lua", "x"), ("run", None, "a.lua", None)),
        (("run", "--language", "python", "a.lua"), ("run", None, "a.lua", "python")),
        (("run", "--language=python", "-c", "x", "-", "--language=lua"), ("run", "x", "-", "python")),
        (("--debug", "exec", "--language", "lua", "--json", "print(1)"), ("exec", None, "print(1)", "lua")),
        (("run", "--language=", "a.lua"), ("run", None, "a.lua", "")),
        (("run", "--language", "lua", "--language", "python", "a"), ("run", None, "a", "python")),
    ],
)
def test_a_line_that_runs_a_script_needs_no_parser(
    given: tuple[str, ...], call: tuple[str, str | None, str, str | None]
) -> None:
    assert script_call(take_apart(given, COMMANDS)) == call


@pytest.mark.parametrize(
    "given",
    [
        ("run",),
        ("run", "--help"),
        ("run", "--language"),
        ("run", "--language", "a.lua"),
        ("run", "--languages", "lua", "a.lua"),
        ("run", "--", "a.lua"),
        ("run", "-c", "", "a.lua"),
        ("state", "scopes"),
    ],
)
def test_any_other_line_is_for_the_parser(given: tuple[str, ...]) -> None:
    assert script_call(take_apart(given, COMMANDS)) is None


def test_the_language_is_ours_before_the_script_and_the_scripts_behind_it() -> None:
    line = take_apart(("run", "--language", "lua", "a", "--language", "python"), COMMANDS)
    assert (line.words, line.script_arguments) == (("run", "--language", "lua", "a"), ("--language", "python"))
