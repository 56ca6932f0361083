"""Migrations are killed at every point and at any moment: the store is as before or as after, in every byte."""

from __future__ import annotations

import random
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest

from tests.crash.migrating import Dump, Migrators, dump, fill, opened, write_migrations

DONE = "migration.committed"
POINTS = [
    "migration.turn_taken",
    "migration.recorded",
    "migration.document",
    "migration.document@2",
    "migration.document@29",
    "migration.document@37",
    "migration.document@40",
    "migration.documents_done",
    "migration.stamped",
    "migration.committing",
    DONE,
]
PEOPLE = 30
BROKEN = "broken"


class Way(NamedTuple):
    """A migration that can be done: where the store stands, and where it is to go."""

    start: str
    target: str
    on_error: str = "fail"
    dry_run: bool = False


UP, DOWN, PART = Way("1.0.0", "3.0.0"), Way("3.0.0", "1.0.0"), Way("3.0.0", "2.0.0")
ASIDE = Way(BROKEN, "3.0.0", "quarantine")
BACK = Way("aside", "1.0.0")
DRY_UP, DRY_DOWN = UP._replace(dry_run=True), DOWN._replace(dry_run=True)


class Stores:
    """Stores of every start, made once, and what each way makes of them when nothing comes in between."""

    def __init__(self, folder: Path, migrators: Migrators) -> None:
        self.migrations = write_migrations(folder / "migrations")
        self._folder = folder
        self._migrators = migrators
        self._dumps: dict[Way | str, Dump] = {}
        with opened(folder / "1.0.0", self.migrations) as store:
            fill(store, PEOPLE)
        self._migrate("1.0.0", "3.0.0")
        self._copy("1.0.0", BROKEN)
        with opened(folder / BROKEN, self.migrations) as store:
            for number in (3, 17, 29):
                store.save("people", f"{number:05}", {"broken": number})
        self._migrate(BROKEN, "aside")

    def copy(self, start: str, folder: Path) -> Path:
        """Copy a store for a test."""
        shutil.copytree(self._folder / start, folder)
        return folder

    def before(self, start: str) -> Dump:
        if start not in self._dumps:
            self._dumps[start] = dump(self.copy(start, self._folder / f"seen {start}"))
        return self._dumps[start]

    def after(self, way: Way) -> Dump:
        if way not in self._dumps:
            folder = self.copy(way.start, self._folder / f"gone {len(self._dumps)}")
            assert run(self._migrators, folder, self.migrations, way) == (0, "completed")
            self._dumps[way] = dump(folder)
        return self._dumps[way]

    def _copy(self, start: str, to: str) -> None:
        shutil.copytree(self._folder / start, self._folder / to)

    def _migrate(self, start: str, to: str) -> None:
        self._copy(start, to)
        with opened(self._folder / to, self.migrations) as store:
            store.migrations.migrate("3.0.0", on_error="quarantine")


@pytest.fixture(scope="module")
def migrators() -> Iterator[Migrators]:
    migrators = Migrators()
    yield migrators
    migrators.close()


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, migrators: Migrators) -> Stores:
    return Stores(tmp_path_factory.mktemp("stores"), migrators)


def run(migrators: Migrators, folder: Path, migrations: Path, way: Way, fail_point: str = "") -> tuple[int, object]:
    return migrators.run("migrate", folder, migrations, way.target, way.dry_run, way.on_error, fail_point=fail_point)


@pytest.mark.parametrize("way", [UP, DOWN, PART, ASIDE, BACK], ids=["up", "down", "part", "aside", "back"])
@pytest.mark.parametrize("point", POINTS)
def test_a_migration_killed_at_a_point_is_undone_or_done_and_the_next_one_finishes_it(
    migrators: Migrators, stores: Stores, tmp_path: Path, way: Way, point: str
) -> None:
    before, after = stores.before(way.start), stores.after(way)
    assert before != after
    folder = stores.copy(way.start, tmp_path / "state")
    name, _, count = point.partition("@")
    strike = f"{name}=kill@{count or 1}"
    assert run(migrators, folder, stores.migrations, way, strike) == (-signal.SIGKILL, None)
    assert dump(folder) == (after if point == DONE else before)
    # Whoever goes on is killed later, and then the third one is not.
    later = (0, "already_current") if point == DONE else (-signal.SIGKILL, None)
    assert run(migrators, folder, stores.migrations, way, "migration.committing=kill") == later
    assert dump(folder) == (after if point == DONE else before)
    last = "already_current" if point == DONE else "completed"
    assert run(migrators, folder, stores.migrations, way) == (0, last)
    assert dump(folder) == after


@pytest.mark.parametrize("way", [DRY_UP, DRY_DOWN], ids=["up", "down"])
@pytest.mark.parametrize("point", POINTS)
def test_a_dry_run_killed_at_a_point_leaves_no_trace(
    migrators: Migrators, stores: Stores, tmp_path: Path, way: Way, point: str
) -> None:
    folder = stores.copy(way.start, tmp_path / "state")
    name, _, count = point.partition("@")
    code, status = run(migrators, folder, stores.migrations, way, f"{name}=kill@{count or 1}")
    # What undoes a dry run is its end, so it never comes to the commit.
    assert (code, status) == ((0, "completed") if name == "migration.committing" else (-signal.SIGKILL, None))
    assert dump(folder) == stores.before(way.start)
    assert run(migrators, folder, stores.migrations, way._replace(dry_run=False)) == (0, "completed")
    assert dump(folder) == stores.after(way._replace(dry_run=False))


