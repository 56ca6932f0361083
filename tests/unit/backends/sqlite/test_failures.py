"""Damage, a full disk, a limit: every failure is one of ours, says what to do, and loses nothing."""

import errno
import os
import random
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

import llmspell
from llmspell import LlmspellError, Store, StoreError
from llmspell.backends.sqlite.failures import translate
from llmspell.errors import StoreBusy, StoreClosed, StoreDamaged, StoreFull, StoreUnavailable
from tests.programs import run

# Words


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (OSError(errno.EACCES, "Permission denied"), StoreUnavailable, "Permission denied; check that the path"),
        (OSError(errno.ENOSPC, "No space left on device"), StoreFull, "free some space"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), StoreFull, "free some space"),
        (apsw.FullError("full"), StoreFull, "what was stored before is kept"),
        (apsw.NotADBError("file is not a database"), StoreDamaged, "`llmspell state check`"),
        (apsw.CorruptError("malformed"), StoreDamaged, "go back to a copy or backup"),
        (apsw.SQLError("no such table: entries"), StoreDamaged, "no such table"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), StoreDamaged, "is damaged"),
        (apsw.BusyError("locked"), StoreBusy, "close it and try again"),
        (apsw.CantOpenError("unable to open"), StoreUnavailable, "belong to you"),
        (apsw.ReadOnlyError("readonly"), StoreUnavailable, "belong to you"),
        (apsw.IOError("disk I/O error"), StoreUnavailable, "look at the system's log"),
        (apsw.ConnectionClosedError("closed"), StoreClosed, "open it again"),
        (apsw.InternalError("something new"), StoreError, "something new"),
    ],
    ids=lambda part: type(part).__name__ if isinstance(part, Exception) else None,
)
def test_an_engines_error_becomes_one_that_says_what_to_do(
    error: Exception, kind: type[StoreError], words: str
) -> None:
    translated = translate(error, "the/folder")
    assert type(translated) is kind
    assert '"the/folder"' in str(translated)
    assert words in str(translated)


