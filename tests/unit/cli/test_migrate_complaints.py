"""What is said about a migration that could not be made, and how far one is that is being made."""

from __future__ import annotations

import json

import pytest
from tests.unit.cli.test_progress import watched

from llmspell.cli.output import Output
from llmspell.cli.progress import Progress
from llmspell.errors import MigrationError, MigrationFailed


def test_one_problem_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Output().complain(MigrationFailed("it broke"))
    assert capsys.readouterr().err == "llmspell: it broke\n"


def test_the_problem_that_the_sentence_has_told_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    Output().complain(MigrationFailed("first (and 1 more)", ("first", "second\nline")))
    assert capsys.readouterr().err == "llmspell: first (and 1 more)\n  second\\nline\n"


def test_problems_that_the_sentence_does_not_tell_all_follow(capsys: pytest.CaptureFixture[str]) -> None:
    Output().complain(MigrationError("2 entries stay", ("a: why", "b: why")))
    assert capsys.readouterr().err == "llmspell: 2 entries stay\n  a: why\n  b: why\n"


def test_at_most_twenty_problems_are_shown_and_json_has_all(capsys: pytest.CaptureFixture[str]) -> None:
    error = MigrationError("many", tuple(f"problem {number}" for number in range(23)))
    Output().complain(error)
    lines = capsys.readouterr().err.splitlines()
    assert lines[-2:] == ["  problem 19", "  ... and 3 more; --json tells all of them"]
    Output(as_json=True).complain(error)
    assert len(json.loads(capsys.readouterr().err)["error"]["errors"]) == 23


def test_a_bar_shows_how_many_of_how_many_and_how_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch)
    monkeypatch.setenv("COLUMNS", "100")
    with Progress("migrating", Output(coloured=False)) as shown:
        for done in range(0, 5_000, 1_000):
            shown.reach(done, 8_000)
    assert "4,000 of 8,000 entries" in terminal.getvalue()
    assert "/s" in terminal.getvalue()


def test_a_quick_run_shows_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch)
    with Progress("migrating", Output()) as shown:
        shown.reach(0, 10)
    assert terminal.getvalue() == ""
