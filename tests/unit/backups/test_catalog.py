"""The catalog tells what is there and what each backup stands on; one bad backup never hides another."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from llmspell.backups.catalog import Catalog, read_catalog, unknown_files
from llmspell.backups.encryption import new_key, read_key
from llmspell.backups.local import LocalPlace
from llmspell.errors import BackupDamaged, BackupNotFound, BackupTooNew, BackupUnavailable
from tests.unit.backups.places import ENTRIES_FILE, Home, flip, rewrite, spoil, tree


def catalog_of(home: Home) -> Catalog:
    return read_catalog(LocalPlace(str(home.place)), None)


def chain_of(home: Home, backup_id: str) -> list[str]:
    return [one.manifest.id for one in catalog_of(home).chain(backup_id)]


def restorable(catalog: Catalog) -> list[str]:
    """Give the ids of the backups that nothing is known to be wrong with, the newest first."""
    damages = catalog.damages()
    return [one.manifest.id for one in catalog.newest_first() if damages[one.manifest.id] is None]


def broken_chain(home: Home, backup_id: str) -> str:
    with pytest.raises(BackupDamaged, match=f"{backup_id} cannot be restored: ") as caught:
        catalog_of(home).chain(backup_id)
    assert catalog_of(home).damages()[backup_id] is not None
    assert backup_id not in restorable(catalog_of(home))
    return str(caught.value)


@pytest.fixture
def three(home: Home) -> tuple[str, str, str]:
    """Give a full backup and two that stand on each other."""
    made = []
    for number in range(3):
        home.store.save("app", "n", number)
        made.append(home.full() if number == 0 else home.incremental())
    first, second, third = made
    return first, second, third


def test_a_place_without_backups_has_an_empty_catalog(home: Home) -> None:
    catalog = catalog_of(home)
    assert (catalog.known, catalog.unreadable, catalog.newest_first(), catalog.next_sequence()) == ({}, {}, [], 1)
    with pytest.raises(BackupNotFound, match=r"there is no backup x in .*; there is none"):
        catalog.find("x")
    assert tree(home.root) == {}


def test_backups_come_in_the_order_in_which_they_were_made_whatever_the_clock_said(home: Home) -> None:
    made = []
    for moment in (1_700_000_000.0, 1_600_000_000.0, 1_800_000_000.0, 1_800_000_000.0, 0.0):
        home.clock.now = moment
        made.append(home.full())
    assert [one.manifest.id for one in catalog_of(home).newest_first()] == made[::-1]
    assert [one.manifest.sequence for one in catalog_of(home).newest_first()] == [5, 4, 3, 2, 1]


def test_a_backup_that_is_not_there_is_named_with_the_newest_one(home: Home, three: tuple[str, str, str]) -> None:
    with pytest.raises(BackupNotFound, match=f'no backup {three[0][:-1]}_ in "{home.place}"; the newest is {three[2]}'):
        catalog_of(home).find(f"{three[0][:-1]}_")


def test_a_chain_begins_with_the_full_backup(home: Home, three: tuple[str, str, str]) -> None:
    assert chain_of(home, three[2]) == list(three)
    assert chain_of(home, three[1]) == list(three[:2])
    assert chain_of(home, three[0]) == [three[0]]


def test_what_a_backup_takes_is_all_of_its_files(home: Home, three: tuple[str, str, str]) -> None:
    known = catalog_of(home).find(three[0])
    assert known.size_bytes == sum(path.stat().st_size for path in home.files(three[0]).iterdir())


def test_a_missing_parent_breaks_what_stands_on_it_and_nothing_else(home: Home, three: tuple[str, str, str]) -> None:
    first, second, third = three
    other = home.full()
    shutil.rmtree(home.files(second))
    assert f"{second}, which {third} stands on, is missing" in broken_chain(home, third)
    assert restorable(catalog_of(home)) == [other, first]


def test_a_missing_root_is_named_by_the_backup_that_stood_on_it(home: Home, three: tuple[str, str, str]) -> None:
    first, second, third = three
    shutil.rmtree(home.files(first))
    assert f"{first}, which {second} stands on, is missing" in broken_chain(home, third)
    assert restorable(catalog_of(home)) == []


def test_a_parent_that_was_replaced_is_not_the_one_that_was_meant(home: Home, three: tuple[str, str, str]) -> None:
    first, second, third = three
    rewrite(home.files(first), made_by="somebody else")
    told = f"{first} is not the backup that {second} was made upon"
    assert told in broken_chain(home, second)
    assert told in broken_chain(home, third)
    assert restorable(catalog_of(home)) == [first]


def test_a_parent_of_another_version_is_not_the_one_that_was_meant(home: Home, three: tuple[str, str, str]) -> None:
    first, second, _ = three
    rewrite(home.files(second), since_version=0)
    assert f"{first} is not the backup that {second} was made upon" in broken_chain(home, second)


def test_backups_that_stand_on_themselves_are_found(home: Home, three: tuple[str, str, str]) -> None:
    _, second, third = three
    rewrite(home.files(second), parent_id=second)
    assert broken_chain(home, second)
    rewrite(home.files(second), parent_id=third)
    assert broken_chain(home, second)
    assert broken_chain(home, third)


def test_a_manifest_that_cannot_be_read_is_told_and_stops_nothing(home: Home, three: tuple[str, str, str]) -> None:
    first, second, third = three
    spoil(home.files(second) / "manifest.json", flip)
    catalog = catalog_of(home)
    assert sorted(catalog.known) == sorted([first, third])
    assert str(catalog.unreadable[second]).startswith(f"{second} is damaged: its manifest is not readable")
    with pytest.raises(BackupDamaged, match=f"{second} is damaged"):
        catalog.find(second)
    assert f"{second} is damaged: its manifest is not readable" in broken_chain(home, third)
    assert restorable(catalog) == [first]


def test_a_folder_without_a_manifest_is_told(home: Home, three: tuple[str, str, str]) -> None:
    (home.files(three[1]) / "manifest.json").unlink()
    assert str(catalog_of(home).unreadable[three[1]]) == f"{three[1]} is damaged: manifest.json is missing"


def test_a_manifest_under_the_name_of_another_backup_is_told(home: Home, three: tuple[str, str, str]) -> None:
    first, _, third = three
    shutil.copy(home.files(first) / "manifest.json", home.files(third) / "manifest.json")
    assert str(catalog_of(home).unreadable[third]) == f"{third} is damaged: its manifest is that of {first}"


def test_a_folder_under_another_name_is_told(home: Home, three: tuple[str, str, str]) -> None:
    moved = three[0].replace("-full-", "-incr-")
    home.files(three[0]).rename(home.files(moved))
    assert str(catalog_of(home).unreadable[moved]) == f"{moved} is damaged: its manifest is that of {three[0]}"


def test_a_newer_format_is_told_by_its_number(home: Home, three: tuple[str, str, str]) -> None:
    rewrite(home.files(three[1]), format_version=7)
    error = catalog_of(home).unreadable[three[1]]
    assert isinstance(error, BackupTooNew)
    assert f"{three[1]} cannot be read: it has format 7 and this llmspell reads format 1; update it" in str(error)
    with pytest.raises(BackupTooNew, match=f"{three[2]} cannot be restored: {three[1]} cannot be read"):
        catalog_of(home).chain(three[2])


def test_a_manifest_of_endless_size_is_not_read(home: Home, three: tuple[str, str, str]) -> None:
    with (home.files(three[1]) / "manifest.json").open("r+b") as file:
        file.truncate(5_000_000_000)
    assert "has more than 4000000 bytes" in str(catalog_of(home).unreadable[three[1]])


def test_a_linked_manifest_is_none(home: Home, three: tuple[str, str, str]) -> None:
    path = home.files(three[1]) / "manifest.json"
    path.rename(home.root / "outside.json")
    path.symlink_to(home.root / "outside.json")
    assert "manifest.json is missing" in str(catalog_of(home).unreadable[three[1]])


@pytest.mark.parametrize("damage", ["missing", "longer"])
def test_a_file_that_is_missing_or_has_another_size_is_seen_without_reading_it(
    home: Home, three: tuple[str, str, str], damage: str
) -> None:
    first, second, third = three
    path = home.files(second) / ENTRIES_FILE
    if damage == "missing":
        path.unlink()
    else:
        spoil(path, lambda content: content + b"\0")
    damages = catalog_of(home).damages()
    assert damages[first] is None
    assert str(damages[second]).startswith(f"{second} is damaged: {ENTRIES_FILE}")
    assert damages[third] == damages[second]
    assert restorable(catalog_of(home)) == [first]


def test_a_verdict_of_damage_counts_for_what_stands_on_it(home: Home, three: tuple[str, str, str]) -> None:
    first, second, third = three
    spoil(home.files(second) / ENTRIES_FILE, flip)
    assert restorable(catalog_of(home)) == [third, second, first]
    home.backups.validate_backup(second)
    assert restorable(catalog_of(home)) == [first]


def test_files_that_do_not_belong_to_a_backup_are_named(home: Home, three: tuple[str, str, str]) -> None:
    for name in ("zebra", "entries.jsonl.gz", "Manifest.json"):
        (home.files(three[0]) / name).write_bytes(b"")
    assert unknown_files(catalog_of(home).find(three[0])) == ["Manifest.json", "entries.jsonl.gz", "zebra"]


def test_a_place_that_cannot_be_read_is_no_empty_one(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.place.write_bytes(b"a file")
    with pytest.raises(BackupUnavailable, match="is to be the folder of the backups"):
        catalog_of(home)


def test_the_catalog_is_read_anew_each_time(homes: Callable[..., Home]) -> None:
    one, two = homes("one"), homes("two")
    made = one.full()
    assert list(catalog_of(two).known) == [made]
    shutil.rmtree(one.files(made))
    assert catalog_of(one).known == {}


def test_the_numbers_of_backups_for_another_key_are_not_given_again(homes: Callable[..., Home]) -> None:
    home = homes()
    paths = []
    for name in ("first", "second"):
        path = home.root / name
        path.touch(mode=0o600)
        path.write_text(new_key()[0])
        paths.append(str(path))
    made = [home.with_options(key_file=paths[0]).create_backup().backup_id for _ in range(3)]
    catalog = read_catalog(LocalPlace(str(home.place)), read_key(paths[1]))
    assert catalog.known == {}
    assert sorted(catalog.unreadable) == sorted(catalog.unopened) == sorted(made)
    assert catalog.next_sequence() == 4
