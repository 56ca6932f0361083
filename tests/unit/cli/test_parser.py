from __future__ import annotations

import pytest

from llmspell.cli.commands import COMMANDS, Command
from llmspell.cli.parser import build, unknown
from llmspell.errors import InvalidArgument


def parse(*words: str) -> dict[str, object]:
    root, _ = build(COMMANDS, tuple(word for word in words[:2] if not word.startswith("-")))
    return vars(root.parse_args(words))


def test_a_global_option_is_seen_before_and_behind_the_command() -> None:
    for words in (("-c", "x", "state", "scopes"), ("state", "-c", "x", "scopes"), ("state", "scopes", "-c", "x")):
        root, _ = build(COMMANDS, ("state", "scopes"))
        assert root.parse_args(words).config == "x"


def test_the_last_of_two_configurations_counts() -> None:
    root, _ = build(COMMANDS, ("state", "scopes"))
    assert root.parse_args(("-c", "x", "state", "scopes", "-c", "y")).config == "y"


def test_without_a_configuration_there_is_none() -> None:
    assert parse("state", "scopes")["config"] is None


@pytest.mark.parametrize("word", ["-1", "-1.5", "-.5", "-5e3", "-1E-7"])
def test_a_negative_number_is_no_option(word: str) -> None:
    assert parse("state", "save", "a", "b", word)["value"] == word
    assert parse("state", "increment", "a", "b", "--by", word)["by"] == word


def test_no_option_may_be_cut_short() -> None:
    _, innermost = build(COMMANDS, ("state", "save"))
    with pytest.raises(InvalidArgument, match='unknown option "--ver"; did you mean "--version"'):
        innermost.refuse_unknown_options(["--ver"])


def test_what_stands_behind_two_dashes_is_no_option() -> None:
    _, innermost = build(COMMANDS, ("state", "save"))
    innermost.refuse_unknown_options(["state", "save", "--", "--whatever", "-x"])


def test_a_wrong_line_is_an_error_and_not_the_end_of_the_process() -> None:
    with pytest.raises(InvalidArgument, match=r"KEY; see `llmspell state load --help`"):
        parse("state", "load", "a")


@pytest.mark.parametrize(("command", "missing"), [("run", "SCRIPT"), ("exec", "CODE")])
def test_a_script_may_have_no_arguments_but_must_be_there(command: str, missing: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^the following arguments are required: {missing}; see"):
        parse(command)


def test_only_the_named_command_has_its_arguments() -> None:
    def refuse() -> None:
        raise AssertionError("not to be imported")

    commands = {
        "a": Command("do a", ("llmspell a",), "llmspell.cli.commands.state_health:declare_stats"),
        "b": Command("do b", ("llmspell b",), "no_such_module:declare"),
    }
    build(commands, ("a",))
    build(commands, ())
    with pytest.raises(ModuleNotFoundError):
        build(commands, None)


def test_every_command_can_be_built_at_once() -> None:
    root, innermost = build(COMMANDS, None)
    assert root is innermost
    assert root.parse_args(["state", "load", "a", "b"]).scope == "a"


def test_what_is_not_near_gets_no_suggestion() -> None:
    assert unknown("command", "xyzzy", ["state"], "llmspell") == 'unknown command "xyzzy"; see `llmspell --help`'
