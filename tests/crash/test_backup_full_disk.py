"""The disk is full, fails, or is not what it was: a clear error, an untouched store, and no half backup."""

from __future__ import annotations

import errno
import io
import os
import random
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import llmspell
from llmspell.backups import local
from llmspell.errors import BackupError, BackupUnavailable, StoreError, StoreFull
from llmspell.folders import sync_folder
from tests.crash.backing import World, contents, fast_room, leftovers, opened, restored
from tests.crash.test_backup_kill import listed
from tests.programs import NOBODY, folder_for_everybody, run


@pytest.fixture
def room() -> Iterator[Path]:
    with fast_room() as folder:
        yield folder


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with fast_room() as folder:
        yield World(folder / "plain")


# A full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    point = tmp_path / "disk"
    point.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(point)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    yield point
    subprocess.run(["umount", "-l", str(point)], check=True)


@contextmanager
def nearly_full(disk: Path, but_pages: int) -> Iterator[None]:
    """Fill the disk with a file, all but so many pages."""
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    os.truncate(filler, filler.stat().st_size - but_pages * 4096)
    yield
    filler.unlink()


@pytest.mark.parametrize("incremental", [False, True], ids=["full", "incremental"])
def test_a_place_that_is_full_gets_no_half_backup_and_the_next_one_when_there_is_space(
    small_disk: Path, world: World, room: Path, incremental: bool
) -> None:
    root = world.copy(room / "world")
    place = shutil.copytree(root / "backups", small_disk / "backups")
    refused, told = 0, set()
    with opened(root, backup_path=str(place)) as store:
        for pages in range(12):
            before = [one.id for one in store.backups.list_backups()]
            with nearly_full(small_disk, pages):
                try:
                    store.backups.create_backup(incremental)
                except BackupUnavailable as error:
                    told.add(str(error))
                    refused += 1
                    assert leftovers(place) == []
                    assert [one.id for one in store.backups.list_backups()] == before
            assert store.backups.problems() == {}
            assert contents(store) == world.now
            made = store.backups.create_backup(incremental)
            assert restored(place, made.backup_id) == world.now
            assert leftovers(place) == []
        assert list(store.backend.problems()) == []
    assert 0 < refused < 12
    assert told == {f'the disk that holds the backups in "{place}" is full; free some space'}


def test_nothing_is_restored_while_the_place_is_too_full_to_undo_it(small_disk: Path, world: World, room: Path) -> None:
    root = world.copy(room / "world")
    place = shutil.copytree(root / "backups", small_disk / "backups")
    with opened(root, backup_path=str(place)) as store:
        with nearly_full(small_disk, 0):
            with pytest.raises(BackupError, match=r"nothing was restored.*free some space"):
                store.backups.restore_backup(world.ids[1])
            assert contents(store) == world.now
            assert store.backups.restore_backup(world.ids[1], dry_run=True).success
            assert store.backups.restore_backup(world.ids[1], force=True).pre_restore_backup_id is None
            assert contents(store) == world.states[world.ids[1]]
            assert store.backups.validate_backup(world.ids[1]).is_valid  # its verdict need not find room
            assert len(store.backups.list_backups()) == 4
        assert store.backups.restore_backup(world.ids[3]).pre_restore_backup_id is not None
        assert contents(store) == world.states[world.ids[3]]


def test_a_store_that_is_full_is_backed_up_and_not_restored(small_disk: Path, world: World, room: Path) -> None:
    root = world.copy(room / "world")
    state = shutil.copytree(root / "state", small_disk / "state")
    refused = 0
    with opened(root, path=str(state)) as store:
        made = store.backups.create_backup(True)
        for pages in (0, 2, 4, 8, 16):
            with nearly_full(small_disk, pages):
                try:
                    made = store.backups.create_backup(True)
                    store.backups.restore_backup(world.ids[0])
                except StoreFull:
                    refused += 1
                    assert contents(store) == world.now
            assert list(store.backend.problems()) == []
            assert restored(root / "backups", made.backup_id) == world.now
            if contents(store) != world.now:
                assert contents(store) == world.states[world.ids[0]]
                store.backups.restore_backup(made.backup_id)
            assert contents(store) == world.now
        store.save("scope 0", "after", 1)
        assert store.backups.create_backup(True).entry_count >= 1
    assert refused


