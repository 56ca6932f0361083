"""Writers are killed while history is kept: entries and past always tell the same story."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

import llmspell
from tests.crash.keepers import contents_after


def run_until_killed(folder: Path, first: int, deeds: int, chance: random.Random) -> int:
    """Let a writer go on from a deed, kill it after some more, and give the last one that it has told of."""
    program = [sys.executable, "-m", "tests.crash.keepers", str(folder), str(first)]
    writer = subprocess.Popen(program, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    told = first - 1
    with writer:
        for _ in range(deeds):
            told = int(writer.stdout.readline())
        time.sleep(chance.uniform(0, 0.004))
        writer.kill()
        for line in writer.stdout:
            told = int(line)
    return told


def kill_again_and_again(folder: Path, rounds: int, seed: int) -> None:
    chance, done = random.Random(seed), 0
    for _ in range(rounds):
        told = run_until_killed(folder, done + 1, chance.randrange(1, 30), chance)
        with llmspell.open(folder) as store:
            assert list(store.backend.problems()) == []
            done = store.version()
            assert done in (told, told + 1)
            past = store.backend.past()
            assert past is not None
            assert past.window()[:4] == (0, 1_700_000_001.0, done, 1_700_000_000.0 + done)
            for version in {0, done, done - 1, *(chance.randrange(done) for _ in range(20))}:
                contents = {written[1]: int(written[6] or b"") for written in past.written_at(version, 1.7e9)}
                assert contents == contents_after(version)
                assert past.moment_of(version) == 1_700_000_000.0 + max(version, 1)


def test_a_killed_writer_leaves_entries_and_past_that_tell_the_same(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / "state", 15, 0)


@pytest.mark.soak
def test_hundreds_of_killed_writers_leave_a_past_that_is_whole(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / "state", 400, 1)


BEGINNER = """
import llmspell, sys
from llmspell.backends.sqlite import layout
add = layout.add_history
def half(connection):
    add(connection)
    print("half done", flush=True)
    sys.stdin.read()
layout.add_history = half
llmspell.open(sys.argv[1], history_days=30).save("scope", "key", "new")
"""


def test_when_the_program_that_begins_history_is_killed_the_next_one_begins_it(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with llmspell.open(folder) as store:
        store.save("scope", "key", "old")
    program = [sys.executable, "-c", BEGINNER, str(folder)]
    beginner = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with beginner:
        assert beginner.stdout is not None
        assert beginner.stdout.readline() == b"half done\n"
        beginner.kill()
    with llmspell.open(folder, history_days=30) as store:
        assert store.statistics().layout == 2
        assert store.load("scope", "key") == "old"
        version = store.save("scope", "key", "new")
        assert store.load("scope", "key", at=version - 1) == "old"
        assert list(store.backend.problems()) == []
