"""The optimistic transaction: what it sees, what makes it conflict, and what does not."""

from collections.abc import Callable

import pytest

from llmspell import Conflict, State, Store
from llmspell.errors import StoreClosed
from llmspell.transaction import Transaction
from tests.clock import Clock


class Run:
    """A transaction with the verbs on it, ended by hand so that two of them can interleave."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.transaction = Transaction(store.backend, clock())
        self.state = State(self.transaction, clock, 1_000)

    def finish(self) -> int:
        return self.transaction.finish().version


@pytest.fixture
def begin(store: Store, clock: Clock) -> Callable[[], Run]:
    store.save("scope", "x", "old x")
    store.save("scope", "y", "old y")
    return lambda: Run(store, clock)


Begin = Callable[[], Run]


# What it sees


def test_it_sees_its_own_writes(begin: Begin) -> None:
    state = begin().state
    state.save("scope", "x", "new x")
    state.save("scope", "z", "new z")
    state.delete("scope", "y")
    state.save("new", "key", 1)
    assert state.load("scope", "x") == "new x"
    assert not state.exists("scope", "y")
    assert state.list_keys("scope") == ["x", "z"]
    assert state.scopes() == ["new", "scope"]


def test_its_lists_are_narrowed_like_others(begin: Begin, store: Store) -> None:
    for key in ("a", "b", "c", "d", "e"):
        store.save("list", key, 1)
    state = begin().state
    for key in ("a", "b"):
        state.delete("list", key)
    for key in ("bb", "é", "f"):
        state.save("list", key, 1)
    assert state.list_keys("list") == ["bb", "c", "d", "e", "f", "é"]
    assert state.list_keys("list", limit=2) == ["bb", "c"]
    assert state.list_keys("list", after="bb", limit=2) == ["c", "d"]
    assert state.list_keys("list", after="d") == ["e", "f", "é"]
    assert state.list_keys("list", prefix="b") == ["bb"]
    assert state.list_keys("list", limit=0) == []


def test_a_scope_that_it_empties_is_not_listed(begin: Begin) -> None:
    state = begin().state
    assert state.clear("scope") == 2
    assert state.scopes() == []
    state.save("scope", "z", 1)
    assert state.scopes("sc") == ["scope"]


def test_nobody_sees_its_writes_before_the_end(begin: Begin, store: Store) -> None:
    run = begin()
    run.state.save("scope", "x", "new x")
    run.state.clear("scope")
    assert store.load("scope", "x") == "old x"
    run.transaction.abandon()
    assert store.list_keys("scope") == ["x", "y"]


def test_its_writes_become_visible_together_under_one_version(begin: Begin, store: Store) -> None:
    before, run = store.version(), begin()
    run.state.save("scope", "x", 1)
    run.state.save("other", "key", 2)
    run.state.delete("scope", "y")
    version = run.finish()
    assert [(change.scope, change.key, change.version) for change in store.changes(before)] == [
        ("other", "key", version),
        ("scope", "x", version),
        ("scope", "y", version),
    ]


def test_nothing_expires_while_it_runs(begin: Begin, store: Store, clock: Clock) -> None:
    store.save("scope", "short", 1, ttl=1)
    run = begin()
    clock.advance(5)
    assert run.state.load("scope", "short") == 1
    assert run.state.list_keys("scope") == ["short", "x", "y"]
    run.state.save("scope", "x", 1)
    run.finish()
    assert not store.exists("scope", "short")


# What makes it conflict


def test_a_changed_read_is_a_conflict_and_nothing_is_written(begin: Begin, store: Store) -> None:
    run = begin()
    run.state.load("scope", "x")
    run.state.save("scope", "z", 1)
    run.state.save("scope", "x", 1)
    theirs = store.save("scope", "x", "their x")
    with pytest.raises(Conflict) as raised:
        run.finish()
    assert (raised.value.scope, raised.value.key, raised.value.actual) == ("scope", "x", theirs)
    assert run.transaction.overtaken is raised.value
    assert store.load("scope", "x") == "their x"
    assert not store.exists("scope", "z")


def test_a_value_changed_and_changed_back_is_a_conflict(begin: Begin, store: Store) -> None:
    run = begin()
    run.state.save("scope", "z", run.state.load("scope", "x"))
    store.save("scope", "x", "else")
    store.save("scope", "x", "old x")
    with pytest.raises(Conflict):
        run.finish()


def test_of_two_that_each_read_what_the_other_writes_one_conflicts(begin: Begin) -> None:
    first, second = begin(), begin()
    first.state.save("scope", "y", first.state.load("scope", "x"))
    second.state.save("scope", "x", second.state.load("scope", "y"))
    first.finish()
    with pytest.raises(Conflict):
        second.finish()


READS: dict[str, Callable[[State], object]] = {
    "the absence of a key": lambda state: state.load("scope", "new"),
    "a delete of an absent key": lambda state: state.delete("scope", "new"),
    "a touch of an absent key": lambda state: state.touch("scope", "new", 5),
    "all keys": lambda state: state.list_keys("scope"),
    "keys by prefix": lambda state: state.list_keys("scope", prefix="n"),
    "keys in a window": lambda state: state.list_keys("scope", after="m", limit=1),
    "a clear": lambda state: state.clear("scope"),
    "an append": lambda state: state.append("scope", "new", 1),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_key_that_appears_where_it_looked_is_a_conflict(
    begin: Begin, store: Store, read: Callable[[State], object]
) -> None:
    run = begin()
    read(run.state)
    run.state.save("result", "key", 1)
    store.save("scope", "new", 1)
    with pytest.raises(Conflict):
        run.finish()
    assert store.scopes() == ["scope"]


SCOPE_READS: dict[str, Callable[[State], object]] = {
    "all scopes": lambda state: state.scopes(),
    "scopes by prefix": lambda state: state.scopes("n"),
    "keys of an empty scope": lambda state: state.list_keys("new"),
}


@pytest.mark.parametrize("read", SCOPE_READS.values(), ids=SCOPE_READS)
def test_a_scope_that_appears_where_it_looked_is_a_conflict(
    begin: Begin, store: Store, read: Callable[[State], object]
) -> None:
    run = begin()
    read(run.state)
    run.state.save("result", "key", 1)
    store.save("new", "key", 1)
    with pytest.raises(Conflict):
        run.finish()
    assert store.scopes() == ["new", "scope"]


def test_reads_of_two_moments_are_never_mixed(begin: Begin, store: Store) -> None:
    run = begin()
    assert run.state.load("scope", "x") == "old x"
    with store.transaction() as theirs:
        theirs.save("scope", "x", "new x")
        theirs.save("scope", "y", "new y")
    with pytest.raises(Conflict):
        run.state.load("scope", "y")


def test_an_overtaken_transaction_refuses_everything_that_follows(begin: Begin, store: Store) -> None:
    run = begin()
    run.state.load("scope", "x")
    store.save("scope", "x", 1)
    with pytest.raises(Conflict) as raised:
        run.state.load("scope", "y")
    calls: tuple[Callable[[], object], ...] = (
        lambda: run.state.load("scope", "x"),
        lambda: run.state.save("scope", "z", 1),
        lambda: run.state.list_keys("scope"),
        lambda: run.state.scopes(),
        run.finish,
    )
    for call in calls:
        with pytest.raises(Conflict) as again:
            call()
        assert again.value is raised.value
    assert not store.exists("scope", "z")


# What does not


def test_writing_without_reading_never_conflicts(begin: Begin, store: Store) -> None:
    run = begin()
    run.state.save("scope", "x", "ours")
    store.save("scope", "x", "theirs")
    run.finish()
    assert store.load("scope", "x") == "ours"


def test_changes_elsewhere_do_not_conflict(begin: Begin, store: Store) -> None:
    run = begin()
    run.state.load("scope", "x")
    run.state.list_keys("scope", prefix="x")
    run.state.list_keys("scope", limit=1)
    store.save("scope", "y", "theirs")
    store.save("scope", "z", "theirs")
    store.save("other", "x", "theirs")
    assert run.state.load("scope", "y") == "theirs"
    run.state.save("scope", "x", "ours")
    run.finish()
    assert store.load("scope", "x") == "ours"


def test_a_changed_value_does_not_disturb_a_list_of_keys(begin: Begin, store: Store) -> None:
    run = begin()
    run.state.list_keys("scope")
    run.state.save("result", "key", 1)
    store.save("scope", "x", "theirs")
    run.finish()


def test_one_that_only_reads_always_ends_well(begin: Begin, store: Store) -> None:
    run = begin()
    run.state.load("scope", "x")
    version = store.version()
    store.save("scope", "x", "theirs")
    assert run.finish() == version


def test_reads_after_unrelated_writes_move_on_to_the_newer_moment(begin: Begin, store: Store) -> None:
    run = begin()
    run.state.load("scope", "x")
    store.save("scope", "y", "new y")
    assert run.state.load("scope", "y") == "new y"
    store.save("scope", "z", "new z")
    assert run.state.list_keys("scope") == ["x", "y", "z"]
    run.finish()


# Expected versions inside


def test_an_expected_version_is_checked_against_what_it_sees(begin: Begin, store: Store) -> None:
    run, stored = begin(), store.entry("scope", "x")
    assert stored is not None
    with pytest.raises(Conflict) as raised:
        run.state.save("scope", "x", 1, if_version=0)
    assert (raised.value.expected, raised.value.actual) == (0, stored.version)
    with pytest.raises(Conflict) as raised:
        run.state.save("scope", "absent", 1, if_version=5)
    assert (raised.value.expected, raised.value.actual) == (5, 0)
    run.state.save("scope", "x", 1, if_version=stored.version)
    assert run.transaction.overtaken is None
    run.finish()


def test_an_expected_version_of_its_own_write_is_a_conflict(begin: Begin) -> None:
    run = begin()
    run.state.save("scope", "new", 1, if_version=0)
    for version in (0, 1):
        with pytest.raises(Conflict) as raised:
            run.state.save("scope", "new", 2, if_version=version)
        assert (raised.value.expected, raised.value.actual) == (version, -1)
    run.state.delete("scope", "new")
    run.state.save("scope", "new", 3, if_version=0)
    assert run.state.load("scope", "new") == 3


def test_an_expected_version_is_checked_again_at_the_end(begin: Begin, store: Store) -> None:
    run = begin()
    run.state.save("scope", "new", 1, if_version=0)
    store.save("scope", "new", "theirs")
    with pytest.raises(Conflict):
        run.finish()


# Afterwards


@pytest.mark.parametrize("end", ["finish", "abandon"])
def test_a_transaction_that_is_over_refuses_every_call(begin: Begin, end: str) -> None:
    run = begin()
    run.state.save("scope", "x", 1)
    run.state.delete("scope", "y")
    run.state.touch("scope", "x")
    getattr(run.transaction, end)()
    calls: tuple[Callable[[], object], ...] = (
        lambda: run.state.load("scope", "x"),
        lambda: run.state.load("scope", "y"),
        lambda: run.state.load("scope", "z"),
        lambda: run.state.save("scope", "x", 1),
        lambda: run.state.delete("scope", "x"),
        lambda: run.state.list_keys("scope"),
        lambda: run.state.scopes(),
        lambda: run.state.increment("scope", "z"),
        run.finish,
    )
    for call in calls:
        with pytest.raises(StoreClosed, match="the transaction is over"):
            call()