# Each call of the system fails once


class Disk:
    """What stands for the module `os` in the place of backups: the call with the number `fails` fails."""

    CALLS = ("open", "fsync", "rename", "mkdir", "unlink", "rmdir", "listdir", "lstat", "fstat")

    def __init__(self, fails: int, error: int) -> None:
        self._fails = fails
        self._error = error
        self.calls = 0
        self.failed = ""

    def __getattr__(self, name: str) -> Any:
        found = getattr(os, name)
        return self._watched(name, found) if name in self.CALLS else found

    def fdopen(self, descriptor: int, mode: str) -> Any:
        if mode == "rb":
            return os.fdopen(descriptor, mode)
        disk = self

        class Raw(io.FileIO):
            def write(self, piece: Any) -> int:
                disk.count("write")
                return super().write(piece) or 0

        return io.BufferedWriter(Raw(descriptor, "wb"), 512)

    def sync_folder(self, path: str) -> None:
        self.count("open")
        self.count("fsync")
        sync_folder(path)

    def count(self, name: str) -> None:
        self.calls += 1
        if self.calls == self._fails:
            self.failed = name
            raise OSError(self._error, os.strerror(self._error))

    def _watched(self, name: str, found: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **others: Any) -> Any:
            self.count(name)
            return found(*arguments, **others)

        return call


def fail_call(
    world: World, root: Path, monkeypatch: pytest.MonkeyPatch, disk: Disk, work: Callable[[llmspell.Store], object]
) -> None:
    """Let a call of the system fail during the work, and look at everything afterwards."""
    world.copy(root)
    with opened(root, 2) as store, opened(root) as unlimited:
        monkeypatch.setattr(local, "os", disk)
        monkeypatch.setattr(local, "sync_folder", disk.sync_folder)
        try:
            work(store)
        except BackupError:
            assert disk.failed
        monkeypatch.setattr(local, "os", os)
        monkeypatch.setattr(local, "sync_folder", sync_folder)
        where = (disk.calls, disk.failed)
        state = contents(store)
        assert state in (world.now, world.states[world.ids[0]]), where
        assert store.backups.problems() == {}, where
        assert [one.damage for one in store.backups.list_backups() if one.damage] == [], where
        made = unlimited.backups.create_backup(True)
        assert leftovers(root / "backups") == [], where
        assert restored(root / "backups", made.backup_id) == state, where
        assert list(store.backend.problems()) == []
    for backup_id in listed(root):
        if backup_id in world.states:
            assert restored(root / "backups", backup_id) == world.states[backup_id], where
    shutil.rmtree(root)


def fail_each_call(
    world: World, room: Path, monkeypatch: pytest.MonkeyPatch, work: str, error: int, step: int
) -> set[str]:
    """Let one call of the system in `step` fail, one after the other; give the names of those that have failed."""
    first = world.ids[0]
    calls: dict[str, Callable[[llmspell.Store], object]] = {
        "create": lambda store: store.backups.create_backup(False),
        "restore": lambda store: store.backups.restore_backup(first),
        "cleanup": lambda store: store.backups.cleanup_backups(),
        "hold": lambda store: store.backups.hold_backup(first),
        "validate": lambda store: store.backups.validate_backup(first),
    }
    failed, number = set[str](), 1
    while True:
        disk = Disk(number, error)
        fail_call(world, room / "world", monkeypatch, disk, calls[work])
        if not disk.failed:
            return failed
        failed.add(disk.failed)
        number += step
        assert number < 1_000


