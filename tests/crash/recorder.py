"""A program that does deeds on a store and records everything that reaches the files, in order.

What it records is what a disk may or may not still have after a power cut: see `test_power_cut.py`.
"""

import os
import pickle
import random
from collections.abc import Callable
from typing import NamedTuple

import apsw

import llmspell
from llmspell.backends.sqlite import connections, syncing
from tests.crash.deeds import do


class Write(NamedTuple):
    """These bytes were written there."""

    file: str
    offset: int
    content: bytes


class Truncate(NamedTuple):
    """The file was cut to this length."""

    file: str
    length: int


class Sync(NamedTuple):
    """Everything before this is on the disk for this file."""

    file: str


class Delete(NamedTuple):
    """The file was removed."""

    file: str


class Did(NamedTuple):
    """This deed was acknowledged."""

    number: int


class Flushed(NamedTuple):
    """All deeds up to this one were promised to be on the disk."""

    number: int


class Told(NamedTuple):
    """Something left that tells of all deeds up to this one."""

    number: int


Event = Write | Truncate | Sync | Delete | Did | Flushed | Told

events: list[Event] = []


class RecordingFile(apsw.VFSFile):
    """A file of the engine that tells what is done to it."""

    def __init__(self, name: apsw.URIFilename | str | None, flags: list[int]) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._name = os.path.basename(path or "temporary")
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        events.append(Write(self._name, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        events.append(Truncate(self._name, newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        super().xSync(flags)
        events.append(Sync(self._name))


class Recorder(apsw.VFS):
    """The engine's way to files, with an ear on it."""

    def __init__(self) -> None:
        super().__init__("recorder", "unix", makedefault=True)

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> RecordingFile:  # noqa: N802
        return RecordingFile(name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        events.append(Delete(os.path.basename(filename)))


def main(folder: str, durability: str, deeds: str, checkpoint_pages: str, recording: str) -> None:
    def work() -> None:
        store = llmspell.open(folder, durability=durability)
        chance = random.Random(0)
        for number in range(1, int(deeds) + 1):
            do(store, "scope", number)
            events.append(Did(number))
            if durability == "output" and chance.random() < 0.2:
                store.settle()
                events.append(Told(number))
            if number % 40 == 0:
                store.flush()
                events.append(Flushed(number))

    record(work, int(checkpoint_pages), recording)


def tell_of_another(folder: str, durability: str, deeds: str, checkpoint_pages: str, recording: str) -> None:
    """Let one store do the deeds, which settles nothing, and another one read and tell of them."""

    def work() -> None:
        writer = llmspell.open(folder, durability=durability)
        reader = llmspell.open(folder, durability="output")
        chance = random.Random(0)
        for number in range(1, int(deeds) + 1):
            do(writer, "scope", number)
            events.append(Did(number))
            if chance.random() < 0.2:
                seen = reader.load("scope", "number")
                assert isinstance(seen, int)
                reader.settle()
                events.append(Told(seen))

    record(work, int(checkpoint_pages), recording)


def record(work: Callable[[], None], checkpoint_pages: int, recording: str) -> None:
    """Do the work and write down the events of it."""
    recorder = Recorder()
    connections._CHECKPOINT_PAGES = checkpoint_pages
    # What the store syncs itself, past the engine.
    os.fsync = _telling(os.fsync)  # type: ignore[assignment]
    syncing.sync_data = _telling(syncing.sync_data)
    work()
    with open(recording, "wb") as file:
        pickle.dump(events, file)
    recorder.unregister()


def _telling(sync: Callable[[int], None]) -> Callable[[int], None]:
    def sync_and_tell(descriptor: int) -> None:
        sync(descriptor)
        events.append(Sync(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}"))))

    return sync_and_tell
