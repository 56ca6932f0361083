"""The state of a chain is what its newest words say, each entry once, and anything else is damage."""

from __future__ import annotations

import pytest

from llmspell.backups.catalog import read_catalog
from llmspell.backups.compose import compose
from llmspell.backups.local import LocalPlace
from llmspell.entry import Written
from llmspell.errors import BackupDamaged
from tests.unit.backups.places import (
    ENTRIES_FILE,
    Home,
    entry_lines,
    flip,
    manifest_fields,
    rewrite,
    rewrite_entries,
    spoil,
)


def composed(home: Home, backup_id: str) -> dict[tuple[str, str], bytes]:
    place = LocalPlace(str(home.place))
    taken: list[Written] = []
    compose(place, read_catalog(place, None).chain(backup_id), None, taken.extend)
    values = {entry[:2]: entry[6] for entry in taken if entry[6] is not None}
    assert len(values) == len(taken)
    return values


def refusal(home: Home, backup_id: str) -> str:
    with pytest.raises(BackupDamaged) as caught:
        composed(home, backup_id)
    return str(caught.value)


@pytest.fixture
def ids(home: Home) -> list[str]:
    """Give a chain of four: one made, one changed, one deleted and another made anew, one expiring."""
    store = home.store
    store.save("app", "a", 1)
    store.save("app", "b", 1)
    store.save("app", "c", 1)
    made = [home.full()]
    store.save("app", "a", 2)
    made.append(home.incremental())
    store.delete("app", "b")
    store.save("other", "a", 3, ttl=100)
    made.append(home.incremental())
    store.save("app", "b", 4)
    store.delete("app", "c")
    made.append(home.incremental())
    return made


def test_the_newest_word_on_a_key_counts(home: Home, ids: list[str]) -> None:
    assert [composed(home, one) for one in ids] == [
        {("app", "a"): b"1", ("app", "b"): b"1", ("app", "c"): b"1"},
        {("app", "a"): b"2", ("app", "b"): b"1", ("app", "c"): b"1"},
        {("app", "a"): b"2", ("app", "c"): b"1", ("other", "a"): b"3"},
        {("app", "a"): b"2", ("app", "b"): b"4", ("other", "a"): b"3"},
    ]


def test_what_had_expired_by_then_is_left_out(home: Home, ids: list[str]) -> None:
    home.clock.advance(100)
    assert composed(home, home.incremental()) == {("app", "a"): b"2", ("app", "b"): b"4"}
    assert composed(home, ids[3])[("other", "a")] == b"3"


def test_everything_that_is_looked_at_is_told(home: Home, ids: list[str]) -> None:
    place, seen = LocalPlace(str(home.place)), list[int]()
    chain = read_catalog(place, None).chain(ids[3])
    compose(place, chain, None, lambda entries: None, seen.append)
    assert sum(seen) == sum(one.manifest.entry_count + one.manifest.tombstone_count for one in chain) == 8


@pytest.mark.parametrize("number", range(4))
def test_damage_is_told_by_the_name_of_the_backup_that_has_it(home: Home, ids: list[str], number: int) -> None:
    spoil(home.files(ids[number]) / ENTRIES_FILE, flip)
    assert refusal(home, ids[3]).startswith(f"{ids[number]} is damaged: ")
    for sound in ids[:number]:
        assert composed(home, sound)


def test_files_of_two_backups_that_were_swapped_are_found(home: Home, ids: list[str]) -> None:
    one, two = (home.files(backup_id) / ENTRIES_FILE for backup_id in ids[1:3])
    content = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(content)
    assert f"{ids[2]} is damaged" in refusal(home, ids[2])
    assert f"{ids[1]} is damaged" in refusal(home, ids[1])


def test_a_line_that_stands_there_twice_is_found(home: Home, ids: list[str]) -> None:
    folder = home.files(ids[0])
    lines = entry_lines(folder)
    rewrite_entries(folder, [*lines, lines[0]], entry_count=4)
    assert f"{ids[0]} is damaged: with what it stands on it makes 4 entries" in refusal(home, ids[0])


def test_a_key_that_is_told_twice_by_an_incremental_backup_is_found(home: Home, ids: list[str]) -> None:
    folder = home.files(ids[1])
    lines = entry_lines(folder)
    rewrite_entries(folder, [*lines, lines[0]], entry_count=2)
    assert "makes 4 entries, and its manifest tells of 3" in refusal(home, ids[1])


def test_an_entry_that_somebody_left_out_is_found(home: Home, ids: list[str]) -> None:
    folder = home.files(ids[0])
    rewrite_entries(folder, entry_lines(folder)[1:], entry_count=2)
    assert "makes 2 entries, and its manifest tells of 3 with other versions" in refusal(home, ids[0])


def test_an_entry_of_another_version_is_found(home: Home, ids: list[str]) -> None:
    folder = home.files(ids[0])
    lines = [line.replace(b'"version":1,', b'"version":2,') for line in entry_lines(folder)]
    rewrite_entries(folder, lines)
    assert "with other versions" in refusal(home, ids[0])


@pytest.mark.parametrize("version", [1, 999_999])
def test_a_version_that_the_backup_cannot_hold_is_found(home: Home, ids: list[str], version: int) -> None:
    folder = home.files(ids[1])
    lines = [line.replace(b'"version":4,', b'"version":%d,' % version) for line in entry_lines(folder)]
    rewrite_entries(folder, lines)
    assert "it holds an entry with a version that is not in 4 to 4" in refusal(home, ids[1])


@pytest.mark.parametrize("fields", [{"entry_count": 2}, {"entry_count": 4}, {"tombstone_count": 1}])
def test_counts_that_do_not_fit_are_found(home: Home, ids: list[str], fields: dict[str, int]) -> None:
    rewrite(home.files(ids[0]), **fields)
    assert "it holds 3 entries and 0 deletions, its manifest tells" in refusal(home, ids[0])


def test_a_last_line_without_its_end_is_found(home: Home, ids: list[str]) -> None:
    folder = home.files(ids[0])
    rewrite_entries(folder, [b"".join(entry_lines(folder))[:-1]])
    assert "its last line is cut short" in refusal(home, ids[0])


def test_more_unpacked_than_was_told_is_found(home: Home, ids: list[str]) -> None:
    folder = home.files(ids[0])
    rewrite_entries(folder, [b"\n" * 10_000_000])
    files = manifest_fields(folder)["files"]
    files[ENTRIES_FILE]["content_bytes"] = 100
    rewrite(folder, files=files)
    assert "holds more than the 100 bytes that its manifest tells" in refusal(home, ids[0])
