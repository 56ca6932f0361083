"""The power fails during work on backups: of what was not synced the disk keeps any part, and no backup is half."""

from __future__ import annotations

import io
import os
import pickle
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import llmspell
from llmspell.backups import local
from llmspell.folders import sync_folder
from tests.crash.backing import NOW, Contents, contents, fast_room, fill, leftovers, opened, restored
from tests.crash.backing_recorder import DEEDS
from tests.crash.recorder import Did, Event, Flushed
from tests.crash.test_power_cut import Disk


@pytest.fixture
def room() -> Iterator[Path]:
    with fast_room() as folder:
        yield folder


# The place


class Deed(NamedTuple):
    """What the place is after a deed: which backups are there, and which of them are held."""

    ids: frozenset[str]
    held: frozenset[str]


class Recording:
    """What stands for the module `os` in the place of backups, and writes down what is done to the disk."""

    def __init__(self, root: str) -> None:
        self.events: list[tuple[Any, ...]] = []
        self._root = root

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def mkdir(self, path: str, mode: int) -> None:
        os.mkdir(path, mode)
        self._add("make", path, {})

    def open(self, path: str, flags: int, mode: int = 0o777) -> int:
        descriptor = os.open(path, flags, mode)
        if flags & os.O_CREAT:
            self._add("make", path, b"")
        return descriptor

    def fdopen(self, descriptor: int, mode: str) -> Any:
        if mode == "rb":
            return os.fdopen(descriptor, mode)
        recording, path = self, self._path(descriptor)

        class Raw(io.FileIO):
            def write(self, piece: Any) -> int:
                recording._add("write", path, bytes(piece))
                return super().write(piece) or 0

        return io.BufferedWriter(Raw(descriptor, "wb"), 400)

    def fsync(self, descriptor: int) -> None:
        os.fsync(descriptor)
        self._add("sync", self._path(descriptor))

    def sync_folder(self, path: str) -> None:
        sync_folder(path)
        self._add("sync", path)

    def rename(self, old: str, new: str) -> None:
        os.rename(old, new)
        self._add("rename", old, os.path.relpath(new, self._root))

    def unlink(self, path: str) -> None:
        os.unlink(path)
        self._add("remove", path)

    def rmdir(self, path: str) -> None:
        os.rmdir(path)
        self._add("remove", path)

    def _path(self, descriptor: int) -> str:
        return os.readlink(f"/proc/self/fd/{descriptor}")

    def _add(self, kind: str, path: str, *more: Any) -> None:
        self.events.append((kind, os.path.relpath(path, self._root), *more))


class Node:
    """A file or a folder: what it is, and what of that would survive. A step is done to either."""

    def __init__(self, empty: Any) -> None:
        self.now: Any = type(empty)(empty)
        self.safe: Any = type(empty)(empty)
        self.unsure: list[tuple[Any, ...]] = []

    def do(self, *step: Any) -> None:
        self.now = _done(self.now, step)
        self.unsure.append(step)

    def sync(self) -> None:
        for step in self.unsure:
            self.safe = _done(self.safe, step)
        self.unsure = []

    def after_power_cut(self, chance: random.Random, share: float) -> Any:
        left = self.safe
        for step in self.unsure:
            if chance.random() < share:
                left = _done(left, step if step[0] != "write" else _in_part(step, chance))
        return left


def _done(content: Any, step: tuple[Any, ...]) -> Any:
    kind, *what = step
    if kind == "write":
        return content + what[0]
    entries = dict(content)
    if kind == "add":
        entries[what[0]] = what[1]
    elif kind == "remove":
        entries.pop(what[0], None)
    else:
        old, new, node = what
        entries.pop(old, None)
        entries[new] = node
    return entries


def _in_part(step: tuple[Any, ...], chance: random.Random) -> tuple[Any, ...]:
    piece = step[1]
    return ("write", piece if chance.random() < 0.5 else piece[: chance.randrange(len(piece) + 1)])


class Tree:
    """The folders and files of a place; a folder holds what its own sync has made safe."""

    def __init__(self) -> None:
        self._root = Node({})

    def take(self, event: tuple[Any, ...]) -> None:
        kind, path, *more = event
        if kind == "write":
            self._find(path).do("write", more[0])
            return
        if kind == "sync":
            self._find(path).sync()
            return
        parent, name = self._find(os.path.dirname(path)), os.path.basename(path)
        if kind == "make":
            parent.do("add", name, Node(more[0]))
        elif kind == "remove":
            parent.do("remove", name)
        else:
            assert os.path.dirname(more[0]) == os.path.dirname(path)
            parent.do("rename", name, os.path.basename(more[0]), parent.now[name])

    def write_down(self, folder: Path, chance: random.Random) -> None:
        """Make what the next start may find."""
        self._write(self._root, folder, chance, chance.choice([0.0, 0.1, 0.5, 0.9, 1.0]))

    def _write(self, node: Node, folder: Path, chance: random.Random, share: float) -> None:
        folder.mkdir()
        for name, inner in node.after_power_cut(chance, share).items():
            if isinstance(inner.now, dict):
                self._write(inner, folder / name, chance, share)
            else:
                (folder / name).write_bytes(inner.after_power_cut(chance, share))

    def _find(self, path: str) -> Node:
        node = self._root
        for name in [name for name in path.split("/") if name not in ("", ".")]:
            node = node.now[name]
        return node


