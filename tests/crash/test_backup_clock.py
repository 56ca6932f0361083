"""The clock goes back, far ahead, or stands still between backups: their order is that in which they were made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import llmspell
from llmspell import Store
from llmspell.config import StateSettings
from llmspell.opening import open_settings
from tests.clock import Clock
from tests.crash.backing import fast_room

HOUR, YEAR = 3_600.0, 365 * 86_400.0
STEPS = {
    "back an hour": [0, -HOUR, -HOUR, 2 * HOUR, -HOUR],
    "ten years ahead": [10 * YEAR, 60, -10 * YEAR, 60, 60],
    "standing still": [0, 0, 0, 0, 0],
    "back a little": [0.5, -0.25, -0.125, -0.0625, 0],
    "to the beginning": [-1_700_000_000.0, 1, 0, 1_700_000_000.0, 1],
}


@pytest.fixture
def room() -> Iterator[Path]:
    with fast_room() as folder:
        yield folder


@pytest.fixture
def backed_up(room: Path, clock: Clock) -> Iterator[Store]:
    settings = StateSettings(
        path=str(room / "state"), durability="normal", backup_enabled=True, backup_path=str(room / "backups")
    )
    with open_settings(settings, clock=clock) as store:
        yield store


def live(store: Store) -> dict[str, object]:
    return {key: store.load("scope", key) for key in store.list_keys("scope")}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("incremental", [False, True], ids=["full", "incremental"])
def test_backups_are_in_the_order_in_which_they_were_made_and_each_restores(
    backed_up: Store, room: Path, clock: Clock, steps: list[float], incremental: bool
) -> None:
    store, made, states = backed_up, [], {}
    for number, step in enumerate(steps):
        clock.advance(step)
        store.save("scope", f"{number}", number)
        store.save("scope", "brief", number, ttl=600)
        store.save("scope", "longer", number, ttl=2 * HOUR)
        store.save("scope", f"short {number}", number, ttl=1)
        store.delete("scope", f"{number - 2}")
        clock.advance(2)
        backup_id = store.backups.create_backup(incremental).backup_id
        made.append(backup_id)
        states[backup_id] = (live(store), clock.now)
    assert [one.id for one in store.backups.list_backups()] == made[::-1]
    for backup_id, (state, now) in states.items():
        assert store.backups.validate_backup(backup_id).errors == ()
        with llmspell.open(backend="memory", backup_path=room / "backups", clock=lambda now=now: now) as aside:  # type: ignore[misc]
            aside.backups.restore_backup(backup_id)
            assert live(aside) == state
    assert store.backups.cleanup_backups().deleted_count == 0


@pytest.mark.parametrize("step", [-HOUR, -10 * YEAR, 10 * YEAR, 0])
def test_a_restore_and_its_undoing_are_right_when_the_clock_has_moved_since(
    backed_up: Store, clock: Clock, step: float
) -> None:
    store = backed_up
    store.save("scope", "kept", "first")
    first = store.backups.create_backup(True).backup_id
    store.save("scope", "kept", "second")
    version = store.save("scope", "new", "second")
    clock.advance(step)
    restored = store.backups.restore_backup(first)
    assert live(store) == {"kept": "first"}
    assert restored.version > version
    assert restored.pre_restore_backup_id is not None
    assert store.backups.list_backups()[0].id == restored.pre_restore_backup_id
    after = store.backups.create_backup(True)
    store.backups.restore_backup(restored.pre_restore_backup_id)
    assert live(store) == {"kept": "second", "new": "second"}
    store.backups.restore_backup(after.backup_id)
    assert live(store) == {"kept": "first"}


def test_what_had_expired_for_a_clock_that_was_ahead_is_not_lost_when_it_goes_back(
    backed_up: Store, clock: Clock
) -> None:
    store = backed_up
    store.save("scope", "brief", 1, ttl=600)
    clock.advance(HOUR)
    full = store.backups.create_backup()
    assert full.entry_count == 0
    clock.advance(-HOUR)
    store.save("scope", "other", 2)
    made = store.backups.create_backup(True)
    assert "the clock was set back" in made.warnings[0]
    assert store.backups.validate_backup(made.backup_id).is_valid
    store.delete("scope", "brief")
    store.backups.restore_backup(made.backup_id)
    assert live(store) == {"brief": 1, "other": 2}
