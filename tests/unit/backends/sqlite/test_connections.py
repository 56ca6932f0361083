"""The files of a store: who may read them, what is refused, and what happens when somebody moves them."""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import apsw
import pytest

import llmspell
from llmspell import Store
from llmspell.backends.sqlite import connections, layout
from llmspell.backends.sqlite.connections import check_engine
from llmspell.errors import (
    ForeignStore,
    LayoutTooNew,
    StoreBusy,
    StoreClosed,
    StoreDamaged,
    StoreError,
    StoreUnavailable,
    UnsafeEngine,
)
from tests.programs import folder_for_everybody, run, run_without_rights

Calls: TypeAlias = tuple[Callable[[], object], ...]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where the database file of the store will be; its folder is there."""
    (tmp_path / "state").mkdir()
    return tmp_path / "state" / "state.db"


# Modes


@pytest.fixture(params=[0, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("durability", ["full", "normal"])
def test_files_are_for_their_owner_alone_under_any_umask(tmp_path: Path, durability: str) -> None:
    folder = tmp_path / "deep" / "deeper" / "state"
    with llmspell.open(folder, durability=durability) as store:
        store.save("scope", "key", 1)
        assert modes(folder) == dict.fromkeys(("state.db", "state.db-shm", "state.db-wal", "state.lock"), 0o600)
    assert modes(folder) == {"state.db": 0o600, "state.lock": 0o600}
    assert modes(tmp_path) == {"deep": 0o700}
    assert modes(tmp_path / "deep") == {"deeper": 0o700}
    assert modes(tmp_path / "deep" / "deeper") == {"state": 0o700}


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o750)
    with llmspell.open(tmp_path / "state") as store:
        store.save("scope", "key", 1)
    assert modes(tmp_path) == {"state": 0o750}


# What is there already


def test_an_empty_file_left_by_a_dead_maker_is_an_empty_store(database: Path) -> None:
    database.touch()
    with llmspell.open(database.parent) as store:
        assert store.load("scope", "key") is None
        assert (store.version(), store.scopes(), list(store.changes())) == (0, [], [])
        with store.snapshot() as snapshot:
            assert snapshot.scopes() == []
        store.save("scope", "key", 1)
        assert store.load("scope", "key") == 1


def test_a_file_whose_maker_died_before_the_tables_is_an_empty_store(database: Path) -> None:
    connection = apsw.Connection(str(database))
    connection.pragma("journal_mode", "WAL")
    connection.close()
    assert database.stat().st_size > 0
    with llmspell.open(database.parent) as store:
        assert (store.version(), store.schema_version(), list(store.backend.problems())) == (0, None, [])
        store.save("scope", "key", 1)
        assert store.load("scope", "key") == 1


def refused(folder: Path, error: type[StoreError]) -> str:
    """Give the sentence with which every call is refused."""
    sentences = set()
    with llmspell.open(folder) as store:
        calls: Calls = (
            lambda: store.load("scope", "key"),
            lambda: store.save("scope", "key", 1),
            lambda: store.clear("scope"),
            lambda: store.transaction(lambda state: state.save("scope", "key", 1)),
            lambda: store.statistics(),
            lambda: list(store.changes()),
        )
        for call in calls:
            with pytest.raises(error) as raised:
                call()
            sentences.add(str(raised.value))
    return min(sentences)


def test_a_database_of_another_program_is_refused_and_left_alone(database: Path) -> None:
    connection = apsw.Connection(str(database))
    connection.execute("CREATE TABLE theirs (x); INSERT INTO theirs VALUES ('precious')")
    connection.close()
    before = database.read_bytes()
    sentence = refused(database.parent, ForeignStore)
    assert f'"{database}" is a database of another program' in sentence
    assert "name another folder" in sentence
    assert database.read_bytes() == before


@pytest.mark.parametrize("text", [b"Dear diary,\n" * 100, b"xy", b"\0" * 4096, b"SQLite format 3\0"])
def test_a_file_that_is_no_database_is_refused_and_left_alone(database: Path, text: bytes) -> None:
    database.write_bytes(text)
    sentence = refused(database.parent, StoreDamaged)
    assert f'"{database.parent}" is damaged or is no store at all' in sentence
    assert database.read_bytes() == text


def test_a_store_of_a_newer_layout_is_refused_and_left_alone(database: Path) -> None:
    connection = apsw.Connection(str(database))
    layout.create(connection, "1.0.0")
    connection.pragma("user_version", layout.LAYOUT + 1)
    connection.close()
    before = database.read_bytes()
    assert "update this one" in refused(database.parent, LayoutTooNew)
    assert database.read_bytes() == before


def test_a_folder_in_place_of_the_database_is_refused(database: Path) -> None:
    database.mkdir()
    assert "check that the folder and the files in it belong to you" in refused(database.parent, StoreUnavailable)


def test_a_file_in_place_of_the_folder_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StoreUnavailable, match=r'state" is a file, not a folder; name a folder'):
        llmspell.open(tmp_path / "state")


def test_a_path_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    assert "Not a directory" in refused(tmp_path / "file" / "state", StoreUnavailable)


def test_a_path_that_is_too_long_is_refused(tmp_path: Path) -> None:
    assert "too long" in refused(tmp_path / ("x" * 300), StoreUnavailable)


# Rights


TRY_EVERYTHING = """
import sys
store = llmspell.open(sys.argv[1])
for call in (
    lambda: store.load("scope", "key"),
    lambda: store.save("scope", "key", 2),
    lambda: store.clear("scope"),
    lambda: store.flush(),
    lambda: store.close(),
):
    try:
        print(call())
    except llmspell.errors.StoreUnavailable as error:
        print("StoreUnavailable:", error)
