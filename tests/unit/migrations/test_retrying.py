"""Quarantined entries are tried again: they arrive, or stay aside with the new reason."""

from typing import Any

from llmspell.migrations.retrying import retry
from tests.unit.migrations.homes import DELETE_OLD, FIRST, RENAME, SECOND, THIRD, Home, without_versions


class Register:
    """A function of the store's owner that knows some names only later."""

    def __init__(self, home: Home) -> None:
        self.known: dict[str, int] = {}
        home.migrations.register("number_of", self)

    def __call__(self, name: str) -> int:
        return self.known[name]


NUMBERED: dict[str, Any] = {"type": "computed", "field": "number", "expression": "number_of(name)"}


def test_an_entry_whose_problem_is_solved_arrives_with_its_times(home: Home) -> None:
    register = Register(home)
    home.step(NUMBERED, {"type": "remove", "field": "name"})
    home.store.save("users", "b", {"name": "b"}, ttl=1000)
    before = home.full()
    home.up(on_error="quarantine")
    register.known["b"] = 7
    home.clock.advance(10)
    assert home.migrations.retry() == [(1, "users", "b", None)]
    assert home.migrations.quarantine() == []
    (arrived,) = home.full().entries
    assert arrived.value == b'{"number":7}'
    assert arrived[4:] == before.entries[0][4:]
    assert arrived.version > before.version


def test_one_that_was_retried_goes_down_as_if_it_had_never_been_aside(home: Home) -> None:
    register = Register(home)
    home.step(NUMBERED, {"type": "remove", "field": "name"}, {"type": "rename_key", "to": "u:{key}"})
    home.step({"type": "wrap", "field": "number"}, {"type": "move_scope", "to": "people"}, to=THIRD, start=SECOND)
    home.save("a", "b", "c")
    before = home.full()
    register.known |= {"a": 1, "c": 3}
    home.up(on_error="quarantine")
    register.known["b"] = 2
    assert home.migrations.retry([1]) == [(1, "people", "u:b", None)]
    assert home.values("people") == {"u:a": {"number": [1]}, "u:b": {"number": [2]}, "u:c": {"number": [3]}}
    home.down()
    assert without_versions(home.full().entries) == without_versions(before.entries)


def test_thousands_are_retried_among_thousands_and_all_go_down_again(home: Home) -> None:
    register = Register(home)
    home.step(NUMBERED, {"type": "remove", "field": "name"})
    names = [f"{number:05d}" for number in range(1500)]
    with home.store.transaction() as state:
        for name in names:
            state.save("users", name, {"name": name})
    before = home.full()
    register.known |= {name: 1 for name in names if int(name) % 50}
    assert home.up(on_error="quarantine").items_quarantined == 30
    register.known |= dict.fromkeys(names, 2)
    assert [one.problem for one in home.migrations.retry()] == [None] * 30
    assert len(home.values()) == 1500
    home.down()
    assert without_versions(home.full().entries) == without_versions(before.entries)


def test_one_that_still_cannot_go_stays_with_the_new_reason_and_the_others_arrive(home: Home) -> None:
    register = Register(home)
    home.step(NUMBERED, RENAME, validation={"post_migration": [{"field": "number", "validator": "max:5"}]})
    home.save("a", "b")
    home.up(on_error="quarantine")
    register.known |= {"a": 1, "b": 6}
    first, second = home.migrations.retry()
    assert first.problem is None
    assert second.problem is not None
    assert "validation after the migration" in second.problem
    (left,) = home.migrations.quarantine()
    assert (left.key, left.reason) == ("b", second.problem)
    assert home.values() == {"a": {"number": 1, "full_name": "a"}}


def test_a_place_that_was_taken_must_be_free_again(home: Home) -> None:
    register = Register(home)
    home.step(NUMBERED, {"type": "rename_key", "to": "u:{key}"})
    home.save("b")
    home.up(on_error="quarantine")
    register.known["b"] = 2
    home.save("u:b", other=True)
    (tried,) = home.migrations.retry()
    assert tried.problem == 'there is another entry at scope "users", key "u:b" now'
    home.store.delete("users", "u:b")
    assert home.migrations.retry() == [(1, "users", "u:b", None)]
    assert home.values() == {"u:b": {"name": "b", "number": 2}}


def test_one_that_the_migrations_would_delete_is_to_be_discarded(home: Home) -> None:
    register = Register(home)
    home.step(NUMBERED)
    home.step(DELETE_OLD, to=THIRD, start=SECOND)
    home.save("b", name="b", old=True)
    home.up(on_error="quarantine")
    register.known["b"] = 1
    (tried,) = home.migrations.retry()
    assert tried.problem == "3.0.0_step.json would delete it; discard it instead"
    assert home.migrations.discard([1]) == 1
    home.down()
    assert home.values() == {}


def test_one_is_never_taken_down_without_what_was_kept_of_it(home: Home) -> None:
    home.step({"type": "convert", "field": "age", "to": "int"})
    home.save("b", age="old")
    home.up(on_error="quarantine")
    (one,) = home.migrations.quarantine()
    down = home.migrations.chain().path(SECOND, FIRST)
    tried = home.store.backend.revise(0.0, lambda revision: retry(revision, one, lambda version: down, 0.0, 1_000))
    assert tried.problem == "it has the shape of 2.0.0; it comes back when the store goes up there"
    assert [(again.key, again.reason) for again in home.migrations.quarantine()] == [("b", tried.problem)]
