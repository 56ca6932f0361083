from __future__ import annotations

import io
import sys
from argparse import Namespace

import pytest

from llmspell.backups.results import Created, Listed, Validated
from llmspell.cli.commands.backup_text import (
    ASCII,
    DRAWN,
    age,
    branches,
    chain_of,
    chains,
    command,
    kinds,
    list_lines,
    made,
    notes,
)
from llmspell.cli.commands.backup_validate import verdict

NOW = 1_000_000_000


def listed(name: str, parent: str | None = None, *, description: str = "", held: str | None = None) -> Listed:
    incremental = parent is not None
    return Listed(
        name, NOW - 3_600, 1_234, 12, incremental, incremental, parent, "1.0.0", description, float(NOW), held
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-61, "in the future"),
        (-60, "just now"),
        (59, "just now"),
        (60, "1 minute"),
        (3_599, "59 minutes"),
        (3_600, "1 hour"),
        (47 * 3_600, "47 hours"),
        (48 * 3_600, "2 days"),
        (59 * 86_400, "59 days"),
        (61 * 86_400, "2 months"),
        (3 * 365.25 * 86_400, "3 years"),
    ],
)
def test_an_age_is_told_in_the_span_that_suits_it(seconds: float, words: str) -> None:
    assert age(seconds) == words


def test_the_newest_chain_comes_first_and_each_as_it_was_made() -> None:
    newest_first = [listed("e", "b"), listed("d", "c"), listed("c"), listed("b", "a"), listed("a")]
    assert [[one.id for one in chain] for chain in chains(newest_first)] == [["a", "b", "e"], ["c", "d"]]


def test_a_chain_is_drawn_under_its_full_backup() -> None:
    chain = [listed("a"), listed("b", "a"), listed("c", "b")]
    assert kinds(chain, ASCII) == ["full", "|- incr", "`- incr"]
    assert kinds(chain, DRAWN) == ["full", "├─ incr", "└─ incr"]
    assert kinds(chain[:1], DRAWN) == ["full"]


@pytest.mark.parametrize(
    "chain",
    [
        [listed("b", "gone"), listed("c", "b")],
        [listed("a"), listed("b", "a"), listed("c", "a")],
        [listed("a", "b"), listed("b", "a")],
    ],
)
def test_what_does_not_stand_on_the_one_above_it_is_not_drawn(chain: list[Listed]) -> None:
    assert kinds(chain, DRAWN) == ["incr" if one.is_incremental else "full" for one in chain]


def test_parents_that_lead_back_to_themselves_are_followed_once() -> None:
    first, second = listed("a", "b"), listed("b", "a")
    assert [one.id for one in chain_of(first, {"a": first, "b": second})] == ["b", "a"]


@pytest.mark.parametrize(("encoding", "drawn"), [("utf-8", DRAWN), ("ascii", ASCII), ("latin-1", ASCII)])
def test_a_terminal_without_the_letters_gets_others(
    monkeypatch: pytest.MonkeyPatch, encoding: str, drawn: object
) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding))
    assert branches() == drawn


def test_a_wide_terminal_shows_everything_in_one_table_without_empty_columns() -> None:
    lines = list(list_lines([listed("a", description="nightly")], NOW, 80))
    assert lines == [
        "id  age     kind  size    entries  verified  description",
        "a   1 hour  full  1.2 kB  12       just now  nightly",
    ]


def test_on_a_narrow_terminal_notes_stand_below_and_are_cut() -> None:
    lines = list(list_lines([listed("a", description="a long text that goes on and on", held="why")], NOW, 50))
    assert lines == [
        "id  age     kind  size    entries  verified",
        "a   1 hour  full  1.2 kB  12       just now",
        "    held: why; a long text that goes on and on",
    ]
    assert list(list_lines([listed("a", description="x" * 60)], NOW, 50))[2] == f"    {'x' * 43}..."


def test_a_description_cannot_steer_the_terminal() -> None:
    lines = list(list_lines([listed("a", description="a\033[2J\nb")], NOW, 80))
    assert lines[1].endswith("a\\x1b[2J\\nb")
    assert all(line.isprintable() for line in list_lines([listed("a", description="a\033[2J\nb" * 9)], NOW, 80))


def test_notes_tell_what_is_unusual() -> None:
    assert notes(listed("a")) == ""
    assert notes(listed("a", held="held")) == "held"
    unusual = listed("a", held="why")._replace(damage="a is damaged: x", encrypted=True)
    assert notes(unusual) == "held: why, damaged, encrypted"


def test_a_backup_that_was_made_is_told_in_one_line() -> None:
    full = Created("a", 1_234, 1, False, False, None, NOW, 34.5)
    assert made(full) == "a: a full backup of 1 entry, 1.2 kB, in 0.03 s"
    incremental = full._replace(is_incremental=True, parent_id="b", entry_count=2)
    assert made(incremental) == "a: an incremental backup of 2 entries written since b, 1.2 kB, in 0.03 s"


def test_a_command_is_spelled_so_that_a_shell_takes_it() -> None:
    assert command(Namespace(config="a b"), "restore", "x") == "`llmspell -c 'a b' backup restore x`"


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ((), "sound"),
        (("a is damaged: x is missing",), "damaged: x is missing"),
        (("a cannot be restored: b is missing",), "cannot be restored: b is missing"),
        (("b is damaged: x",), "cannot be restored: b is damaged: x"),
        (("b is damaged: x", "a is damaged: y"), "cannot be restored: b is damaged: x; damaged: y"),
    ],
)
def test_a_verdict_says_whose_fault_it_is(errors: tuple[str, ...], words: str) -> None:
    assert verdict(Validated(not errors, not errors, not errors, errors, (), 0.0, "a")) == words
