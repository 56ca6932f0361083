"""A store goes from one schema version to another: what becomes of values, times, versions, keys and scopes."""

from typing import Any

import pytest

from llmspell import codec
from llmspell.errors import MigrationError, MigrationFailed
from llmspell.migrations import history
from llmspell.migrations.attempt import MigrationOptions
from llmspell.migrations.passage import PAGE
from llmspell.migrations.verbs import Migrations
from tests.unit.migrations.homes import DELETE_OLD, FIRST, RENAME, SECOND, THIRD, Home, without_versions

MANY = 2 * PAGE + 500

BEHIND = {"type": "rename_key", "to": "{key}x"}
"""Gives keys that come later in the same scope, so that a page further on would meet them again."""


def key_by(expression: str, **fields: Any) -> dict[str, Any]:
    return {"type": "rename_key", "expression": expression, **fields}


# All or nothing


def test_one_document_that_cannot_go_fails_the_run_and_nothing_is_changed(home: Home) -> None:
    home.step(RENAME)
    home.save("a", "b", "d")
    home.save("c", mail="c@x")
    before = home.full()
    with pytest.raises(MigrationFailed) as raised:
        home.up()
    assert str(raised.value) == (
        'scope "users", key "c": 2.0.0_step.json: transform 1 (move name to full_name): the field "name" is missing; '
        'add missing = "skip" if it may be'
    )
    assert home.full() == before


def test_all_problems_of_a_page_are_told(home: Home) -> None:
    home.step(RENAME)
    home.save("a", "c")
    home.save("b", "d", "e", mail="x")
    with pytest.raises(MigrationFailed, match=r"\(and 2 more among those looked at\)") as raised:
        home.up()
    assert [problem.split(":")[0] for problem in raised.value.problems] == [
        f'scope "users", key "{key}"' for key in "bde"
    ]


def test_no_more_than_twenty_problems_are_told(home: Home) -> None:
    home.step(RENAME)
    home.save(*(f"{number:02d}" for number in range(50)), mail="x")
    with pytest.raises(MigrationFailed, match=r"\(and 49 more among those looked at\)") as raised:
        home.up()
    assert len(raised.value.problems) == 20


@pytest.mark.parametrize(("when", "field"), [("pre_migration", "name"), ("post_migration", "full_name")])
def test_the_last_of_thousands_breaks_a_rule_and_nothing_is_changed(home: Home, when: str, field: str) -> None:
    home.step(RENAME, validation={when: [{"field": field, "validator": "max_length:5"}]})
    with home.store.transaction() as state:
        for number in range(MANY):
            state.save("users", f"{number:05d}", {"name": "short"})
        state.save("users", "last", {"name": "longer"})
    before = home.full()
    with pytest.raises(MigrationFailed, match=rf'key "last": .*validation (before|after) the migration: .*{field}'):
        home.up()
    assert home.full() == before
    home.save("last", name="short")
    assert home.up().items_migrated == MANY + 1


def test_a_failure_in_a_later_migration_undoes_the_earlier_ones(home: Home) -> None:
    home.step(RENAME, {"type": "delete_entry", "key": "b"}, {"type": "move_scope", "to": "people", "key": "c"})
    home.step({"type": "remove", "field": "age"}, to=THIRD, start=SECOND)
    home.save("a", "b", "c")
    before = home.full()
    with pytest.raises(MigrationFailed, match=r'3\.0\.0_step\.json: transform 1 \(remove age\): the field "age"'):
        home.up()
    assert home.full() == before


def test_a_failure_on_the_way_down_changes_nothing(home: Home) -> None:
    home.step({"type": "wrap", "field": "tag", "missing": "skip"}, {"type": "rename_key", "to": "u:{key}"})
    home.save("a", "b", tag=1)
    home.up()
    home.save("u:b", tag=[1, 2])
    before = home.full()
    with pytest.raises(MigrationFailed, match=r'key "b": .*the field "tag" is an array of 2 elements'):
        home.down()
    assert home.full() == before
    home.save("u:b", tag=[3])
    home.down()
    assert home.values() == {"a": {"tag": 1}, "b": {"tag": 3}}


