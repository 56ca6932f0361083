"""Many migrate one store, and others use it meanwhile: each migration is made once, and nobody sees half of one."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest

import llmspell
from llmspell import Store
from tests.processes.crew import Member, begin
from tests.processes.migrating import (
    ADDED,
    NAMES,
    SLOW,
    Person,
    fill,
    migrate,
    opened,
    person_at,
    shapes,
    told,
    write_migrations,
)
from tests.programs import run

PEOPLE = 60


@pytest.fixture
def migrations(tmp_path: Path) -> str:
    return write_migrations(tmp_path / "migrations")


@pytest.fixture
def slow(tmp_path: Path) -> str:
    return write_migrations(tmp_path / "slow", SLOW)


def check(folder: str, version: str, people: int = PEOPLE) -> None:
    """Check that every document has the shape of a version, and came there by each migration once."""
    with llmspell.open(folder) as store:
        assert list(store.backend.problems()) == []
        assert store.schema_version() == version
        found = {key: store.load("people", key) for key in store.list_keys("people")}
    assert found == {f"{number:05}": person_at(version, number) for number in range(people)}


def race(folder: str, migrations: str, targets: list[list[str]], processes: int) -> list[list[list[Any]]]:
    """Let processes migrate a store after the other, all at once; give their results, store by store."""
    for number in range(len(targets)):
        fill(f"{folder} {number}", PEOPLE)
    members = [
        Member("migrating.migrate_again_and_again", folder, migrations, targets, number) for number in range(processes)
    ]
    begin(*members)
    for _ in targets:
        for member in members:
            member.hear("waiting")
        for member in members:
            member.tell()
    return [list(results) for results in zip(*(member.result() for member in members), strict=True)]


def race_to_one_target(folder: str, migrations: str, rounds: int) -> None:
    results = race(folder, migrations, [["3.0.0"]] * rounds, 16)
    assert len(results) == rounds
    for number, those in enumerate(results):
        current = ["already_current", "3.0.0", "3.0.0", 0, 0]
        assert sorted(those) == [current] * 15 + [["completed", "1.0.0", "3.0.0", PEOPLE, 2]]
        check(f"{folder} {number}", "3.0.0")
        with llmspell.open(f"{folder} {number}") as store:
            assert store.version() == 2
            assert {change.version for change in store.changes()} == {2}


def test_of_sixteen_processes_that_migrate_at_once_one_does_and_the_others_find_it_done(
    folder: str, migrations: str
) -> None:
    race_to_one_target(folder, migrations, 10)


@pytest.mark.soak
def test_of_sixteen_processes_one_migrates_each_time(folder: str, migrations: str) -> None:
    race_to_one_target(folder, migrations, 60)


def race_to_different_targets(folder: str, migrations: str, rounds: int, processes: int, seed: int) -> None:
    chance = random.Random(seed)
    targets = [[chance.choice(list(NAMES)) for _ in range(processes)] for _ in range(rounds)]
    for number, those in enumerate(race(folder, migrations, targets, processes)):
        done = sorted((one for one in those if one[0] == "completed"), key=lambda one: one[4])
        at, version = "1.0.0", 1
        for _, from_version, to_version, items, made in done:  # one after the other, each from where the last had gone
            assert (from_version, items, made) == (at, PEOPLE, version + 1)
            at, version = to_version, made
        assert all(one[1] == one[2] for one in those if one[0] == "already_current")
        check(f"{folder} {number}", at)


def test_processes_with_different_targets_go_there_one_after_the_other(folder: str, migrations: str) -> None:
    race_to_different_targets(folder, migrations, 8, 6, 0)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2])
def test_processes_with_different_targets_never_mix(folder: str, migrations: str, seed: int) -> None:
    race_to_different_targets(folder, migrations, 150, 8, seed)


# In one process


def in_threads(works: list[Callable[[], object]]) -> list[Any]:
    """Do each work in a thread of its own, all at once; give what each gave."""
    results: list[Any] = [None] * len(works)
    barrier = threading.Barrier(len(works))

    def work(number: int) -> None:
        barrier.wait()
        results[number] = works[number]()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("backend", ["disk", "memory"])
def test_of_four_threads_with_one_store_one_migrates(folder: str, migrations: str, backend: str) -> None:
    for turn in range(5):
        with llmspell.open(f"{folder} {turn}", backend=backend, migrations_path=migrations) as store:
            for number in range(PEOPLE):
                store.save("people", f"{number:05}", person_at("1.0.0", number))
            results = in_threads([lambda store=store: store.migrations.migrate("3.0.0").status] * 4)  # type: ignore[misc]
            assert sorted(results) == ["already_current"] * 3 + ["completed"]
            for number in range(PEOPLE):
                assert store.load("people", f"{number:05}") == person_at("3.0.0", number)
            assert store.version() == PEOPLE + 1


def test_of_threads_with_stores_of_their_own_one_migrates(folder: str, migrations: str) -> None:
    for turn in range(5):
        there = f"{folder} {turn}"
        fill(there, PEOPLE)
        results = in_threads([lambda there=there: migrate(there, migrations, "2.0.0")[0]] * 4)  # type: ignore[misc]
        assert sorted(results) == ["already_current"] * 3 + ["completed"]
        check(there, "2.0.0")


def test_up_and_down_in_two_event_loops_go_one_after_the_other(folder: str, migrations: str) -> None:
    fill(folder, PEOPLE)

    async def go(store: Store, target: str) -> list[list[object]]:
        return [told(await asyncio.to_thread(store.migrations.migrate, target)) for _ in range(10)]

    with opened(folder, migrations) as store, opened(folder, migrations) as other:
        results = in_threads(
            [lambda: asyncio.run(go(store, "3.0.0")), lambda: asyncio.run(go(other, "1.0.0"))],
        )
        end = store.schema_version()
    done = sorted((one for those in results for one in those if one[0] == "completed"), key=lambda one: one[4])
    assert [one[2] for one in done] == [("3.0.0", "1.0.0")[number % 2] for number in range(len(done))]
    assert [one[4] for one in done] == list(range(2, len(done) + 2))
    assert end == done[-1][2]
    check(folder, str(end))


FORK = """
import os, signal, sys, threading, time
sys.path.insert(0, sys.argv[3])
from tests.processes.migrating import opened, shapes
import llmspell

