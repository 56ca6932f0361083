"""The open store: transactions that repeat themselves, snapshots, changes, and closing."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

import llmspell
from llmspell import Conflict, InvalidArgument, State, Store
from llmspell.attempt import Attempt
from llmspell.errors import StoreClosed
from llmspell.limits import TRANSACTION_ATTEMPTS
from tests.clock import Clock
from tests.unit.migrations.homes import FIRST, RENAME, SECOND, put_step


def number_in(state: State, key: str) -> int:
    number = state.load("scope", key, 0)
    assert isinstance(number, int)
    return number


def in_another_thread(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


# transaction(fn)


def test_a_transaction_gives_what_its_function_returns(store: Store) -> None:
    assert store.transaction(lambda state: state.increment("scope", "key", 5)) == 5
    assert store.load("scope", "key") == 5


def test_an_error_inside_undoes_all_and_is_raised_again(store: Store) -> None:
    store.save("scope", "key", "before")
    error = RuntimeError("inside")

    def fail(state: State) -> None:
        state.save("scope", "key", "after")
        state.save("scope", "new", 1)
        state.clear("scope")
        raise error

    with pytest.raises(RuntimeError) as raised:
        store.transaction(fail)
    assert raised.value is error
    assert store.list_keys("scope") == ["key"]
    assert store.load("scope", "key") == "before"


def test_an_interruption_inside_undoes_all_and_is_not_repeated(store: Store) -> None:
    runs = []

    def interrupted(state: State) -> None:
        runs.append(state.save("scope", "key", 1))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.transaction(interrupted)
    assert runs == [0]
    assert not store.exists("scope", "key")


def test_an_async_function_is_no_transaction(store: Store) -> None:
    async def save(state: State) -> None:
        state.save("scope", "key", 1)

    def save_and_join(state: State) -> None:
        state.save("scope", "outer", 1)
        state.transaction(cast("Callable[[State], None]", save))

    def save_and_join_by_the_store(state: State) -> None:
        state.save("scope", "outer", 1)
        store.transaction(cast("Callable[[State], None]", save))

    for function in (save, save_and_join, save_and_join_by_the_store):
        with pytest.raises(InvalidArgument, match="the function must be done when it returns, not be async"):
            store.transaction(function)
    assert store.scopes() == []


def test_an_async_function_updates_nothing(store: Store) -> None:
    async def twice(value: object) -> object:
        return value

    store.save("scope", "key", 1)
    with pytest.raises(InvalidArgument, match="the function must be done when it returns, not be async"):
        store.update("scope", "key", cast("Callable[[object], int]", twice))
    assert store.load("scope", "key") == 1


def test_a_transaction_runs_again_when_it_was_overtaken(store: Store) -> None:
    seen = []

    def add(state: State) -> None:
        seen.append(number_in(state, "key"))
        if len(seen) == 1:
            in_another_thread(lambda: store.save("scope", "key", 10))
        state.save("scope", "key", seen[-1] + 1)

    store.transaction(add)
    assert seen == [0, 10]
    assert store.load("scope", "key") == 11


def test_a_transaction_that_is_always_overtaken_takes_its_turn_alone(store: Store) -> None:
    runs: list[int] = []
    later: list[threading.Thread] = []

    def add(state: State) -> None:
        value = number_in(state, "key")
        runs.append(value)
        thread = threading.Thread(target=lambda: store.save("scope", "key", value + 100))
        thread.start()
        if len(runs) <= TRANSACTION_ATTEMPTS:
            thread.join()
        else:
            later.append(thread)  # it waits for its turn, which comes after ours
        state.save("scope", "key", value + 1)

    store.transaction(add)
    for thread in later:
        thread.join()
    assert runs == [0, 100, 200, 300, 400]
    assert store.load("scope", "key") == 500


def test_an_error_that_followed_from_being_overtaken_is_not_raised(store: Store) -> None:
    store.save("scope", "x", 1)
    runs = []

    def clumsy(state: State) -> str:
        runs.append(1)
        state.load("scope", "x")
        if len(runs) == 1:
            in_another_thread(lambda: store.save("scope", "x", 2))
        try:
            state.load("scope", "y")
        except Conflict as conflict:
            raise RuntimeError("my own words") from conflict
        return "done"

    assert store.transaction(clumsy) == "done"
    assert len(runs) == 2


def test_a_swallowed_conflict_still_makes_it_run_again(store: Store) -> None:
    store.save("scope", "x", 1)
    runs = []

    def careless(state: State) -> None:
        runs.append(state.load("scope", "x"))
        if len(runs) == 1:
            in_another_thread(lambda: store.save("scope", "x", 2))
        try:
            state.save("scope", "z", state.load("scope", "y", "nothing"))
        except Conflict:
            pass

    store.transaction(careless)
    assert runs == [1, 2]
    assert store.load("scope", "z") == "nothing"


def test_a_conflict_of_ones_own_is_raised_and_not_repeated(store: Store) -> None:
    store.save("scope", "key", 1)
    runs = []

    def expect(state: State) -> None:
        runs.append(1)
        state.save("scope", "key", 2, if_version=0)

    with pytest.raises(Conflict):
        store.transaction(expect)
    assert runs == [1]


def test_a_transaction_inside_a_transaction_joins_it(store: Store) -> None:
    def outer(state: State) -> None:
        state.save("scope", "outer", 1)
        assert store.transaction(lambda inner: inner.load("scope", "outer")) == 1
        state.transaction(lambda inner: inner.save("scope", "inner", 1))
        with store.transaction() as inner:
            inner.save("scope", "block", 1)
        assert state.list_keys("scope") == ["block", "inner", "outer"]
        raise LookupError

    with pytest.raises(LookupError):
        store.transaction(outer)
    assert store.list_keys("scope") == []


def test_calls_on_the_store_inside_belong_to_the_transaction(store: Store) -> None:
    def block() -> None:
        with store.transaction() as transaction:
            store.save("scope", "key", 1)
            store.increment("scope", "count")
            assert transaction.load("scope", "key") == 1
            assert store.list_keys("scope") == ["count", "key"]
            raise LookupError

    with pytest.raises(LookupError):
        block()
    assert store.list_keys("scope") == []


def test_the_writes_of_a_transaction_share_one_version(store: Store) -> None:
    with store.transaction() as transaction:
        for key in "abc":
            transaction.save("scope", key, 1)
    assert {change.version for change in store.changes()} == {store.version()}


def test_a_transaction_that_only_reads_keeps_the_version(store: Store) -> None:
    version = store.save("scope", "key", 1)
    store.transaction(lambda state: (state.load("scope", "key"), state.list_keys("scope"), state.scopes()))
    store.transaction(lambda state: state.delete("scope", "absent"))
    assert store.version() == version


# with store.transaction()


def test_a_block_commits_at_its_end(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.save("scope", "key", 1)
        in_another_thread(lambda: store.save("other", "seen", store.exists("scope", "key")))
    assert store.load("scope", "key") == 1
    assert store.load("other", "seen") is False


def test_a_block_that_was_overtaken_raises_conflict(store: Store) -> None:
    def block() -> None:
        with store.transaction() as transaction:
            transaction.load("scope", "key")
            in_another_thread(lambda: store.save("scope", "key", "theirs"))
            transaction.save("scope", "key", "ours")

    with pytest.raises(Conflict):
        block()
    assert store.load("scope", "key") == "theirs"


def test_after_a_block_the_store_is_itself_again(store: Store) -> None:
    for error in (None, LookupError):
        try:
            with store.transaction():
                if error:
                    raise error
        except LookupError:
            pass
        assert store.save("scope", "key", 1) == store.version()


def test_transactions_of_two_stores_do_not_mix(store: Store) -> None:
    with llmspell.open(backend="memory") as other:
        with store.transaction() as ours, other.transaction() as theirs:
            store.save("scope", "key", "ours")
            other.save("scope", "key", "theirs")
            assert (ours.load("scope", "key"), theirs.load("scope", "key")) == ("ours", "theirs")
        assert (store.load("scope", "key"), other.load("scope", "key")) == ("ours", "theirs")


def test_a_thread_started_inside_a_transaction_is_outside_of_it(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.save("scope", "key", 1)
        with ThreadPoolExecutor(1) as threads:
            assert threads.submit(store.load, "scope", "key").result() is None


# asyncio


def test_tasks_have_transactions_of_their_own(store: Store) -> None:
    async def write_two(number: int, together: asyncio.Barrier) -> list[str]:
        mine = [f"a{number}", f"b{number}"]
        with store.transaction() as transaction:
            transaction.save("scope", mine[0], number)
            await together.wait()
            store.save("scope", mine[1], number)
            await together.wait()
            assert store.list_keys("scope") == transaction.list_keys("scope") == mine
            await together.wait()
        return mine

    async def main() -> list[list[str] | BaseException]:
        together = asyncio.Barrier(8)
        return await asyncio.gather(*(write_two(number, together) for number in range(8)), return_exceptions=True)

    results = asyncio.run(main())
    (winner,) = (result for result in results if isinstance(result, list))
    assert sum(isinstance(result, Conflict) for result in results) == 7
    assert store.list_keys("scope") == winner


def test_a_task_that_outlives_a_transaction_uses_the_store(store: Store) -> None:
    async def main() -> None:
        ended = asyncio.Event()

        async def later() -> int:
            await ended.wait()
            return store.save("scope", "later", 1)

        with store.transaction() as transaction:
            task = asyncio.create_task(later())
            transaction.save("scope", "key", 1)
            await asyncio.sleep(0)
        ended.set()
        assert await task == store.version()

    asyncio.run(main())
    assert store.list_keys("scope") == ["key", "later"]


# attempt


def test_an_attempt_tells_whether_another_run_can_help(store: Store) -> None:
    def run(attempt: Attempt, work: Callable[[State], object]) -> None:
        with attempt:
            work(attempt.state)

    def read_and_write(state: State) -> None:
        state.load("scope", "key")
        in_another_thread(lambda: store.save("scope", "key", 1))
        state.save("scope", "key", 2)

    overtaken, failed = store.attempt(), store.attempt()
    with pytest.raises(Conflict):
        run(overtaken, read_and_write)
    assert overtaken.overtaken
    with pytest.raises(InvalidArgument):
        run(failed, lambda state: state.load("", ""))
    assert not failed.overtaken


# snapshot


def test_a_snapshot_shows_one_moment(store: Store, clock: Clock) -> None:
    store.save("scope", "key", "old")
    store.save("scope", "short", 1, ttl=1)
    with store.snapshot() as snapshot:
        store.save("scope", "key", "new")
        store.save("new", "key", 1)
        clock.advance(5)
        assert snapshot.load("scope", "key") == "old"
        assert snapshot.list_keys("scope") == ["key", "short"]
        assert snapshot.scopes() == ["scope"]
        entry = snapshot.entry("scope", "key")
        assert entry is not None
        assert (entry.value, entry.version) == ("old", 1)
        assert snapshot.transaction(lambda state: state.exists("new", "key")) is False
    assert store.load("scope", "key") == "new"


def test_a_snapshot_cannot_be_written_to(store: Store) -> None:
    store.save("scope", "key", 1)
    with store.snapshot() as snapshot:
        calls: tuple[Callable[[], object], ...] = (
            lambda: snapshot.save("scope", "key", 2),
            lambda: snapshot.save("scope", "key", None),
            lambda: snapshot.save_json("scope", "key", b"2"),
            lambda: snapshot.rewrite_json("scope", "key", b"2"),
            lambda: snapshot.delete("scope", "key"),
            lambda: snapshot.clear("scope"),
            lambda: snapshot.increment("scope", "key"),
            lambda: snapshot.append("scope", "key", 1),
            lambda: snapshot.update("scope", "key", lambda old: 2),
            lambda: snapshot.touch("scope", "key", 1),
        )
        for call in calls:
            with pytest.raises(InvalidArgument, match="a snapshot cannot be written to"):
                call()
    assert store.load("scope", "key") == 1


def test_a_snapshot_is_over_after_its_block(store: Store) -> None:
    store.save("scope", "key", 1)
    with store.snapshot() as snapshot:
        pass
    with pytest.raises(StoreClosed, match="the snapshot is over"):
        snapshot.load("scope", "key")


def test_a_transaction_and_a_snapshot_may_stand_inside_each_other(store: Store) -> None:
    store.save("scope", "key", 1)
    with store.snapshot() as snapshot, store.transaction() as transaction:
        transaction.save("scope", "key", 2)
        assert snapshot.load("scope", "key") == 1
        with store.snapshot() as inner:
            assert inner.load("scope", "key") == 1
    assert store.load("scope", "key") == 2


# The whole store


def test_the_version_is_zero_before_the_first_write(store: Store) -> None:
    assert store.version() == 0
    store.save("scope", "key", 1)
    assert store.version() == 1


def test_versions_grow_although_the_clock_steps_back(store: Store, clock: Clock) -> None:
    versions: list[int] = []
    for _ in range(5):
        versions.append(store.save("scope", "key", len(versions)))
        clock.advance(-1e6)
    assert versions == sorted(set(versions))
    assert store.load("scope", "key") == 4


def test_changes_tell_what_was_written_since_a_version(store: Store) -> None:
    store.save("scope", "a", 1)
    since = store.save("scope", "b", 1)
    store.delete("scope", "a")
    store.save("scope", "c", {"n": 1})
    changes = list(store.changes(since))
    assert [(change.key, change.stored and change.stored.value) for change in changes] == [
        ("a", None),
        ("c", b'{"n":1}'),
    ]


def test_statistics_count_live_entries(store: Store, clock: Clock) -> None:
    store.save("scope", "a", 12345)
    store.save("scope", "b", 1, ttl=1)
    store.save("other", "c", 1)
    store.delete("other", "c")
    clock.advance(1)
    statistics = store.statistics()
    assert (statistics.entries, statistics.scopes, statistics.value_bytes) == (1, 1, 5)
    assert (statistics.tombstones, statistics.expired, statistics.version) == (1, 1, 4)


def test_a_store_says_what_it_promises(store: Store, folder: str) -> None:
    on_disk = store.backend.capabilities.persistent
    assert store.capabilities == (on_disk, on_disk, True)


def test_a_store_without_migrations_says_how_to_turn_them_on(store: Store) -> None:
    assert not store.migration_enabled
    with pytest.raises(InvalidArgument, match=r"migrations are off for this store; open it with migrations_path="):
        assert store.migrations


def test_the_migrations_of_a_store_are_made_once(tmp_path: Path) -> None:
    with llmspell.open(backend="memory", migrations_path=tmp_path) as store:
        heard: list[object] = []
        store.migrations.listen(heard.append)
        assert store.migration_enabled
        assert store.migrations is store.migrations


def test_a_store_tells_whether_one_is_inside_its_transaction(store: Store) -> None:
    with llmspell.open(backend="memory") as other:
        told: list[bool] = []

        def ask() -> None:
            told.extend((store.in_transaction, other.in_transaction))

        ask()
        with store.transaction():
            ask()
            in_another_thread(ask)
            with other.transaction():
                ask()
        ask()
        store.transaction(lambda state: ask())
        with pytest.raises(ZeroDivisionError):
            store.transaction(lambda state: 1 // 0)
        ask()
    outside, inside = [False, False], [True, False]
    assert told == [*outside, *inside, *outside, True, True, *outside, *inside, *outside]


def test_a_snapshot_keeps_showing_the_store_from_before_a_migration(tmp_path: Path, folder: str) -> None:
    put_step(tmp_path / "files", RENAME, start=FIRST, to=SECOND)
    with llmspell.open(folder, durability="normal", migrations_path=tmp_path / "files") as store:
        store.save("scope", "key", {"name": "a"})
        with store.snapshot() as snapshot:
            store.migrations.migrate()
            assert snapshot.load("scope", "key") == {"name": "a"}
        assert store.load("scope", "key") == {"full_name": "a"}


def test_a_transaction_that_a_migration_overtook_runs_again(tmp_path: Path, folder: str) -> None:
    put_step(tmp_path / "files", RENAME, start=FIRST, to=SECOND)
    with llmspell.open(folder, durability="normal", migrations_path=tmp_path / "files") as store:
        store.save("scope", "key", {"name": "a"})
        seen: list[llmspell.JsonValue] = []

        def change(state: State) -> None:
            seen.append(state.load("scope", "key"))
            if len(seen) == 1:
                in_another_thread(lambda: store.migrations.migrate())
            state.save("scope", "copy", seen[-1])

        store.transaction(change)
        assert seen == [{"name": "a"}, {"full_name": "a"}]
        assert store.load("scope", "copy") == {"full_name": "a"}


def test_a_store_closes_at_the_end_of_its_block(folder: str) -> None:
    with llmspell.open(folder) as store:
        store.save("scope", "key", 1)
    with pytest.raises(StoreClosed):
        store.load("scope", "key")


def test_a_store_closes_when_its_block_fails(folder: str) -> None:
    with pytest.raises(LookupError), llmspell.open(folder) as store:
        raise LookupError
    with pytest.raises(StoreClosed):
        store.load("scope", "key")


def test_every_verb_of_a_closed_store_raises_store_closed(store: Store) -> None:
    store.save("scope", "key", 1)
    store.close()
    store.close()
    calls: tuple[Callable[[], object], ...] = (
        lambda: store.save("scope", "key", 1),
        lambda: store.load("scope", "key"),
        lambda: store.delete("scope", "key"),
        lambda: store.list_keys("scope"),
        lambda: store.exists("scope", "key"),
        lambda: store.entry("scope", "key"),
        lambda: store.scopes(),
        lambda: store.clear("scope"),
        lambda: store.increment("scope", "key"),
        lambda: store.append("scope", "key", 1),
        lambda: store.update("scope", "key", lambda old: old),
        lambda: store.touch("scope", "key"),
        lambda: store.transaction(lambda state: None),
        lambda: store.transaction().__enter__(),
        lambda: store.snapshot().__enter__(),
        lambda: store.flush(),
        lambda: store.version(),
        lambda: list(store.changes()),
        lambda: store.statistics(),
        lambda: store.schema_version(),
    )
    for call in calls:
        with pytest.raises(StoreClosed):
            call()


def test_a_transaction_that_outlives_its_store_raises_store_closed(store: Store) -> None:
    def block() -> None:
        with store.transaction() as transaction:
            transaction.save("scope", "key", 1)
            store.close()

    with pytest.raises(StoreClosed):
        block()


def test_threads_share_one_store(store: Store) -> None:
    def work(number: int) -> None:
        for _ in range(50):
            store.increment("scope", "count")
            store.append("scope", "list", number)
            store.update("scope", "sum", lambda old: cast("int", old or 0) + number)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(6)))
    assert store.load("scope", "count") == 300
    assert store.load("scope", "sum") == 50 * (0 + 1 + 2 + 3 + 4 + 5)
    items = store.load("scope", "list")
    assert isinstance(items, list)
    assert sorted(items, key=str) == sorted(list(range(6)) * 50)


def test_closing_while_threads_work_ends_them_with_store_closed(store: Store) -> None:
    begun = threading.Barrier(5)

    def work(number: int) -> str:
        begun.wait()
        try:
            while True:
                store.increment("scope", f"{number}")
                store.load("scope", f"{number}")
        except StoreClosed:
            return "closed"

    with ThreadPoolExecutor(4) as threads:
        working = [threads.submit(work, number) for number in range(4)]
        begun.wait()
        store.close()
        assert [worker.result() for worker in working] == ["closed"] * 4


@pytest.mark.parametrize("name", ["", "a\0b", "\ud800", "x" * 1_000, 1, None])
def test_a_load_with_a_wrong_name_is_refused_and_leaves_a_transaction_usable(tmp_path: Path, name: Any) -> None:
    def load_and_save(state: State) -> None:
        for scope, key in ((name, "key"), ("scope", name)):
            for load in (store.load, state.load):
                with pytest.raises(InvalidArgument):
                    load(scope, key)
        state.save("scope", "key", 1)

    with llmspell.open(tmp_path / "state") as store:
        store.transaction(load_and_save)
        assert store.load("scope", "key") == 1
        for scope, key in ((name, "key"), ("scope", name)):
            with pytest.raises(InvalidArgument):
                store.load(scope, key)