# What of an entry changes, and what does not


def test_versions_are_given_once_for_a_run_over_several_migrations(home: Home) -> None:
    home.step(RENAME)
    home.step({"type": "wrap", "field": "full_name"}, {"type": "rename_key", "to": "{key}2"}, to=THIRD, start=SECOND)
    home.save("a", "b")
    home.save("other", scope="system", name="x")
    before = home.store.version()
    result = home.up()
    assert (result.items_migrated, result.version) == (3, before + 1)
    assert {one.version for one in home.full().entries} == {before + 1}
    assert home.store.version() == before + 1
    home.down()
    assert {one.version for one in home.full().entries} == {before + 2}


def test_entries_that_stay_as_they_are_keep_their_version(home: Home) -> None:
    home.step({"type": "default", "field": "active", "value": True})
    home.save("a")
    home.save("b", active=False)
    versions = {one.key: one.version for one in home.full().entries}
    result = home.up()
    assert result.items_migrated == 1
    assert {one.key: one.version for one in home.full().entries} == {"a": result.version, "b": versions["b"]}


def test_the_times_of_entries_stay_and_so_does_their_expiry(home: Home) -> None:
    home.step(
        {"type": "set", "field": "n", "value": 2},
        {"type": "rename_key", "to": "moved", "key": "m"},
        {"type": "move_scope", "to": "elsewhere", "key": "s"},
        {"type": "delete_entry", "key": "d"},
    )
    for key in ("a", "d", "m", "s"):
        home.store.save("users", key, {"n": 0}, ttl=1000)
        home.clock.advance(10)
        home.store.save("users", key, {"n": 1}, ttl=100)
    before = home.full()
    home.up()
    times = {(one.created_at, one.updated_at, one.expires_at) for one in before.entries if one.key != "d"}
    assert {(one.created_at, one.updated_at, one.expires_at) for one in home.full().entries} == times
    assert len(times) == 3
    home.down()
    assert without_versions(home.full().entries) == without_versions(before.entries)


def test_entries_past_their_expiry_are_neither_looked_at_nor_brought_back_to_life(home: Home) -> None:
    home.step(RENAME)
    home.store.save("users", "gone", {"mail": "cannot go up"}, ttl=0.5)
    home.save("a")
    result = home.up()
    assert result.items_migrated == 1
    assert home.store.list_keys("users") == ["a"]


def test_what_was_deleted_and_has_expired_since_does_not_come_back(home: Home) -> None:
    home.step(DELETE_OLD)
    home.store.save("users", "short", {"old": 1}, ttl=60)
    home.store.save("users", "long", {"old": 1}, ttl=6000)
    home.up()
    home.clock.advance(100)
    home.down()
    assert home.values() == {"long": {"old": 1}}


def test_the_moved_entry_takes_the_place_of_an_expired_one(home: Home) -> None:
    home.step({"type": "rename_key", "to": "new", "key": "a"})
    home.store.save("users", "new", "expired", ttl=0.5)
    home.save("a")
    home.up()
    assert home.values() == {"new": {"name": "a"}}


def test_the_feed_of_changes_tells_what_a_migration_did_and_that_it_did_it(home: Home) -> None:
    home.step(RENAME, {"type": "rename_key", "to": "z", "key": "a"}, {"type": "delete_entry", "key": "b"})
    home.save("a", "b", "c")
    since = home.store.version()
    version = home.up().version
    changes = {change.key: change.stored for change in home.store.changes(since)}
    assert {key: stored is not None for key, stored in changes.items()} == {
        "a": False,
        "b": False,
        "c": True,
        "z": True,
    }
    assert {change.version for change in home.store.changes(since)} == {version}
    assert history.runs(home.store.backend) == {version: SECOND}


def test_a_run_that_changes_no_entry_claims_no_version_that_somebody_else_then_gets(home: Home) -> None:
    home.step(RENAME, scope="nobody")
    home.save("a")
    before = home.store.version()
    assert (home.up().items_migrated, home.store.schema_version()) == (0, SECOND)
    assert home.store.version() == before
    home.save("b")
    assert home.store.version() == before + 1
    assert history.runs(home.store.backend) == {}


