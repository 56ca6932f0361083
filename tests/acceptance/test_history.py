"""`llmspell state history` and the other commands that look back, as a person types them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from tests.acceptance.test_completion import completions
from tests.acceptance.test_terminal import ESCAPE, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.conftest import Llmspell


@pytest.fixture
def kept(llmspell: Llmspell) -> Llmspell:
    """A store with history: version 1 to 4 of scope app, and a file with another configuration that asks for none."""
    llmspell.write("llmspell.toml", "[state]\nhistory_days = 7\n")
    llmspell.write("plain.toml", "")
    llmspell.ok("state", "save", "app", "theme", '{"name": "dark", "size": 1.0}')
    llmspell.ok("state", "save", "app", "theme", '{"name": "light", "size": 1.0}')
    llmspell.ok("state", "save", "app", "x", "1")
    llmspell.ok("state", "delete", "app", "theme")
    return llmspell


@pytest.fixture
def terminal(kept: Llmspell) -> Iterator[Terminal]:
    terminal = Terminal(kept)
    yield terminal
    terminal.close()


def test_the_values_that_an_entry_had_are_told_newest_first(kept: Llmspell) -> None:
    rows = [line.split("\t") for line in kept.ok("state", "history", "app", "theme").splitlines()]
    assert [(row[0], row[2]) for row in rows] == [
        ("4", ""),
        ("2", '{"name":"light","size":1.0}'),
        ("1", '{"name":"dark","size":1.0}'),
    ]
    assert float(rows[2][1]) <= float(rows[1][1]) <= float(rows[0][1])
    assert kept.ok("state", "history", "app", "theme", "--limit", "1").startswith("4\t")
    told = json.loads(kept.ok("state", "history", "app", "theme", "--json"))
    assert [(one["version"], one["deleted"]) for one in told] == [(4, True), (2, False), (1, False)]
    assert kept("state", "history", "app", "none") == (
        0,
        "",
        'llmspell: nothing is known of scope "app", key "none"\n',
    )


def test_a_value_is_loaded_as_it_was(kept: Llmspell) -> None:
    assert kept.ok("state", "load", "app", "theme", "--at", "1") == '{"name":"dark","size":1.0}'
    at = json.loads(kept.ok("state", "history", "app", "theme", "--json"))[1]["at"]
    assert kept.ok("state", "load", "app", "theme", "--at", repr(at), "--json") == '{"name":"light","size":1.0}'
    assert kept.ok("state", "load", "app", "theme", "--at", "4", "--default", "7") == "7"
    absent = kept("state", "load", "app", "theme", "--at", "4")
    assert absent == (3, "", 'llmspell: there was no entry in scope "app" under key "theme" at 4\n')


def test_a_text_is_loaded_as_it_was_without_its_quotes(kept: Llmspell) -> None:
    version = kept.ok("state", "save", "app", "note", "--text", "é")
    kept.ok("state", "save", "app", "note", "2")
    assert kept.ok("state", "load", "app", "note", "--raw", "--at", version) == "é"


def test_what_differs_between_two_points_is_told(kept: Llmspell) -> None:
    assert kept.ok("state", "diff", "app", "1", "2") == (
        'changed\ttheme\t{"name":"dark","size":1.0}\t{"name":"light","size":1.0}'
    )
    assert kept.ok("state", "diff", "app", "2") == 'removed\ttheme\t{"name":"light","size":1.0}\t\nadded\tx\t\t1'
    assert json.loads(kept.ok("state", "diff", "app", "2", "3", "--json")) == [
        {"key": "x", "change": "added", "before": None, "after": 1}
    ]
    assert kept("state", "diff", "app", "4") == (0, "", 'llmspell: scope "app" is the same at both points\n')


def test_the_points_that_can_be_named_are_told(kept: Llmspell) -> None:
    told = json.loads(kept.ok("state", "restore-points", "--json"))
    assert (told["latest_version"], told["history_days"]) == (4, 7)
    assert told["earliest_time"] <= told["latest_time"]
    assert "latest_version\t4\n" in kept.ok("state", "restore-points")


def test_a_program_that_asks_for_no_history_sees_what_another_one_keeps(kept: Llmspell) -> None:
    assert kept.ok("-c", "plain.toml", "state", "load", "app", "theme", "--at", "2").startswith('{"name":"light"')


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("load", "app", "x", "--at", "99"), 7, "version 99 is not known to the history of the store"),
        (("load", "app", "x", "--at", "2000-01-01"), 7, "2000-01-01T00:00:00"),
        (("load", "app", "x", "--at", "soon"), 2, "'soon' is no moment"),
        (("diff", "app", "1", "99"), 7, "version 99 is not known"),
        (("diff", "app", "soon"), 2, "'soon' is no moment"),
        (("diff", "app"), 2, "FROM"),
        (("history", "app"), 2, "KEY"),
        (("history", "app", "x", "--limit", "all"), 2, '--limit takes a whole number from 0 up, not "all"'),
        (("stop-history",), 2, "stopping the history throws old values away and nobody can be asked; add --yes"),
    ],
)
def test_wrong_words_say_what_to_do(kept: Llmspell, words: tuple[str, ...], code: int, said: str) -> None:
    result = kept("state", *words)
    assert (result.code, result.out) == (code, "")
    assert said in result.err
    assert result.err.count("\n") == 1
    assert json.loads(kept.ok("state", "restore-points", "--json"))["latest_version"] == 4


@pytest.mark.parametrize(
    "words", [("history", "a", "b"), ("diff", "a", "1"), ("load", "a", "b", "--at", "1"), ("restore-points",)]
)
def test_without_history_it_is_said_how_to_keep_one(llmspell: Llmspell, words: tuple[str, ...]) -> None:
    llmspell.ok("state", "save", "a", "b", "1")
    result = llmspell("state", *words)
    assert (result.code, result.out, "history_days" in result.err) == (7, "", True)
    assert llmspell("state", "stop-history", "--yes").code == 7


def test_after_stop_history_the_old_values_are_gone(kept: Llmspell) -> None:
    done = kept("state", "stop-history", "--yes")
    assert (done.code, done.out) == (0, "the history is gone, and no more is kept\n")
    assert "history_days = 7 in the configuration begins a new one" in done.err
    assert kept("-c", "plain.toml", "state", "history", "app", "theme").code == 7
    assert kept.ok("state", "load", "app", "x") == "1"


def test_results_are_one_json_value(kept: Llmspell) -> None:
    for words, kind in (
        (("history", "app", "x"), list),
        (("diff", "app", "1"), list),
        (("restore-points",), dict),
        (("stop-history", "--yes"), bool),
    ):
        assert type(json.loads(kept("state", *words, "--json").out)) is kind, words


def test_scopes_and_keys_are_completed(kept: Llmspell) -> None:
    assert completions(kept, "llmspell state history a") == ["app"]
    assert completions(kept, "llmspell state history app x") == ["x"]
    assert completions(kept, "llmspell state diff a") == ["app"]


def test_versions_are_a_table_on_a_terminal(kept: Llmspell, terminal: Terminal) -> None:
    kept.ok("state", "save", "app", "x", json.dumps("y" * 100))
    terminal.run("state", "history", "app", "x", "--no-color", COLUMNS="60")
    terminal.run("state", "history", "app", "theme", "--no-color", COLUMNS="100")
    lines = terminal.shown.splitlines()
    assert lines[0].split() == ["version", "at", "value"]
    assert re.fullmatch(r'5        \d{4}-\d\d-\d\d .*  "y+\.\.\.', lines[1])
    assert len(lines[1]) == 60
    assert lines[4].endswith("  (deleted)")


def test_differences_are_shown_side_by_side_on_a_terminal(terminal: Terminal) -> None:
    terminal.run("state", "diff", "app", "1", "2", COLUMNS="80")
    assert terminal.shown.startswith('changed key "theme"\n')
    assert '\033[31m-   "name": "dark",' in terminal.shown
    assert '\033[32m+   "name": "light",' in terminal.shown
    terminal.shown = ""
    terminal.run("state", "diff", "app", "2", "--no-color")
    assert terminal.shown == 'removed key "theme"\n  {"name":"light","size":1.0}\n\nadded key "x"\n  1\n\n'
    assert ESCAPE not in terminal.shown


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 130)])
def test_stop_history_asks_on_a_terminal(kept: Llmspell, terminal: Terminal, answer: str, code: int) -> None:
    process = terminal.start("state", "stop-history", "--no-color", COLUMNS="200")
    terminal.type(answer, after="on? [y/N] ")
    assert terminal.end(process) == code
    assert "Throw away every replaced and deleted value from version " in terminal.shown
    assert (kept("state", "history", "app", "x").code == 7) == (code == 0)
