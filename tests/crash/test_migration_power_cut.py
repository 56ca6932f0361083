"""The power fails during a migration: the disk keeps any part of what was not synced, and it is done or undone."""

from __future__ import annotations

import pickle
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.migrating import Dump, dump, fill, opened, write_migrations
from tests.crash.migrating_recorder import ORDERS, PEOPLE, TARGETS
from tests.crash.recorder import Did, Event, Flushed, Write
from tests.crash.test_power_cut import Disk

SPILLING_KIB = 64
"""A cache so small that a migration writes most of its pages before it commits."""


def recorded(folder: Path, durability: str, checkpoint_pages: int, cache_kib: int) -> list[Event]:
    recording = folder / "recording"
    program = "import sys; from tests.crash.migrating_recorder import main; main(*sys.argv[1:])"
    arguments = (str(folder / "state"), durability, str(checkpoint_pages), str(cache_kib), str(recording))
    subprocess.run([sys.executable, "-c", program, *arguments], cwd=Path(__file__).parents[2], check=True)
    events: list[Event] = pickle.loads(recording.read_bytes())
    return events


def states(folder: Path, migrations: Path) -> list[Dump]:
    """Give what the store is after each deed when the power holds."""
    with opened(folder, migrations) as store:
        fill(store, PEOPLE, ORDERS)
    after = [dump(folder)]
    for target in TARGETS:
        with opened(folder, migrations) as store:
            store.migrations.migrate(target)
        after.append(dump(folder))
    return after


def without_times(state: Dump) -> Dump:
    """Leave out when the store was made."""
    return state._replace(store=[row[:3] for row in state.store])


def cut_the_power(folder: Path, durability: str, checkpoint_pages: int, cache_kib: int, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    migrations = write_migrations(folder / "migrations")
    events = recorded(folder, durability, checkpoint_pages, cache_kib)
    expected = [without_times(state) for state in states(folder / "undisturbed", migrations)]
    filled = events.index(Flushed(0)) + 1
    moments = sorted(chance.randrange(filled, len(events)) for _ in range(rounds))
    disk, done, promised, taken, found = Disk(), 0, 0, 0, set()
    cut = folder / "cut"
    for moment in moments:
        for event in events[taken:moment]:
            disk.take(event)
            if isinstance(event, Did):
                done = event.number
            if isinstance(event, Flushed) or (isinstance(event, Did) and durability == "full"):
                promised = event.number
        taken = moment
        cut.mkdir()
        for name, content in disk.after_power_cut(chance).items():
            (cut / name).write_bytes(content)
        left = without_times(dump(cut))
        number = next((n for n in range(promised, done + 2) if n < len(expected) and expected[n] == left), None)
        assert number is not None, (promised, done, left.store)
        found.add(number - done)
        with opened(cut, migrations) as store:  # and it goes both ways from here
            for target in ("3.0.0", "1.0.0"):
                store.migrations.migrate(target)
        assert dump(cut).seen() == expected[0].seen()
        shutil.rmtree(cut)
    assert 0 in found


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_a_power_cut_leaves_a_migration_done_or_undone(tmp_path: Path, durability: str) -> None:
    cut_the_power(tmp_path, durability, 10, 65_536, 10, 0)


def test_a_power_cut_leaves_nothing_of_a_migration_that_had_begun_to_write(tmp_path: Path) -> None:
    cut_the_power(tmp_path, "normal", 4_000, SPILLING_KIB, 10, 0)


def test_a_migration_is_synced_before_its_end_is_told_with_full_durability(tmp_path: Path) -> None:
    write_migrations(tmp_path / "migrations")
    events = recorded(tmp_path, "full", 4_000, 65_536)
    for number in range(1, len(TARGETS) + 1):
        place = events.index(Did(number))
        last = max(before for before in range(place) if isinstance(events[before], Write))
        written = events[last]
        assert isinstance(written, Write)
        assert any(getattr(event, "file", "") == written.file for event in events[last + 1 : place])


@pytest.mark.soak
@pytest.mark.parametrize("checkpoint_pages", [5, 200, 4_000])
@pytest.mark.parametrize("cache_kib", [SPILLING_KIB, 65_536])
@pytest.mark.parametrize("durability", ["full", "normal"])
def test_hundreds_of_power_cuts_leave_a_migration_done_or_undone(
    tmp_path: Path, durability: str, cache_kib: int, checkpoint_pages: int
) -> None:
    cut_the_power(tmp_path, durability, checkpoint_pages, cache_kib, 400, 1)