# Which entries


def test_an_empty_store_gets_the_new_stamp(home: Home) -> None:
    home.step(RENAME)
    home.store.save("users", "a", 1)
    home.store.clear("users")
    result = home.up()
    assert (result.status, result.items_migrated, home.store.schema_version()) == ("completed", 0, SECOND)


def test_globs_choose_scopes_and_keys_and_a_transform_may_have_its_own(home: Home) -> None:
    note: dict[str, Any] = {"type": "default", "value": True}
    home.step(
        {**note, "field": "own"},
        {**note, "field": "by_key", "key": "b*"},
        {**note, "field": "by_scope", "scope": "sys*"},
        {**note, "field": "by_both", "scope": "[su]*", "key": "?"},
        scope="user*",
        key="[!z]*",
    )
    for scope in ("users", "user:x", "system", "USERS"):
        home.save("a", "bb", "z", scope=scope)
    home.up()
    found = {(one.scope, one.key): sorted(codec.decode(one.value)) for one in home.full().entries}  # type: ignore[type-var, arg-type]
    assert found == {
        ("users", "a"): ["by_both", "name", "own"],
        ("users", "bb"): ["by_key", "name", "own"],
        ("users", "z"): ["by_both", "name"],
        ("user:x", "a"): ["by_both", "name", "own"],
        ("user:x", "bb"): ["by_key", "name", "own"],
        ("user:x", "z"): ["by_both", "name"],
        ("system", "a"): ["by_both", "by_scope", "name"],
        ("system", "bb"): ["by_scope", "name"],
        ("system", "z"): ["by_both", "name"],
        ("USERS", "a"): ["name"],
        ("USERS", "bb"): ["name"],
        ("USERS", "z"): ["name"],
    }


def test_overlapping_globs_of_several_transforms_meet_an_entry_once_each(home: Home) -> None:
    count = {"type": "computed", "field": "n", "expression": "n + 1"}
    home.step({**count, "scope": "u*"}, {**count, "scope": "users"}, {**count, "scope": "*", "key": "a"})
    home.save("a", "b", n=0)
    assert home.up().items_migrated == 2
    assert home.values() == {"a": {"n": 3}, "b": {"n": 2}}


def test_rules_are_for_the_entries_of_the_migration_not_for_those_of_its_transforms(home: Home) -> None:
    rules = {"pre_migration": [{"field": "name", "validator": "required"}]}
    home.step({"type": "set", "field": "n", "value": 1, "scope": "system"}, scope="users", validation=rules)
    home.save("a")
    home.save("free", scope="system", other=1)
    assert home.up().items_migrated == 1
    home.down()
    home.save("b", other=1)
    with pytest.raises(MigrationFailed, match='scope "users", key "b"'):
        home.up()


def test_the_moment_is_the_same_in_every_page_and_migration_of_a_run(home: Home) -> None:
    home.step({"type": "set", "field": "text", "value": "{{now_iso8601}}"})
    home.step({"type": "computed", "field": "computed", "expression": "now()"}, to=THIRD, start=SECOND)
    with home.store.transaction() as state:
        for number in range(PAGE + 5):
            state.save("users", f"{number:05d}", {})
    moments = iter(range(1_000_000_000, 2_000_000_000))
    ticking = Migrations(
        home.store.backend,
        MigrationOptions(str(home.folder), FIRST, 1000),
        clock=lambda: float(next(moments)),
        in_transaction=lambda: False,
    )
    ticking.migrate()
    found = {tuple(value.values()) for value in home.values().values()}
    assert len(found) == 1
    assert len(set(*found)) == 1


def test_a_default_is_shared_by_no_two_documents(home: Home) -> None:
    home.step(
        {"type": "default", "field": "tags", "value": []},
        {"type": "computed", "field": "tags", "expression": "tags + [entry_key]"},
    )
    home.save("a", "b")
    home.up()
    assert [value["tags"] for value in home.values().values()] == [["a"], ["b"]]


# Deleted entries


