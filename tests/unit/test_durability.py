"""Which durability a store is opened with: for scripts whose output is held back, and for everybody else."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import llmspell
from llmspell.backends.sqlite import syncing
from llmspell.config import load_settings
from llmspell.errors import LimitExceeded
from llmspell.opening import open_settings
from llmspell.scripting import Limits, run_script
from tests.unit.scripting.test_embedding import LONG_MATCH

FULL, NORMAL = 2, 1


def synchronous(store: llmspell.Store) -> object:
    """Give how the engine brings commits to the disk."""
    store.save("scope", "key", 1)
    reader = store.backend._database.take()  # type: ignore[attr-defined]
    try:
        return reader.connection.pragma("synchronous")
    finally:
        store.backend._database.give_back(reader)  # type: ignore[attr-defined]


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each time that the log was brought to the disk by settling or flushing."""
    heard: list[int] = []
    sync = syncing.sync_data

    def sync_and_hear(descriptor: int) -> None:
        sync(descriptor)
        heard.append(descriptor)

    monkeypatch.setattr(syncing, "sync_data", sync_and_hear)
    return heard


def config(folder: str, durability: str | None) -> Path:
    """Give a configuration file that says where the store is, and the durability if there is one."""
    file = Path(folder).with_suffix(".toml")
    line = "" if durability is None else f'durability = "{durability}"\n'
    file.write_text(f'[state]\npath = "{folder}"\n{line}')
    return file


@pytest.mark.parametrize(
    ("asked", "expected", "settles"), [(None, FULL, 0), ("full", FULL, 0), ("output", NORMAL, 1), ("normal", NORMAL, 0)]
)
def test_a_program_gets_the_durability_that_it_asks_for_and_full_unless_it_does(
    folder: str, syncs: list[int], asked: str | None, expected: int, settles: int
) -> None:
    with llmspell.open(folder, durability=asked) as store:
        assert synchronous(store) == expected
        store.settle()
        assert len(syncs) == settles


@pytest.mark.parametrize(
    ("said", "holding", "expected", "settles"),
    [
        (None, True, NORMAL, 1),
        (None, False, FULL, 0),
        ("output", True, NORMAL, 1),
        ("output", False, FULL, 0),
        ("full", True, FULL, 0),
        ("full", False, FULL, 0),
        ("normal", True, NORMAL, 0),
        ("normal", False, NORMAL, 0),
    ],
)
def test_a_file_that_says_output_means_it_for_those_who_hold_output_back(
    folder: str, syncs: list[int], said: str | None, holding: bool, expected: int, settles: int
) -> None:
    settings = load_settings(config(folder, said))
    with open_settings(settings.state, settings.script, holding=holding) as store:
        assert synchronous(store) == expected
        store.settle()
        assert len(syncs) == settles


@pytest.mark.parametrize(("said", "expected"), [(None, FULL), ("output", FULL), ("full", FULL), ("normal", NORMAL)])
def test_a_program_with_a_file_that_says_output_gets_full(folder: str, said: str | None, expected: int) -> None:
    with llmspell.open(config=config(folder, said)) as store:
        assert synchronous(store) == expected


def test_a_program_may_ask_for_output_whatever_its_file_says(folder: str) -> None:
    with llmspell.open(config=config(folder, "full"), durability="output") as store:
        assert synchronous(store) == NORMAL


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("lua", 'for i = 1, 50 do State.save("scope", "key", i) print(i) end return State.load("scope", "key")'),
        (
            "javascript",
            'for (let i = 1; i <= 50; i++) { State.save("scope", "key", i); console.log(i); }'
            'export default State.load("scope", "key");',
        ),
    ],
)
def test_a_script_inside_a_program_is_settled_once_when_it_ends(
    folder: str, syncs: list[int], language: str, source: str
) -> None:
    with llmspell.open(folder, durability="output") as store:
        result = run_script(store, source, language=language, limits=Limits(seconds=60.0))
        assert result.result == 50
        assert len(syncs) == 1


def test_what_a_script_saved_that_is_left_alone_is_on_the_disk_when_its_caller_hears_of_it(
    folder: str, syncs: list[int]
) -> None:
    before = set(threading.enumerate())
    with llmspell.open(folder, durability="output") as store:
        with pytest.raises(LimitExceeded):
            run_script(store, f"State.save('s', 'k', 1); {LONG_MATCH}", limits=Limits(seconds=0.2))
        assert len(syncs) == 1
        for thread in threading.enumerate():
            if thread.name == "script" and thread not in before:
                thread.join(60)