WORK = ["create", "restore", "cleanup", "hold", "validate"]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO], ids=errno.errorcode.get)
@pytest.mark.parametrize("work", WORK)
def test_when_a_call_of_the_system_fails_nothing_is_half_done(
    world: World, room: Path, monkeypatch: pytest.MonkeyPatch, work: str, error: int
) -> None:
    assert fail_each_call(world, room, monkeypatch, work, error, 17)


@pytest.mark.soak
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EROFS], ids=errno.errorcode.get)
@pytest.mark.parametrize("work", WORK)
def test_whatever_call_of_the_system_fails_nothing_is_half_done(
    world: World, room: Path, monkeypatch: pytest.MonkeyPatch, work: str, error: int
) -> None:
    failed = fail_each_call(world, room, monkeypatch, work, error, 1)
    assert {"rename", "unlink", "rmdir"} if work == "cleanup" else {"write", "fsync", "rename", "open"} <= failed


def test_a_file_that_may_not_grow_ends_a_backup_at_any_size(world: World, room: Path) -> None:
    root = world.copy(room / "world")
    with opened(root) as store:
        whole = store.backups.create_backup(False).size_bytes
    program = """
import resource, sys
sys.path.insert(0, sys.argv[3])
from llmspell.errors import BackupUnavailable
from tests.crash.backing import leftovers, opened
refused, none = 0, resource.getrlimit(resource.RLIMIT_FSIZE)
with opened(sys.argv[1]) as store:
    store.version()  # so that the files that the engine needs to read are there
    for most in range(100, int(sys.argv[2]), 200):
        before = [one.id for one in store.backups.list_backups()]
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, none[1]))
        try:
            store.backups.create_backup(False)
        except BackupUnavailable as error:
            assert "cannot be used: File too large" in str(error), error
            refused += 1
            assert [one.id for one in store.backups.list_backups()] == before
        resource.setrlimit(resource.RLIMIT_FSIZE, none)
        assert leftovers(sys.argv[1] + "/backups") == []
    assert list(store.backend.problems()) == [] and store.backups.problems() == {}
    assert store.backups.create_backup(True).warnings == ()
print(refused)
"""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    assert int(run(program, str(root), str(whole), str(Path(__file__).parents[2]))) > whole // 400
    assert contents_of(root) == world.now
    for backup_id in listed(root):
        assert restored(root / "backups", backup_id) == world.states.get(backup_id, world.now)


def contents_of(root: Path) -> object:
    with opened(root) as store:
        return contents(store)


# A source that cannot be read


def damage_pages(world: World, root: Path, seed: int, pages: int) -> tuple[int, int]:
    """Damage pages of the store, one at a time; give how many backups failed and how many were made all the same."""
    chance = random.Random(seed)
    world.copy(root)
    with opened(root) as store, store.transaction() as state:
        for number in range(150):
            state.save("large", f"{number:04}", "x" * chance.randrange(6_000))
    file, sound = root / "state" / "state.db", contents_of(root)
    with opened(root) as store:
        store.flush()
    assert not (root / "state" / "state.db-wal").exists()
    whole = file.read_bytes()
    failed = made = 0
    for turn in range(pages):
        page = chance.randrange(1, len(whole) // 4096) * 4096
        rest = chance.choice([bytes(4096), chance.randbytes(4096)])
        file.write_bytes(whole[:page] + rest + whole[page + 4096 :])
        before = listed_only(root)
        try:
            with opened(root) as store:
                backup_id = store.backups.create_backup(False).backup_id
        except (BackupError, StoreError):
            assert listed_only(root) == before, (page, turn)
            failed += 1
        else:
            assert restored(root / "backups", backup_id) == sound, (page, turn)
            made += 1
        assert leftovers(root / "backups") == []
        for path in (root / "state").iterdir():
            if path.name not in ("state.db", "state.lock"):
                path.unlink()
    return failed, made


def listed_only(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "backups").iterdir() if len(path.name) == 28)


