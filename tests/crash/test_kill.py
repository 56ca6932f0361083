"""Writers are killed at random moments: what was acknowledged is there, and nothing is ever half done."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

import llmspell
from llmspell import Store
from tests.crash.deeds import Contents, all_contents, contents_of

CONTENTS: list[Contents] = []
"""What a scope holds after so many deeds."""


def contents_after(number: int) -> Contents:
    if number >= len(CONTENTS):
        CONTENTS[:] = islice(all_contents(), number + 1_000)
    return CONTENTS[number]


class Writers:
    """The program that starts writers, and what they have said so far."""

    def __init__(self) -> None:
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.writers"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._processes: dict[str, int] = {}
        self.done: dict[str, int] = {}

    def start(self, name: str, folder: Path, durability: str) -> None:
        self._command("start", name, str(folder), durability)
        while name not in self._processes:
            self.hear()

    def hear(self) -> None:
        """Take in one line."""
        assert self._program.stdout is not None
        line = self._program.stdout.readline().decode()
        assert line, "the program that starts writers has ended"
        word, name, number = line.split()
        if word == "did":
            self.done[name] = int(number)
        elif word == "started":
            self._processes[name] = int(number)
        else:
            assert int(number) == signal.SIGKILL, f"the writer {name} ended by itself"
            del self._processes[name]

    def kill(self, name: str) -> None:
        """Kill the writer and take in what it still has said."""
        os.kill(self._processes[name], signal.SIGKILL)
        self._command("wait", name)
        while name in self._processes:
            self.hear()

    def close(self) -> None:
        for name in list(self._processes):
            self.kill(name)
        assert self._program.stdin is not None
        self._program.stdin.close()
        assert self._program.wait() == 0
        assert self._program.stdout is not None
        self._program.stdout.close()

    def _command(self, *words: str) -> None:
        assert self._program.stdin is not None
        self._program.stdin.write(("\t".join(words) + "\n").encode())
        self._program.stdin.flush()


@pytest.fixture
def writers() -> Iterator[Writers]:
    writers = Writers()
    yield writers
    writers.close()


def check(store: Store, name: str, acknowledged: int) -> int:
    """Check that every acknowledged deed of a dead writer is there, and of the next one all or nothing."""
    with store.snapshot() as snapshot:
        contents = contents_of(snapshot, name)
    number = contents.get("number", 0)
    assert isinstance(number, int)
    assert number in (acknowledged, acknowledged + 1)
    assert contents == contents_after(number)
    return number


def kill_again_and_again(writers: Writers, folder: Path, durability: str, rounds: int, seed: int) -> None:
    chance, version = random.Random(seed), 0
    held: Store | None = None  # in some rounds another process has the store open when a writer dies
    for _ in range(rounds):
        done = writers.done.get("writer", 0)
        writers.start("writer", folder, durability)
        while writers.done.get("writer", 0) < done + chance.randrange(20):
            writers.hear()
        time.sleep(chance.uniform(0, 0.002))
        writers.kill("writer")
        store = held or llmspell.open(folder, durability=durability)
        number = check(store, "writer", writers.done.get("writer", 0))
        writers.done["writer"] = number
        assert list(store.backend.problems()) == []
        assert store.version() >= max(version, number)
        version = store.version()
        held = store if chance.random() < 0.3 else None
        if held is None:
            store.close()
    if held:
        held.close()
    assert version > rounds


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_a_killed_writer_loses_nothing_acknowledged_and_leaves_nothing_half_done(
    writers: Writers, tmp_path: Path, durability: str
) -> None:
    kill_again_and_again(writers, tmp_path / "state", durability, 100, 0)


@pytest.mark.soak
@pytest.mark.parametrize("durability", ["full", "normal"])
@pytest.mark.parametrize("seed", [1, 2])
def test_thousands_of_killed_writers_lose_nothing(writers: Writers, tmp_path: Path, durability: str, seed: int) -> None:
    kill_again_and_again(writers, tmp_path / "state", durability, 2_000, seed)


def kill_one_of_several(writers: Writers, folder: Path, rounds: int, seed: int) -> None:
    chance, names = random.Random(seed), ("one", "two", "three")
    for name in names:
        writers.start(name, folder, "normal")
    with llmspell.open(folder) as store:
        for _ in range(rounds):
            name = chance.choice(names)
            before = dict(writers.done)
            while any(writers.done.get(other, 0) < before.get(other, 0) + 3 for other in names):
                writers.hear()  # the others go on whoever was killed before
            time.sleep(chance.uniform(0, 0.002))
            writers.kill(name)
            writers.done[name] = check(store, name, writers.done[name])
            writers.start(name, folder, "normal")
        for name in names:
            writers.kill(name)
            check(store, name, writers.done[name])
        assert list(store.backend.problems()) == []


def test_killing_one_of_several_writers_hinders_nobody(writers: Writers, tmp_path: Path) -> None:
    kill_one_of_several(writers, tmp_path / "state", 60, 0)


@pytest.mark.soak
def test_killing_one_of_several_writers_never_hinders_anybody(writers: Writers, tmp_path: Path) -> None:
    kill_one_of_several(writers, tmp_path / "state", 3_000, 1)


def kill_makers(writers: Writers, folder: Path, rounds: int, seed: int) -> None:
    chance, left = random.Random(seed), set()
    for number in range(rounds):
        path = folder / f"{number}"
        writers.done.clear()
        writers.start("maker", path, "full")
        time.sleep(chance.uniform(0, 0.008))
        writers.kill("maker")
        with llmspell.open(path) as store:
            done = check(store, "maker", writers.done.get("maker", 0))
            left.add(path.exists() + (path / "state.db").exists() + done)
            assert store.save("scope", "key", 1) > done
            assert list(store.backend.problems()) == []
    assert len(left) > 1, "the makers were all killed at the same point"


def test_a_store_whose_maker_was_killed_is_made_by_the_next(writers: Writers, tmp_path: Path) -> None:
    kill_makers(writers, tmp_path, 60, 0)


@pytest.mark.soak
def test_a_store_whose_maker_was_killed_is_always_made_by_the_next(writers: Writers, tmp_path: Path) -> None:
    kill_makers(writers, tmp_path, 3_000, 1)


HOLDER = """
import llmspell, sys
store = llmspell.open(sys.argv[1])
with store.attempt(alone=True) as attempt:
    attempt.state.save("scope", "key", "never committed")
    print("has the turn", flush=True)
    sys.stdin.read()
"""


def test_when_the_holder_of_the_turn_is_killed_others_go_on(tmp_path: Path) -> None:
    with llmspell.open(tmp_path / "state") as store:
        store.save("scope", "key", "before")
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path / "state")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"has the turn\n"
            assert store.load("scope", "key") == "before"
            holder.kill()
            store.append("scope", "list", 1)
        assert store.load("scope", "key") == "before"
