"""Entries that cannot go through are put aside whole, and come back when they can."""

import pytest

from llmspell.errors import InvalidArgument, MigrationError, MigrationFailed
from tests.unit.migrations.homes import FIRST, RENAME, SECOND, THIRD, Home, without_versions


def half_aside(home: Home) -> None:
    """Take a store up of which "b" and "d" have to be put aside."""
    home.step(RENAME)
    home.save("a", "c")
    home.store.save("users", "b", {"mail": "b@x", "n": 1.0}, ttl=1000)
    home.save("d", scope="people", mail="d@x")
    home.up(on_error="quarantine")


def test_who_cannot_go_is_put_aside_and_told_of(home: Home) -> None:
    home.step(RENAME)
    home.save("a", "c")
    home.save("b", mail="b@x")
    result = home.up(on_error="quarantine")
    assert (result.items_migrated, result.items_quarantined) == (2, 1)
    assert result.warnings == ("1 entry was put into quarantine; see `llmspell migrate quarantine`",)
    assert home.values() == {"a": {"full_name": "a"}, "c": {"full_name": "c"}}
    (one,) = home.migrations.quarantine()
    assert one == (
        1,
        "users",
        "b",
        b'{"mail":"b@x"}',
        FIRST,
        "2.0.0_step.json",
        'transform 1 (move name to full_name): the field "name" is missing; add missing = "skip" if it may be',
        home.clock() - 1,
    )


def test_without_leave_to_do_so_nothing_is_put_aside(home: Home) -> None:
    home.step(RENAME)
    home.save("b", mail="b@x")
    with pytest.raises(MigrationFailed):
        home.up()
    assert home.migrations.quarantine() == []


def test_the_way_down_brings_all_back_in_their_places_as_they_were(home: Home) -> None:
    home.step(RENAME)
    home.save("a")
    home.store.save("users", "b", {"mail": "b@x", "n": 1.0}, ttl=1000)
    home.clock.advance(5)
    home.save("d", scope="people", mail="d@x")
    before = home.full()
    home.up(on_error="quarantine")
    assert home.store.scopes() == ["users"]
    assert home.down().items_migrated == 3
    assert without_versions(home.full().entries) == without_versions(before.entries)
    assert home.migrations.quarantine() == []


def test_who_was_put_aside_by_a_later_migration_comes_back_through_the_earlier_ones(home: Home) -> None:
    home.step({"type": "rename_key", "to": "u:{key}"}, {"type": "remove", "field": "secret"})
    home.step(RENAME, to=THIRD, start=SECOND)
    home.save("a", name="a", secret=1)
    home.save("b", mail="x", secret=2)
    before = home.full()
    home.up(on_error="quarantine")
    (one,) = home.migrations.quarantine()
    assert (one.key, one.value, one.schema_version) == ("u:b", b'{"mail":"x"}', SECOND)
    home.down(SECOND)
    assert home.values() == {"u:a": {"name": "a"}, "u:b": {"mail": "x"}}
    home.down()
    assert without_versions(home.full().entries) == without_versions(before.entries)


def test_nothing_is_put_aside_on_the_way_down(home: Home) -> None:
    home.step({"type": "wrap", "field": "tag"})
    home.save("a", "b", tag=1)
    home.up()
    home.save("b", tag=[1, 2])
    before = home.full()
    with pytest.raises(MigrationError, match="quarantine is for the way up"):
        home.down(on_error="quarantine")
    assert home.full() == before


def test_who_has_no_place_to_come_back_to_keeps_the_store_from_going_below_its_shape(home: Home) -> None:
    home.step({"type": "remove", "field": "secret"})
    home.step({"type": "convert", "field": "age", "to": "int"}, to=THIRD, start=SECOND)
    home.save("b", secret="s", age="old")
    home.up(on_error="quarantine")
    home.save("b", age=1)
    home.down(SECOND)
    before = home.full()
    with pytest.raises(MigrationFailed, match=r'quarantined entry 1, scope "users", key "b", has the shape of 2\.0\.0'):
        home.down()
    assert home.full() == before
    home.store.delete("users", "b")
    assert [one.problem for one in home.migrations.retry()] == [None]
    home.down()
    assert home.values() == {"b": {"secret": "s", "age": "old"}}


def test_a_place_that_was_taken_meanwhile_is_a_warning_and_the_entry_stays_aside(home: Home) -> None:
    half_aside(home)
    home.save("b", new=True)
    result = home.down()
    assert result.warnings == (
        'quarantined entry 2, scope "users", key "b", has the shape of 1.0.0 and could come back, but another entry is '
        "in its place",
    )
    assert home.store.load("users", "b") == {"new": True}
    assert [(one.number, one.key) for one in home.migrations.quarantine()] == [(2, "b")]


def test_thousands_can_be_put_aside(home: Home) -> None:
    home.step(RENAME)
    with home.store.transaction() as state:
        for number in range(2500):
            state.save("users", f"{number:05d}", {"mail": number} if number % 2 else {"name": number})
    before = home.full()
    result = home.up(on_error="quarantine")
    assert (result.items_migrated, result.items_quarantined) == (1250, 1250)
    assert result.warnings == ("1250 entries were put into quarantine; see `llmspell migrate quarantine`",)
    assert [one.number for one in home.migrations.quarantine()] == list(range(1, 1251))
    home.down()
    assert without_versions(home.full().entries) == without_versions(before.entries)


def test_what_is_discarded_is_gone_for_good(home: Home) -> None:
    half_aside(home)
    assert home.migrations.discard([1]) == 1
    assert [one.number for one in home.migrations.quarantine()] == [2]
    home.down()
    assert sorted(home.values()) == ["a", "b", "c"]
    assert home.values("people") == {}


@pytest.mark.parametrize("verb", ["retry", "discard"])
def test_a_number_that_is_not_there_is_refused_and_nothing_is_done(home: Home, verb: str) -> None:
    half_aside(home)
    before = home.full()
    with pytest.raises(InvalidArgument, match="there is no quarantined entry 7; there are: 1, 2"):
        getattr(home.migrations, verb)([1, 7])
    assert home.full() == before


def test_numbers_go_on_where_they_ended(home: Home) -> None:
    half_aside(home)
    home.step({"type": "unwrap", "field": "x"}, to=THIRD, start=SECOND)
    home.up(on_error="quarantine")
    assert [one.number for one in home.migrations.quarantine()] == [1, 2, 3, 4]


def test_a_number_is_never_given_again(home: Home) -> None:
    home.step(RENAME)
    home.save("a", mail="x")
    home.up(on_error="quarantine")
    home.migrations.discard([1])
    home.down()
    home.save("b", mail="x")
    home.up(on_error="quarantine")
    assert [one.number for one in home.migrations.quarantine()] == [2]
