"""Durability "output": what settling a store brings to the disk, when it has nothing to do, and how it fails."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import llmspell
from llmspell import Store
from llmspell.backends.sqlite import syncing
from llmspell.errors import StoreClosed, StoreUnavailable
from llmspell.folders import sync_folder
from tests.programs import run
from tests.unit.migrations.homes import FIRST, RENAME, SECOND, put_step

if TYPE_CHECKING:
    from types import TracebackType

PATIENCE_SECONDS = 60.0


class Syncs:
    """Hears every sync that the store makes past the engine; `before` is called first, and may fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.of_log = 0
        self.of_folder = 0
        self.before: Callable[[], None] = lambda: None
        self._sync_data, self._sync_folder = syncing.sync_data, sync_folder
        monkeypatch.setattr(syncing, "sync_data", self._log)
        monkeypatch.setattr(syncing, "sync_folder", self._folder)

    def _log(self, descriptor: int) -> None:
        self.before()
        self._sync_data(descriptor)
        self.of_log += 1

    def _folder(self, path: str) -> None:
        self._sync_folder(path)
        self.of_folder += 1

    def during(self, call: Callable[[], object]) -> int:
        """Give how often the log is synced while this is called."""
        before = self.of_log
        call()
        return self.of_log - before


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> Syncs:
    return Syncs(monkeypatch)


@pytest.fixture
def beside(folder: str) -> Iterator[Store]:
    """A store in the same folder that syncs nothing, open before and after."""
    with llmspell.open(folder, durability="normal") as store:
        store.save("scope", "beside", 1)
        yield store


@pytest.fixture
def store(folder: str, beside: Store) -> Iterator[Store]:
    """A store that settles; nothing is left to do for it."""
    with llmspell.open(folder, durability="output") as store:
        store.load("scope", "beside")
        store.settle()
        yield store


# When there is something to do


def test_everything_saved_since_the_last_time_is_synced_once(store: Store, syncs: Syncs) -> None:
    for number in range(100):
        store.save("scope", "key", number)
    assert syncs.of_log == 0
    assert syncs.during(store.settle) == 1
    assert syncs.during(store.settle) == 0
    store.delete("scope", "key")
    assert syncs.during(store.settle) == 1


def test_reading_again_what_was_settled_costs_nothing(store: Store, syncs: Syncs) -> None:
    store.save("scope", "key", 1)
    store.settle()
    store.load("scope", "key")
    store.list_keys("scope")
    assert syncs.during(store.settle) == 0


def read_a_snapshot(store: Store) -> None:
    with store.snapshot() as snapshot:
        snapshot.load("scope", "beside")