def work_on_backups(root: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], dict[str, Contents]]:
    """Do deeds; give what was done to the place, with a `Deed` after each, and what each backup holds."""
    root.mkdir()
    (root / "backups").mkdir()
    recording = Recording(str(root / "backups"))
    monkeypatch.setattr(local, "os", recording)
    monkeypatch.setattr(local, "sync_folder", recording.sync_folder)
    states: dict[str, Contents] = {}
    with opened(root, 3) as store:
        backups = store.backups

        def done() -> None:
            found = backups.list_backups()
            for one in found:
                states.setdefault(one.id, contents(store))
            held = frozenset(one.id for one in found if one.held)
            recording.events.append(Deed(frozenset(one.id for one in found), held))

        done()
        for number in range(6):
            fill(store, number * 20, number * 20 + 30)
            made = backups.create_backup(number % 3 != 0, hold="held" if number == 1 else None)
            done()
            if number == 2:
                backups.hold_backup(made.backup_id, "later")
                done()
            if number == 3:
                backups.validate_backup(made.backup_id)
                backups.release_backup(backups.list_backups()[1].id)
                done()
        for target in (backups.list_backups()[1].id, backups.list_backups()[0].id):
            state = contents(store)
            backups.restore_backup(target)
            undo = backups.list_backups()[0].id
            states[undo] = state
            done()
        backups.cleanup_backups()
        done()
    monkeypatch.undo()
    return recording.events, states


def cut_the_power_of_the_place(room: Path, monkeypatch: pytest.MonkeyPatch, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    events, states = work_on_backups(room / "world", monkeypatch)
    deeds = [index for index, event in enumerate(events) if isinstance(event, Deed)]
    moments = sorted(chance.randrange(deeds[0] + 1, len(events) + 1) for _ in range(rounds))
    tree, taken, tidied = Tree(), 0, 0
    for moment in moments:
        for event in events[taken:moment]:
            if not isinstance(event, Deed):
                tree.take(event)
        taken = moment
        before = events[max(index for index in deeds if index < moment)]
        after = next((events[index] for index in deeds if index >= moment), before)
        cut = room / "cut"
        tree.write_down(cut, chance)
        with llmspell.open(backend="memory", backup_path=cut, clock=lambda: NOW) as store:
            assert store.backups.problems() == {}, moment
            found = store.backups.list_backups()
            assert [one.damage for one in found if one.damage] == [], moment
            ids = {one.id for one in found}
            assert before.ids & after.ids <= ids <= before.ids | after.ids, moment
            assert before.held & after.held <= {one.id for one in found if one.held}, moment
            for backup_id in ids:
                assert restored(cut, backup_id) == states[backup_id], moment
            tidied += bool(leftovers(cut))
            store.save("scope", "key", 1)
            assert store.backups.create_backup().success
            assert leftovers(cut) == [], moment
        shutil.rmtree(cut)
    assert tidied


def test_a_power_cut_leaves_whole_backups_and_every_one_that_was_promised(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_the_power_of_the_place(room, monkeypatch, 60, 0)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_thousands_of_power_cuts_leave_whole_backups(room: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    cut_the_power_of_the_place(room, monkeypatch, 5_000, seed)


# The store


def recorded(root: Path, durability: str, checkpoint_pages: int, cache_kib: int) -> list[Event]:
    recording = root / "recording"
    program = "import sys; from tests.crash.backing_recorder import main; main(*sys.argv[1:])"
    arguments = (str(root), durability, str(checkpoint_pages), str(cache_kib), str(recording))
    subprocess.run([sys.executable, "-c", program, *arguments], cwd=Path(__file__).parents[2], check=True)
    events: list[Event] = pickle.loads(recording.read_bytes())
    return events


def cut_the_power_of_the_store(
    root: Path, durability: str, checkpoint_pages: int, cache_kib: int, rounds: int, seed: int
) -> None:
    chance = random.Random(seed)
    events = recorded(root, durability, checkpoint_pages, cache_kib)
    states = [restored(root / "backups", backup_id) for backup_id in (root / "ids").read_text().split()]
    expected = [states[2], *(states[number] for number in DEEDS)]
    filled = events.index(Flushed(0)) + 1
    moments = sorted(chance.randrange(filled, len(events)) for _ in range(rounds))
    disk, done, promised, taken = Disk(), 0, 0, 0
    cut = root / "cut"
    for moment in moments:
        for event in events[taken:moment]:
            disk.take(event)
            if isinstance(event, Did):
                done = event.number
            if isinstance(event, Flushed) or (isinstance(event, Did) and durability == "full"):
                promised = event.number
        taken = moment
        (cut / "state").mkdir(parents=True)
        for name, content in disk.after_power_cut(chance).items():
            (cut / "state" / name).write_bytes(content)
        with opened(cut, backup_path=str(root / "backups")) as store:
            assert list(store.backend.problems()) == []
            assert contents(store) in expected[promised : done + 2], (promised, done)
            store.backups.restore_backup((root / "ids").read_text().split()[1], force=True)
            assert contents(store) == states[1]
        shutil.rmtree(cut)


@pytest.mark.parametrize(("durability", "pages", "cache"), [("full", 10, 65_536), ("normal", 4_000, 64)])
def test_a_power_cut_leaves_a_restore_done_or_undone(room: Path, durability: str, pages: int, cache: int) -> None:
    cut_the_power_of_the_store(room, durability, pages, cache, 12, 0)


@pytest.mark.soak
@pytest.mark.parametrize("checkpoint_pages", [5, 200, 4_000])
@pytest.mark.parametrize("cache_kib", [64, 65_536])
@pytest.mark.parametrize("durability", ["full", "normal"])
def test_hundreds_of_power_cuts_leave_a_restore_done_or_undone(
    room: Path, durability: str, cache_kib: int, checkpoint_pages: int
) -> None:
    cut_the_power_of_the_store(room, durability, checkpoint_pages, cache_kib, 300, 1)
