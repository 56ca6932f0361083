"""A backup in a folder appears whole and goes at once; nothing outside of the place is read, written or removed."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from llmspell.backups.local import LocalPlace
from llmspell.errors import BackupDamaged, BackupUnavailable
from tests.unit.backups.places import tree

SOME_ID, OTHER_ID = "20261122T190000Z-full-k3vq7a", "20261122T200000Z-incr-aaaaaa"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "above" / "backups"


@pytest.fixture
def place(folder: Path) -> LocalPlace:
    return LocalPlace(str(folder))


def put(place: LocalPlace, backup_id: str = SOME_ID, **files: bytes) -> None:
    with place.draft(backup_id) as draft:
        for name, content in files.items():
            with draft.write(name) as out:
                out.write(content)
        draft.publish(b"manifest\n")


def content(place: LocalPlace, name: str, backup_id: str = SOME_ID) -> bytes:
    with place.open(backup_id, name) as source:
        return source.read()


@contextmanager
def trouble() -> Iterator[list[str]]:
    told: list[str] = []
    with pytest.raises(BackupUnavailable) as caught:
        yield told
    told.append(str(caught.value))


# A place that is not there


def test_a_place_that_does_not_exist_has_no_backups_and_is_not_made_by_looking(
    place: LocalPlace, tmp_path: Path
) -> None:
    assert place.listing() == {}
    assert place.files(SOME_ID) == {}
    assert place.read(SOME_ID, "manifest.json", 10) is None
    with pytest.raises(BackupDamaged, match="entries is missing"):
        content(place, "entries")
    assert tree(tmp_path) == {}


def test_the_first_backup_makes_the_place_for_its_owner_alone(place: LocalPlace, folder: Path) -> None:
    old = os.umask(0)
    try:
        put(place, entries=b"one")
    finally:
        os.umask(old)
    for path in (folder.parent, folder, folder / SOME_ID):
        assert path.stat().st_mode & 0o777 == 0o700
    for path in (folder / SOME_ID).iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_relative_place_stays_where_it_was_when_the_program_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = LocalPlace("backups")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    put(place)
    assert (tmp_path / "backups" / SOME_ID).is_dir()
    assert place.name == "backups"


# What is written


def test_a_backup_is_listed_with_the_sizes_of_its_files(place: LocalPlace) -> None:
    put(place, entries=b"one")
    sizes = {name: facts.size_bytes for name, facts in place.listing()[SOME_ID].items()}
    assert sizes == {"manifest.json": 9, "entries": 3}
    assert content(place, "entries") == b"one"
    assert place.read(SOME_ID, "manifest.json", 9) == b"manifest\n"


def test_nobody_sees_a_backup_before_it_is_published(place: LocalPlace, folder: Path) -> None:
    with place.draft(SOME_ID) as draft:
        with draft.write("entries") as out:
            out.write(b"one")
        with draft.read("entries") as source:
            assert source.read() == b"one"
        assert place.listing() == {}
        assert place.files(SOME_ID) == {}
        draft.publish(b"manifest\n")
    assert list(place.listing()) == [SOME_ID]
    assert os.listdir(folder) == [SOME_ID]


def test_a_draft_that_is_not_published_leaves_nothing(place: LocalPlace, folder: Path) -> None:
    with place.draft(SOME_ID) as draft, draft.write("entries") as out:
        out.write(b"one")
    with pytest.raises(KeyError), place.draft(SOME_ID) as draft, draft.write("entries"):
        raise KeyError
    assert os.listdir(folder) == []


def test_a_draft_does_not_write_a_file_twice(place: LocalPlace) -> None:
    with trouble(), place.draft(SOME_ID) as draft:
        for _ in range(2):
            with draft.write("entries"):
                pass


def test_a_small_file_is_replaced_at_once(place: LocalPlace, folder: Path) -> None:
    put(place)
    place.replace(SOME_ID, "marks.json", b"one")
    before = place.files(SOME_ID)["marks.json"]
    place.replace(SOME_ID, "marks.json", b"two")
    assert content(place, "marks.json") == b"two"
    assert place.files(SOME_ID)["marks.json"].stamp != before.stamp
    assert sorted(os.listdir(folder / SOME_ID)) == ["manifest.json", "marks.json"]


def test_what_an_interrupted_replacement_left_does_not_stop_the_next_one(place: LocalPlace, folder: Path) -> None:
    put(place)
    (folder / SOME_ID / ".new-marks.json").write_bytes(b"half")
    place.replace(SOME_ID, "marks.json", b"two")
    assert sorted(os.listdir(folder / SOME_ID)) == ["manifest.json", "marks.json"]


def test_a_small_file_that_is_not_small_is_not_read(place: LocalPlace) -> None:
    put(place, marks=b"x" * 11)
    assert place.read(SOME_ID, "marks", 11) == b"x" * 11
    with pytest.raises(BackupDamaged, match=f"marks of {SOME_ID} has more than 10 bytes"):
        place.read(SOME_ID, "marks", 10)


# What goes


def test_a_backup_that_is_removed_takes_everything_in_it_along(place: LocalPlace, folder: Path) -> None:
    put(place, entries=b"one")
    put(place, OTHER_ID)
    (folder / SOME_ID / "unknown").write_bytes(b"")
    (folder / SOME_ID / "below" / "deeper").mkdir(parents=True)
    (folder / SOME_ID / "below" / "deeper" / "file").write_bytes(b"")
    place.remove(SOME_ID)
    assert os.listdir(folder) == [OTHER_ID]


def test_links_in_a_backup_are_removed_and_not_followed(place: LocalPlace, folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"precious")
    put(place)
    (folder / SOME_ID / "folder").symlink_to(outside)
    (folder / SOME_ID / "file").symlink_to(outside / "file")
    (folder / SOME_ID / "below").mkdir()
    (folder / SOME_ID / "below" / "folder").symlink_to(outside)
    place.remove(SOME_ID)
    assert os.listdir(folder) == []
    assert (outside / "file").read_bytes() == b"precious"


def test_a_backup_that_is_not_there_cannot_be_removed(place: LocalPlace) -> None:
    put(place)
    with trouble() as told:
        place.remove(OTHER_ID)
    assert "No such file" in told[0]


def test_what_was_left_half_written_and_half_removed_is_tidied_up(
    place: LocalPlace, folder: Path, tmp_path: Path
) -> None:
    put(place)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"precious")
    for name in (f".new-{OTHER_ID}", f".gone-{OTHER_ID}"):
        (folder / name / "below").mkdir(parents=True)
        (folder / name / "entries").write_bytes(b"half")
    (folder / f".gone-{SOME_ID}").symlink_to(outside)
    others = [".new-notes", ".gone-", ".newer", "letters.txt", f"x.new-{SOME_ID}", ".new-20261122T190000Z-full-K3VQ7A"]
    for name in others:
        (folder / name).mkdir()
    place.tidy()
    assert sorted(os.listdir(folder)) == sorted([SOME_ID, *others])
    assert (outside / "file").read_bytes() == b"precious"


def test_a_file_in_the_place_of_a_half_removed_backup_is_tidied_up(place: LocalPlace, folder: Path) -> None:
    put(place)
    (folder / f".gone-{OTHER_ID}").write_bytes(b"")
    (folder / f".new-{OTHER_ID}").write_bytes(b"")
    place.tidy()
    assert os.listdir(folder) == [SOME_ID]


def test_a_folder_in_the_place_of_a_half_written_file_is_tidied_up(place: LocalPlace, folder: Path) -> None:
    put(place)
    (folder / SOME_ID / ".new-marks.json" / "below").mkdir(parents=True)
    place.tidy()
    assert os.listdir(folder / SOME_ID) == ["manifest.json"]
    (folder / SOME_ID / ".new-marks.json" / "below").mkdir(parents=True)
    place.replace(SOME_ID, "marks.json", b"new")
    assert sorted(os.listdir(folder / SOME_ID)) == ["manifest.json", "marks.json"]


def test_a_half_removed_backup_is_tidied_up_however_deep_it_is(place: LocalPlace, folder: Path) -> None:
    put(place)
    deep = str(folder / f".gone-{OTHER_ID}")
    os.mkdir(deep)
    for _ in range(1_500):
        deep += "/d"
        os.mkdir(deep)
    place.tidy()
    assert os.listdir(folder) == [SOME_ID]


# Things that are no backups


def test_only_folders_with_an_id_for_a_name_are_listed(place: LocalPlace, folder: Path) -> None:
    put(place)
    for name in ("letters", SOME_ID.upper(), f"{SOME_ID}x", f".new-{OTHER_ID}"):
        (folder / name).mkdir()
        (folder / name / "manifest.json").write_bytes(b"")
    (folder / OTHER_ID).write_bytes(b"a file")
    assert list(place.listing()) == [SOME_ID]


def test_a_folder_without_a_manifest_is_listed_once_it_has_any_file(place: LocalPlace, folder: Path) -> None:
    (folder / SOME_ID).mkdir(parents=True)
    assert place.listing() == {}
    (folder / SOME_ID / "entries").write_bytes(b"")
    assert list(place.listing()) == [SOME_ID]


def test_a_folder_that_is_a_link_is_as_if_it_was_not_there(place: LocalPlace, folder: Path, tmp_path: Path) -> None:
    put(place, entries=b"one")
    (folder / SOME_ID).rename(tmp_path / "outside")
    (folder / SOME_ID).symlink_to(tmp_path / "outside")
    assert place.listing() == {}
    assert place.files(SOME_ID) == {}
    assert place.read(SOME_ID, "manifest.json", 100) is None
    with pytest.raises(BackupDamaged, match="entries is missing"):
        content(place, "entries")


@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe", "folder"])
def test_a_file_that_is_no_file_is_as_if_it_was_not_there(
    place: LocalPlace, folder: Path, tmp_path: Path, kind: str
) -> None:
    put(place)
    (tmp_path / "outside").write_bytes(b"secret")
    path = folder / SOME_ID / "entries"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / ("outside" if kind == "link" else "nowhere"))
    assert list(place.files(SOME_ID)) == ["manifest.json"]
    assert place.read(SOME_ID, "entries", 100) is None
    with pytest.raises(BackupDamaged, match="entries is missing"):
        content(place, "entries")


def test_to_replace_a_file_writes_through_no_link_and_into_no_pipe(
    place: LocalPlace, folder: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"precious")
    for make in (lambda path: path.symlink_to(outside), lambda path: path.hardlink_to(outside), os.mkfifo):
        put(place)
        make(folder / SOME_ID / "marks.json")
        place.replace(SOME_ID, "marks.json", b"new")
        assert content(place, "marks.json") == b"new"
        assert outside.read_bytes() == b"precious"
        place.remove(SOME_ID)
    assert outside.read_bytes() == b"precious"


def test_a_hard_link_is_a_file_like_any_other(place: LocalPlace, folder: Path, tmp_path: Path) -> None:
    put(place, entries=b"one")
    (tmp_path / "second name").hardlink_to(folder / SOME_ID / "entries")
    assert content(place, "entries") == b"one"
    place.remove(SOME_ID)
    assert (tmp_path / "second name").read_bytes() == b"one"


# Trouble


def test_a_file_where_the_place_should_be_is_named_with_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        place = LocalPlace(str(path))
        with trouble() as told, place.alone():
            pass
        with trouble() as also, place.draft(SOME_ID):
            pass
        for text in told + also:
            assert f'"{path}" is to be the folder of the backups and is, or lies in, a file' in text
            assert "backup_path" in text


@pytest.mark.parametrize("there", [False, True])
def test_a_lock_that_is_a_link_is_refused_and_nothing_is_made_where_it_leads(
    place: LocalPlace, folder: Path, tmp_path: Path, there: bool
) -> None:
    put(place)
    outside = tmp_path / "outside"
    if there:
        outside.write_bytes(b"precious")
    (folder / ".lock").symlink_to(outside)
    before = tree(tmp_path)
    with trouble() as told, place.alone():
        pass
    assert f'the backups in "{folder}" cannot be used' in told[0]
    assert tree(tmp_path) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may do everything")
def test_a_place_that_may_not_be_used_is_named(place: LocalPlace, folder: Path) -> None:
    put(place, entries=b"one")
    folder.chmod(0o500)
    try:
        with trouble() as told, place.draft(OTHER_ID):
            pass
        with trouble() as also:
            place.remove(SOME_ID)
    finally:
        folder.chmod(0o700)
    for text in told + also:
        assert f'the backups in "{folder}" cannot be used: Permission denied' in text
    assert content(place, "entries") == b"one"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("call", ["fsync", "rename", "mkdir", "open"])
def test_no_half_backup_is_left_when_the_disk_refuses(
    place: LocalPlace, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: str
) -> None:
    put(place, entries=b"one")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with trouble() as told:
            put(place, OTHER_ID, entries=b"two")
    assert ("is full; free some space" in told[0]) == (number != errno.EIO)
    assert str(folder) in told[0]
    assert list(place.listing()) == [SOME_ID]
    assert [name for name in os.listdir(folder) if not name.startswith(".")] == [SOME_ID]


def test_whoever_is_alone_in_the_place_is_alone(place: LocalPlace, folder: Path) -> None:
    order: list[str] = []
    inside = threading.Event()

    def second() -> None:
        inside.wait(30)
        with LocalPlace(str(folder)).alone():
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with place.alone(), place.alone():
        inside.set()
        for _ in range(50):
            put(place)
            place.remove(SOME_ID)
        order.append("first")
    thread.join(30)
    assert order == ["first", "second"]


def test_nothing_stays_open_between_two_uses(place: LocalPlace, folder: Path) -> None:
    put(place)
    with place.alone(), place.alone():
        assert place.listing()
    ours = [name for name in os.listdir("/proc/self/fd") if _points_into(folder, name)]
    assert ours == []


def _points_into(folder: Path, descriptor: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").startswith(str(folder))
    except FileNotFoundError:  # the one that listed them
        return False
