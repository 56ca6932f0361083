"""Entries of one scope go up or down a page at a time; every one is counted once."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

import llmspell
from llmspell.errors import MigrationFailed
from llmspell.migrations.passage import Tally
from tests.clock import Clock
from tests.unit.migrations.homes import Home, without_versions

if TYPE_CHECKING:
    from llmspell.entry import JsonValue

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


def test_what_thousands_lose_comes_back_at_its_place(home: Home) -> None:
    home.step({"type": "remove", "field": "secret"}, {"type": "rename", "from": "b", "to": "c"})
    with home.store.transaction() as state:
        for number in range(2500):
            state.save("users", f"{number:05d}", {"secret": number, "b": 1, "z": [number]})
    before = home.full()
    home.up()
    assert home.values()["02400"] == {"z": [2400], "c": 1}
    home.down()
    assert without_versions(home.full().entries) == without_versions(before.entries)


def test_the_most_common_steps_keep_what_comes_from_a_fast_clock_too(home: Home) -> None:
    home.step({"type": "remove", "field": "secret"})
    home.clock.advance(1000)
    home.save("a", "b", secret="kept")
    home.clock.advance(-1000)
    before = home.full()
    home.up()
    home.down()
    assert without_versions(home.full().entries) == without_versions(before.entries)


def test_the_most_common_steps_make_nothing_deeper_than_values_may_be(home: Home) -> None:
    deep: JsonValue = 1
    for _ in range(126):
        deep = [deep]
    home.step({"type": "plunge", "field": "name", "into": "box"})
    home.save("a", name=deep)
    home.up()
    home.down()
    home.save("b", name=[deep])
    with pytest.raises(MigrationFailed, match=r'key "b": .*too deep'):
        home.up()


def test_the_most_common_steps_keep_values_within_their_size(tmp_path: Path) -> None:
    with llmspell.open(backend="memory", max_value_bytes=20, migrations_path=tmp_path / "files") as store:
        home = Home(tmp_path / "files", store, Clock())
        home.step({"type": "default", "field": "n", "value": 1})
        home.save("a", text="123")
        home.save("b", text="1234")
        with pytest.raises(MigrationFailed, match=r'key "b": .*it would take 21 bytes as JSON'):
            store.migrations.migrate()
