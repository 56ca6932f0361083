from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

import pytest

import llmspell
from llmspell.backups import places
from llmspell.cli.commands.backup_ids import complete_ids, complete_scopes
from llmspell.cli.parser import Parser

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from llmspell.backups.place import Place


def answers(complete: Callable[..., None], prefix: str = "") -> list[str]:
    action = Parser().add_argument("word")
    complete(action)
    found = vars(action)["completer"](prefix, Namespace(config=None))
    assert isinstance(found, list)
    return found


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("path", "asked"), [("s3://far/away", 0), ("kept", 1)])
def test_only_a_place_on_this_machine_is_asked(
    here: Path, monkeypatch: pytest.MonkeyPatch, path: str, asked: int
) -> None:
    opened = []

    def watched(name: str, open_place: Callable[[str], Place] = places.open_place) -> Place:
        opened.append(name)
        return open_place(name)

    monkeypatch.setattr(places, "open_place", watched)
    (here / "llmspell.toml").write_text(f'[state]\nbackup_path = "{path}"\n')
    assert answers(complete_ids) == []
    assert len(opened) == asked


def test_ids_begin_with_what_is_typed_and_latest_is_one_of_them(here: Path) -> None:
    with llmspell.open("state", backup_path="backups") as store:
        store.save("app", "x", 1)
        made = store.backups.create_backup().backup_id
    assert answers(complete_ids) == [made, "latest"]
    assert answers(complete_ids, made[:8]) == [made]
    assert answers(complete_ids, "x") == []


def test_scopes_that_cannot_be_typed_are_left_out(here: Path) -> None:
    with llmspell.open("state") as store:
        for scope in ("app", "other", "two\nlines"):
            store.save(scope, "x", 1)
    assert answers(complete_scopes) == ["app", "other"]
    assert answers(complete_scopes, "ot") == ["other"]


@pytest.mark.parametrize(
    "configuration", ["no toml [", "[state]\nenabled = false\n", '[state]\npath = "/dev/null"\nbackup_path = ""\n']
)
def test_no_error_reaches_the_shell_and_nothing_is_made(here: Path, configuration: str) -> None:
    (here / "llmspell.toml").write_text(configuration)
    assert (answers(complete_ids), answers(complete_scopes)) == ([], [])
    assert [path.name for path in here.iterdir()] == ["llmspell.toml"]
