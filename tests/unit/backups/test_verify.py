"""Whatever happened to a backup is found and named, the verdict is noted, and others know what is left."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from llmspell.backups.results import Validated
from llmspell.errors import BackupDamaged, BackupNotFound, BackupUnavailable, InvalidArgument
from tests.unit.backups.places import (
    ENTRIES_FILE,
    Home,
    entry_lines,
    flip,
    manifest_fields,
    rewrite,
    rewrite_entries,
    spoil,
    tree,
)


@pytest.fixture
def ids(home: Home) -> list[str]:
    """Give a full backup, two that stand on each other, and another full one."""
    made = []
    for number in range(4):
        for key in range(20):
            home.store.save("app", f"k{key}", {"number": number, "key": key, "text": "words " * key})
        made.append(home.full() if number in (0, 3) else home.incremental())
    return made


def found_invalid(home: Home, backup_id: str) -> Validated:
    verdict = home.backups.validate_backup(backup_id)
    assert not verdict.is_valid
    assert verdict.errors
    before = home.seen().entries, home.store.version()
    with pytest.raises(BackupDamaged):
        home.backups.restore_backup(backup_id)
    assert (home.seen().entries, home.store.version()) == before
    return verdict


def verified_at(home: Home, backup_id: str) -> float | None:
    [one] = [one for one in home.backups.list_backups() if one.id == backup_id]
    return one.verified_at


def damage(home: Home, backup_id: str) -> str | None:
    [one] = [one for one in home.backups.list_backups() if one.id == backup_id]
    return one.damage


def test_a_sound_backup_is_found_sound(home: Home, ids: list[str]) -> None:
    home.clock.advance(50)
    for backup_id in ids:
        assert home.backups.validate_backup(backup_id) == Validated(
            True, True, True, (), (), home.clock(), backup_id, ()
        )
        assert verified_at(home, backup_id) == home.clock()


def test_to_validate_changes_nothing_but_the_marks(home: Home, ids: list[str]) -> None:
    before = tree(home.root)
    home.backups.validate_backup(ids[2])
    after = tree(home.root)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert {name.rpartition("/")[2] for name in changed} <= {*ids[:3], "marks.json"}


def test_progress_is_told_backup_by_backup(home: Home, ids: list[str]) -> None:
    told: list[tuple[int, int]] = []
    home.backups.validate_backup(ids[2], progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("how", ["flip first", "flip middle", "flip last", "cut", "extend", "zeros", "empty"])
def test_damage_anywhere_in_the_chain_is_found_and_named(home: Home, ids: list[str], number: int, how: str) -> None:
    ways: dict[str, Callable[[bytes], bytes]] = {
        "flip first": lambda content: flip(content, 0),
        "flip middle": flip,
        "flip last": lambda content: flip(content, len(content) - 1),
        "cut": lambda content: content[:-1],
        "extend": lambda content: content + b"\0",
        "zeros": lambda content: bytes(len(content)),
        "empty": lambda content: b"",
    }
    spoil(home.files(ids[number]) / ENTRIES_FILE, ways[how])
    verdict = found_invalid(home, ids[2])
    assert not verdict.checksum_valid
    assert not verdict.integrity_valid
    assert [error[: len(ids[0])] for error in verdict.errors] == [ids[number]]
    assert set(verdict.restorable) == {ids[3], *ids[:number]}
    for sound in (ids[3], *ids[:number]):
        assert home.backups.validate_backup(sound).is_valid
    assert damage(home, ids[number]) is not None


def test_every_damaged_backup_of_a_chain_is_named(home: Home, ids: list[str]) -> None:
    for backup_id in ids[:2]:
        spoil(home.files(backup_id) / ENTRIES_FILE, flip)
    assert [error[: len(ids[0])] for error in found_invalid(home, ids[2]).errors] == ids[:2]


def test_a_flipped_bit_in_the_manifest_is_found_wherever_it_is(home: Home, ids: list[str]) -> None:
    path = home.files(ids[3]) / "manifest.json"
    sound = path.read_bytes()
    for at in range(0, len(sound), 37):
        path.write_bytes(flip(sound, at))
        verdict = home.backups.validate_backup(ids[3])
        assert not verdict.is_valid
        assert ids[3] in verdict.errors[0]


@pytest.mark.parametrize("missing", ["manifest.json", ENTRIES_FILE])
def test_a_missing_file_is_found(home: Home, ids: list[str], missing: str) -> None:
    (home.files(ids[1]) / missing).unlink()
    assert f"{missing} is missing" in found_invalid(home, ids[2]).errors[0]


def test_a_missing_parent_is_found(home: Home, ids: list[str]) -> None:
    shutil.rmtree(home.files(ids[1]))
    verdict = found_invalid(home, ids[2])
    assert verdict.errors == (f"{ids[2]} cannot be restored: {ids[1]}, which {ids[2]} stands on, is missing",)
    assert verdict.restorable == (ids[3], ids[0])


def test_archives_of_two_backups_that_were_swapped_are_found(home: Home, ids: list[str]) -> None:
    one, other = (home.files(backup_id) / ENTRIES_FILE for backup_id in (ids[0], ids[3]))
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    for backup_id in (ids[0], ids[3]):
        found_invalid(home, backup_id)


def test_a_whole_backup_in_the_place_of_another_is_found(home: Home, ids: list[str]) -> None:
    shutil.rmtree(home.files(ids[0]))
    shutil.copytree(home.files(ids[3]), home.files(ids[0]))
    assert f"its manifest is that of {ids[3]}" in found_invalid(home, ids[0]).errors[0]


def test_a_manifest_written_anew_is_found_by_what_the_store_remembers(home: Home, ids: list[str]) -> None:
    folder = home.files(ids[3])
    lines = [line.replace(b"words", b"lies!") for line in entry_lines(folder)]
    rewrite_entries(folder, lines)
    verdict = found_invalid(home, ids[3])
    assert "its manifest is not the one that the store remembers; somebody has written it anew" in verdict.errors[0]
    assert set(verdict.restorable) == set(ids[:3])


def test_going_back_to_an_older_manifest_of_the_same_name_is_found(home: Home, ids: list[str]) -> None:
    rewrite(home.files(ids[3]), sequence=1)
    assert "the store remembers" in found_invalid(home, ids[3]).errors[0]


def test_a_store_that_does_not_know_the_backup_believes_its_checksums(
    home: Home, ids: list[str], homes: Callable[..., Home]
) -> None:
    rewrite(home.files(ids[3]), made_by="another program")
    other = homes("other")
    assert other.backups.validate_backup(ids[3]).is_valid


def test_lines_that_no_store_writes_are_found_though_all_checksums_fit(
    home: Home, ids: list[str], homes: Callable[..., Home]
) -> None:
    folder = home.files(ids[3])
    lines = entry_lines(folder)
    rewrite_entries(folder, [*lines[:-1], lines[-1].replace(b'"value":', b'"value":NaN,"x":')])
    other = homes("other")
    verdict = found_invalid(other, ids[3])
    assert verdict.checksum_valid
    assert not verdict.integrity_valid
    assert "it holds a line that is no entry" in verdict.errors[0]


def test_an_entry_that_is_missing_is_found_though_all_checksums_fit(
    home: Home, ids: list[str], homes: Callable[..., Home]
) -> None:
    folder = home.files(ids[3])
    rewrite_entries(folder, entry_lines(folder)[1:], entry_count=19)
    verdict = found_invalid(homes("other"), ids[3])
    assert verdict.checksum_valid
    assert not verdict.integrity_valid
    assert "makes 19 entries, and its manifest tells of 20" in verdict.errors[0]


def test_a_newer_format_is_named(home: Home, ids: list[str]) -> None:
    rewrite(home.files(ids[3]), format_version=2)
    verdict = home.backups.validate_backup(ids[3])
    assert not verdict.is_valid
    assert "it has format 2 and this llmspell reads format 1; update it" in verdict.errors[0]


def test_unknown_files_are_a_warning(home: Home, ids: list[str]) -> None:
    (home.files(ids[0]) / "letter.txt").write_bytes(b"hello")
    verdict = home.backups.validate_backup(ids[1])
    assert verdict.is_valid
    assert verdict.warnings == (f"{ids[0]} has a file that does not belong to it: letter.txt",)
    assert home.backups.restore_backup(ids[1]).success


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_file_that_is_no_file_is_missing(home: Home, ids: list[str], kind: str) -> None:
    import os

    path = home.files(ids[3]) / ENTRIES_FILE
    path.rename(home.root / "outside")
    if kind == "link":
        path.symlink_to(home.root / "outside")
    else:
        os.mkfifo(path)
    assert f"{ENTRIES_FILE} is missing" in found_invalid(home, ids[3]).errors[0]


def test_a_verdict_lasts_until_the_files_change(home: Home, ids: list[str]) -> None:
    path = home.files(ids[3]) / ENTRIES_FILE
    sound = path.read_bytes()
    path.write_bytes(flip(sound))
    assert verified_at(home, ids[3]) is None
    home.backups.validate_backup(ids[3])
    assert damage(home, ids[3]) is not None
    path.write_bytes(sound)
    assert damage(home, ids[3]) is None
    home.backups.validate_backup(ids[3])
    assert verified_at(home, ids[3]) == home.clock()


def test_a_verdict_keeps_the_holds(home: Home, ids: list[str]) -> None:
    home.backups.hold_backup(ids[0], "precious")
    home.backups.validate_backup(ids[0])
    assert [one.held for one in home.backups.list_backups() if one.id == ids[0]] == ["precious"]


def test_a_verdict_that_cannot_be_noted_is_a_verdict(
    home: Home, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from llmspell.backups.local import LocalPlace

    def refuse(*_: object) -> None:
        raise BackupUnavailable("read only")

    monkeypatch.setattr(LocalPlace, "replace", refuse)
    verdict = home.backups.validate_backup(ids[0])
    assert verdict.is_valid
    assert verdict.warnings == (f"the verdict on {ids[0]} could not be noted: read only",)


def test_a_backup_that_is_not_there_cannot_be_validated(home: Home, ids: list[str]) -> None:
    gone = ids[0].replace("-full-", "-incr-")
    with pytest.raises(BackupNotFound, match=f"there is no backup {gone} .*; the newest is {ids[3]}"):
        home.backups.validate_backup(gone)
    with pytest.raises(InvalidArgument, match="no id of a backup"):
        home.backups.validate_backup("../x")


def test_a_backup_of_part_of_the_store_is_validated_too(home: Home, ids: list[str]) -> None:
    made = home.full(scopes="app", exclude="cache*")
    assert home.backups.validate_backup(made).is_valid
    assert manifest_fields(home.files(made))["total_entries"] is None
    spoil(home.files(made) / ENTRIES_FILE, flip)
    found_invalid(home, made)