READS: dict[str, Callable[[Store], object]] = {
    "load": lambda store: store.load("scope", "beside"),
    "an absence": lambda store: store.load("scope", "none"),
    "list_keys": lambda store: store.list_keys("scope"),
    "scopes": lambda store: store.scopes(),
    "version": lambda store: store.version(),
    "changes": lambda store: list(store.changes()),
    "a snapshot": read_a_snapshot,
    "a transaction": lambda store: store.transaction(lambda state: state.load("scope", "beside")),
    "statistics": lambda store: store.statistics(),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
def test_what_was_read_of_anothers_unsynced_save_is_synced(
    store: Store, beside: Store, syncs: Syncs, read: Callable[[Store], object]
) -> None:
    beside.save("scope", "beside", 2)
    assert syncs.during(store.settle) == 0, "nobody has read of it"
    read(store)
    assert syncs.during(store.settle) == 1
    read(store)
    assert syncs.during(store.settle) == 0


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_the_other_durabilities_settle_nothing(folder: str, beside: Store, syncs: Syncs, durability: str) -> None:
    with llmspell.open(folder, durability=durability) as store:
        store.save("scope", "key", 1)
        beside.save("scope", "beside", 2)
        store.load("scope", "beside")
        assert syncs.during(store.settle) == 0


def test_what_is_saved_while_another_settles_is_not_taken_for_settled(store: Store, syncs: Syncs) -> None:
    def save_once() -> None:
        syncs.before = lambda: None
        store.save("scope", "key", 2)

    store.save("scope", "key", 1)
    syncs.before = save_once
    assert syncs.during(store.settle) == 1
    assert syncs.during(store.settle) == 1
    assert syncs.during(store.settle) == 0


def test_the_folder_is_synced_once_for_each_new_log(folder: str, syncs: Syncs) -> None:
    for opened in (1, 2):
        with llmspell.open(folder, durability="output") as store:
            store.save("scope", "key", opened)
            before = syncs.of_folder
            store.settle()
            assert syncs.of_folder == before + 1
            store.save("scope", "key", 0)
            store.settle()
            assert syncs.of_folder == before + 1


# When there is nothing


def test_a_store_that_does_not_exist_is_settled(folder: str, syncs: Syncs) -> None:
    with llmspell.open(folder, durability="output") as store:
        store.settle()
        assert store.load("scope", "key") is None
        store.settle()
    assert syncs.of_log == 0
    assert not os.path.lexists(folder)


def test_a_store_that_was_closed_by_all_is_on_the_disk_already(folder: str, syncs: Syncs) -> None:
    with llmspell.open(folder, durability="normal") as store:
        store.save("scope", "key", 1)
    with llmspell.open(folder, durability="output") as store:
        assert store.load("scope", "key") == 1
        store.settle()
    assert syncs.of_log == 0


def test_a_store_in_memory_is_settled(syncs: Syncs) -> None:
    with llmspell.open(backend="memory", durability="output") as store:
        store.save("scope", "key", 1)
        store.settle()
        assert store.load("scope", "key") == 1
    assert syncs.of_log == 0


# Several at once


class Asked:
    """A lock that tells when the second one asks for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times = 0
        self.twice = threading.Event()

    def __enter__(self) -> None:
        self._times += 1
        if self._times == 2:
            self.twice.set()
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


def test_who_settles_second_waits_until_the_first_one_is_done(
    store: Store, syncs: Syncs, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, at_it, done = Asked(), threading.Event(), list[str]()
    monkeypatch.setattr(store.backend._database._log, "_lock", asked)  # type: ignore[attr-defined]

    def slow() -> None:
        at_it.set()
        assert asked.twice.wait(PATIENCE_SECONDS)
        done.append("synced")

    def settle_second() -> None:
        store.settle()
        done.append("second")
        asked.twice.set()  # whoever did not wait must not make the first one wait for ever

    store.save("scope", "key", 1)
    syncs.before = slow
    first, second = threading.Thread(target=store.settle), threading.Thread(target=settle_second)
    first.start()
    assert at_it.wait(PATIENCE_SECONDS)
    second.start()
    first.join(PATIENCE_SECONDS)
    second.join(PATIENCE_SECONDS)
    assert done == ["synced", "second"]


FORK = """
import os, signal, sys
import llmspell
from llmspell.backends.sqlite import syncing

signal.alarm(60)
sync, syncs = syncing.sync_data, []
syncing.sync_data = lambda descriptor: (sync(descriptor), syncs.append(descriptor))
store = llmspell.open(sys.argv[1], durability="output")
store.save("scope", "key", 1)
lock = store.backend._database._log._lock
with lock:  # as a thread that settles holds it, which the child does not have
    child = os.fork()
    if child == 0:
        store.settle()
        assert store.load("scope", "key") == 1
        store.settle()
        assert len(syncs) == 1, syncs
        store.save("scope", "key", 2)
        store.settle()
        assert len(syncs) == 2, syncs
        os._exit(0)
assert os.waitpid(child, 0)[1] == 0
store.load("scope", "key")
store.settle()
assert len(syncs) == 1, syncs
print(store.load("scope", "key"))
"""


def test_a_forked_child_settles_for_itself(folder: str) -> None:
    assert run(FORK, folder) == "2\n"


# When it fails


def test_a_disk_that_failed_once_is_never_trusted_again(store: Store, folder: str, syncs: Syncs) -> None:
    def fail() -> None:
        syncs.before = lambda: None
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    store.save("scope", "key", 1)
    syncs.before = fail
    for call in (store.settle, store.settle, store.flush, store.settle):
        with pytest.raises(StoreUnavailable) as raised:
            call()
        assert str(raised.value) == (
            f'what was saved in "{folder}" cannot be brought to the disk: Input/output error; it survives the end of '
            "this process, but maybe no power cut: look at the system's log, then save again what matters"
        )
    assert store.save("scope", "key", 2) > 1
    assert store.load("scope", "key") == 2
    with pytest.raises(StoreUnavailable, match="cannot be brought to the disk"):
        store.settle()
    assert syncs.of_log == 0


def test_an_interrupted_settling_has_settled_nothing(store: Store, syncs: Syncs) -> None:
    def interrupt() -> None:
        syncs.before = lambda: None
        raise KeyboardInterrupt

    store.save("scope", "key", 1)
    syncs.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        store.settle()
    assert syncs.during(store.settle) == 1


def test_a_migration_that_changes_no_entry_is_synced(folder: str, tmp_path: Path, beside: Store, syncs: Syncs) -> None:
    put_step(tmp_path / "files", {**RENAME, "missing": "skip"}, start=FIRST, to=SECOND)
    beside.save("scope", "beside", {})
    with llmspell.open(folder, durability="output", migrations_path=tmp_path / "files") as store:
        store.load("scope", "beside")
        store.settle()
        store.migrations.migrate()
        assert store.schema_version() == SECOND
        assert syncs.during(store.settle) == 1


def test_what_was_read_of_anothers_migration_of_no_entry_is_synced(
    folder: str, tmp_path: Path, beside: Store, store: Store, syncs: Syncs
) -> None:
    put_step(tmp_path / "files", {**RENAME, "missing": "skip"}, start=FIRST, to=SECOND)
    beside.save("scope", "beside", {})
    store.load("scope", "beside")
    store.settle()
    with llmspell.open(folder, durability="normal", migrations_path=tmp_path / "files") as other:
        other.migrations.migrate()
    assert store.schema_version() == SECOND
    assert syncs.during(store.settle) == 1


def test_the_end_of_a_history_is_synced(folder: str, beside: Store, syncs: Syncs) -> None:
    with llmspell.open(folder, durability="output", history_days=3) as store:
        store.save("scope", "key", 1)
        store.settle()
        store.stop_history()
        assert syncs.during(store.settle) == 1


def test_a_new_log_that_looks_like_an_old_one_gets_its_name_synced(
    folder: str, syncs: Syncs, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = llmspell.open(folder, durability="normal")
    second = llmspell.open(folder, durability="output")
    first.save("scope", "key", 1)
    real = os.fstat
    # Disks give the number of a removed file to the next one; those in memory do not.
    monkeypatch.setattr(
        os, "fstat", lambda descriptor: os.stat_result((*real(descriptor)[:1], 7, *real(descriptor)[2:]))
    )
    second.flush()
    first.close()
    second.save("scope", "key", 2)
    before = syncs.of_folder
    second.flush()
    assert syncs.of_folder == before + 1
    second.close()


def test_a_log_that_cannot_be_opened_for_a_while_can_be_synced_later(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    store.save("scope", "key", 1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(StoreUnavailable):
            store.settle()
    store.settle()


@pytest.mark.parametrize("durability", ["full", "output", "normal"])
@pytest.mark.parametrize("backend", ["disk", "memory"])
@pytest.mark.parametrize("used", [False, True])
def test_a_closed_store_cannot_be_settled(folder: str, durability: str, backend: str, used: bool) -> None:
    closed = llmspell.open(folder, backend=backend, durability=durability)
    if used:
        closed.save("scope", "key", 1)
        closed.settle()
    closed.close()
    with pytest.raises(StoreClosed):
        closed.settle()


def test_the_log_is_opened_only_for_reading_so_that_who_may_not_write_can_settle(
    store: Store, beside: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes, real = [], os.open

    def opened(path: str, flags: int, *more: int) -> int:
        modes.append(flags & os.O_ACCMODE)
        return real(path, flags, *more)

    beside.save("scope", "key", 1)
    store.load("scope", "key")
    monkeypatch.setattr(os, "open", opened)
    store.settle()
    assert set(modes) == {os.O_RDONLY}
