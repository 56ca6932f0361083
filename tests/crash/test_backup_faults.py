"""Bits flip, files are cut, swapped, lost and exchanged: it is found, named, and nothing is restored from it."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from llmspell import Store
from llmspell.backups import manifest as manifests
from llmspell.errors import BackupDamaged, BackupError
from tests.crash.backing import World, contents, fast_room, opened
from tests.programs import run

PACKED = {"zstd": {}, "gzip": {"backup_compression": "gzip"}, "none": {"backup_compression": "none"}}
KINDS = [*PACKED, "encrypted"]


@pytest.fixture
def room() -> Iterator[Path]:
    with fast_room() as folder:
        yield folder


@pytest.fixture(scope="module")
def worlds() -> Iterator[dict[str, World]]:
    with fast_room() as folder:
        yield {kind: World(folder / kind, encrypted=kind == "encrypted", **PACKED.get(kind, {})) for kind in KINDS}


class Place:
    """A copy of a world that is harmed, with the store beside it."""

    def __init__(self, world: World, root: Path) -> None:
        self.world = world
        self.root = world.copy(root)
        self.store: Store = opened(root)
        self.backups = self.store.backups
        for backup_id in (world.ids[1], world.ids[3]):
            assert self.backups.validate_backup(backup_id).is_valid  # so that each has its verdict
        self._version = self.store.version()

    def folder(self, number: int) -> Path:
        return self.root / "backups" / self.world.ids[number]

    def files(self, number: int) -> list[Path]:
        """Give the files of a backup but its marks."""
        return sorted(path for path in self.folder(number).iterdir() if path.name != "marks.json")

    def check_found(self, harmed: int, target: int, what: object, damaged: str = "") -> None:
        """Check that the harm to a backup is found, named, and keeps another one that stands on it from restoring."""
        ids, name = self.world.ids, damaged or self.world.ids[harmed]
        validated = self.backups.validate_backup(ids[target])
        assert not validated.is_valid, what
        assert any(name in error for error in validated.errors), (what, validated.errors)
        harmed_ones = {ids[harmed], ids[harmed | 1]}
        assert [one for one in validated.restorable if one in harmed_ones - {ids[harmed | 1]}] == [], what
        with pytest.raises(BackupError) as caught:
            self.backups.restore_backup(ids[target], force=True)
        assert name in str(caught.value), (what, str(caught.value))
        with pytest.raises(BackupError):
            self.backups.restore_backup(ids[target], dry_run=True)
        self.check_untouched(what)

    def check_untouched(self, what: object) -> None:
        """Check that the store is as it was, and that no backup was made."""
        assert self.store.version() == self._version, what
        assert sorted(path.name for path in (self.root / "backups").glob("2*") if len(path.name) == 28) == sorted(
            self.world.ids
        ), what

    def check_sound(self, number: int) -> None:
        """Check that a backup restores; the dry run reads all of it."""
        backup_id = self.world.ids[number]
        assert self.backups.validate_backup(backup_id).is_valid
        self.backups.restore_backup(backup_id, dry_run=True)

    def close(self) -> None:
        assert list(self.store.backend.problems()) == []
        assert contents(self.store) == self.world.now
        self.store.close()


@contextmanager
def harmed(world: World, root: Path) -> Iterator[Place]:
    place = Place(world, root)
    yield place
    place.close()


@contextmanager
def changed(path: Path, content: bytes) -> Iterator[None]:
    """Let the file hold something else for a while, with the times of before, as a disk that rots does it."""
    status, before = path.stat(), path.read_bytes()
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    try:
        yield
    finally:
        path.write_bytes(before)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


# Single bits


def flip(world: World, root: Path, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    with harmed(world, root) as place:
        files = [(number, path) for number in range(4) for path in place.files(number)]
        for turn in range(rounds):
            number, path = files[turn % len(files)]
            content = path.read_bytes()
            bits = len(content) * 8
            region = turn // len(files) % 8  # each part of the file gets its share
            bit = chance.randrange(bits * region // 8, bits * (region + 1) // 8)
            with changed(path, flipped(content, bit)):
                place.check_found(number, number | chance.randrange(2), (path.name, bit))
        place.check_sound(1)
        place.check_sound(3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_in_any_file_is_found_and_named(worlds: dict[str, World], room: Path, kind: str) -> None:
    flip(worlds[kind], room / "world", 80, 0)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_thousands_of_flipped_bits_are_found_and_named(
    worlds: dict[str, World], room: Path, kind: str, seed: int
) -> None:
    flip(worlds[kind], room / "world", 4_000, seed)


def flip_marks(world: World, root: Path, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    with harmed(world, root) as place:
        place.backups.hold_backup(world.ids[1], "for the auditors", until=4_000_000_000.5)
        marks = place.folder(1) / "marks.json"
        content = marks.read_bytes()
        for _ in range(rounds):
            bit = chance.randrange(len(content) * 8)
            with changed(marks, flipped(content, bit)):
                assert place.backups.problems() == {}, bit
                one = next(one for one in place.backups.list_backups() if one.id == world.ids[1])
                assert one.damage is None, bit
                assert place.backups.restore_backup(world.ids[1], dry_run=True).success
        place.check_sound(1)


def test_a_flipped_bit_in_the_marks_damages_nothing_but_what_is_noted_there(
    worlds: dict[str, World], room: Path
) -> None:
    flip_marks(worlds["zstd"], room / "world", 80, 0)


@pytest.mark.soak
def test_no_flipped_bit_in_the_marks_does_harm(worlds: dict[str, World], room: Path) -> None:
    flip_marks(worlds["zstd"], room / "world", 5_000, 1)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"[" * 200_000,
        b"\xff\xfe",
        b'{"holds": 1e999}',
        b'{"holds": [{"reason": "r", "until": 1'
        + b"0" * 400
        + b'}], "verified_at": null, "damaged": null, "seen": []}',
        b'{"holds": [], "verified_at": 1, "damaged": null, "seen": [["a", 1e999, "b"]]}',
        b'{"holds": [], "verified_at": NaN, "damaged": null, "seen": [["a", NaN, "b"]]}',
        b" " * 1_100_000,
    ],
    ids=lambda text: str(text[:12]) + str(len(text)),
)
def test_marks_of_any_text_are_as_good_as_none(worlds: dict[str, World], room: Path, text: bytes) -> None:
    with harmed(worlds["zstd"], room / "world") as place, changed(place.folder(1) / "marks.json", text):
        assert place.backups.problems() == {}
        assert [one.damage for one in place.backups.list_backups()] == [None] * 4
        place.check_sound(1)
        assert place.backups.cleanup_backups(dry_run=True).deleted_count == 0
        place.backups.hold_backup(place.world.ids[1], "again")
        assert "again" in str(place.backups.list_backups()[2].held)
        place.backups.release_backup(place.world.ids[1])
        assert place.backups.list_backups()[2].held is None


# Larger harm


def truncated(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def extended(content: bytes, chance: random.Random) -> bytes:
    return content + chance.randbytes(chance.choice([1, 7, 4096]))


def zeroed(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content))
    return content[:start] + bytes(len(content) - start)


def doubled(content: bytes, chance: random.Random) -> bytes:
    return content + content


def exchanged(content: bytes, chance: random.Random) -> bytes:
    """Exchange two pieces of the same length."""
    half = len(content) // 2
    return content[half : 2 * half] + content[:half] + content[2 * half :]


def random_bytes(content: bytes, chance: random.Random) -> bytes:
    return chance.randbytes(len(content))


@pytest.mark.parametrize("kind", ["zstd", "encrypted"])
@pytest.mark.parametrize("harm", [truncated, extended, zeroed, doubled, exchanged, random_bytes])
def test_files_that_are_cut_or_written_over_are_found_and_named(
    worlds: dict[str, World], room: Path, kind: str, harm: Callable[[bytes, random.Random], bytes]
) -> None:
    chance = random.Random(0)
    with harmed(worlds[kind], room / "world") as place:
        for number in (0, 1):
            for path in place.files(number):
                for _ in range(2):
                    with changed(path, harm(path.read_bytes(), chance)):
                        place.check_found(number, 1, (path.name, harm.__name__))
        place.check_sound(1)


@pytest.mark.parametrize("kind", ["zstd", "encrypted"])
def test_a_file_that_is_empty_or_gone_or_no_file_is_found_and_named(
    worlds: dict[str, World], room: Path, kind: str
) -> None:
    with harmed(worlds[kind], room / "world") as place:
        for number in (0, 1):
            for path in place.files(number):
                with changed(path, b""):
                    place.check_found(number, 1, (path.name, "empty"))
                aside = path.rename(place.root / "aside")
                place.check_found(number, 1, (path.name, "gone"))
                path.mkdir()
                place.check_found(number, 1, (path.name, "a folder"))
                path.rmdir()
                path.symlink_to(aside)
                place.check_found(number, 1, (path.name, "a link"))
                path.unlink()
                os.mkfifo(path)
                place.check_found(number, 1, (path.name, "a pipe"))
                path.unlink()
                aside.rename(path)
        place.check_sound(1)


@pytest.mark.parametrize("kind", ["zstd", "encrypted"])
def test_files_of_two_backups_that_were_exchanged_are_found_and_named(
    worlds: dict[str, World], room: Path, kind: str
) -> None:
    with harmed(worlds[kind], room / "world") as place:
        for one, other in ((0, 1), (0, 2), (1, 3)):
            names = {path.name for path in place.files(other)}
            for path in [path for path in place.files(one) if path.name in names]:
                twin = place.folder(other) / path.name
                content, other_content = path.read_bytes(), twin.read_bytes()
                with changed(path, other_content), changed(twin, content):
                    place.check_found(one, one, (path.name, one, other))
                    if other != 1:  # which stands on the other one, that is named first
                        place.check_found(other, other | 1, (path.name, one, other))
        place.check_sound(1)


@pytest.mark.parametrize("kind", ["zstd", "encrypted"])
def test_folders_that_were_exchanged_lost_or_replaced_are_found_and_named(
    worlds: dict[str, World], room: Path, kind: str
) -> None:
    with harmed(worlds[kind], room / "world") as place:
        one, other, aside = place.folder(0), place.folder(2), place.root / "aside"
        one.rename(aside)
        with pytest.raises(BackupDamaged, match="stands on, is missing"):
            place.backups.restore_backup(place.world.ids[1])
        assert place.backups.validate_backup(place.world.ids[1]).restorable == (place.world.ids[3], place.world.ids[2])
        shutil.copytree(other, one)  # a sound backup, but not the one
        place.check_found(0, 1, "replaced")
        shutil.rmtree(one)
        other.rename(one)
        aside.rename(other)
        place.check_found(0, 1, "exchanged")
        place.check_found(2, 3, "exchanged")
        one.rename(aside)
        other.rename(one)
        aside.rename(other)
        place.check_sound(1)
        place.check_sound(3)
        one.rename(aside)
        one.symlink_to(aside)
        with pytest.raises(BackupError):
            place.backups.restore_backup(place.world.ids[1])
        one.unlink()
        aside.rename(one)
        place.check_untouched("links")


def rewritten(path: Path, **fields: Any) -> bytes:
    """Give the manifest with other fields and a checksum that fits: what somebody writes who knows the format."""
    found = manifests.parse(path.read_bytes(), None)
    return manifests.text_of(found._replace(**fields), None)


@pytest.mark.parametrize(
    "fields",
    [
        {"version": 7},
        {"created_at": 1.0},
        {"sequence": 9},
        {"schema_version": "9.0.0"},
        {"total_entries": 0, "version_sum": 0},
        {"entry_count": 0},
        {"since_version": 9},
    ],
    ids=str,
)
def test_a_manifest_that_somebody_has_written_anew_is_not_the_one_that_the_store_and_the_child_know(
    worlds: dict[str, World], room: Path, fields: dict[str, object]
) -> None:
    with harmed(worlds["zstd"], room / "world") as place:
        for number in (0, 1):
            path = place.folder(number) / "manifest.json"
            with changed(path, rewritten(path, **fields)):
                place.check_found(number, number, fields)
                place.check_found(number, 1, fields)


def test_backups_that_stand_on_themselves_or_on_each_other_end_nothing(worlds: dict[str, World], room: Path) -> None:
    with harmed(worlds["zstd"], room / "world") as place:
        ids = place.world.ids
        full, child = place.folder(0) / "manifest.json", place.folder(1) / "manifest.json"
        for parent in (ids[0], ids[1]):
            fields = {"parent_id": parent, "parent_checksum": "0" * 64}
            with changed(full, rewritten(full, **fields)), changed(child, rewritten(child, **fields)):
                place.check_found(0, 1, parent, damaged=parent)
                place.check_found(0, 0, parent, damaged=parent)
                listed = {one.id: one.damage for one in place.backups.list_backups()}
                assert listed[ids[0]]
                assert listed[ids[1]]
                assert not listed[ids[3]]
                assert place.backups.cleanup_backups(dry_run=True).deleted_count == 0
        place.check_sound(1)


def test_damage_to_one_chain_does_not_touch_another_and_the_next_backup_does_not_stand_on_it(
    worlds: dict[str, World], room: Path
) -> None:
    world = worlds["zstd"]
    with harmed(world, room / "world") as place:
        for path in place.files(2):
            with changed(path, path.read_bytes()[:-1]):
                place.check_sound(1)
                made = place.backups.create_backup(True)
                assert made.parent_id == world.ids[1]  # the newest one that is whole
                assert place.backups.restore_backup(made.backup_id, dry_run=True).changes == ()
                shutil.rmtree(place.root / "backups" / made.backup_id)


def test_the_backup_that_undoes_a_restore_does_not_stand_on_one_that_has_rotted(
    worlds: dict[str, World], room: Path
) -> None:
    world = worlds["zstd"]
    with harmed(world, room / "world") as place:
        path = place.folder(2) / "entries.jsonl.zst"
        with changed(path, flipped(path.read_bytes(), 999)):
            undo = place.backups.restore_backup(world.ids[1]).pre_restore_backup_id
            assert undo is not None
            assert contents(place.store) == world.states[world.ids[1]]
            assert place.backups.validate_backup(undo).is_valid
            assert len(place.backups.list_backups()) == 5
            place.backups.restore_backup(undo)
            assert contents(place.store) == world.now


AGAIN = """
import sys
sys.path.insert(0, sys.argv[2])
from tests.crash.backing import opened

