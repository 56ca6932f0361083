"""A migration is stopped, refused, interrupted or out of space: the store is as it was, and usable at once."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import llmspell
from llmspell import Store
from llmspell.errors import InvalidArgument, MigrationError, MigrationFailed, SchemaMismatch, StoreFull
from llmspell.migrations.results import Event, Migrated
from tests.crash.migrating import dump, fill, opened, write_migrations
from tests.programs import run

PEOPLE = 1_100  # more than are looked at in one go


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    return write_migrations(tmp_path / "migrations")


@pytest.fixture(params=["disk", "memory"])
def filled(request: pytest.FixtureRequest, folder: str, migrations: Path) -> Iterator[Store]:
    """A store of the first shape."""
    with llmspell.open(folder, backend=request.param, durability="normal", migrations_path=migrations) as store:
        fill(store, PEOPLE)
        yield store


def contents(store: Store) -> list[object]:
    """Give everything that a store tells about itself."""
    with store.backend.snapshot() as reader:
        entries = [reader.scan(scope, "", None, None, 0.0) for scope in reader.scopes("", 0.0)]
        return [reader.version(), reader.schema_version(), reader.notes("migration"), entries]


def check_untouched_and_usable(store: Store, before: list[object], target: str = "3.0.0") -> None:
    assert contents(store) == before
    assert list(store.backend.problems()) == []
    version = store.version()
    for number in (1, 2):  # each write has a version of its own
        assert store.save("after", "key", {"number": number}) == version + number
    with store.transaction() as state:
        state.save("after", "key", {"number": 3})
    assert store.version() == version + 3
    migrated = store.migrations.migrate(target)
    assert migrated.status == "completed"
    assert store.version() == version + 4
    assert store.schema_version() == target


def at_call(number: int) -> Callable[[], bool]:
    """Give what is True at that call."""
    calls = count(1)
    return lambda: next(calls) == number


@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_a_migration_that_is_stopped_leaves_the_store_as_it_was(filled: Store, call: int) -> None:
    before = contents(filled)
    with pytest.raises(MigrationError, match="was stopped; nothing was changed"):
        filled.migrations.migrate(stopping=at_call(call))
    check_untouched_and_usable(filled, before)


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_downgrade_that_is_stopped_leaves_the_store_as_it_was(filled: Store, call: int) -> None:
    filled.migrations.migrate("3.0.0")
    before = contents(filled)
    with pytest.raises(MigrationError, match="was stopped; nothing was changed"):
        filled.migrations.migrate("1.0.0", stopping=at_call(call))
    check_untouched_and_usable(filled, before, "1.0.0")


def test_a_migration_that_is_not_confirmed_leaves_the_store_as_it_was(filled: Store) -> None:
    before = contents(filled)
    asked: list[Migrated] = []

    def confirm(result: Migrated) -> bool:
        asked.append(result)
        return False

    with pytest.raises(MigrationError, match="was not confirmed; nothing was changed"):
        filled.migrations.migrate(confirm=confirm)
    assert [result.items_migrated for result in asked] == [PEOPLE + 12]
    check_untouched_and_usable(filled, before)


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(1)])
@pytest.mark.parametrize("place", ["confirm", "stopping"])
def test_an_error_of_whoever_is_asked_undoes_the_migration_and_is_raised_again(
    filled: Store, error: BaseException, place: str
) -> None:
    before = contents(filled)

    def ask(*_: object) -> bool:
        raise error

    with pytest.raises(type(error)) as caught:
        filled.migrations.migrate(**{place: ask})  # type: ignore[arg-type]
    assert caught.value is error
    check_untouched_and_usable(filled, before)


def test_listeners_that_raise_hinder_nothing_and_are_told_of_as_warnings(filled: Store) -> None:
    heard: list[str] = []

    def listen(event: Event) -> None:
        heard.append(event.name)
        raise RuntimeError("deaf")

    filled.migrations.listen(listen)
    migrated = filled.migrations.migrate("3.0.0")
    assert migrated.status == "completed"
    assert len(migrated.warnings) == 3
    assert all("deaf" in warning for warning in migrated.warnings)
    assert (heard[0], heard[-1]) == ("migration.started", "migration.completed")
    with pytest.raises(MigrationError, match="stopped"):
        filled.migrations.migrate("1.0.0", stopping=lambda: True)
    assert heard[-1] == "migration.failed"
    assert filled.schema_version() == "3.0.0"


def write_one(store: Store) -> None:
    store.save("other", "key", 1)


def write_two(store: Store) -> None:
    store.transaction(lambda state: (state.save("other", "one", 1), state.save("other", "two", 2)))


def delete(store: Store) -> None:
    store.delete("people", "00001")


def write_alone(store: Store) -> None:
    with store.attempt(alone=True) as attempt:
        attempt.state.save("other", "key", 1)


def migrate_again(store: Store) -> None:
    store.migrations.migrate("2.0.0")


@pytest.mark.parametrize("write", [write_one, write_two, delete, write_alone, migrate_again])
def test_what_a_listener_writes_is_refused_and_makes_no_half_migration(
    filled: Store, write: Callable[[Store], None]
) -> None:
    before = contents(filled)
    refused: list[str] = []

    def listen(event: Event) -> None:
        if event.name == "migration.progress":
            try:
                write(filled)
            except InvalidArgument as error:
                refused.append(str(error))

    filled.migrations.listen(listen)
    with pytest.raises(MigrationError, match="was not confirmed"):
        filled.migrations.migrate(confirm=lambda result: False)
    assert refused
    assert all("write when it is done" in error for error in refused)
    check_untouched_and_usable(filled, before)


def test_whoever_is_asked_to_confirm_cannot_write(filled: Store) -> None:
    before = contents(filled)
    with pytest.raises(InvalidArgument, match="write when it is done"):
        filled.migrations.migrate(confirm=lambda result: bool(filled.save("other", "key", 1)))
    check_untouched_and_usable(filled, before)


def test_a_document_that_fails_last_of_all_leaves_the_store_as_it_was(filled: Store) -> None:
    filled.save("people", "zzz", {"secret": 1, "count": "many", "name": "last"})
    before = contents(filled)
    with pytest.raises(MigrationFailed, match='scope "people", key "zzz"'):
        filled.migrations.migrate()
    assert contents(filled) == before
    filled.delete("people", "zzz")
    check_untouched_and_usable(filled, contents(filled))


def test_a_document_that_fails_in_the_last_of_several_migrations_leaves_the_store_as_it_was(filled: Store) -> None:
    filled.save("zoo", "last", ["no object"])
    before = contents(filled)
    with pytest.raises(MigrationFailed, match='scope "zoo", key "last"'):
        filled.migrations.migrate()
    assert contents(filled) == before
    filled.delete("zoo", "last")
    check_untouched_and_usable(filled, contents(filled))


def test_a_dry_run_leaves_the_store_as_it_was_and_the_real_run_does_what_it_said(filled: Store) -> None:
    before = contents(filled)
    tried = filled.migrations.migrate(dry_run=True)
    assert contents(filled) == before
    done = filled.migrations.migrate()
    assert (done.status, done.items_migrated, done.version) == (tried.status, tried.items_migrated, tried.version)


def test_a_client_that_requires_the_old_shape_is_refused_writes_once_somebody_has_migrated(
    folder: str, migrations: Path
) -> None:
    with (
        opened(folder, migrations) as store,
        llmspell.open(folder, required_schema=">=1.0.0,<2.0.0") as strict,
        llmspell.open(folder) as lenient,
    ):
        fill(store)
        strict.save("people", "strict", {"secret": 1, "count": 1, "name": "a"})
        with pytest.raises(MigrationError):
            store.migrations.migrate(confirm=lambda result: False)
        strict.save("people", "strict", {"secret": 2, "count": 2, "name": "a"})
        store.migrations.migrate("3.0.0")
        before = dump(Path(folder))
        for write in (write_one, write_two, write_alone):
            with pytest.raises(SchemaMismatch, match=r"schema version 3\.0\.0"):
                write(strict)
        assert dump(Path(folder)) == before
        assert strict.load("people", "strict") == {"count": 3, "full_name": "a", "shape": 3}
        version = lenient.version()
        assert lenient.save("people", "lenient", {"any": "shape"}) == version + 1
        lenient.delete("people", "lenient")
        store.migrations.migrate("1.0.0")
        assert strict.save("people", "strict", {"secret": 3, "count": 3, "name": "a"}) == lenient.version()


PROGRAM = """
import fcntl, os, random, signal, sys, llmspell
sys.path.insert(0, sys.argv[5])
from tests.crash.migrating import opened
from llmspell.errors import MigrationError
from pathlib import Path