def test_a_store_that_cannot_be_read_whole_is_not_backed_up_with_a_hole(world: World, room: Path) -> None:
    failed, _ = damage_pages(world, room / "world", 0, 60)
    assert failed > 30


@pytest.mark.soak
def test_no_damaged_page_ever_makes_a_backup_with_a_hole(world: World, room: Path) -> None:
    damage_pages(world, room / "world", 1, 3_000)


# A place that is not what it was

WITHOUT_RIGHTS = f"""
import llmspell, os, tempfile
with tempfile.TemporaryDirectory() as folder:  # what is imported late could not be read any more
    with llmspell.open(folder + "/state", backup_path=folder + "/backups") as warm:
        warm.save("scope", "key", 1)
        first = warm.backups.create_backup(True, hold="held").backup_id
        warm.backups.restore_backup(first)
        warm.backups.validate_backup(first)
        warm.backups.cleanup_backups()
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid({NOBODY})
    os.setuid({NOBODY})
"""


def test_a_place_that_may_not_be_written_is_told_and_is_still_read(world: World) -> None:
    with folder_for_everybody() as mine:
        world.copy(mine / "world")
        if os.geteuid() == 0:
            for path in (mine / "world", *(mine / "world").rglob("*")):
                os.chown(path, NOBODY, NOBODY)
        program = """
import os, sys
from llmspell.errors import BackupError
root, target = sys.argv[1], sys.argv[2]
with llmspell.open(root + "/state", backup_path=root + "/backups", clock=lambda: 1_900_000_000.0) as store:
    version = store.version()
    store.backups.validate_backup(target)
    store.backups.restore_backup(target, dry_run=True)
    made = store.backups.create_backup()
    for path, folders, files in os.walk(root + "/backups"):
        for name in files:
            os.chmod(path + "/" + name, 0o400)
    for path, folders, files in os.walk(root + "/backups"):
        os.chmod(path, 0o500)
with llmspell.open(root + "/state", backup_path=root + "/backups", clock=lambda: 1_900_000_000.0) as store:
    for work in (store.backups.create_backup, lambda: store.backups.hold_backup(target),
                 lambda: store.backups.restore_backup(target)):
        try:
            work()
        except BackupError as error:
            assert "you may read and write" in str(error), error
        else:
            raise AssertionError(work)
    assert len(store.backups.list_backups()) == 5 and store.backups.problems() == {}
    validated = store.backups.validate_backup(target)
    assert validated.is_valid and "could not be noted" in validated.warnings[0], validated
    assert store.version() == version
    assert store.backups.restore_backup(target, dry_run=True).changes
    assert store.backups.cleanup_backups(dry_run=True).retained_count == 5
    assert store.backups.restore_backup(target, force=True).pre_restore_backup_id is None
    for path, folders, files in os.walk(root + "/backups"):
        os.chmod(path, 0o700)
        for name in files:
            os.chmod(path + "/" + name, 0o600)
    store.backups.create_backup(True)
    print(len(store.backups.list_backups()))
"""
        assert run(WITHOUT_RIGHTS + program, str(mine / "world"), world.ids[1]) == "6\n"


def test_a_place_that_may_not_be_read_is_told_and_not_taken_for_an_empty_one(world: World) -> None:
    with folder_for_everybody() as mine:
        world.copy(mine / "world")
        for path in (mine / "world").rglob("*"):
            if os.geteuid() == 0:
                os.chown(path, NOBODY, NOBODY)
        program = """
import os, sys
from llmspell.errors import BackupUnavailable
place = sys.argv[1] + "/backups"
with llmspell.open(sys.argv[1] + "/state", backup_path=place) as store:
    for name in (place, place + "/" + sys.argv[2], place + "/" + sys.argv[2] + "/manifest.json"):
        os.chmod(name, 0)
        for work in (store.backups.list_backups, store.backups.create_backup, store.backups.get_storage_usage,
                     lambda: store.backups.restore_backup(sys.argv[2])):
            try:
                work()
            except BackupUnavailable as error:
                assert "Permission denied" in str(error), error
            else:
                raise AssertionError((name, work))
        os.chmod(name, 0o700)
    print(len(store.backups.list_backups()))
"""
        assert run(WITHOUT_RIGHTS + program, str(mine / "world"), world.ids[1]) == "4\n"