def kib():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1])

with opened(sys.argv[1]) as store:
    ids = [one.id for one in store.backups.list_backups()]
    for turn in range(45):
        if turn == 10:
            before = kib()
        for backup_id in ids[-2:]:
            store.backups.validate_backup(backup_id)
            store.backups.restore_backup(backup_id, dry_run=True)
    print(kib() - before)
"""


@pytest.mark.parametrize("kind", ["zstd", "encrypted"])
def test_to_look_through_backups_again_and_again_takes_no_more_memory(
    worlds: dict[str, World], room: Path, kind: str
) -> None:
    root = worlds[kind].copy(room / "world")
    assert int(run(AGAIN, str(root), str(Path(__file__).parents[2]))) < 8_000


BOMB = """
import resource, sys
sys.path.insert(0, sys.argv[3])
from llmspell.errors import BackupError
from tests.crash.backing import opened
with opened(sys.argv[1]) as store:
    store.backups.list_backups()
    resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
    validated = store.backups.validate_backup(sys.argv[2])
    assert not validated.is_valid
    try:
        store.backups.restore_backup(sys.argv[2])
    except BackupError as error:
        print(error)
"""


@pytest.mark.parametrize("told", [1_000, 1 << 28])
@pytest.mark.parametrize("packed", ["zstd", "gzip"])
def test_an_archive_that_unpacks_to_much_more_than_it_tells_or_holds_takes_little_memory(
    worlds: dict[str, World], room: Path, packed: str, told: int
) -> None:
    import gzip
    import hashlib

    import zstandard

    root = worlds[packed].copy(room / "world")
    shutil.rmtree(root / "state")  # which would know that the manifest is another one
    folder = root / "backups" / worlds[packed].ids[0]
    content = (bytes(65_535) + b"\n") * (1 << 12)
    bomb = zstandard.compress(content) if packed == "zstd" else gzip.compress(content, 1)
    size, digest = min(told, len(content)), hashlib.sha256(content).hexdigest()
    del content
    manifest = manifests.parse((folder / "manifest.json").read_bytes(), None)
    entries, *others = manifest.parts
    (folder / entries.name).write_bytes(bomb)
    part = entries._replace(
        size_bytes=len(bomb), sha256=hashlib.sha256(bomb).hexdigest(), content_bytes=size, content_sha256=digest
    )
    assert manifest.details is not None
    details = manifest.details._replace(content_sha256={**manifest.details.content_sha256, part.name: digest})
    text = manifests.text_of(manifest._replace(parts=(part, *others), details=details), None)
    (folder / "manifest.json").write_bytes(text)
    assert worlds[packed].ids[0] in run(BOMB, str(root), manifest.id, str(Path(__file__).parents[2]))
