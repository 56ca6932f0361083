"""Many work on one store and its backups at once: every backup is of one moment, and nobody stands in another's way."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

import llmspell
from llmspell import Conflict, Store
from llmspell.backups.catalog import read_catalog
from llmspell.backups.local import LocalPlace
from tests.processes.backing import back_up, opened, pairs_of
from tests.processes.crew import Member, begin
from tests.processes.migrating import SLOW, fill, shapes, write_migrations
from tests.processes.test_migration_together import wait_until_stopped
from tests.programs import run


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "backups")


@pytest.fixture
def ending(tmp_path: Path) -> Path:
    """The file that ends those who go on until it is there."""
    return tmp_path / "ending"


def restored(place: str, backup_id: str) -> Store:
    """Give a new store in memory with what a backup holds."""
    store = llmspell.open(backend="memory", backup_path=place)
    store.backups.restore_backup(backup_id)
    return store


def check_pairs(store: Store) -> None:
    for key, (left, right) in pairs_of(store).items():
        assert left == right, key


def check_place(folder: str, place: str) -> list[str]:
    """Check that every listed backup is whole, and holds pairs that agree; give the ids."""
    with opened(folder, place) as store:
        assert list(store.backend.problems()) == []
        assert store.backups.problems() == {}
        found = store.backups.list_backups()
        for one in found:
            assert one.damage is None
            assert store.backups.validate_backup(one.id).errors == ()
            with restored(place, one.id) as aside:
                check_pairs(aside)
        sequences = [store.backups._catalog().known[one.id].manifest.sequence for one in found]
        assert len(set(sequences)) == len(found)
    assert [path.name for path in Path(place).rglob("*") if path.name.startswith((".new-", ".gone-"))] == []
    return [one.id for one in found]


def together(folder: str, place: str, ending: Path, times: int, restores: int) -> None:
    back_up(folder, place, 1, None, 0)
    writers = [Member("backing.write_pairs", folder, place, str(ending), number) for number in range(3)]
    makers = [Member("backing.back_up", folder, place, times, None, number) for number in range(2)]
    restorers = [Member("backing.restore_some", folder, place, restores, number) for number in range(1)]
    begin(*writers, *makers, *restorers)
    made = [one for maker in makers for one in maker.result()]
    done = [restorer.result() for restorer in restorers]
    ending.touch()
    assert min(writer.result() for writer in writers) > 0
    assert done == [restores]
    assert len(made) == 2 * times
    ids = check_place(folder, place)
    assert {one for one, *_ in made} <= set(ids)
    assert len(ids) == 1 + len(made) + restores
    assert any(parent for _, parent, _ in made)
    with opened(folder, place) as store:
        check_pairs(store)


def test_every_backup_is_of_one_moment_while_others_write_back_up_and_restore(
    folder: str, place: str, ending: Path
) -> None:
    together(folder, place, ending, 6, 4)


@pytest.mark.soak
def test_hundreds_of_backups_are_each_of_one_moment(folder: str, place: str, ending: Path) -> None:
    together(folder, place, ending, 60, 40)


def test_of_many_that_back_up_at_once_each_makes_its_own(folder: str, place: str) -> None:
    with llmspell.open(folder) as store:
        store.save("left", "00", 1)
        store.save("right", "00", 1)
    makers = [Member("backing.back_up", folder, place, 4, None, number) for number in range(4)]
    begin(*makers)
    made = [one[0] for maker in makers for one in maker.result()]
    assert sorted(check_place(folder, place)) == sorted(made)


def test_makers_cleaners_and_restorers_leave_only_whole_backups(folder: str, place: str, ending: Path) -> None:
    with opened(folder, place) as store:
        store.save("turns", "first", 0)  # an empty store needs no backup before a restore
    back_up(folder, place, 1, None, 0)
    makers = [Member("backing.back_up", folder, place, 6, 4, number) for number in range(2)]
    cleaner = Member("backing.clean_up", folder, place, 2, str(ending), 0)
    restorer = Member("backing.restore_some", folder, place, 5, 0)
    begin(*makers, cleaner, restorer)
    for maker in makers:
        maker.result()
    restorer.result()
    ending.touch()
    assert cleaner.result() > 0
    assert 2 <= len(check_place(folder, place)) <= 12


def test_two_stores_in_one_place_never_stand_on_each_other(tmp_path: Path, place: str) -> None:
    folders = [str(tmp_path / name) for name in ("one", "other")]
    for folder in folders:
        with llmspell.open(folder) as store:
            store.save("whose", "store", folder)
    makers = [Member("backing.back_up", folder, place, 5, None, number) for number, folder in enumerate(folders)]
    begin(*makers)
    made = [maker.result() for maker in makers]
    for mine, folder in zip(made, folders, strict=True):
        ids = [one for one, *_ in mine]
        assert any(parent for _, parent, _ in mine)
        for backup_id, parent, _ in mine:
            assert parent is None or parent in ids
            with restored(place, backup_id) as aside:
                assert aside.load("whose", "store") == folder
    assert len(check_place(folders[0], place)) == 10


def test_a_list_misses_no_backup_while_marks_change_and_shows_none_that_goes(
    folder: str, place: str, ending: Path
) -> None:
    back_up(folder, place, 2, None, 1)
    with opened(folder, place) as store:
        first = store.backups.list_backups()[-1].id
        store.backups.hold_backup(first, "for this test")
        holder = Member("backing.hold_and_release", folder, place, first, str(ending))
        maker = Member("backing.back_up", folder, place, 12, 2, 0)
        cleaner = Member("backing.clean_up", folder, place, 1, str(ending), 0)
        begin(holder, maker, cleaner)
        looked = 0
        while maker.process.poll() is None or looked < 200:
            looked += 1
            found = store.backups.list_backups()
            assert first in [one.id for one in found]
            assert store.backups.problems() == {}
            assert [one.damage for one in found if one.damage] == []
            assert store.backups.list_backups()[-1].held
        ending.touch()
        maker.result()
        cleaner.result()
        assert holder.result() > 0


class Vanishing(LocalPlace):
    """A place in which somebody removes each backup just before its manifest is read."""

    def read(self, backup_id: str, name: str, most_bytes: int) -> bytes | None:
        self.remove(backup_id)
        return super().read(backup_id, name, most_bytes)


def test_a_backup_that_goes_after_its_place_was_listed_is_not_told_as_damaged(folder: str, place: str) -> None:
    back_up(folder, place, 2, None, 0)
    catalog = read_catalog(Vanishing(place), None)
    assert (catalog.known, catalog.unreadable) == ({}, {})


# Migrations


@pytest.fixture
def slow(tmp_path: Path) -> str:
    return write_migrations(tmp_path / "slow", SLOW)


PEOPLE = 30


def check_shape(store: Store, version: str) -> None:
    assert store.schema_version() == version
    assert shapes(store) == [version]
    assert len(store.list_keys("people")) == PEOPLE


def test_a_backup_that_is_made_during_a_migration_is_of_the_state_before_it(folder: str, place: str, slow: str) -> None:
    fill(folder, PEOPLE)
    migrator = Member("migrating.migrate_with_a_pause", folder, slow, 10)
    begin(migrator)
    migrator.hear("waiting")
    maker = Member("backing.back_up", folder, place, 1, None, 0)
    begin(maker)
    with opened(folder, place) as store:
        while not store.backups.list_backups():  # it can be seen, though it waits to be noted in the store
            time.sleep(0.01)
        migrator.tell()
        assert migrator.result()[0] == "completed"
        [[backup_id, _, warnings]] = maker.result()
        assert warnings in ([], ["this is a full backup, although an incremental one was asked for"])
        check_shape(store, "2.0.0")
        later = store.backups.create_backup(True)
        assert later.is_incremental
    for one, version in ((backup_id, "1.0.0"), (later.backup_id, "2.0.0")):
        with restored(place, one) as aside:
            check_shape(aside, version)


@pytest.mark.parametrize("point", ["backup.writing", "backup.publishing", "backup.noting"])
def test_a_migration_during_a_backup_does_not_wait_for_it(folder: str, place: str, slow: str, point: str) -> None:
    fill(folder, PEOPLE)
    maker = Member("backing.back_up", folder, place, 1, None, 0, fail_point=f"{point}=stop")
    begin(maker)
    wait_until_stopped(maker)
    migrator = Member("migrating.migrate_slowly", folder, slow, 0)
    begin(migrator)
    assert migrator.result()[0] == "completed"
    os.kill(maker.process.pid, signal.SIGCONT)
    [[backup_id, *_]] = maker.result()
    with restored(place, backup_id) as aside:
        check_shape(aside, "1.0.0")
    with opened(folder, place, None, slow) as store:
        check_shape(store, "2.0.0")
        later = store.backups.create_backup(True)
        assert later.is_incremental
        store.backups.restore_backup(backup_id)  # and is migrated
        check_shape(store, "2.0.0")
        assert store.backups.validate_backup(later.backup_id).is_valid


def test_a_restore_during_a_migration_waits_and_brings_the_backup_to_the_new_version(
    folder: str, place: str, slow: str
) -> None:
    fill(folder, PEOPLE)
    [[backup_id, *_]] = back_up(folder, place, 1, None, 0)
    migrator = Member("migrating.migrate_with_a_pause", folder, slow, 10)
    begin(migrator)
    migrator.hear("waiting")
    restorer = Member("backing.restore_one", folder, place, backup_id, slow)
    begin(restorer)
    time.sleep(0.3)
    assert restorer.process.poll() is None
    migrator.tell()
    assert migrator.result()[0] == "completed"
    assert restorer.result()[:2] == [PEOPLE, "2.0.0"]
    with opened(folder, place) as store:
        check_shape(store, "2.0.0")
        undo = store.backups.list_backups()[0]
    assert undo.id != backup_id
    with restored(place, undo.id) as aside:
        assert shapes(aside) in (["1.0.0"], ["2.0.0"])


def test_a_migration_during_a_restore_waits_and_migrates_what_came_back(folder: str, place: str, slow: str) -> None:
    fill(folder, PEOPLE)
    [[backup_id, *_]] = back_up(folder, place, 1, None, 0)
    with llmspell.open(folder) as store:
        store.delete("people", "00003")
    restorer = Member("backing.restore_one", folder, place, backup_id, slow, fail_point="restore.written=stop")
    begin(restorer)
    wait_until_stopped(restorer)
    migrator = Member("migrating.migrate_slowly", folder, slow, 0)
    begin(migrator)
    time.sleep(0.3)
    assert migrator.process.poll() is None
    with llmspell.open(folder) as store:  # readers go on, and see nothing of it
        assert len(store.list_keys("people")) == PEOPLE - 1
    os.kill(restorer.process.pid, signal.SIGCONT)
    assert restorer.result()[:2] == [PEOPLE, "1.0.0"]
    assert migrator.result()[0] == "completed"
    with opened(folder, place) as store:
        check_shape(store, "2.0.0")


# Writers during a restore


def test_writers_go_on_after_a_restore_and_what_they_had_read_before_is_a_conflict(
    folder: str, place: str, ending: Path
) -> None:
    with llmspell.open(folder) as store:
        seen = store.save("scope", "key", "before")
        [[backup_id, *_]] = back_up(folder, place, 1, None, 0)
        newer = store.save("scope", "key", "after")
        writers = [Member("backing.write_pairs", folder, place, str(ending), number) for number in range(2)]
        restorer = Member("backing.restore_one", folder, place, backup_id)
        begin(*writers, restorer)
        *_, version = restorer.result()
        assert version > newer
        assert store.load("scope", "key") == "before"
        for stale in (seen, newer):
            with pytest.raises(Conflict):
                store.save("scope", "key", "too late", if_version=stale)
        at = store.version()
        while store.version() < at + 20:  # the writers write
            time.sleep(0.01)
        ending.touch()
        assert min(writer.result() for writer in writers) > 0
        check_pairs(store)
        assert store.save("scope", "key", "on time", if_version=version) > version


# A maker that is stopped


def stopped(point: str, name: str, *arguments: Any) -> Member:
    member = Member(name, *arguments, fail_point=f"{point}=stop")
    begin(member)
    wait_until_stopped(member)
    return member


@pytest.mark.parametrize("end", [signal.SIGCONT, signal.SIGKILL], ids=["goes on", "is killed"])
@pytest.mark.parametrize("point", ["backup.begun", "backup.publishing", "backup.published", "backup.remembered"])
def test_others_wait_for_a_stopped_maker_and_go_on_when_it_ends(
    folder: str, place: str, point: str, end: signal.Signals
) -> None:
    with opened(folder, place) as store:
        store.save("left", "00", 1)
        store.save("right", "00", 1)
        [[first, *_]] = back_up(folder, place, 1, None, 0)
        maker = stopped(point, "backing.back_up", folder, place, 1, None, 1)
        others = [
            Member("backing.back_up", folder, place, 1, None, 1),
            Member("backing.restore_some", folder, place, 1, 1),
        ]
        begin(*others)
        time.sleep(0.3)
        assert [other.process.poll() for other in others] == [None, None]
        there = point in ("backup.published", "backup.remembered")
        assert len(store.backups.list_backups()) == 1 + there  # whoever only looks does not wait
        assert store.backups.problems() == {}
        assert store.backups.chain_of(first)[0].damage is None
        store.save("left", "01", 1)
        store.save("right", "01", 1)
        os.kill(maker.process.pid, end)
        if end == signal.SIGCONT:
            maker.result()
        else:
            maker.process.communicate()
        for other in others:
            other.result()
        check_pairs(store)
    assert len(check_place(folder, place)) == 3 + (there or end == signal.SIGCONT)


@pytest.mark.parametrize("point", ["cleanup.removing", "backup.unlisted"])
def test_others_wait_for_a_stopped_cleanup(folder: str, place: str, point: str) -> None:
    back_up(folder, place, 1, None, 0)
    back_up(folder, place, 1, None, 0)
    cleaner = stopped(point, "backing.back_up", folder, place, 1, 1, 0)
    maker = Member("backing.back_up", folder, place, 1, None, 0)
    begin(maker)
    time.sleep(0.3)
    assert maker.process.poll() is None
    with opened(folder, place) as store:
        assert store.backups.problems() == {}
        assert len(store.backups.list_backups()) == 3 - (point == "backup.unlisted")
    cleaner.process.kill()
    cleaner.process.communicate()
    maker.result()
    assert len(check_place(folder, place)) == 4 - (point == "backup.unlisted")


# A fork


def test_after_a_fork_parent_and_child_are_alone_in_the_place_one_at_a_time(folder: str, place: str) -> None:
    run(
        """
import os, sys, llmspell
store = llmspell.open(sys.argv[1], backup_path=sys.argv[2])
store.save("left", "00", 1)
store.save("right", "00", 1)
store.backups.create_backup()
(child_reads, parent_writes), (parent_reads, child_writes) = os.pipe(), os.pipe()
process = os.fork()
for end in (parent_reads, parent_writes) if process == 0 else (child_reads, child_writes):
    os.close(end)  # so that one hears when the other has ended
if process == 0:
    status = 1
    try:
        with store.backups._place.alone():
            os.write(child_writes, b".")
            os.read(child_reads, 1)
        for _ in range(3):
            store.backups.create_backup()
        status = 0
    finally:
        os._exit(status)
os.read(parent_reads, 1)
assert not store.backups._place._lock.enter_at_once()
os.write(parent_writes, b".")
for _ in range(3):
    store.backups.create_backup()
assert os.waitpid(process, 0)[1] == 0
""",
        folder,
        place,
    )
    assert len(check_place(folder, place)) == 7
