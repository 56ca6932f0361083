"""The answers of the migration functions, as the JSON text that every language is given."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import llmspell
from llmspell.errors import InvalidArgument
from llmspell.scripting import migration_answers
from tests.clock import Clock
from tests.unit.migrations.homes import FIRST, RENAME, SECOND, Home


@pytest.fixture
def home(tmp_path: Path, clock: Clock) -> Iterator[Home]:
    with llmspell.open(backend="memory", clock=clock, migrations_path=tmp_path / "files") as store:
        home = Home(tmp_path / "files", store, clock)
        home.step(RENAME)
        yield home


def migrated(home: Home, target: str = SECOND, dry_run: bool | None = None, on_error: str | None = None) -> Any:
    return json.loads(migration_answers.migrate(home.store, target, dry_run, on_error, lambda: False))


def test_what_is_left_out_is_the_default(home: Home) -> None:
    home.save("a")
    answer = migrated(home)
    assert (answer["status"], answer["warnings"], "dry_run" in answer) == ("completed", [], False)
    assert home.store.schema_version() == SECOND


def test_a_failure_is_an_answer_with_all_problems(home: Home) -> None:
    home.save("a", "b", mail="x")
    answer = migrated(home)
    assert answer["error"] == f"{answer['errors'][0]} (and 1 more among those looked at)"
    assert len(answer["errors"]) == 2


def test_a_store_that_cannot_do_it_is_an_answer(home: Home) -> None:
    home.save("a")
    home.store.close()
    answer = migrated(home)
    assert (answer["success"], answer["status"], answer["from_version"]) == (False, "failed", None)
    assert answer["errors"] == [answer["error"]]


@pytest.mark.parametrize(("target", "on_error"), [("two", None), (SECOND, "skip")])
def test_a_wrong_argument_is_raised(home: Home, target: str, on_error: str | None) -> None:
    with pytest.raises(InvalidArgument):
        migrated(home, target, on_error=on_error)


def test_a_stop_is_an_answer_for_a_script_that_will_not_see_it(home: Home) -> None:
    home.save("a")
    answer = json.loads(migration_answers.migrate(home.store, SECOND, None, None, lambda: True))
    assert "was stopped; nothing was changed" in answer["error"]
    assert home.values() == {"a": {"name": "a"}}


def test_the_status_of_files_that_cannot_be_used_has_the_error_in_it(home: Home) -> None:
    (home.folder / "3.0.0_bad.json").write_text("{")
    answer = json.loads(migration_answers.migration_status(home.store))
    assert "3.0.0_bad.json" in answer.pop("error")
    assert answer == {
        "current_version": FIRST,
        "is_latest": False,
        "migration_available": False,
        "migration_targets": [],
        "total_schemas": 0,
    }


def test_the_status_leaves_out_what_there_is_none_of(home: Home) -> None:
    home.save("a")
    assert "error" not in json.loads(migration_answers.migration_status(home.store))


def test_versions_are_an_array(home: Home) -> None:
    assert migration_answers.schema_versions(home.store) == b'["1.0.0","2.0.0"]'