def test_the_cause_of_a_failure_is_kept(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_text("no database at all")
    with pytest.raises(StoreDamaged) as raised, llmspell.open(tmp_path) as store:
        store.load("scope", "key")
    assert isinstance(raised.value.__cause__, apsw.NotADBError)


# Damage


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed store with something in every table and index."""
    folder = tmp_path_factory.mktemp("sound") / "state"
    with llmspell.open(folder, durability="normal") as store:
        for number in range(200):
            store.save(f"scope{number % 7}", f"key{number}", {"n": number, "text": "x" * (number * 7 % 900)})
        store.save("big", "big", "y" * 30_000)
        store.save("short", "short", 1, ttl=1e6)
        for number in range(0, 200, 5):
            store.delete(f"scope{number % 7}", f"key{number}")
    return folder


def read_in_snapshot(store: Store) -> object:
    with store.snapshot() as snapshot:
        return [snapshot.load("scope5", key) for key in snapshot.list_keys("scope5")]


EVERYTHING: tuple[Callable[[Store], object], ...] = (
    lambda store: store.load("scope1", "key50"),
    lambda store: store.entry("big", "big"),
    lambda store: store.list_keys("scope2"),
    lambda store: store.scopes(),
    lambda store: list(store.changes()),
    lambda store: store.statistics(),
    lambda store: store.schema_version(),
    read_in_snapshot,
    lambda store: list(store.backend.problems()),
    lambda store: store.save("scope1", "key50", "new"),
    lambda store: store.save("new", "x" * 100, "z" * 5_000),
    lambda store: store.increment("new", "number"),
    lambda store: store.append("new", "list", 1),
    lambda store: store.clear("scope3"),
    lambda store: store.transaction(lambda state: (state.list_keys("scope4"), state.save("scope4", "new", 1))),
    lambda store: store.flush(),
    lambda store: store.close(),
)


def failures(folder: Path) -> list[LlmspellError]:
    """Do everything that can be done with a store; any error that is not one of ours ends the test."""
    found: list[LlmspellError] = []
    store = llmspell.open(folder, durability="normal")
    for call in EVERYTHING:
        try:
            call(store)
        except LlmspellError as error:
            found.append(error)
    return found


@pytest.mark.parametrize("part", [0.01, 0.2, 0.5, 0.9, 0.999])
def test_a_truncated_database_is_damaged(sound: Path, tmp_path: Path, part: float) -> None:
    shutil.copytree(sound, tmp_path / "state")
    os.truncate(tmp_path / "state" / "state.db", int((sound / "state.db").stat().st_size * part))
    found = failures(tmp_path / "state")
    assert found
    assert {type(error) for error in found} == {StoreDamaged}
    assert all(f'"{tmp_path}/state" is damaged' in str(error) for error in found)
    assert all("go back to a copy or backup that is sound" in str(error) for error in found)


def test_an_overwritten_database_is_damaged(sound: Path, tmp_path: Path) -> None:
    shutil.copytree(sound, tmp_path / "state")
    with open(tmp_path / "state" / "state.db", "r+b") as database:
        database.seek(4096)
        database.write(random.Random(0).randbytes(20 * 4096))
    assert {type(error) for error in failures(tmp_path / "state")} == {StoreDamaged}


def test_a_value_that_was_overwritten_is_damaged(folder: str) -> None:
    with llmspell.open(folder) as store:
        store.save("scope", "key", {"marker": "precious"})
    database = Path(folder) / "state.db"
    database.write_bytes(database.read_bytes().replace(b'{"marker":', b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
    with llmspell.open(folder) as store:
        with pytest.raises(StoreDamaged, match="no JSON any more"):
            store.load("scope", "key")
        assert list(store.backend.problems()) == ["scope 'scope', key 'key' has a value that is no JSON text"]
        store.save("scope", "key", "new")
        assert store.load("scope", "key") == "new"


def harm(file: Path, chance: random.Random) -> None:
    """Do to the file what a bad disk, a bad program or a bad day can do."""
    size = file.stat().st_size
    page = 4096 * chance.randrange(size // 4096)
    with open(file, "r+b") as database:
        kind = chance.randrange(5)
        if kind == 0:
            database.truncate(chance.randrange(1, size))
        elif kind == 1:
            database.seek(page)
            database.write(chance.randbytes(4096))
        elif kind == 2:
            database.seek(page)
            database.write(bytes(4096))
        elif kind == 3:
            database.seek(page + chance.randrange(100))
            database.write(chance.randbytes(chance.randrange(1, 20)))
        else:
            for _ in range(30):
                database.seek(chance.randrange(size - 1))
                database.write(chance.randbytes(2))


def harmed_at_random(sound: Path, tmp_path: Path, seed: int, rounds: int) -> None:
    chance = random.Random(seed)
    for number in range(rounds):
        folder = tmp_path / f"{number}"
        shutil.copytree(sound, folder)
        harm(folder / "state.db", chance)
        failures(folder)
        shutil.rmtree(folder)


@pytest.mark.parametrize("seed", range(4))
def test_no_damage_brings_out_an_error_of_the_engine(sound: Path, tmp_path: Path, seed: int) -> None:
    harmed_at_random(sound, tmp_path, seed, 60)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 120))
def test_no_damage_ever_brings_out_an_error_of_the_engine(sound: Path, tmp_path: Path, seed: int) -> None:
    harmed_at_random(sound, tmp_path, seed, 1_000)


# A full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    point = tmp_path / "disk"
    point.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(point)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    yield point
    subprocess.run(["umount", "-l", str(point)], check=True)


def fill(disk: Path, but_bytes: int = 0) -> Path:
    """Fill the disk with a file, all but so many bytes."""
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    os.truncate(filler, filler.stat().st_size - but_bytes)
    return filler


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_a_full_disk_loses_nothing_and_hinders_nothing_later(small_disk: Path, durability: str) -> None:
    kept: dict[str, str] = {}
    refused = 0
    with llmspell.open(small_disk / "state", durability=durability) as store:
        filler = fill(small_disk, 300_000)
        for number in range(200):
            value = f"{number}" * (number * 10 % 700)
            try:
                store.save("scope", f"{number % 50}", value)
                kept[f"{number % 50}"] = value
            except StoreFull:
                refused += 1
        with pytest.raises(StoreFull, match="free some space"):
            store.transaction(lambda state: [state.save("new", f"{number}", "x" * 9_000) for number in range(50)])
        assert {key: store.load("scope", key) for key in store.list_keys("scope")} == kept
        assert not store.scopes("new")
        assert list(store.backend.problems()) == []
        filler.unlink()
        store.save("scope", "after", "x" * 9_000)
        kept["after"] = "x" * 9_000
    assert refused
    with llmspell.open(small_disk / "state") as store:
        assert {key: store.load("scope", key) for key in store.list_keys("scope")} == kept
        assert list(store.backend.problems()) == []


def test_a_store_that_finds_no_room_to_begin_begins_when_there_is_some(small_disk: Path) -> None:
    for pages in range(0, 24, 2):
        filler = fill(small_disk, 4096 * pages)
        with llmspell.open(small_disk / "state") as store:
            try:
                store.save("scope", "key", 1)
            except StoreFull:
                pass
            filler.unlink()
            assert store.load("scope", "key") in (None, 1)
            assert store.save("scope", "key", 2) == store.version()
            assert list(store.backend.problems()) == []
        shutil.rmtree(small_disk / "state")


def test_a_store_on_a_full_disk_is_still_closed_and_opened(small_disk: Path) -> None:
    with llmspell.open(small_disk / "state") as store:
        for number in range(20):
            store.save("scope", f"{number}", "x" * 5_000)
        filler = fill(small_disk)
    filler.unlink()
    with llmspell.open(small_disk / "state") as store:
        assert len(store.list_keys("scope")) == 20


def test_a_write_that_the_system_refuses_is_undone_and_says_so(folder: str) -> None:
    most = 400_000
    program = f"""
import llmspell, resource, sys
store = llmspell.open(sys.argv[1], durability="normal")
resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {resource.getrlimit(resource.RLIMIT_FSIZE)[1]}))
number = 0
try:
    while True:
        with store.transaction() as transaction:
            transaction.save("a", f"{{number:04}}", "x" * 1_000)
            transaction.save("b", f"{{number:04}}", "x" * 1_000)
        number += 1
except llmspell.errors.StoreUnavailable as error:
    assert "failed" in str(error), error
assert store.list_keys("a") == store.list_keys("b") == [f"{{n:04}}" for n in range(number)]
print(number)
"""
    stored = int(run(program, folder))
    assert stored > 0
    with llmspell.open(folder) as store:
        assert len(store.list_keys("a")) == len(store.list_keys("b")) == stored
        assert list(store.backend.problems()) == []
        store.save("a", "after", 1)
