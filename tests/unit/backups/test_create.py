"""A backup holds one moment of the store, is proven before anybody sees it, and says what it could not be."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import zstandard

from llmspell.backups import origin
from llmspell.backups.local import LocalDraft, LocalPlace
from llmspell.backups.origin import OWN_KINDS
from llmspell.backups.retention import Rules
from llmspell.errors import BackupDamaged, BackupError, BackupUnavailable, StoreError, StoreFull
from tests.unit.backups.places import (
    ENTRIES_FILE,
    Home,
    chain_by_hand,
    entry_lines,
    flip,
    manifest_fields,
    rewrite,
    spoil,
    tree,
)
from tests.unit.migrations.homes import FIRST, RENAME, SECOND, put_step


def became_full(home: Home, reason: str, **options: Any) -> str:
    """Ask for an incremental backup, which must become a full and complete one for this reason; give its id."""
    made = home.asked_for_incremental(**options)
    assert not made.is_incremental
    assert made.parent_id is None
    [warning] = made.warnings
    assert warning.startswith("this is a full backup, although an incremental one was asked for: ")
    assert reason in warning
    manifest = manifest_fields(home.files(made.backup_id))
    assert (manifest["kind"], manifest["since_version"], manifest["tombstone_count"]) == ("full", 0, 0)
    return made.backup_id


def comes_back(home: Home, backup_id: str) -> bool:
    """Tell whether a backup restores to what is in the store now."""
    return home.backups.restore_backup(backup_id, dry_run=True).changes == ()


# What is in it


def test_a_full_backup_holds_every_live_entry(any_home: Home) -> None:
    store = any_home.store
    store.save("app", "a", 1)
    store.save("other", "b", [1.0, -0.0])
    store.save("app", "gone", 1)
    store.delete("app", "gone")
    store.save("app", "expired", 1, ttl=0.5)
    made = any_home.full()
    assert entry_lines(any_home.files(made)) == [
        b'{"scope":"app","key":"a","version":1,"created_at":1700000000.0,"updated_at":1700000000.0,'
        b'"expires_at":null,"value":1}\n',
        b'{"scope":"other","key":"b","version":2,"created_at":1700000000.0,"updated_at":1700000000.0,'
        b'"expires_at":null,"value":[1.0,-0.0]}\n',
    ]


def test_an_incremental_backup_holds_what_was_written_and_deleted_since(any_home: Home) -> None:
    store = any_home.store
    for key in ("same", "changed", "deleted"):
        store.save("app", key, 1)
    first = any_home.full()
    store.save("app", "changed", 2)
    store.save("app", "new", 3)
    store.delete("app", "deleted")
    second = any_home.incremental()
    lines = sorted(entry_lines(any_home.files(second)))
    assert [line.split(b",")[1] for line in lines] == [b'"key":"changed"', b'"key":"deleted"', b'"key":"new"']
    assert lines[1] == b'{"scope":"app","key":"deleted","version":6,"deleted_at":1700000001.0}\n'
    manifest = manifest_fields(any_home.files(second))
    assert (manifest["parent_id"], manifest["entry_count"], manifest["tombstone_count"]) == (first, 2, 1)
    assert (manifest["since_version"], manifest["version"], manifest["total_entries"]) == (3, 6, 3)


def test_what_is_created_is_told(home: Home) -> None:
    home.store.save("app", "a", 1)
    home.clock.advance(0.75)
    full = home.backups.create_backup()
    assert full.backup_id.startswith("20231114T221320Z-full-")
    assert full.size_bytes == sum(path.stat().st_size for path in home.files(full.backup_id).iterdir())
    assert (full.entry_count, full.created_at, full.success, full.error) == (1, 1_700_000_000, True, None)
    assert (full.incremental, full.is_incremental, full.parent_id, full.warnings) == (False, False, None, ())
    assert full.duration_ms > 0
    home.store.delete("app", "a")
    child = home.backups.create_backup(True)
    assert (child.incremental, child.is_incremental, child.parent_id) == (True, True, full.backup_id)
    assert child.entry_count == 0


def test_the_manifest_tells_what_is_known(home: Home) -> None:
    home.store.save("app", "a", 1)
    made = home.full(description="before the 2nd é", scopes="app", exclude=["cache*"])
    fields = manifest_fields(home.files(made))
    assert fields["details"]["description"] == "before the 2nd é"
    assert (fields["details"]["scopes"], fields["details"]["exclude"]) == (["app"], ["cache*"])
    assert (fields["created_at"], fields["schema_version"], fields["sequence"]) == (1_700_000_001.0, "1.0.0", 1)
    assert (fields["total_entries"], fields["version_sum"]) == (None, None)


def test_an_empty_store_makes_an_empty_backup(any_home: Home) -> None:
    made = any_home.full()
    assert entry_lines(any_home.files(made)) == []
    assert any_home.backups.validate_backup(made).is_valid
    assert any_home.store.version() == 0
    any_home.store.save("app", "a", 1)
    any_home.backups.restore_backup(made)
    assert any_home.seen().entries == []


def test_part_of_the_store_is_chosen_by_scopes(home: Home) -> None:
    for scope in ("agent:a", "agent:b", "cache:a", "app"):
        home.store.save(scope, "k", 1)
    made = home.full(scopes=["agent:*", "cache:*"], exclude="*:b")
    assert [line.split(b",")[0] for line in entry_lines(home.files(made))] == [
        b'{"scope":"agent:a"',
        b'{"scope":"cache:a"',
    ]


def test_the_scopes_of_the_configuration_count_unless_others_are_given(homes: Callable[..., Home]) -> None:
    home = homes(scopes=("app",), exclude=("cache*",))
    for scope in ("app", "cache", "other"):
        home.store.save(scope, "k", 1)
    chosen: list[tuple[dict[str, list[str]], int]] = [
        ({}, 1),
        ({"scopes": ["*"]}, 2),
        ({"exclude": []}, 1),
        ({"scopes": ["*"], "exclude": []}, 3),
    ]
    for options, number in chosen:
        assert len(entry_lines(home.files(home.full(**options)))) == number


def test_notes_of_the_store_go_along_but_not_those_about_its_own_past(
    homes: Callable[..., Home], tmp_path: Path
) -> None:
    folder = tmp_path / "steps"
    put_step(folder, RENAME, to=SECOND, start=FIRST)
    migrating = homes(migrations_path=folder)
    migrating.store.save("users", "ada", {"name": "Ada"})
    migrating.full()
    migrating.store.migrations.migrate(SECOND)
    made = migrating.full()
    files = manifest_fields(migrating.files(made))["files"]
    assert "notes.jsonl.zst" in files
    packed = (migrating.files(made) / "notes.jsonl.zst").read_bytes()
    text = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
    assert b'"kind": "migration"' in text
    for kind in OWN_KINDS:
        assert b'"kind": "%s"' % kind.encode() not in text
        assert migrating.store.backend.notes(kind)


@pytest.mark.parametrize(
    ("compression", "name"), [("zstd", "entries.jsonl.zst"), ("gzip", "entries.jsonl.gz"), ("none", "entries.jsonl")]
)
def test_every_compression_comes_back_and_can_be_mixed_in_a_chain(
    homes: Callable[..., Home], compression: str, name: str
) -> None:
    home = homes(compression=compression, compression_level=9)
    home.store.save("app", "a", "x" * 5_000)
    first = home.full()
    assert sorted(path.name for path in home.files(first).iterdir()) == sorted([name, "manifest.json", "marks.json"])
    home.store.save("app", "b", 2)
    home.clock.advance(1)
    second = home.with_options(compression="none").create_backup(True)
    assert second.is_incremental
    assert comes_back(home, second.backup_id)
    assert home.backups.validate_backup(second.backup_id).is_valid


def test_progress_is_told_up_to_the_end(home: Home) -> None:
    told: list[tuple[int, int]] = []
    with home.store.transaction() as state:
        for number in range(3_000):
            state.save("app", f"k{number}", "x" * 500)
    home.full(progress=lambda done, of: told.append((done, of)))
    assert len(told) > 2
    assert told == sorted(told)
    assert {of for _, of in told} == {3_000}
    assert told[-1] == (3_000, 3_000)


# One moment


def test_two_entries_that_are_always_written_together_never_differ_in_a_backup(home: Home) -> None:
    stop = threading.Event()
    store = home.store

    def write(number: int) -> None:
        with store.transaction() as state:
            state.save("app", "one", number)
            state.save("zoo", "two", number)

    def write_on() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            write(number)

    write(0)
    thread = threading.Thread(target=write_on)
    thread.start()
    try:
        made = [home.backups.create_backup(number % 2 == 1).backup_id for number in range(12)]
    finally:
        stop.set()
        thread.join(30)
    home.clock.advance(1)
    for backup_id in made:
        home.backups.restore_backup(backup_id)
        assert store.load("app", "one") == store.load("zoo", "two")


def test_what_is_written_while_a_backup_is_made_belongs_to_the_next_one(home: Home) -> None:
    home.store.save("app", "a", 1)

    def late(done: int, of: int) -> None:
        home.store.save("app", "late", done)
        home.store.delete("app", "a")

    first = home.full(progress=late)
    assert [b'"key":"a"' in line for line in entry_lines(home.files(first))] == [True]
    second = home.incremental()
    assert len(entry_lines(home.files(second))) == 2
    assert comes_back(home, second)


# Incremental, or why not


def test_the_first_backup_is_full(home: Home) -> None:
    home.store.save("app", "a", 1)
    made = became_full(home, "there is no backup to stand on")
    assert comes_back(home, made)
    assert home.incremental()


def test_incremental_backups_can_be_switched_off(homes: Callable[..., Home]) -> None:
    home = homes(incremental=False)
    home.full()
    became_full(home, "backup_incremental is switched off")


def test_a_store_does_not_stand_on_the_backups_of_another_one(homes: Callable[..., Home]) -> None:
    one, other = homes("one"), homes("other")
    one.store.save("app", "a", 1)
    one.full()
    other.store.save("app", "b", 1)
    assert comes_back(other, became_full(other, "no backup here was made of this store"))
    assert one.incremental()
    assert other.incremental()
    assert comes_back(one, one.incremental())


def test_a_store_that_was_deleted_and_made_anew_does_not_stand_on_its_old_backups(homes: Callable[..., Home]) -> None:
    home = homes()
    for number in range(5):
        home.store.save("app", f"k{number}", number)
    home.full()
    home.close()
    shutil.rmtree(home.folder)
    again = homes()
    for number in range(9):
        again.store.save("app", f"other{number}", number)
    assert comes_back(again, became_full(again, "no backup here was made of this store"))


def test_an_older_copy_of_a_store_never_stands_on_what_was_made_after_it(homes: Callable[..., Home]) -> None:
    home = homes()
    home.store.save("app", "a", 1)
    first = home.full()
    home.close()
    shutil.copytree(home.folder, home.root / "copy")
    home = homes()
    home.store.save("app", "lost", 1)
    home.store.delete("app", "a")
    later = home.incremental()
    home.close()
    shutil.rmtree(home.folder)
    (home.root / "copy").rename(home.folder)
    back = homes()
    for number in range(5):
        back.store.save("app", f"other{number}", number)
    made = back.incremental()
    fields = manifest_fields(back.files(made))
    assert fields["parent_id"] == first != later
    assert comes_back(back, made)


def test_an_older_copy_that_knows_no_backup_makes_a_full_one(homes: Callable[..., Home]) -> None:
    home = homes()
    home.store.save("app", "a", 1)
    home.close()
    shutil.copytree(home.folder, home.root / "copy")
    home = homes()
    home.full()
    home.close()
    shutil.rmtree(home.folder)
    (home.root / "copy").rename(home.folder)
    back = homes()
    back.store.save("app", "other", 1)
    assert comes_back(back, became_full(back, "no backup here was made of this store"))


def test_a_backup_of_other_scopes_is_nothing_to_stand_on(home: Home) -> None:
    home.store.save("app", "a", 1)
    part = home.full(scopes="app")
    became_full(home, "no backup here is of the same scopes")
    became_full(home, "no backup here is of the same scopes", scopes="app", exclude="x")
    home.store.save("app", "b", 1)
    home.store.save("other", "b", 1)
    child = home.incremental(scopes="app")
    assert manifest_fields(home.files(child))["parent_id"] == part
    assert len(entry_lines(home.files(child))) == 1


@pytest.mark.parametrize("damage", ["missing", "noted"])
def test_what_is_known_to_be_damaged_is_nothing_to_stand_on(home: Home, damage: str) -> None:
    home.store.save("app", "a", 1)
    first = home.full()
    path = home.files(first) / ENTRIES_FILE
    if damage == "missing":
        path.unlink()
    else:
        spoil(path, flip)
        home.backups.validate_backup(first)
    made = became_full(home, f"the one it would stand on cannot be restored: {first} is damaged: ")
    assert comes_back(home, made)


def test_a_damaged_backup_is_passed_over_for_the_sound_one_before_it(home: Home) -> None:
    home.store.save("app", "a", 1)
    first = home.full()
    home.store.save("app", "b", 1)
    (home.files(home.incremental()) / ENTRIES_FILE).unlink()
    third = home.incremental()
    assert manifest_fields(home.files(third))["parent_id"] == first
    assert comes_back(home, third)


def test_a_manifest_that_somebody_wrote_anew_is_nothing_to_stand_on(home: Home) -> None:
    home.store.save("app", "a", 1)
    rewrite(home.files(home.full()), version=0)
    assert comes_back(home, became_full(home, "no backup here was made of this store"))


def test_a_store_that_is_older_than_its_newest_backup_makes_a_full_one(homes: Callable[..., Home]) -> None:
    one, other = homes("one"), homes("other")
    for number in range(5):
        one.store.save("app", f"k{number}", number)
    made = one.full()
    other.store.save("app", "a", 1)
    checksum = manifest_fields(one.files(made))["checksum"]
    origin.remember(other.store.backend, made, checksum, other.clock(), [made])
    assert comes_back(other, became_full(other, "the store is older than its newest backup"))


def test_a_full_backup_is_made_again_once_the_last_one_is_old(homes: Callable[..., Home]) -> None:
    home = homes(full_interval_seconds=100)
    home.full()
    for _ in range(3):
        home.clock.advance(30)
        home.incremental()
    home.clock.advance(6)
    became_full(home, "the full one is older than backup_full_interval_seconds = 100")
    home.clock.advance(98)
    assert home.incremental()


def test_a_full_interval_of_nothing_makes_every_backup_full(homes: Callable[..., Home]) -> None:
    home = homes(full_interval_seconds=0)
    home.full()
    became_full(home, "backup_full_interval_seconds = 0")


def test_when_deletions_are_forgotten_the_next_backup_is_full(home: Home) -> None:
    home.store.save("app", "a", 1)
    home.store.save("app", "b", 1)
    home.full()
    home.store.delete("app", "a")
    home.clock.advance(31 * 86_400)
    for number in range(600):
        home.store.save("app", "n", number)
    assert comes_back(home, became_full(home, "deletions since the one before are no longer known"))


def test_a_clock_that_was_set_back_makes_a_full_backup_of_what_lives_again(home: Home) -> None:
    home.store.save("app", "a", 1)
    home.store.save("app", "short", 1, ttl=10)
    home.clock.advance(20)
    home.full()
    home.clock.advance(-15)
    assert home.store.load("app", "short") == 1
    assert comes_back(home, became_full(home, "the clock was set back"))


def test_a_chain_may_be_long(home: Home) -> None:
    _long_chain(home, 300, restored=[150, 300])


@pytest.mark.soak
def test_a_chain_may_be_very_long(home: Home) -> None:
    made = _long_chain(home, 1_000, restored=[1, 500, 1_000])
    assert home.backups.validate_backup(made[-1]).is_valid


def _long_chain(home: Home, length: int, restored: list[int]) -> list[str]:
    made = chain_by_hand(home, length)
    assert [one.id for one in home.backups.chain_of(made[-1])] == made
    for number in restored:
        home.backups.restore_backup(made[number - 1], force=True)
        assert max(cast("int", value) for value in home.values("app").values()) == number
        assert len(home.values("app")) == min(number, 7)
    return made


@pytest.mark.soak
def test_hundreds_of_backups_stand_on_each_other(home: Home) -> None:
    made = []
    for number in range(300):
        home.store.save("app", f"k{number % 7}", number)
        made.append(home.incremental() if number else home.full())
    for number in (0, 150, 299):
        home.backups.restore_backup(made[number])
        assert max(cast("int", value) for value in home.values("app").values()) == number


def test_little_is_written_when_little_changed(home: Home) -> None:
    with home.store.transaction() as state:
        for number in range(5_000):
            state.save("app", f"k{number}", {"number": number, "text": f"words {number * 7919 % 5_003}"})
    full = home.full()
    for number in range(0, 5_000, 100):
        home.store.save("app", f"k{number}", "changed")
    child = home.incremental()
    sizes = {one.id: one.size_bytes for one in home.backups.list_backups()}
    assert sizes[child] < sizes[full] * 0.1


@pytest.mark.soak
def test_one_value_of_a_hundred_megabytes_comes_back(homes: Callable[..., Home]) -> None:
    home = homes(max_value_bytes=200_000_000)
    _large_value(home, 100_000_000)


def test_one_large_value_comes_back(home: Home) -> None:
    _large_value(home, 9_000_000)


def _large_value(home: Home, size: int) -> None:
    import llmspell

    with llmspell.open(
        str(home.folder), durability="normal", clock=home.clock, config=_config(home.root, size + 1_000)
    ) as store:
        store.save("app", "large", "x" * size)
    made = home.full()
    assert home.backups.validate_backup(made).is_valid
    home.store.save("app", "large", 1)
    home.backups.restore_backup(made)
    assert len(cast("str", home.store.load("app", "large"))) == size


def _config(root: Path, max_value_bytes: int) -> str:
    path = root / "llmspell.toml"
    path.write_text(f"[state]\nmax_value_bytes = {max_value_bytes}\n")
    return str(path)


@pytest.mark.soak
def test_a_million_entries_come_back(home: Home) -> None:
    for begin in range(0, 1_000_000, 50_000):
        with home.store.transaction() as state:
            for number in range(begin, begin + 50_000):
                state.save(f"scope{number % 10}", f"k{number}", number)
    made = home.full()
    assert home.backups.validate_backup(made).is_valid
    before = home.seen()
    home.store.clear("scope3")
    home.backups.restore_backup(made)
    assert home.seen() == before


# When it cannot be made


@contextmanager
def nothing_is_made(home: Home, error: type[Exception], match: str) -> Any:
    before = home.backups.list_backups(), home.seen(), home.store.version()
    with pytest.raises(error, match=match):
        yield
    assert (home.backups.list_backups(), home.seen(), home.store.version()) == before
    assert [path.name for path in home.place.iterdir() if path.name.startswith((".new-", ".gone-"))] == []


@pytest.mark.parametrize("verify", ["full", "checksum"])
def test_what_is_read_back_otherwise_is_not_shown_to_anybody(
    homes: Callable[..., Home], monkeypatch: pytest.MonkeyPatch, verify: str
) -> None:
    home = homes(verify=verify)
    home.store.save("app", "a", 1)
    home.full()
    write = LocalDraft.write

    @contextmanager
    def writing_badly(draft: LocalDraft, name: str) -> Any:
        with write(draft, name) as out:
            yield out
        path = Path(draft._folder) / name
        path.write_bytes(flip(path.read_bytes()))

    monkeypatch.setattr(LocalDraft, "write", writing_badly)
    with nothing_is_made(home, BackupDamaged, "the backup was not made: what was read back from .* look at the disk"):
        home.full()


def test_with_checksums_alone_a_backup_is_as_sound(homes: Callable[..., Home]) -> None:
    home = homes(verify="checksum")
    home.store.save("app", "a", 1)
    assert home.backups.validate_backup(home.full()).is_valid


def test_progress_that_raises_ends_it(home: Home) -> None:
    home.store.save("app", "a", 1)
    home.full()

    def stop(done: int, of: int) -> None:
        raise KeyError("stop")

    with nothing_is_made(home, KeyError, "stop"):
        home.full(progress=stop)


def test_a_full_disk_is_told_and_leaves_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import os

    home.store.save("app", "a", 1)
    home.full()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with nothing_is_made(home, BackupUnavailable, f'the disk that holds the backups in "{home.place}" is full'):
            home.full()


def test_a_store_that_cannot_be_read_makes_no_backup(home: Home) -> None:
    home.full()
    home.close()
    with pytest.raises(StoreError):
        home.full()
    assert len(list(home.place.glob("2*"))) == 1


def test_a_store_that_cannot_note_the_backup_has_it_all_the_same(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.store.save("app", "a", 1)
    backend = home.store.backend

    def full(*_: object) -> None:
        raise StoreFull("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(type(backend), "revise", full)
        made = home.backups.create_backup()
    assert made.warnings == ("the next incremental backup cannot stand on this one: the disk is full",)
    assert comes_back(home, made.backup_id)
    became_full(home, "no backup here was made of this store")


def test_a_verdict_that_cannot_be_noted_is_a_warning(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise BackupUnavailable("no more files")

    monkeypatch.setattr(LocalPlace, "replace", refuse)
    made = home.backups.create_backup()
    assert made.warnings == ("it could not be noted that the backup is verified: no more files",)


def test_older_backups_that_cannot_be_cleaned_up_are_a_warning(
    homes: Callable[..., Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = homes(rules=Rules(days=0, max_backups=1))
    home.full()

    def refuse(*_: object) -> None:
        raise BackupUnavailable("it is stuck")

    monkeypatch.setattr(LocalPlace, "remove", refuse)
    made = home.backups.create_backup()
    [warning] = made.warnings
    assert warning.startswith("the backup is made, but cleaning up the older ones failed: ")
    assert "it is stuck" in warning
    assert len(home.backups.list_backups()) == 2


def test_the_rules_of_retention_run_after_each_backup(homes: Callable[..., Home]) -> None:
    home = homes(rules=Rules(days=0, max_backups=2))
    made = [home.full() for _ in range(4)]
    assert [one.id for one in home.backups.list_backups()] == [made[3], made[2]]


def test_what_a_maker_that_died_left_behind_is_removed_by_the_next_one(home: Home) -> None:
    first = home.full()
    for name in (f".new-{first}", f".gone-{first}"):
        shutil.copytree(home.files(first), home.place / name)
    home.full()
    assert [path.name for path in home.place.iterdir() if path.name.startswith((".new-", ".gone-"))] == []


def test_a_hold_is_there_from_the_first_moment_on(homes: Callable[..., Home], monkeypatch: pytest.MonkeyPatch) -> None:
    home = homes()
    monkeypatch.setattr(LocalPlace, "replace", lambda *_: (_ for _ in ()).throw(BackupUnavailable("read only")))
    made = home.full(hold="before 2.0.0")
    assert [(one.id, one.held) for one in home.backups.list_backups()] == [(made, "before 2.0.0")]


def test_nothing_outside_the_place_is_written(home: Home) -> None:
    home.store.save("app", "a", 1)
    home.full()
    (home.root / "precious").write_bytes(b"")
    before = {name for name in tree(home.root) if not name.startswith("backups")}
    home.full()
    assert {name for name in tree(home.root) if not name.startswith("backups")} == before


def test_many_makers_at_once_make_as_many_backups(homes: Callable[..., Home]) -> None:
    some = [homes(f"store{number}") for number in range(2)]
    for home in some:
        home.store.save("app", "a", 1)
    failures: list[BaseException] = []

    def make(home: Home) -> None:
        try:
            for _ in range(3):
                home.backups.create_backup(True)
        except BackupError as error:
            failures.append(error)

    threads = [threading.Thread(target=make, args=(home,)) for home in some for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    listed = some[0].backups.list_backups()
    assert len(listed) == 12
    assert sum(not one.is_incremental for one in listed) == 2
    for home in some:
        assert all(home.backups.validate_backup(one.id).is_valid for one in listed)