def test_a_deleted_entry_comes_back_whole_on_the_way_down(home: Home) -> None:
    home.step(DELETE_OLD, RENAME)
    home.save("a")
    home.save("b", old=True)
    before = home.full()
    assert home.up().items_migrated == 2
    assert home.values() == {"a": {"full_name": "a"}}
    assert home.down().items_migrated == 2
    assert without_versions(home.full().entries) == without_versions(before.entries)


def test_a_deleted_entry_cannot_come_back_over_one_that_was_made_in_its_place(home: Home) -> None:
    home.step(DELETE_OLD)
    home.save("b", old=True)
    home.up()
    home.save("b", anew=True)
    before = home.full()
    with pytest.raises(MigrationFailed, match=r'scope "users", key "b": the entry that 2\.0\.0_step\.json had deleted'):
        home.down()
    assert home.full() == before
    home.store.delete("users", "b")
    home.down()
    assert home.values() == {"b": {"old": True}}


def test_thousands_are_deleted_and_come_back(home: Home) -> None:
    home.step(DELETE_OLD)
    with home.store.transaction() as state:
        for number in range(MANY):
            state.save("users", f"{number:05d}", {"old": True} if number % 3 else {"n": number})
    before = home.full()
    home.up()
    assert len(home.values()) == len(range(0, MANY, 3))
    home.down()
    assert without_versions(home.full().entries) == without_versions(before.entries)


# Renamed and moved entries


def test_entries_get_other_keys_and_scopes_and_have_their_old_ones_again_on_the_way_down(home: Home) -> None:
    home.step(
        {"type": "rename_key", "to": "{scope}/{key}"},
        {"type": "move_scope", "expression": "'of:' + name"},
        {"type": "remove", "field": "name"},
    )
    home.save("a", "b")
    before = home.full()
    home.up()
    assert home.values("of:a") == {"users/a": {}}
    assert home.store.scopes() == ["of:a", "of:b"]
    home.down()
    assert without_versions(home.full().entries) == without_versions(before.entries)


def test_nothing_is_renamed_twice_however_many_pages_there_are(home: Home) -> None:
    home.step(BEHIND, {"type": "move_scope", "to": "zzz", "key": "*5"})
    with home.store.transaction() as state:
        for number in range(MANY):
            state.save("users", f"{number:05d}", number)
    before = home.full()
    assert home.up().items_migrated == MANY
    assert home.store.list_keys("users") == [f"{number:05d}x" for number in range(MANY) if number % 10 != 5]
    assert home.store.list_keys("zzz") == [f"{number:05d}x" for number in range(5, MANY, 10)]
    assert home.down().items_migrated == MANY
    assert without_versions(home.full().entries) == without_versions(before.entries)


@pytest.mark.parametrize("by", ["-1", "1"])
def test_keys_that_follow_each_other_are_shifted_and_shifted_back(home: Home, by: str) -> None:
    home.step(key_by(f"string(int(entry_key) + {by})"))
    home.save(*map(str, range(100, 300)))
    before = home.full()
    home.up()
    assert home.values() == {str(key + int(by)): {"name": str(key)} for key in range(100, 300)}
    home.down()
    assert without_versions(home.full().entries) == without_versions(before.entries)


def test_shifted_keys_find_their_old_ones_although_one_was_deleted_meanwhile(home: Home) -> None:
    home.step(key_by("string(int(entry_key) - 1)"), RENAME)
    home.save("1", "2", "3", "4")
    home.up()
    home.store.delete("users", "1")
    home.down()
    assert home.values() == {"1": {"name": "1"}, "3": {"name": "3"}, "4": {"name": "4"}}


def test_a_key_that_a_deleted_entry_leaves_free_can_be_taken(home: Home) -> None:
    home.step({"type": "delete_entry", "key": "b"}, {"type": "rename_key", "to": "b", "key": "a"})
    home.save("a", "b")
    before = home.full()
    assert home.up().items_migrated == 2
    assert home.values() == {"b": {"name": "a"}}
    home.down()
    assert without_versions(home.full().entries) == without_versions(before.entries)


