"""A run settles its store before anything leaves it, and one that cannot be settled stops it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import NoReturn

import pytest

import llmspell
from llmspell.backends.sqlite import syncing
from llmspell.config import ScriptSettings
from llmspell.errors import LimitExceeded, ScriptError, StoreUnavailable
from llmspell.scripting import run_script, running
from llmspell.scripting.run import Run, Script
from llmspell.scripting.running import execute_script
from tests.unit.scripting.running_texts import TEST_TIMEOUT_SECONDS

SAVE = {
    "lua": ('State.save("scope", "key", 1)', "t.lua"),
    "javascript": ('State.save("scope", "key", 1);', "t.js"),
}
languages = pytest.mark.parametrize("language", SAVE)


class Disk:
    """Counts the syncs of the log; a `broken` one takes none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.broken = False
        self.syncs = 0
        self._sync = syncing.sync_data
        monkeypatch.setattr(syncing, "sync_data", self._take)

    def _take(self, descriptor: int) -> None:
        if self.broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._sync(descriptor)
        self.syncs += 1


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
def store(folder: str, disk: Disk) -> Iterator[llmspell.Store]:
    with llmspell.open(folder, durability="output") as store:
        store.save("scope", "first", 1)
        store.settle()
        disk.syncs = 0
        yield store


@pytest.fixture
def run(store: llmspell.Store) -> Run:
    return Run(Script(b"", "t.lua", "."), store, ScriptSettings())


def _fail(error: BaseException) -> NoReturn:
    raise AssertionError(f"the script did not stop: {error}")


def execute(store: llmspell.Store, language: str, more: str = "") -> int:
    """Run a script that saves, and then does more."""
    text, name = SAVE[language]
    script = Script(f"{text} {more}".encode(), name, ".")
    settings = ScriptSettings(timeout_seconds=TEST_TIMEOUT_SECONDS)
    return execute_script(script, language, store, settings, abandon=_fail)


# What settles


def test_what_is_held_back_leaves_at_the_end_after_settling(
    run: Run, store: llmspell.Store, disk: Disk, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    store.save("scope", "key", 1)
    run.write(b"saved")
    assert (disk.syncs, capsysbinary.readouterr().out) == (0, b"")
    run.finish()
    assert (disk.syncs, capsysbinary.readouterr().out) == (1, b"saved")
    assert run.stop is None


def test_an_end_without_output_is_settled_as_well(run: Run, store: llmspell.Store, disk: Disk) -> None:
    store.save("scope", "key", 1)
    run.finish()
    run.finish()
    assert (disk.syncs, run.stop) == (1, None)


def test_a_run_settles_when_it_is_told_to(run: Run, store: llmspell.Store, disk: Disk) -> None:
    store.save("scope", "key", 1)
    run.settle()
    run.settle()
    assert (disk.syncs, run.stop) == (1, None)


def test_a_run_without_a_store_has_nothing_to_settle(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    run = Run(Script(b"", "t.lua", "."), None, ScriptSettings())
    run.write(b"text")
    run.settle()
    run.finish()
    assert run.stop is None
    assert capsysbinary.readouterr().out == b"text"


@languages
def test_the_end_of_a_script_is_settled(store: llmspell.Store, disk: Disk, language: str) -> None:
    assert execute(store, language) == 0
    assert disk.syncs == 1
    store.settle()
    assert disk.syncs == 1


@languages
def test_a_script_that_fails_is_settled(store: llmspell.Store, disk: Disk, language: str) -> None:
    with pytest.raises(ScriptError):
        execute(store, language, "nothing.nothing()")
    assert disk.syncs == 1


# What cannot be settled


def test_a_store_that_cannot_be_settled_stops_the_run_and_nothing_leaves(
    run: Run, store: llmspell.Store, disk: Disk, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    store.save("scope", "key", 1)
    disk.broken = True
    run.write(b"saved")
    run.write(b"", at_once=True)
    first = run.stop
    assert isinstance(first, StoreUnavailable)
    run.write_error(b"said")
    run.settle()
    run.finish()
    assert isinstance(run.stop, StoreUnavailable)
    assert capsysbinary.readouterr() == (b"", b"")


@pytest.mark.parametrize("code", [0, 3])
def test_the_exit_code_of_a_script_stays_in_when_its_store_cannot_be_settled(
    run: Run, store: llmspell.Store, disk: Disk, code: int
) -> None:
    store.save("scope", "key", 1)
    disk.broken = True
    run.exit(code)
    run.finish()
    assert isinstance(run.stop, StoreUnavailable)


def test_a_reached_limit_is_not_told_when_the_store_cannot_be_settled(
    run: Run, store: llmspell.Store, disk: Disk
) -> None:
    store.save("scope", "key", 1)
    disk.broken = True
    assert isinstance(run.exceed("it took too long", "[x] y"), LimitExceeded)
    run.finish()
    assert isinstance(run.stop, StoreUnavailable)


@languages
@pytest.mark.parametrize("more", ["", "nothing.nothing()"])
def test_a_script_whose_store_cannot_be_settled_ends_with_that(
    store: llmspell.Store, disk: Disk, language: str, more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "GRACE_SECONDS", TEST_TIMEOUT_SECONDS)
    disk.broken = True
    with pytest.raises(StoreUnavailable, match="cannot be brought to the disk: Input/output error"):
        execute(store, language, more)


@languages
def test_a_result_is_not_given_when_the_store_cannot_be_settled(
    store: llmspell.Store, disk: Disk, language: str
) -> None:
    disk.broken = True
    with pytest.raises(StoreUnavailable, match="cannot be brought to the disk: Input/output error"):
        run_script(store, SAVE[language][0], language=language)