class Interrupted(BaseException):
    pass

def interrupt(number, frame):
    raise Interrupted

def turn_is_free():
    descriptor = os.open(sys.argv[1] + "/state.lock", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)

def seen():
    with other.snapshot() as snapshot:
        return [(scope, key, snapshot.load(scope, key)) for scope in ("people", "orders", "archive")
            for key in snapshot.list_keys(scope)]

store, other = opened(sys.argv[1], sys.argv[2]), llmspell.open(sys.argv[1], durability="normal")
shapes = {}
for version in ("3.0.0", "1.0.0"):
    store.migrations.migrate(version)
    shapes[version] = seen()
signal.signal(signal.SIGALRM, interrupt)
chance, interrupted, undone, until = random.Random(int(sys.argv[3])), 0, 0, 0.02
for number in range(int(sys.argv[4])):
    at = other.schema_version()
    target = "1.0.0" if at == "3.0.0" else "3.0.0"
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0001, until))
            store.migrations.migrate(target)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Interrupted:
        interrupted += 1
    assert turn_is_free(), number
    now = other.schema_version()
    undone += now == at
    until *= 1.1 if now == at else 0.9
    assert store.schema_version() == now, number
    assert seen() == shapes[now], number
    applied = [one.to_version for one in store.migrations.applied()]
    assert applied == (["2.0.0", "2.5.0", "3.0.0"] if now == "3.0.0" else []), number
    version = other.version()
    for turn in (1, 2, 3):
        assert store.save("after", "key", {}) == store.version() == other.version() == version + turn, number