@pytest.mark.parametrize(
    ("transform", "words"),
    [
        ({"type": "rename_key", "to": "c", "key": "[ab]"}, 'would move it to scope "users", key "c"'),
        ({"type": "rename_key", "to": "same", "key": "[ab]"}, 'would move it to scope "users", key "same"'),
        ({"type": "move_scope", "to": "system", "key": "a"}, 'would move it to scope "system", key "a"'),
        (key_by('entry_key == "a" ? "b" : "a"', key="[ab]"), "where there is an entry already"),
    ],
    ids=["the target is another entry", "two to one key", "the target is in another scope", "two swap"],
)
def test_entries_that_would_collide_are_refused_and_nothing_is_changed(
    home: Home, transform: dict[str, Any], words: str
) -> None:
    home.step(transform)
    home.save("a", "b", "c")
    home.save("a", scope="system")
    before = home.full()
    with pytest.raises(MigrationFailed, match="give one of them another name first") as raised:
        home.up()
    assert words in str(raised.value)
    assert home.full() == before


def test_an_old_key_that_was_taken_again_stops_the_way_down(home: Home) -> None:
    home.step({"type": "rename_key", "to": "u:{key}"}, {"type": "set", "field": "n", "value": 1})
    home.save("a")
    home.up()
    home.save("a", other=1)
    before = home.full()
    with pytest.raises(MigrationFailed, match=r'"u:a": .* would move it to scope "users", key "a", where'):
        home.down()
    assert home.full() == before


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 600])
def test_a_key_that_cannot_be_is_refused(home: Home, name: str) -> None:
    home.step(key_by("k"))
    home.save("a", k=name)
    with pytest.raises(MigrationFailed, match=r'key "a": .*the new key cannot be used'):
        home.up()


def test_a_later_migration_works_on_renamed_entries_and_all_come_back(home: Home) -> None:
    home.step({"type": "rename_key", "to": "u:{key}"}, {"type": "move_scope", "to": "people"}, RENAME)
    home.step(
        {"type": "remove", "field": "full_name"},
        {"type": "rename_key", "to": "{key}:3"},
        {"type": "delete_entry", "key": "u:d"},
        to=THIRD,
        start=SECOND,
        scope="people",
        key="u:*",
    )
    home.save("a", "b", "d")
    before = home.full()
    assert home.up().items_migrated == 3
    assert home.values("people") == {"u:a:3": {}, "u:b:3": {}}
    assert home.store.scopes() == ["people"]
    home.down(SECOND)
    assert home.values("people") == {f"u:{key}": {"full_name": key} for key in "abd"}
    home.down()
    assert without_versions(home.full().entries) == without_versions(before.entries)


def test_one_run_down_over_several_migrations_is_as_good_as_several(home: Home) -> None:
    home.step({"type": "rename_key", "to": "u:{key}"}, {"type": "delete_entry", "key": "d"})
    home.step({"type": "rename_key", "to": "d"}, to=THIRD, start=SECOND, key="u:a")
    home.save("a", "d")
    before = home.full()
    home.up()
    assert home.values() == {"d": {"name": "a"}}
    assert home.down().items_migrated == 2
    assert without_versions(home.full().entries) == without_versions(before.entries)


# Edits between up and down


def test_edited_fields_stay_edited_and_the_others_come_back(home: Home) -> None:
    home.step(
        {"type": "move", "from": "age", "to": "profile.age"},
        {"type": "remove", "field": "legacy"},
        {"type": "set", "field": "level", "value": "new"},
    )
    home.save("a", age=1, legacy=[1], level="old", name="A")
    home.up()
    home.save("a", level="new", name="B", profile={"age": 2})
    home.down()
    assert codec.encode(home.store.load("users", "a")) == b'{"age":2,"legacy":[1],"level":"old","name":"B"}'


def test_a_document_of_the_new_version_goes_down_without_what_was_never_kept(home: Home) -> None:
    home.step(
        {"type": "move", "from": "age", "to": "profile.age"},
        {"type": "remove", "field": "legacy", "missing": "skip"},
        {"type": "computed", "field": "adult", "expression": "profile.age >= 18"},
    )
    home.save("a", age=1)
    home.up()
    home.save("b", profile={"age": 30}, adult=True)
    home.down()
    assert home.values() == {"a": {"age": 1}, "b": {"age": 30}}


