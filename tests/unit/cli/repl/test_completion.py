"""What is offered at the cursor: a pure function of the text before it, and of the store."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

import llmspell
from llmspell.cli.repl.completion import MOST_ANSWERS, Answer, answers

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTIONS = ("save", "load", "list_keys", "scopes", "transaction")


@pytest.fixture
def full() -> Iterator[llmspell.Store]:
    """A store with scopes and keys, some with names that must be spelt with care."""
    with llmspell.open(backend="memory") as store:
        for scope, key in (
            *(("app", "config"), ("app", "count"), ("app", 'a"b'), ("app", "a'b"), ("app", "a\\b"), ("app", "x y")),
            *(
                ("agent:ada", "k"),
                ('quoted "scope"', "key"),
                ("it's", "key"),
                ("steer\x1b[2J", "k"),
                ("two words", "k"),
            ),
        ):
            store.save(scope, key, 1)
        yield store


def texts(before: str, store: llmspell.Store | None) -> list[str]:
    """Give the whole lines that the answers would make."""
    return [before[: len(before) - answer.replaced] + answer.text for answer in answers(before, FUNCTIONS, store)]


@pytest.mark.parametrize("before", ["State.", "x = State.", "f(State .  ", "if State.load('a', 'b') then State."])
def test_behind_state_stand_its_functions(before: str) -> None:
    assert texts(before, None) == [before + name for name in sorted(FUNCTIONS)]


def test_a_begun_name_is_completed(full: llmspell.Store) -> None:
    assert texts("local x = State.l", full) == ["local x = State.list_keys", "local x = State.load"]
    assert answers("State.l", FUNCTIONS, full)[0] == Answer("list_keys", 1, "list_keys")


@pytest.mark.parametrize(
    "before", ["", "x", "x = 'State", "Stat", "MyState.", "State.load(", "State.load('a', x", "5."]
)
def test_anywhere_else_stands_nothing(full: llmspell.Store, before: str) -> None:
    assert answers(before, FUNCTIONS, full) == []


@pytest.mark.parametrize("function", ["load", "save", "list_keys", "clear", "scopes", "history", "update"])
@pytest.mark.parametrize("quote", ["'", '"'])
def test_the_first_text_is_a_scope(full: llmspell.Store, function: str, quote: str) -> None:
    before = f"State.{function}({quote}a"
    assert texts(before, full) == [f"State.{function}({quote}agent:ada", f"State.{function}({quote}app"]


def test_the_second_text_is_a_key_of_that_scope(full: llmspell.Store) -> None:
    assert texts('State.load("app", "co', full) == ['State.load("app", "config', 'State.load("app", "count']
    assert texts("State.save( 'app' ,'x", full) == ["State.save( 'app' ,'x y"]
    assert texts("State.load('it\\'s', \"", full) == ["State.load('it\\'s', \"key"]
    assert texts("State.load('no such scope', '", full) == []


@pytest.mark.parametrize(
    "before", ["State.list_keys('app', '", "State.migrate('", "State.restore('", "State.load('app', 'x', '"]
)
def test_no_name_is_offered_where_none_belongs(full: llmspell.Store, before: str) -> None:
    assert answers(before, FUNCTIONS, full) == []


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("key", ['a"b', "a'b", "a\\b"])
def test_a_name_is_spelt_as_it_must_stand_between_its_quotes(full: llmspell.Store, key: str, quote: str) -> None:
    lines = texts(f"State.load('app', {quote}a", full)
    spelt = [ast.literal_eval(line.partition(", ")[2] + quote) for line in lines]
    assert spelt == ['a"b', "a'b", "a\\b"]
    begun = f"State.load('app', {quote}{'a' + chr(92) + key[1] if key[1] in (quote, chr(92)) else key[:2]}"
    assert [ast.literal_eval(line.partition(", ")[2] + quote) for line in texts(begun, full)] == [key]


def test_a_name_that_would_steer_the_terminal_is_not_offered(full: llmspell.Store) -> None:
    assert texts("State.load('st", full) == []


def test_dot_commands_and_what_stands_behind_them(full: llmspell.Store) -> None:
    assert texts(".", full) == [".exit", ".help", ".keys", ".load", ".quit", ".scopes"]
    assert texts(".ke", full) == [".keys"]
    assert texts(".keys ap", full) == [".keys app"]
    assert texts(".keys app co", full) == [".keys app config", ".keys app count"]
    assert texts(".scopes ag", full) == [".scopes agent:ada"]
    assert texts(".keys app co more", full) == []
    assert texts(".help ", full) == []


def test_names_with_blanks_or_quotes_are_quoted_behind_a_dot_command(full: llmspell.Store) -> None:
    assert texts(".keys two", full) == [".keys 'two words'"]
    assert texts(".keys 'two w", full) == [".keys 'two words'"]
    assert texts('.keys "two w', full) == [".keys 'two words'"]
    assert texts(".keys quo", full) == [".keys 'quoted \"scope\"'"]


def test_many_keys_are_asked_for_a_few_at_a_time(full: llmspell.Store) -> None:
    for number in range(MOST_ANSWERS + 5):
        full.save("many", f"k{number:04}", 1)
    assert len(answers("State.load('many', '", FUNCTIONS, full)) == MOST_ANSWERS
    assert texts("State.load('many', 'k0104", full) == ["State.load('many', 'k0104"]


@pytest.mark.parametrize("before", ["State.load('", "State.load('app', '", ".keys ", ".keys app ", "State."])
def test_a_store_that_cannot_answer_is_silence(full: llmspell.Store, before: str) -> None:
    full.close()
    assert len(answers(before, FUNCTIONS, full)) == (len(FUNCTIONS) if before == "State." else 0)


@pytest.mark.parametrize(
    "before", ["State.load('" + "x" * 300, "State.load('a\0", "State.load('\udcff", ".keys '\\", ".keys \\"]
)
def test_a_name_that_cannot_be_is_silence(full: llmspell.Store, before: str) -> None:
    assert answers(before, FUNCTIONS, full) == []


def test_a_long_line_of_backslashes_and_quotes_is_answered_soon(full: llmspell.Store) -> None:
    assert answers("State.load('" + "\\'" * 20_000, FUNCTIONS, full) == []
    assert answers("State.load(" * 2_000, FUNCTIONS, full) == []
    assert answers(".keys '" + "\\" * 20_000 + '"' * 1_000, FUNCTIONS, full) == []