def slowly(value):
    time.sleep(0.0005)
    return value

store = opened(sys.argv[1], sys.argv[2], slowly)
store.load("people", "00000")
results = []
thread = threading.Thread(target=lambda: results.append(store.migrations.migrate("2.0.0").status))
thread.start()
children = 0
while thread.is_alive():
    process = os.fork()
    if process == 0:
        signal.alarm(2)  # a lock of the system's that another thread had when we forked is never let go
        try:
            if children % 2:
                with opened(sys.argv[1], sys.argv[2]) as other:
                    other.migrations.migrate("2.0.0")
            else:
                with store.snapshot() as snapshot:
                    assert len(shapes(snapshot)) == 1
                store.increment("counts", "children")
        except llmspell.errors.StoreUnavailable as error:
            assert "forked while another thread was using a store" in str(error), error
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    children += 1
    time.sleep(0.02)
thread.join()
for _ in range(children):
    status = os.wait()[1]
    assert status in (0, signal.SIGALRM), status
print(results[0], children)
"""


def test_forks_while_a_thread_migrates_neither_stop_it_nor_mix_in(folder: str, slow: str) -> None:
    fill(folder, 400)
    status, children = run(FORK, folder, slow, str(Path(__file__).parents[2])).split()
    assert status == "completed" or int(children) > 0  # a child may have been the first
    assert int(children) >= 3
    check(folder, "2.0.0", 400)


# The holder of the turn


def state_of(process: int) -> str:
    """Give the letter that the system has for what a process does."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def wait_until_stopped(member: Member) -> None:
    while state_of(member.process.pid) != "T":
        assert member.process.poll() is None
        time.sleep(0.01)