def test_an_entry_that_was_made_anew_under_its_old_key_does_not_get_the_old_record(home: Home) -> None:
    home.step({"type": "remove", "field": "secret", "missing": "skip"}, {"type": "set", "field": "n", "value": 2})
    home.save("a", "b", secret="old", n=1)
    home.up()
    home.store.delete("users", "a")
    home.clock.advance(1)
    home.save("a", n=2)
    home.save("b", n=2)
    home.down()
    assert home.values() == {"a": {"n": 2}, "b": {"secret": "old", "n": 1}}


def test_entries_from_a_clock_that_was_fast_come_down_whole(home: Home) -> None:
    home.step({"type": "remove", "field": "secret"}, {"type": "rename_key", "to": "u:{key}"})
    home.clock.advance(1000)
    home.save("a", "b", secret="kept")
    home.clock.advance(-1000)
    before = home.full()
    home.up()
    home.down()
    assert without_versions(home.full().entries) == without_versions(before.entries)


def test_an_entry_made_anew_at_the_new_key_stays_there(home: Home) -> None:
    home.step({"type": "rename_key", "to": "u:{key}"}, {"type": "remove", "field": "name"})
    home.save("a", "b")
    home.up()
    home.store.delete("users", "u:a")
    home.clock.advance(1)
    home.save("u:a", new=True)
    home.down()
    assert home.values() == {"b": {"name": "b"}, "u:a": {"new": True}}


def test_a_deleted_document_stays_deleted_on_the_way_down(home: Home) -> None:
    home.step(RENAME, {"type": "rename_key", "to": "u:{key}"})
    home.save("a", "b")
    home.up()
    home.store.delete("users", "u:a")
    assert home.down().items_migrated == 1
    assert home.values() == {"b": {"name": "b"}}


def test_up_again_after_down_remembers_nothing_of_the_first_time(home: Home) -> None:
    home.step({"type": "remove", "field": "a", "missing": "skip"}, {"type": "rename_key", "to": "k:{key}"})
    home.save("x", a=1, b=1)
    home.up()
    home.down()
    home.save("x", b=2)
    home.up()
    home.down()
    assert home.values() == {"x": {"b": 2}}


def test_there_is_no_way_back_over_what_was_forgotten_and_nothing_is_changed(home: Home) -> None:
    home.step({"type": "remove", "field": "name"})
    home.step({"type": "set", "field": "n", "value": 1}, to=THIRD, start=SECOND)
    home.save("a")
    home.up()
    assert home.migrations.forget(SECOND) > 0
    before = home.full()
    with pytest.raises(MigrationError, match=r"no way back from 2\.0\.0 to 1\.0\.0: what 2\.0\.0_step\.json had taken"):
        home.down()
    assert home.full() == before
    assert home.down(SECOND).items_migrated == 1


# Samples of a dry run


def test_a_dry_run_shows_the_first_entries_before_and_after(home: Home) -> None:
    home.step(RENAME, {"type": "rename_key", "to": "{key}:2", "key": "b"}, {"type": "delete_entry", "key": "c"})
    home.step({"type": "move_scope", "to": "people"}, to=THIRD, start=SECOND, key="b:2")
    home.save("a", "b", "c", "d", "e", "f", "g")
    samples = home.up(dry_run=True).samples
    assert len(samples) == 5
    assert samples[0] == ("users", "a", b'{"name":"a"}', b'{"full_name":"a"}', "users", "a")
    assert samples[1] == ("users", "b", b'{"name":"b"}', b'{"full_name":"b"}', "people", "b:2")
    assert samples[2] == ("users", "c", b'{"name":"c"}', None, "users", "c")
    assert home.up().samples == ()


def test_a_sample_of_a_deleted_entry_does_not_show_the_one_that_took_its_key(home: Home) -> None:
    home.step({"type": "delete_entry", "key": "b"}, {"type": "rename_key", "to": "b", "key": "a"})
    home.save("a", "b")
    samples = home.up(dry_run=True).samples
    assert [(one.key, one.to_key, one.after) for one in samples] == [("a", "b", b'{"name":"a"}'), ("b", "b", None)]
