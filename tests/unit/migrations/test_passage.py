"""Entries of one scope go up or down a page at a time; every one is counted once."""

from typing import cast

from llmspell.migrations.passage import Tally
from tests.unit.migrations.homes import Home

COUNT = {"type": "computed", "field": "n", "expression": "n + 1"}


def test_a_tally_remembers_the_first_entries_only() -> None:
    tally = Tally(version=5, samples=2)
    for number in range(4):
        tally.count("s", str(number), b"%d" % number)
    assert tally.changed == 4
    assert tally.before == {("s", "0"): b"0", ("s", "1"): b"1"}


def test_a_tally_follows_entries_to_where_they_go() -> None:
    tally = Tally(version=5, samples=2)
    tally.count("s", "a", b"1")
    tally.count("s", "b", b"2")
    tally.moved(("s", "b"), None)
    tally.moved(("s", "a"), ("s", "b"))
    tally.moved(("s", "b"), ("t", "c"))
    tally.moved(("s", "unknown"), ("s", "x"))
    assert tally.places == {("s", "a"): ("t", "c"), ("s", "b"): None}


def test_an_entry_that_several_migrations_change_counts_once(home: Home) -> None:
    home.step(COUNT)
    home.step(COUNT, {"type": "delete_entry", "key": "b"}, to="3.0.0", start="2.0.0")
    home.save("a", "b", n=0)
    assert home.up().items_migrated == 2
    assert [one.items_migrated for one in home.migrations.applied()] == [2, 0]
    assert home.down().items_migrated == 2


def test_every_entry_of_many_pages_and_scopes_goes_exactly_once(home: Home) -> None:
    home.step(COUNT)
    with home.store.transaction() as state:
        for number in range(2100):
            state.save(f"s{number % 2}", f"{number:05d}", {"n": number})
    home.up()
    numbers = [cast("dict[str, int]", value)["n"] for scope in ("s0", "s1") for value in home.values(scope).values()]
    assert sorted(numbers) == list(range(1, 2101))


def test_values_that_are_too_large_for_one_page_all_go(home: Home) -> None:
    home.step(COUNT)
    for number in range(6):
        home.store.save("users", str(number), {"n": 0, "text": "x" * 3_000_000})
    assert home.up().items_migrated == 6
    assert home.down().items_migrated == 6
    assert {cast("dict[str, int]", value)["n"] for value in home.values().values()} == {0}