assert list(store.backend.problems()) == []
print(interrupted, undone)
"""


def interrupt_again_and_again(folder: str, migrations: Path, rounds: int, seed: int) -> None:
    with opened(folder, migrations) as store:
        fill(store, 150)
    root = str(Path(__file__).parents[2])
    interrupted, undone = map(int, run(PROGRAM, folder, str(migrations), str(seed), str(rounds), root).split())
    assert interrupted > rounds / 8
    assert rounds / 8 < undone < rounds * 7 / 8


def test_a_migration_interrupted_at_any_moment_is_done_or_undone_and_hinders_nothing(
    folder: str, migrations: Path
) -> None:
    interrupt_again_and_again(folder, migrations, 150, 0)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_interruption_ever_leaves_half_a_migration(folder: str, migrations: Path, seed: int) -> None:
    interrupt_again_and_again(folder, migrations, 2_500, seed)


# A full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    point = tmp_path / "disk"
    point.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(point)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    yield point
    subprocess.run(["umount", "-l", str(point)], check=True)


def fill_disk(disk: Path, but_bytes: int) -> Path:
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    os.truncate(filler, filler.stat().st_size - but_bytes)
    return filler


@pytest.mark.parametrize("free_bytes", [0, 40_000, 100_000])
@pytest.mark.parametrize("how", [{}, {"dry_run": True}, {"on_error": "quarantine"}])
def test_a_disk_that_fills_up_leaves_the_store_as_it_was(
    small_disk: Path, migrations: Path, free_bytes: int, how: dict[str, Any]
) -> None:
    with opened(small_disk / "state", migrations) as store:
        fill(store, PEOPLE)
        store.save("people", "broken", {}) if "on_error" in how else None
    with opened(small_disk / "state", migrations) as store:
        for target in ("3.0.0",) if "on_error" in how else ("3.0.0", "1.0.0"):
            before = contents(store)
            filler = fill_disk(small_disk, free_bytes)
            if how.get("dry_run"):  # nothing of it is committed, so that it may need no space
                with suppress(StoreFull):
                    store.migrations.migrate(target, dry_run=True)
            else:
                with pytest.raises(StoreFull, match="free some space"):
                    store.migrations.migrate(target, **how)
            assert contents(store) == before
            assert list(store.backend.problems()) == []
            filler.unlink()
            version = store.version()
            assert [store.save("after", "key", {"n": number}) for number in (1, 2)] == [version + 1, version + 2]
            assert store.migrations.migrate(target, on_error=how.get("on_error", "fail")).status == "completed"
            assert store.version() == version + 3
