"""The power fails: of what was not synced, the disk keeps any part, in any order, cut at any sector.

A recording of all writes is replayed up to a random moment; then each write that no sync has made
safe is kept whole, kept in part, or lost. The store opens on what is left.
"""

from __future__ import annotations

import pickle
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

import llmspell
from tests.crash.backing import fast_room
from tests.crash.deeds import all_contents, contents_of
from tests.crash.recorder import Delete, Did, Event, Flushed, Sync, Told, Truncate, Write

SECTOR = 512
LOG = "state.db-wal"


def recorded(folder: Path, durability: str, deeds: int, checkpoint_pages: int, recorder: str = "main") -> list[Event]:
    """Let a function of the recorder do so many deeds and give what reached the files."""
    recording = folder / "recording"
    program = f"import sys; from tests.crash.recorder import {recorder}; {recorder}(*sys.argv[1:])"
    arguments = (str(folder / "state"), durability, str(deeds), str(checkpoint_pages), str(recording))
    subprocess.run([sys.executable, "-c", program, *arguments], cwd=Path(__file__).parents[2], check=True)
    events: list[Event] = pickle.loads(recording.read_bytes())
    return events


@pytest.fixture
def room() -> Iterator[Path]:
    with fast_room() as folder:
        yield folder


class Disk:
    """What the files hold for certain, and what was done to them since."""

    def __init__(self) -> None:
        self._safe: dict[str, bytearray] = {}
        self._unsure: dict[str, list[Write | Truncate]] = {}

    def take(self, event: Event) -> None:
        if isinstance(event, Write | Truncate):
            self._safe.setdefault(event.file, bytearray())
            self._unsure.setdefault(event.file, []).append(event)
        elif isinstance(event, Sync):
            for done in self._unsure.pop(event.file, []):
                _apply(self._safe[event.file], done)
        elif isinstance(event, Delete):
            self._safe.pop(event.file, None)
            self._unsure.pop(event.file, None)

    def after_power_cut(self, chance: random.Random) -> dict[str, bytes]:
        """Give the files as the next start may find them."""
        kept_share = chance.choice([0.0, 0.1, 0.5, 0.9, 1.0])
        files = {}
        for name, safe in self._safe.items():
            content = bytearray(safe)
            for done in self._unsure.get(name, []):
                if chance.random() < kept_share:
                    _apply(content, _in_part(done, chance))
            files[name] = bytes(content)
        return files


def _in_part(done: Write | Truncate, chance: random.Random) -> Write | Truncate:
    """Give the operation as a disk may have begun or ended it: whole sectors of it."""
    if isinstance(done, Truncate) or chance.random() < 0.7:
        return done
    first = chance.randrange(0, len(done.content), SECTOR)
    length = chance.randrange(0, len(done.content) + 1, SECTOR)
    return Write(done.file, done.offset + first, done.content[first : first + length])


def _apply(content: bytearray, done: Write | Truncate) -> None:
    if isinstance(done, Truncate):
        del content[done.length :]
        content.extend(bytes(done.length - len(content)))
        return
    end = done.offset + len(done.content)
    content.extend(bytes(max(0, end - len(content))))
    content[done.offset : end] = done.content


def cut_the_power(events: list[Event], folder: Path, durability: str, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    contents = list(islice(all_contents(), max(event.number for event in events if isinstance(event, Did)) + 2))
    moments = sorted(chance.randrange(len(events)) for _ in range(rounds))
    disk, done, promised, taken = Disk(), 0, 0, 0
    for moment in moments:
        for event in events[taken:moment]:
            disk.take(event)
            if isinstance(event, Did):
                done = event.number
            if isinstance(event, Flushed | Told) or (isinstance(event, Did) and durability == "full"):
                promised = event.number
        taken = moment
        folder.mkdir()
        for name, content in disk.after_power_cut(chance).items():
            (folder / name).write_bytes(content)
        with llmspell.open(folder, durability=durability) as store:
            assert list(store.backend.problems()) == []
            number = store.load("scope", "number", 0)
            assert isinstance(number, int)
            assert promised <= number <= done + 1
            assert contents_of(store, "scope") == contents[number]
            assert store.save("scope", "after", 1) > number
        shutil.rmtree(folder)


@pytest.mark.parametrize("checkpoint_pages", [10, 4_000])
@pytest.mark.parametrize("durability", ["full", "output", "normal"])
def test_a_power_cut_leaves_a_sound_store_with_everything_promised(
    room: Path, durability: str, checkpoint_pages: int
) -> None:
    events = recorded(room, durability, 150, checkpoint_pages)
    cut_the_power(events, room / "cut", durability, 150, 0)


@pytest.mark.parametrize("checkpoint_pages", [10, 4_000])
@pytest.mark.parametrize("durability", ["output", "normal"])
def test_a_power_cut_leaves_what_a_reader_told_of_anothers_deeds(
    room: Path, durability: str, checkpoint_pages: int
) -> None:
    events = recorded(room, durability, 150, checkpoint_pages, "tell_of_another")
    assert sum(isinstance(event, Told) for event in events) > 20
    cut_the_power(events, room / "cut", durability, 150, 0)


def test_full_durability_syncs_before_each_acknowledgement_and_the_others_do_not(room: Path) -> None:
    unsynced = {}
    for durability in ("full", "output", "normal"):
        (room / durability).mkdir()
        count, synced = 0, True
        for event in recorded(room / durability, durability, 60, 4_000):
            if isinstance(event, Write):
                synced = False
            elif isinstance(event, Sync):
                synced = True
            elif isinstance(event, Did) and not synced:
                count += 1
        unsynced[durability] = count
    assert unsynced["full"] == 0
    assert unsynced["output"] > 50
    assert unsynced["normal"] > 50


def test_a_flush_syncs_what_normal_durability_left_open(room: Path) -> None:
    events = recorded(room, "normal", 80, 4_000)
    flushed = [index for index, event in enumerate(events) if isinstance(event, Flushed)]
    assert len(flushed) == 2
    log_made = min(place for place, event in enumerate(events) if isinstance(event, Write) and event.file == LOG)
    assert not any(isinstance(event, Delete) for event in events[log_made : flushed[-1]])
    for index in flushed:
        last_write = max(place for place in range(index) if isinstance(events[place], Write))
        assert Sync(LOG) in events[last_write:index]
        assert Sync("state") in events[log_made:index]


@pytest.mark.soak
@pytest.mark.parametrize("checkpoint_pages", [5, 50, 4_000])
@pytest.mark.parametrize("durability", ["full", "output", "normal"])
def test_thousands_of_power_cuts_leave_a_sound_store(room: Path, durability: str, checkpoint_pages: int) -> None:
    events = recorded(room, durability, 1_000, checkpoint_pages)
    cut_the_power(events, room / "cut", durability, 5_000, 1)


@pytest.mark.soak
@pytest.mark.parametrize("checkpoint_pages", [5, 50, 4_000])
def test_thousands_of_power_cuts_leave_what_a_reader_told(room: Path, checkpoint_pages: int) -> None:
    events = recorded(room, "normal", 1_000, checkpoint_pages, "tell_of_another")
    cut_the_power(events, room / "cut", "normal", 5_000, 1)