def test_a_migration_killed_while_it_is_undone_leaves_the_store_as_it_was(
    migrators: Migrators, stores: Stores, tmp_path: Path
) -> None:
    folder = stores.copy(BROKEN, tmp_path / "state")
    way = ASIDE._replace(on_error="fail")
    for _ in range(2):
        killed = run(migrators, folder, stores.migrations, way, "migration.undoing=kill")
        assert killed == (-signal.SIGKILL, None)
        assert dump(folder) == stores.before(BROKEN)
    code, failure = run(migrators, folder, stores.migrations, way)
    assert code == 0
    assert str(failure).startswith('MigrationFailed: scope "people", key "00003"')
    assert dump(folder) == stores.before(BROKEN)
    assert run(migrators, folder, stores.migrations, ASIDE) == (0, "completed")
    assert dump(folder) == stores.after(ASIDE)


def test_a_killed_migration_leaves_a_store_of_the_first_layout_in_it(
    migrators: Migrators, stores: Stores, tmp_path: Path
) -> None:
    folder = stores.copy("1.0.0", tmp_path / "state")
    connection = apsw.Connection(str(folder / "state.db"))
    connection.execute("DROP TABLE notes; PRAGMA user_version = 1")
    connection.close()
    before = dump(folder)
    assert before.layout == 1
    for point in ("recorded", "stamped", "committing"):
        killed = run(migrators, folder, stores.migrations, UP, f"migration.{point}=kill")
        assert killed == (-signal.SIGKILL, None)
        assert dump(folder) == before
    assert run(migrators, folder, stores.migrations, UP) == (0, "completed")
    assert dump(folder) == stores.after(UP)


def test_what_killed_migrations_took_up_comes_down_again_as_it_was(
    migrators: Migrators, stores: Stores, tmp_path: Path
) -> None:
    folder = stores.copy("1.0.0", tmp_path / "state")
    first = dump(folder).seen()
    for way in (UP, DOWN):
        for point in ("migration.document@33", "migration.stamped"):
            name, _, count = point.partition("@")
            run(migrators, folder, stores.migrations, way, f"{name}=kill@{count or 1}")
        assert run(migrators, folder, stores.migrations, way) == (0, "completed")
    assert dump(folder).seen() == first
    assert stores.after(BACK).seen() == stores.before(BROKEN).seen()


@pytest.mark.parametrize("action", ["raise", "interrupt"])
@pytest.mark.parametrize("way", [UP, DOWN], ids=["up", "down"])
@pytest.mark.parametrize("point", POINTS)
def test_after_an_error_at_a_point_the_same_process_goes_on(
    migrators: Migrators, stores: Stores, tmp_path: Path, way: Way, point: str, action: str
) -> None:
    folder = stores.copy(way.start, tmp_path / "state")
    name, _, count = point.partition("@")
    answer = migrators.run("survive", folder, stores.migrations, way.target, fail_point=f"{name}={action}@{count or 1}")
    error = "KeyboardInterrupt" if action == "interrupt" else "OSError" if point == DONE else "StoreUnavailable"
    done = point == DONE
    stamp = way.target if done else way.start
    status = "already_current" if done else "completed"
    # Each save has a version of its own: the store's version moves along as it always does.
    assert answer == (0, [error, stamp, int(done), 1 + done, 2 + done, status])
    assert dump(folder).schema_version == way.target


def kill_again_and_again(migrators: Migrators, folder: Path, rounds: int, seed: int) -> None:
    """Kill migrations up and down at random moments; about half of them come through."""
    chance = random.Random(seed)
    migrations = write_migrations(folder / "migrations")
    state = folder / "state"
    with opened(state, migrations) as store:
        fill(store, 1_200, 40)
    first = dump(state)
    assert migrators.run("migrate", state, migrations, "3.0.0") == (0, "completed")
    before = dump(state)
    seen = {"1.0.0": first.seen(), "3.0.0": before.seen()}
    until, came_through = 0.1, 0
    for _ in range(rounds):
        target = "1.0.0" if before.schema_version == "3.0.0" else "3.0.0"
        delay = chance.uniform(0, until)
        code, status = migrators.run("migrate", state, migrations, target, kill_after=delay)
        left = dump(state)
        if left.schema_version == target:
            assert left.seen() == seen[target]
            came_through += 1
            until *= 0.9
        else:
            assert left == before
            assert (code, status) == (-signal.SIGKILL, None)
            until *= 1.1  # so that about as many come through as do not, on any machine
        before = left
    assert rounds / 8 < came_through < rounds * 7 / 8


def test_a_migration_killed_at_any_moment_leaves_the_old_state_or_the_new_one(
    migrators: Migrators, tmp_path: Path
) -> None:
    kill_again_and_again(migrators, tmp_path, 40, 0)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_thousands_of_killed_migrations_leave_the_old_state_or_the_new_one(
    migrators: Migrators, tmp_path: Path, seed: int
) -> None:
    kill_again_and_again(migrators, tmp_path, 2_000, seed)
