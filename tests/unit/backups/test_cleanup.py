"""What the rules let go is removed, children first; what cannot be read or removed is told and stays."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmspell.backups.encryption import new_key
from llmspell.backups.local import LocalPlace
from llmspell.backups.results import CleanedUp
from llmspell.backups.retention import DAY, Rules
from llmspell.errors import BackupUnavailable
from tests.unit.backups.places import ENTRIES_FILE, Home, flip, spoil, tree


def clean(home: Home, *, dry_run: bool = False, **rules: Any) -> CleanedUp:
    return home.with_options(rules=Rules(days=0)._replace(**rules)).cleanup_backups(dry_run)


def ids(home: Home) -> list[str]:
    return [one.id for one in home.backups.list_backups()]


@pytest.fixture
def four(home: Home) -> list[str]:
    """Give a full backup, one that stands on it, and two full ones."""
    home.store.save("app", "n", 1)
    made = [home.full()]
    home.store.save("app", "n", 2)
    return [*made, home.incremental(), home.full(), home.full()]


def test_nothing_goes_where_nothing_is(home: Home) -> None:
    assert clean(home, max_backups=1) == CleanedUp(False, 0, 0, 0, ())


def test_what_goes_is_gone_and_every_decision_has_its_reason(home: Home, four: list[str]) -> None:
    sizes = {one.id: one.size_bytes for one in home.backups.list_backups()}
    done = clean(home, max_backups=2)
    assert ids(home) == [four[3], four[2]]
    assert sorted(os.listdir(home.place)) == sorted([".lock", *four[2:]])
    assert (done.deleted_count, done.retained_count) == (2, 2)
    assert done.space_freed == sizes[four[0]] + sizes[four[1]]
    assert [one.backup_id for one in done.decisions] == four[::-1]
    assert all(one.reason for one in done.decisions)


def test_a_dry_run_tells_the_same_and_changes_no_byte(home: Home, four: list[str]) -> None:
    before = tree(home.root)
    told = clean(home, dry_run=True, max_backups=2)
    assert tree(home.root) == before
    assert told == clean(home, max_backups=2)._replace(dry_run=True)


def test_children_go_before_what_they_stand_on(home: Home, four: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    removed: list[str] = []
    monkeypatch.setattr(LocalPlace, "remove", lambda place, backup_id: removed.append(backup_id))
    clean(home, max_backups=2)
    assert removed == [four[1], four[0]]


def test_a_backup_that_cannot_be_removed_is_told_with_how_many_are_gone(
    home: Home, four: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = LocalPlace.remove

    def refuse_the_root(place: LocalPlace, backup_id: str) -> None:
        if backup_id == four[0]:
            raise BackupUnavailable("it is stuck")
        remove(place, backup_id)

    monkeypatch.setattr(LocalPlace, "remove", refuse_the_root)
    with pytest.raises(BackupUnavailable, match=f"{four[0]} could not be removed, 1 of 2 are gone: it is stuck"):
        clean(home, max_backups=2)
    assert ids(home) == [four[3], four[2], four[0]]


def test_a_backup_that_cannot_be_read_stays_and_is_counted(home: Home, four: list[str]) -> None:
    spoil(home.files(four[2]) / "manifest.json", flip)
    done = clean(home, max_backups=1)
    assert home.files(four[2]).is_dir()
    assert (done.deleted_count, done.retained_count) == (2, 2)
    [decision] = [one for one in done.decisions if one.backup_id == four[2]]
    assert decision.should_retain
    assert decision.reason.startswith(f"it cannot be read: {four[2]} is damaged: its manifest is not readable")


def test_a_held_backup_and_what_it_stands_on_stay_until_it_is_released(home: Home, four: list[str]) -> None:
    home.backups.hold_backup(four[1], "before 2.0.0")
    assert clean(home, max_backups=1).deleted_count == 1
    assert ids(home) == [four[3], four[1], four[0]]
    assert home.backups.release_backup(four[1])
    clean(home, max_backups=1)
    assert ids(home) == [four[3]]


def test_a_hold_that_has_ended_holds_nothing(home: Home, four: list[str]) -> None:
    home.backups.hold_backup(four[2], until=home.clock() + 10)
    assert clean(home, dry_run=True, max_backups=1).deleted_count == 2
    home.clock.advance(10)
    assert clean(home, dry_run=True, max_backups=1).deleted_count == 3


def test_the_newest_sound_full_backup_stays_though_a_newer_one_is_damaged(home: Home, four: list[str]) -> None:
    spoil(home.files(four[3]) / ENTRIES_FILE, flip)
    assert not home.backups.validate_backup(four[3]).is_valid
    clean(home, max_backups=1)
    assert ids(home) == four[3:1:-1]


def test_what_a_maker_that_died_left_behind_goes_too_but_not_in_a_dry_run(home: Home, four: list[str]) -> None:
    left = home.place / f".new-{four[0]}"
    left.mkdir()
    clean(home, dry_run=True)
    assert left.is_dir()
    clean(home)
    assert not left.exists()


def test_a_folder_inside_a_backup_does_not_stop_it_from_going(home: Home, four: list[str]) -> None:
    (home.files(four[2]) / "thumbnails").mkdir()
    (home.files(four[2]) / "thumbnails" / "one").write_bytes(b"")
    clean(home, max_backups=1)
    assert sorted(os.listdir(home.place)) == sorted([".lock", four[3]])
    assert home.full()


@pytest.mark.parametrize("rules", [{"last": 1}, {"max_backups": 1}, {"days": 3}], ids=str)
def test_backups_of_some_scopes_never_make_the_last_one_of_everything_go(home: Home, rules: dict[str, Any]) -> None:
    home.store.save("app", "n", 1)
    home.store.save("other", "n", 1)
    older, whole = home.full(), home.full()
    parts = []
    for scopes in ("app", "app", "nothing*"):
        home.clock.advance(10 * DAY)
        parts.append(home.full(scopes=scopes))
    clean(home, **rules)
    assert ids(home) == [parts[2], parts[1], whole]
    assert older not in ids(home)


def test_backups_that_a_lost_store_made_keep_their_newest(homes: Callable[..., Home]) -> None:
    lost = homes()
    lost.store.save("app", "n", 1)
    made = [lost.full(), lost.full()]
    lost.close()
    shutil.rmtree(lost.folder)
    anew = homes()
    made += [anew.full(), anew.full()]
    clean(anew, last=1)
    assert ids(anew) == [made[3], made[1]]
    clean(anew, max_backups=1)
    assert ids(anew) == [made[3], made[1]]


def test_a_hold_does_not_end_by_a_clock_that_is_wrong(home: Home, four: list[str]) -> None:
    home.backups.hold_backup(four[2], "until next week", until=home.clock() + 7 * DAY)
    home.clock.advance(1_000 * DAY)
    clean(home, max_backups=1)
    assert ids(home) == [four[3], four[2]]
    home.clock.advance(-990 * DAY)
    clean(home, max_backups=1)
    assert ids(home) == [four[3]]


def test_what_a_backup_for_another_key_stands_on_stays(homes: Callable[..., Home], tmp_path: Path) -> None:
    first, second = new_key()[0], new_key()[0]
    key_file = tmp_path / "key"
    key_file.touch(mode=0o600)
    home = homes(key_file=str(key_file))
    key_file.write_text(first)
    home.store.save("app", "n", 1)
    parent = home.full()
    key_file.write_text(f"{second}\n{first}")
    child = home.incremental()
    key_file.write_text(first)
    made = [home.full(), home.full()]
    decisions = {one.backup_id: one.reason for one in clean(home, max_backups=1).decisions}
    assert ids(home) == [made[1], parent]
    assert home.files(child).is_dir()
    assert decisions[parent] == f"held: stands under {child}, which cannot be read now"
    key_file.write_text(f"{second}\n{first}")
    assert home.backups.validate_backup(child).is_valid