"""


def test_a_folder_that_may_not_be_written_to_is_refused_in_words() -> None:
    with folder_for_everybody() as folder:
        folder.chmod(0o500)
        load, save, clear, flush, close = run_without_rights(TRY_EVERYTHING, str(folder / "state")).splitlines()
        assert (load, flush, close) == ("None", "None", "None")
        assert save == clear
        assert f'StoreUnavailable: the store in "{folder}/state" cannot be used: Permission denied' in save


def test_somebody_elses_store_is_refused_in_words() -> None:
    with folder_for_everybody() as folder:
        with llmspell.open(folder / "state") as store:
            store.save("scope", "key", 1)
        (folder / "state").chmod(0o000)
        lines = run_without_rights(TRY_EVERYTHING, str(folder / "state")).splitlines()
        assert all("Permission denied" in line for line in lines[:3])
        assert lines[4] == "None"
        (folder / "state").chmod(0o700)


def test_a_store_whose_folder_became_read_only_is_refused_in_words() -> None:
    with folder_for_everybody() as folder:
        run_without_rights(TRY_EVERYTHING, str(folder / "state"))
        (folder / "state").chmod(0o500)
        lines = run_without_rights(TRY_EVERYTHING, str(folder / "state")).splitlines()
        assert all("belong to you and may be written" in line for line in lines[:2])
        assert lines[4] == "None"


def test_whoever_may_only_read_reads_and_closes_in_peace() -> None:
    with folder_for_everybody() as folder:
        run_without_rights(TRY_EVERYTHING, str(folder / "state"))
        for path in (folder / "state").iterdir():
            path.chmod(0o400)
        (folder / "state" / "state.db").chmod(0o600)
        load, save, *_, close = run_without_rights(
            TRY_EVERYTHING.replace("store.close()", "(store.exists('scope', 'key'), store.close())[1]"),
            str(folder / "state"),
        ).splitlines()
        assert load == "None"
        assert "Permission denied" in save
        assert close == "None"


# The engine


@pytest.mark.parametrize("version", ["3.51.3", "3.51.10", "3.52.0", "4.0.0"])
def test_an_engine_without_the_bug_is_used(version: str) -> None:
    check_engine(version)


@pytest.mark.parametrize("version", ["3.51.2", "3.40.1", "3.7.0", "3.9.99", "2.8.17"])
def test_an_engine_with_the_bug_is_refused(version: str) -> None:
    with pytest.raises(UnsafeEngine, match=f"SQLite {version}, .*needs 3.51.3 or newer: `pip install --upgrade apsw`"):
        check_engine(version)


@pytest.mark.parametrize("backend", ["disk", "memory"])
def test_every_backend_looks_at_its_engine_first(folder: str, monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.40.1")
    with pytest.raises(UnsafeEngine):
        llmspell.open(folder, backend=backend)


def pragma(store: Store, name: str) -> object:
    reader = store.backend._database.take()  # type: ignore[attr-defined]
    try:
        return reader.connection.pragma(name)
    finally:
        store.backend._database.give_back(reader)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("durability", "synchronous"), [("full", 2), ("normal", 1)])
def test_each_durability_has_its_setting_in_the_engine(folder: str, durability: str, synchronous: int) -> None:
    with llmspell.open(folder, durability=durability) as store:
        store.save("scope", "key", 1)
        assert pragma(store, "synchronous") == synchronous
        assert pragma(store, "journal_mode") == "wal"
    with llmspell.open(folder, durability=durability) as store:
        store.load("scope", "key")
        assert pragma(store, "synchronous") == synchronous
        assert pragma(store, "journal_mode") == "wal"


# Files that move while the store is open


def test_a_folder_removed_while_open_takes_no_more_writes(disk: Store, folder: str) -> None:
    disk.save("scope", "key", 1)
    shutil.rmtree(folder)
    calls: Calls = (lambda: disk.save("scope", "key", 2), lambda: disk.clear("scope"), lambda: disk.increment("a", "b"))
    for call in calls:
        with pytest.raises(StoreUnavailable, match="removed or replaced while it was open; nothing was stored"):
            call()
    assert not os.path.lexists(folder)


def test_a_snapshot_of_a_removed_store_is_refused_and_not_empty(disk: Store, folder: str) -> None:
    disk.save("scope", "key", 1)
    shutil.rmtree(folder)
    calls: Calls = (lambda: disk.snapshot().__enter__(), lambda: disk.statistics(), lambda: list(disk.changes()))
    for call in calls:
        with pytest.raises(StoreUnavailable, match="removed or replaced"):
            call()


def test_a_removed_store_can_be_opened_anew(disk: Store, folder: str) -> None:
    disk.save("scope", "key", 1)
    shutil.rmtree(folder)
    disk.close()
    with llmspell.open(folder) as store:
        assert store.load("scope", "key") is None
        store.save("scope", "key", 2)


def test_a_store_replaced_by_another_while_open_takes_no_more_writes(disk: Store, folder: str, tmp_path: Path) -> None:
    disk.save("scope", "key", "first")
    with llmspell.open(tmp_path / "other") as other:
        other.save("scope", "key", "second")
    os.rename(folder, tmp_path / "moved")
    os.rename(tmp_path / "other", folder)
    with pytest.raises(StoreUnavailable, match="removed or replaced"):
        disk.save("scope", "key", "lost?")
    disk.close()
    with llmspell.open(folder) as store:
        assert store.load("scope", "key") == "second"
    with llmspell.open(tmp_path / "moved") as store:
        assert store.load("scope", "key") == "first"


def test_a_closed_store_makes_no_folder(disk: Store, folder: str) -> None:
    disk.close()
    with pytest.raises(StoreClosed):
        disk.save("scope", "key", 1)
    assert not os.path.lexists(folder)


# Closing and flushing


def test_the_last_one_to_close_leaves_one_database_file(folder: str) -> None:
    with llmspell.open(folder) as first:
        with llmspell.open(folder) as second:
            first.save("scope", "a", 1)
            second.save("scope", "b", 1)
        assert "state.db-wal" in os.listdir(folder)
    assert sorted(os.listdir(folder)) == ["state.db", "state.lock"]


def test_closing_lets_go_of_every_descriptor(folder: str) -> None:
    before = os.listdir("/proc/self/fd")
    store = llmspell.open(folder)
    store.save("scope", "key", 1)
    with store.snapshot() as snapshot:
        snapshot.load("scope", "key")
    store.close()
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_a_flush_works_at_every_stage_of_a_store(folder: str, durability: str) -> None:
    with llmspell.open(folder, durability=durability) as store:
        store.flush()
        store.save("scope", "key", 1)
        store.flush()
        with llmspell.open(folder) as other:
            other.flush()
    with llmspell.open(folder, durability=durability) as store:
        store.flush()
        assert store.load("scope", "key") == 1


# Other programs


def test_a_program_that_holds_the_database_makes_the_store_busy(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_BUSY_MILLISECONDS", 20)
    with llmspell.open(folder) as store:
        store.save("scope", "key", 1)
        shell = apsw.Connection(os.path.join(folder, "state.db"))
        shell.execute("BEGIN IMMEDIATE")
        calls: Calls = (lambda: store.save("scope", "key", 2), lambda: store.clear("scope"))
        for call in calls:
            with pytest.raises(StoreBusy, match="held by another program that does not use llmspell"):
                call()
        assert store.load("scope", "key") == 1
        shell.execute("ROLLBACK")
        shell.close()
        store.save("scope", "key", 3)


def test_an_unclosed_store_is_left_whole_at_the_end_of_its_program(folder: str) -> None:
    run("import llmspell, sys; llmspell.open(sys.argv[1]).save('scope', 'key', 1)", folder)
    with llmspell.open(folder) as store:
        assert store.load("scope", "key") == 1