def test_a_place_that_vanishes_is_made_again_and_knows_no_backups(world: World, room: Path) -> None:
    root = world.copy(room / "world")
    with opened(root) as store:
        store.backups.create_backup(True)
        shutil.rmtree(root / "backups")
        assert store.backups.list_backups() == []
        with pytest.raises(BackupError, match="there is no backup"):
            store.backups.restore_backup(world.ids[0])
        made = store.backups.create_backup(True)
        assert not made.is_incremental
        assert "there is no backup to stand on" in made.warnings[0]
        assert contents(store) == world.now
        shutil.move(root / "backups", root / "moved")
        (root / "backups").write_text("a file")
        for work in (store.backups.create_backup, store.backups.list_backups, store.backups.cleanup_backups):
            with pytest.raises(BackupUnavailable, match="in, a file; name a folder"):
                work()
        (root / "backups").unlink()
        shutil.move(root / "moved", root / "backups")
        assert restored(root / "backups", made.backup_id) == world.now
        assert store.backups.create_backup(True).is_incremental
        assert contents(store) == world.now


@pytest.mark.parametrize("gone", ["manifest.json", "entries.jsonl.zst", None])
def test_a_place_that_loses_a_backup_while_it_is_proven_gets_none(
    world: World, room: Path, monkeypatch: pytest.MonkeyPatch, gone: str | None
) -> None:
    root = world.copy(room / "world")

    def lose(name: str) -> None:
        if name == "backup.proving":
            for folder in (root / "backups").glob(".new-*"):
                (folder / "entries.jsonl.zst").unlink() if gone else shutil.rmtree(folder)

    monkeypatch.setattr("llmspell.backups.create.reach", lose)
    with opened(root) as store:
        with pytest.raises(BackupError, match="was not made"):
            store.backups.create_backup()
        monkeypatch.undo()
        assert listed(root) == world.ids[::-1]
        assert leftovers(root / "backups") == []
        store.backups.create_backup()


def test_store_and_place_may_be_on_two_devices(tmp_path: Path, world: World, room: Path) -> None:
    if tmp_path.stat().st_dev == room.stat().st_dev:
        pytest.skip("there is one device only")
    for state, place in ((tmp_path, room), (room, tmp_path)):
        shutil.copytree(world.root / "state", state / "state")
        with opened(room, path=f"{state}/state", backup_path=f"{place}/backups") as store:
            made = [store.backups.create_backup(False), store.backups.create_backup(True)]
            store.save("scope 0", "more", 1)
            assert store.backups.restore_backup(made[1].backup_id).pre_restore_backup_id is not None
            assert contents(store) == world.now


@pytest.mark.parametrize("mask", [0, 0o077, 0o022])
def test_files_are_for_their_owner_alone_whatever_the_umask_is(world: World, room: Path, mask: int) -> None:
    (room / "state").mkdir()
    program = """
import llmspell, os, sys
os.umask(int(sys.argv[2]))
with llmspell.open(sys.argv[1] + "/state", backup_path=sys.argv[1] + "/deep/er/backups") as store:
    store.save("scope", "key", 1)
    first = store.backups.create_backup().backup_id
    store.backups.create_backup(True, hold="held")
    store.backups.validate_backup(first)
    store.backups.hold_backup(first)
    store.backups.restore_backup(first)
"""
    run(program, str(room), str(mask))
    paths = [room / "deep", *(room / "deep").rglob("*")]
    assert len(paths) > 10
    for path in paths:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