def test_when_a_migrating_process_is_killed_the_next_one_migrates(folder: str, slow: str) -> None:
    fill(folder, PEOPLE)
    holder = Member("migrating.migrate_with_a_pause", folder, slow, PEOPLE // 2)
    begin(holder)
    holder.hear("waiting")
    waiting = [Member("migrating.migrate", folder, slow, "2.0.0") for _ in range(3)]
    begin(*waiting)
    time.sleep(0.5)
    assert [member.process.poll() for member in waiting] == [None] * 3
    check(folder, "1.0.0")
    holder.process.kill()
    holder.process.communicate()
    results = sorted(member.result() for member in waiting)
    assert [result[0] for result in results] == ["already_current", "already_current", "completed"]
    check(folder, "2.0.0")


@pytest.mark.parametrize("point", ["turn_taken", "recorded", "document@30", "documents_done", "stamped", "committing"])
def test_a_stopped_migration_holds_others_up_and_is_finished_when_it_goes_on(
    folder: str, migrations: str, point: str
) -> None:
    fill(folder, PEOPLE)
    name, _, times = point.partition("@")
    strike = f"migration.{name}=stop@{times or 1}"
    stopped = Member("migrating.migrate", folder, migrations, "3.0.0", fail_point=strike)
    begin(stopped)
    wait_until_stopped(stopped)
    down, writer = Member("migrating.migrate", folder, migrations, "2.0.0"), Member("migrating.save", folder, "zzz")
    begin(down, writer)
    time.sleep(0.3)
    assert down.process.poll() is writer.process.poll() is None
    check(folder, "1.0.0")  # readers wait for nobody
    os.kill(stopped.process.pid, signal.SIGCONT)
    assert stopped.result() == ["completed", "1.0.0", "3.0.0", PEOPLE, 2]
    status, *_, version = down.result()
    assert status == "completed"
    assert sorted([writer.result(), version]) == [3, 4]


def test_a_migration_stopped_after_its_commit_holds_nobody_up(folder: str, migrations: str) -> None:
    fill(folder, PEOPLE)
    stopped = Member("migrating.migrate", folder, migrations, "3.0.0", fail_point="migration.committed=stop")
    begin(stopped)
    wait_until_stopped(stopped)
    check(folder, "3.0.0")
    assert migrate(folder, migrations, "3.0.0")[0] == "already_current"
    assert migrate(folder, migrations, "1.0.0")[0] == "completed"
    os.kill(stopped.process.pid, signal.SIGCONT)
    assert stopped.result()[0] == "completed"
    check(folder, "1.0.0")


# Writers and readers meanwhile


def end(folder: str) -> None:
    with llmspell.open(folder, durability="normal") as store:
        store.save("control", "end", True)


def test_what_is_saved_during_a_migration_is_written_after_it(folder: str, slow: str) -> None:
    fill(folder, PEOPLE)
    holder = Member("migrating.migrate_with_a_pause", folder, slow, PEOPLE // 2)
    begin(holder)
    holder.hear("waiting")
    # Before all others, behind the place where the migration is, ahead of it, and after all others.
    keys = ["!", "00001", "00050", "zzz"]
    writers = [Member("migrating.save", folder, key) for key in keys]
    begin(*writers)
    time.sleep(0.5)
    assert [writer.process.poll() for writer in writers] == [None] * 4
    holder.tell()
    assert holder.result() == ["completed", "1.0.0", "2.0.0", PEOPLE, 2]
    assert sorted(writer.result() for writer in writers) == [3, 4, 5, 6]
    with llmspell.open(folder) as store:
        for number in range(PEOPLE):
            key = f"{number:05}"
            version = "1.0.0" if key in keys else "2.0.0"
            assert store.load("people", key) == person_at(version, 0 if key in keys else number)


def test_every_entry_has_the_new_shape_or_was_written_after_the_migration(folder: str, migrations: str) -> None:
    fill(folder, 300)
    writers = [Member("migrating.save_insert_delete", folder, 300, number) for number in range(2)]
    begin(*writers)
    with opened(folder, migrations) as store:
        while store.version() < 100:
            time.sleep(0.01)
        migrated = store.migrations.migrate("2.0.0").version
        while store.version() < migrated + 100:
            time.sleep(0.01)
    end(folder)
    written: dict[str, int | None] = {}
    for writer in writers:
        written.update(writer.result())
    kept = after = 0
    with llmspell.open(folder) as store:
        assert list(store.backend.problems()) == []
        for key, version in written.items():
            stored = store.stored("people", key)
            if version is None:
                assert stored is None
                continue
            assert stored is not None
            value = cast("Person", store.load("people", key))
            if version > migrated:
                assert (stored.version, "name" in value) == (version, True)
                after += 1
            else:
                assert (stored.version, "full_name" in value) == (migrated, True)
                kept += 1
        for number in range(300):
            assert store.load("people", f"{number:05}") == person_at("2.0.0", number)
    assert kept
    assert after


def test_nothing_counted_during_migrations_is_lost(folder: str, migrations: str) -> None:
    people = 40
    fill(folder, people)
    writers = [Member("migrating.count_up", folder, people, number) for number in range(2)]
    begin(*writers)
    with opened(folder, migrations) as store:
        for target in ("2.0.0", "3.0.0"):
            time.sleep(0.3)
            assert store.migrations.migrate(target).status == "completed"
    time.sleep(0.2)
    end(folder)
    counted = [writer.result() for writer in writers]
    with llmspell.open(folder) as store:
        assert store.load("counts", "all") == sum(sum(one.values()) for one in counted)
        for number in range(people):
            key = f"{number:05}"
            value = cast("Person", store.load("people", key))
            assert value["count"] == number + ADDED["3.0.0"] + sum(one.get(key, 0) for one in counted)


def test_readers_never_wait_for_a_migration_and_see_all_of_it_or_nothing(folder: str, slow: str) -> None:
    people = 1_200
    fill(folder, people)
    readers = [Member("migrating.read", folder) for _ in range(2)]
    migrating = Member("migrating.migrate_slowly", folder, slow, 0.002)
    begin(*readers, migrating)
    with llmspell.open(folder) as store, store.snapshot() as snapshot:
        result = migrating.result()
        assert result[:4] == ["completed", "1.0.0", "2.0.0", people]
        assert shapes(snapshot) == ["1.0.0"]  # a snapshot from before still shows its moment
        assert shapes(store) == ["2.0.0"]
    time.sleep(0.2)
    end(folder)
    for reader in readers:
        seen, longest, reads = reader.result()
        assert seen == [["1.0.0"], ["2.0.0"]]
        assert longest < result[5] / 3
        assert reads > 5


@pytest.mark.parametrize("backend", ["disk", "memory"])
def test_threads_that_read_meanwhile_see_all_of_a_migration_or_nothing(folder: str, slow: str, backend: str) -> None:
    people = 150

    def slowly(value: object) -> object:
        time.sleep(0.001)
        return value

    with llmspell.open(folder, backend=backend, durability="normal", migrations_path=slow) as store:
        store.migrations.register("slowly", slowly)
        for number in range(people):
            store.save("people", f"{number:05}", person_at("1.0.0", number))

        def look() -> set[tuple[str, ...]]:
            seen: set[tuple[str, ...]] = set()
            while ("2.0.0",) not in seen:
                with store.snapshot() as snapshot:
                    seen.add(tuple(shapes(snapshot)))
                seen.add(tuple(store.transaction(shapes)))
            return seen

        migrated, *looked = in_threads([lambda: store.migrations.migrate().status, look, look])
    assert migrated == "completed"
    assert all(seen <= {("1.0.0",), ("2.0.0",)} for seen in looked)


@pytest.mark.parametrize("backend", ["disk", "memory"])
def test_what_is_written_while_a_migration_waits_for_its_turn_comes_back_whole(
    folder: str, migrations: str, backend: str
) -> None:
    ticks, asked = count(1_900_000_000), set()

    def clock() -> float:
        asked.add(threading.get_ident())
        return next(ticks)

    with llmspell.open(folder, backend=backend, migrations_path=migrations, clock=clock) as store:
        thread = threading.Thread(target=store.migrations.migrate)
        with store.backend.turn():
            store.save("people", "early", person_at("1.0.0", 5))
            thread.start()
            while thread.ident not in asked:  # it looks at the clock before it waits, and must do so again
                time.sleep(0.01)
            time.sleep(0.1)
            store.save("people", "late", person_at("1.0.0", 6))
        thread.join()
        assert store.load("people", "late") == person_at("3.0.0", 6)
        store.migrations.migrate("1.0.0")
        assert store.load("people", "early") == person_at("1.0.0", 5)
        assert store.load("people", "late") == person_at("1.0.0", 6)


def test_a_transaction_that_a_migration_overtakes_runs_again_on_the_new_shape(folder: str, migrations: str) -> None:
    fill(folder, PEOPLE)
    seen: list[Any] = []
    with opened(folder, migrations) as store, llmspell.open(folder) as other:

        def work(state: llmspell.State) -> None:
            value = cast("Person", state.load("people", "00007"))
            seen.append(sorted(value))
            if len(seen) == 1:
                thread = threading.Thread(target=store.migrations.migrate, args=("2.0.0",))
                thread.start()
                thread.join()
            state.save("people", "00007", {**value, "seen": True})

        other.transaction(work)
        assert seen == [["count", "name", "secret"], ["count", "full_name"]]
        assert other.load("people", "00007") == {**person_at("2.0.0", 7), "seen": True}

        def overtaken() -> None:
            with other.transaction() as state:
                state.load("people", "00008")
                store.migrations.migrate("3.0.0")
                state.save("people", "00008", {})

        with pytest.raises(llmspell.Conflict):
            overtaken()
    with llmspell.open(folder) as store:
        assert store.load("people", "00008") == person_at("3.0.0", 8)


@pytest.mark.parametrize("backend", ["disk", "memory"])
def test_entries_come_back_whole_although_the_clock_was_set_back_before_the_migration(
    folder: str, migrations: str, backend: str
) -> None:
    now = 1_900_000_000.0
    with llmspell.open(folder, backend=backend, migrations_path=migrations, clock=lambda: now) as store:
        for number in range(5):
            store.save("people", f"{number:05}", person_at("1.0.0", number))
        now -= 3_600
        store.save("people", "00005", person_at("1.0.0", 5))
        store.migrations.migrate("3.0.0")
        now += 60
        store.delete("people", "00002")
        store.save("people", "00002", {"title": "made anew", "count": 500})
        store.delete("people", "00003")
        now += 3_600
        store.save("people", "00003", {"title": "made anew", "count": 500})
        store.migrations.migrate("1.0.0")
        for number in (0, 1, 4, 5):
            assert store.load("people", f"{number:05}") == person_at("1.0.0", number)
        for number in (2, 3):
            made_anew = cast("Person", store.load("people", f"{number:05}"))
            assert made_anew["name"] == "made anew"
            assert "secret" not in made_anew


def test_an_entry_of_a_fast_clock_that_moved_moves_back(folder: str, tmp_path: Path) -> None:
    moving = write_migrations(
        tmp_path / "moving",
        {
            "2.0.0_move.toml": """
from_version = "1.0.0"
to_version = "2.0.0"
transforms = [{ type = "rename_key", to = "moved {key}" }, { type = "remove", field = "secret" }]
"""
        },
    )
    with llmspell.open(folder, clock=lambda: time.time() + 1_000) as fast:
        fast.save("people", "a", {"secret": 1})
    with opened(folder, moving) as store:
        store.save("people", "b", {"secret": 2})
        store.migrations.migrate("2.0.0")
        assert store.list_keys("people") == ["moved a", "moved b"]
        store.migrations.migrate("1.0.0")
        assert [store.load("people", key) for key in ("a", "b")] == [{"secret": 1}, {"secret": 2}]
        assert not [kind for kind in ("late 2.0.0", "complement 2.0.0") if store.backend.notes(kind)]
