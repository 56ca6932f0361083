"""After a restore the store is what it was, in every scope and to the byte; its versions go on, and others notice."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

import llmspell
from llmspell.errors import BackupDamaged, BackupError, BackupUnavailable, Conflict, InvalidArgument, StoreFull
from tests.clock import Clock
from tests.unit.backups.places import (
    ENTRIES_FILE,
    Home,
    entry_lines,
    flip,
    manifest_fields,
    rewrite,
    rewrite_entries,
    spoil,
    tree,
)
from tests.unit.migrations.homes import RENAME, put_step
from tests.unit.scripting.lua import Lua

NOTES_FILE = "notes.jsonl.zst"
VALUES: list[bytes] = [
    b"1",
    b"1.0",
    b"-0.0",
    b"0.0",
    b"-0",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"1e5",
    b"1E+05",
    b"1.50",
    b"0.10000000000000000555",
    b"5e-324",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b'""',
    b'"\\u00e9"',
    '"é"'.encode(),
    '"e\u0301"'.encode(),
    '"😀"'.encode(),
    b'"\\u0000"',
    b'{"b":1,"a":{"":[]}}',
    b"[" * 128 + b"]" * 128,
]


def filled(home: Home) -> None:
    """Put some of everything into a store."""
    store = home.store
    for number, text in enumerate(VALUES):
        store.save_json("values", f"v{number}", text)
    for key in ("é", "e\u0301", "😀", " ", "\n", '","value":', "a" * 512):
        store.save("naïve:scope", key, key)
    home.clock.advance(5)
    store.save("values", "v1", 2)
    store.save("session", "soon", 1, ttl=50)
    store.save("session", "later", 1, ttl=5_000)
    store.save("gone", "k", 1)
    store.delete("gone", "k")


def upset(home: Home) -> None:
    """Change, delete and add something in every scope."""
    home.clock.advance(7)
    store = home.store
    store.save("values", "v2", {"another": "type"})
    store.save("values", "v3", "0.0")
    store.delete("values", "v4")
    store.save("gone", "k", "back")
    store.save("new scope", "k", [1])
    store.clear("naïve:scope")
    store.save("naïve:scope", "é", 1)
    home.clock.advance(7)


def changes_of(home: Home, backup_id: str, **options: Any) -> set[tuple[str, str, str]]:
    """Give what a dry run lists."""
    return set(home.backups.restore_backup(backup_id, dry_run=True, **options).changes)


# Equality


@pytest.mark.parametrize("incremental", [False, True])
def test_a_restored_store_is_what_it_was_to_the_byte(any_home: Home, incremental: bool) -> None:
    any_home.store.save("values", "v0", "before")
    if incremental:
        any_home.full()
    filled(any_home)
    made = any_home.incremental() if incremental else any_home.full()
    before = any_home.seen()
    upset(any_home)
    assert any_home.seen() != before
    any_home.backups.restore_backup(made)
    assert any_home.seen() == before


@pytest.mark.parametrize("backend", ["disk", "memory"])
def test_another_store_becomes_what_this_one_was(homes: Callable[..., Home], backend: str) -> None:
    home = homes()
    filled(home)
    made, before = home.full(), home.seen()
    other = homes("other", backend=backend, schema_version="9.0.0")
    result = other.backups.restore_backup(made)
    assert other.seen() == before
    assert before.schema_version == "1.0.0" == result.schema_version
    assert result.pre_restore_backup_id is None
    assert other.store.version() == result.version > home.store.version()


def test_values_that_lua_wrote_come_back(
    home: Home, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    Lua(home.store, capsysbinary, tmp_path)(
        """
        State.save("global", "table", { list = { 1, 2.0, "x" }, empty = {}, nested = { deep = true } })
        State.save("global", "number", 2^53)
        State.save("global", "integer", math.maxinteger)
        State.save("global", "zero", -0.0)
        """
    )
    made, before = home.full(), home.seen()
    assert len(before.entries) == 4
    home.store.clear("global")
    home.backups.restore_backup(made)
    assert home.seen() == before


def test_what_was_made_later_is_gone_and_what_was_deleted_is_back(home: Home) -> None:
    home.store.save("app", "deleted", 1)
    home.store.save("app", "changed", 1)
    home.store.save("app", "same", 1)
    made = home.full()
    home.store.delete("app", "deleted")
    home.store.save("app", "changed", "another type")
    home.store.save("app", "new", 1)
    home.store.save("new scope", "new", 1)
    result = home.backups.restore_backup(made)
    assert home.values("app") == {"deleted": 1, "changed": 1, "same": 1}
    assert home.store.scopes() == ["app"]
    assert (result.entries_restored, result.entries_removed) == (3, 2)
    assert (result.backup_id, result.success, result.error, result.dry_run) == (made, True, None, False)
    assert result.changes == ()


def test_entries_keep_their_times(home: Home) -> None:
    home.store.save("app", "a", 1)
    home.clock.advance(100)
    home.store.save("app", "a", 2)
    made = home.full()
    home.clock.advance(100)
    home.store.delete("app", "a")
    home.backups.restore_backup(made)
    entry = home.store.entry("app", "a")
    assert entry is not None
    assert (entry.created_at, entry.updated_at) == (1_700_000_000.0, 1_700_000_100.0)
    home.store.save("app", "a", 3)
    entry = home.store.entry("app", "a")
    assert entry is not None
    assert (entry.created_at, entry.updated_at) == (1_700_000_000.0, home.clock())


def test_an_expiry_goes_on_where_it_was(any_home: Home) -> None:
    any_home.store.save("app", "a", 1, ttl=100)
    made = any_home.full()
    any_home.store.save("app", "a", 2)
    any_home.clock.advance(50)
    assert any_home.backups.restore_backup(made).entries_restored == 1
    assert any_home.store.load("app", "a") == 1
    any_home.clock.advance(48)
    assert any_home.store.load("app", "a") == 1
    any_home.clock.advance(1)
    assert any_home.store.load("app", "a") is None


def test_what_expires_between_backup_and_restore_does_not_come_back(any_home: Home) -> None:
    any_home.store.save("app", "a", 1, ttl=100)
    any_home.store.save("app", "b", 1)
    made = any_home.full()
    any_home.store.save("app", "a", "kept for good")
    any_home.clock.advance(100)
    result = any_home.backups.restore_backup(made)
    assert any_home.values("app") == {"b": 1}
    assert result.entries_restored == 1
    assert any_home.full()


def test_what_had_expired_is_not_in_the_backup_at_all(home: Home) -> None:
    home.store.save("app", "a", 1, ttl=0.5)
    home.store.save("app", "b", 1)
    made = home.full()
    assert len(entry_lines(home.files(made))) == 1
    home.clock.now -= 10
    assert home.store.load("app", "a") == 1
    home.backups.restore_backup(made)
    assert home.values("app") == {"b": 1}


def test_every_member_of_a_chain_can_be_restored_in_any_order(home: Home) -> None:
    made, states = [], []
    for number in range(5):
        home.store.save("app", f"k{number % 3}", number)
        if number == 3:
            home.store.delete("app", "k1")
        made.append(home.incremental() if number else home.full())
        states.append(home.seen())
    for number in (4, 0, 2, 2, 3, 1, 4):
        home.clock.advance(1)
        home.backups.restore_backup(made[number])
        assert home.seen() == states[number]


def test_a_backup_is_restored_though_a_later_one_is_damaged(home: Home) -> None:
    home.store.save("app", "a", 1)
    home.full()
    home.store.save("app", "a", 2)
    second, before = home.incremental(), home.seen()
    home.store.save("app", "a", 3)
    spoil(home.files(home.incremental()) / ENTRIES_FILE, flip)
    home.backups.restore_backup(second)
    assert home.seen() == before


def test_to_restore_twice_is_to_restore_once(home: Home) -> None:
    filled(home)
    made, before = home.full(), home.seen()
    upset(home)
    home.backups.restore_backup(made)
    again = home.backups.restore_backup(made)
    assert home.seen() == before
    assert again.entries_removed == 0


def test_the_backup_before_a_restore_undoes_it(any_home: Home) -> None:
    filled(any_home)
    made = any_home.full()
    upset(any_home)
    before = any_home.seen()
    undo = any_home.backups.restore_backup(made).pre_restore_backup_id
    assert undo is not None
    [listed] = [one for one in any_home.backups.list_backups() if one.id == undo]
    assert listed.description == f"before restoring {made}"
    any_home.clock.advance(1)
    again = any_home.backups.restore_backup(undo)
    assert any_home.seen() == before
    assert again.pre_restore_backup_id is not None
    any_home.backups.restore_backup(again.pre_restore_backup_id)
    assert any_home.seen() != before


def test_a_backup_of_nothing_empties_the_store(home: Home) -> None:
    made = home.full()
    home.store.save("app", "a", 1)
    assert home.backups.restore_backup(made).entries_removed == 1
    assert home.seen().entries == []


def test_a_store_folder_that_was_lost_comes_back(homes: Callable[..., Home]) -> None:
    home = homes()
    filled(home)
    home.full()
    home.store.save("app", "a", 1)
    made, before = home.incremental(), home.seen()
    home.close()
    shutil.rmtree(home.folder)
    again = homes()
    again.backups.restore_backup(made)
    assert again.seen() == before


# Versions


def test_every_entry_gets_a_version_that_nobody_has_seen(any_home: Home) -> None:
    for number in range(5):
        any_home.store.save("app", f"k{number}", number)
    made, highest = any_home.full(), any_home.store.version()
    any_home.store.save("app", "k0", 9)
    result = any_home.backups.restore_backup(made)
    assert result.version == any_home.store.version() == highest + 2
    for key in any_home.store.list_keys("app"):
        entry = any_home.store.entry("app", key)
        assert entry is not None
        assert entry.version == result.version


def test_a_version_from_before_conflicts(any_home: Home) -> None:
    any_home.store.save("app", "deleted", 1)
    version = any_home.store.save("app", "a", 1)
    made = any_home.full()
    any_home.backups.restore_backup(made)
    with pytest.raises(Conflict):
        any_home.store.save("app", "a", 2, if_version=version)
    with pytest.raises(Conflict):
        any_home.store.delete("app", "a", if_version=version)
    assert any_home.store.load("app", "a") == 1


def test_a_store_made_anew_goes_on_above_every_version_that_is_known(homes: Callable[..., Home]) -> None:
    home = homes()
    for number in range(30):
        home.store.save("app", "a", number)
    first = home.full()
    for number in range(30):
        home.store.save("app", "a", number)
    home.full()
    highest = home.store.version()
    other = homes("other")
    for number in range(3):
        other.store.save("app", "a", number)
    other.backups.restore_backup(first)
    assert other.store.version() > highest
    seen = other.store.version()
    made = other.full()
    again = homes("third")
    again.backups.restore_backup(made)
    assert again.store.version() > seen


def test_a_store_that_went_on_alone_is_not_put_below_a_version_it_gave_itself(homes: Callable[..., Home]) -> None:
    home = homes()
    home.store.save("app", "a", 1)
    made = home.full()
    for number in range(50):
        home.store.save("app", "a", number)
    last = home.store.version()
    assert home.backups.restore_backup(made).version == last + 1


def test_the_next_incremental_backup_after_a_restore_is_complete(any_home: Home) -> None:
    filled(any_home)
    made = any_home.full()
    upset(any_home)
    any_home.incremental()
    any_home.backups.restore_backup(made)
    any_home.store.save("app", "after", 1)
    any_home.store.delete("values", "v0")
    child, before = any_home.incremental(), any_home.seen()
    upset(any_home)
    any_home.backups.restore_backup(child)
    assert any_home.seen() == before


def test_the_first_incremental_backup_of_a_restored_store_made_anew_is_full(homes: Callable[..., Home]) -> None:
    home = homes()
    filled(home)
    made = home.full()
    other = homes("other")
    other.backups.restore_backup(made)
    created = other.asked_for_incremental()
    assert not created.is_incremental
    assert changes_of(other, created.backup_id) == set()


# Others who look on


def test_a_transaction_that_was_open_meanwhile_conflicts(any_home: Home) -> None:
    store = any_home.store
    store.save("app", "a", 1)
    made = any_home.full()
    store.save("app", "a", 2)

    def overtaken() -> None:
        with store.transaction() as state:
            state.load("app", "a")
            state.save("app", "b", 1)
            _from_outside(lambda: any_home.backups.restore_backup(made))

    with pytest.raises(Conflict):
        overtaken()
    assert any_home.values("app") == {"a": 1}


def test_a_transaction_that_is_repeated_sees_what_came_back(any_home: Home) -> None:
    store = any_home.store
    store.save("app", "a", 1)
    made = any_home.full()
    store.save("app", "a", 2)
    runs: list[object] = []

    def work(state: Any) -> None:
        runs.append(state.load("app", "a"))
        if len(runs) == 1:
            _from_outside(lambda: any_home.backups.restore_backup(made))
        state.save("app", "b", runs[-1])

    store.transaction(work)
    assert runs == [2, 1]
    assert any_home.values("app") == {"a": 1, "b": 1}


def _from_outside(work: Callable[[], object]) -> None:
    """Do something in another thread, where no transaction is open."""
    import threading

    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  told to the test
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert failures == []


def test_whoever_follows_the_changes_learns_of_all_of_them(any_home: Home) -> None:
    store = any_home.store
    store.save("app", "same", 1)
    store.save("app", "deleted", 1)
    made = any_home.full()
    store.delete("app", "deleted")
    store.save("app", "new", 1)
    since = store.version()
    version = any_home.backups.restore_backup(made).version
    told = {(one.key, one.version, None if one.stored is None else one.stored.value) for one in store.changes(since)}
    assert told == {("same", version, b"1"), ("deleted", version, b"1"), ("new", version, None)}


def test_a_snapshot_goes_on_seeing_its_moment(home: Home) -> None:
    home.store.save("app", "a", 1)
    made = home.full()
    home.store.save("app", "a", 2)
    with home.store.snapshot() as state:
        assert state.load("app", "a") == 2
        home.backups.restore_backup(made)
        assert state.load("app", "a") == 2
    assert home.store.load("app", "a") == 1


def test_another_open_store_of_the_same_folder_sees_what_came_back(homes: Callable[..., Home]) -> None:
    one, other = homes(), homes()
    one.store.save("app", "a", 1)
    made = one.full()
    other.store.save("app", "a", 2)
    one.backups.restore_backup(made)
    assert other.store.load("app", "a") == 1


def test_progress_is_told_up_to_the_end(home: Home) -> None:
    filled(home)
    home.full()
    home.store.delete("values", "v0")
    made = home.incremental()
    told: list[tuple[int, int]] = []
    home.backups.restore_backup(made, progress=lambda done, of: told.append((done, of)))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]


# Parts


@pytest.fixture
def parts(home: Home) -> tuple[Home, str]:
    """Give a home whose store has changed since its backup, in four scopes."""
    for scope in ("agent:a", "agent:b", "app", "cache"):
        for key in ("user:1", "user:2", "other"):
            home.store.save(scope, key, 1)
    made = home.full()
    for scope in ("agent:a", "agent:b", "app", "cache"):
        home.store.save(scope, "user:1", 2)
        home.store.delete(scope, "user:2")
        home.store.save(scope, "user:3", 3)
    return home, made


OLD = {"user:1": 1, "user:2": 1, "other": 1}
NEW = {"user:1": 2, "user:3": 3, "other": 1}


@pytest.mark.parametrize(
    ("options", "restored"),
    [
        ({"scopes": "agent:a"}, {"agent:a"}),
        ({"scopes": ["agent:*"]}, {"agent:a", "agent:b"}),
        ({"scopes": ["agent:*", "agent:a", "a*"]}, {"agent:a", "agent:b", "app"}),
        ({"exclude": "cache"}, {"agent:a", "agent:b", "app"}),
        ({"exclude": ["agent:*", "cache*"]}, {"app"}),
        ({"scopes": "agent:*", "exclude": "*:b"}, {"agent:a"}),
        ({"scopes": "nobody"}, set()),
        ({"scopes": "app", "exclude": "app"}, set()),
        ({"scopes": "*"}, {"agent:a", "agent:b", "app", "cache"}),
    ],
)
def test_only_the_chosen_scopes_are_touched(
    parts: tuple[Home, str], options: dict[str, Any], restored: set[str]
) -> None:
    home, made = parts
    versions = {scope: _versions(home, scope) for scope in home.store.scopes()}
    listed = changes_of(home, made, **options)
    result = home.backups.restore_backup(made, **options)
    for scope in ("agent:a", "agent:b", "app", "cache"):
        assert home.values(scope) == (OLD if scope in restored else NEW)
        assert (_versions(home, scope) == versions[scope]) == (scope not in restored)
    assert (result.entries_restored, result.entries_removed) == (3 * len(restored), len(restored))
    assert listed == {
        (change, scope, key)
        for scope in restored
        for change, key in (("changed", "user:1"), ("added", "user:2"), ("removed", "user:3"))
    }


def _versions(home: Home, scope: str) -> dict[str, int]:
    entries = {key: home.store.entry(scope, key) for key in home.store.list_keys(scope)}
    return {key: entry.version for key, entry in entries.items() if entry is not None}


def test_only_the_chosen_keys_are_touched(parts: tuple[Home, str]) -> None:
    home, made = parts
    home.backups.restore_backup(made, scopes="app", keys=["*:1", "*:2"])
    assert home.values("app") == {"user:1": 1, "user:2": 1, "user:3": 3, "other": 1}
    home.backups.restore_backup(made, scopes="app", keys="user:?")
    assert home.values("app") == OLD
    assert home.values("cache") == NEW


def test_a_part_restored_can_be_undone(parts: tuple[Home, str]) -> None:
    home, made = parts
    before = home.seen()
    undo = home.backups.restore_backup(made, scopes="app").pre_restore_backup_id
    assert undo is not None
    home.backups.restore_backup(undo)
    assert home.seen() == before


def test_a_scope_can_come_back_beside_the_present_one(parts: tuple[Home, str]) -> None:
    home, made = parts
    home.store.save("old app", "mine", 5)
    home.store.save("old app", "other", 5)
    listed = changes_of(home, made, scopes="app", into="old app")
    result = home.backups.restore_backup(made, scopes="app", into="old app")
    assert home.values("old app") == {**OLD, "mine": 5}
    assert home.values("app") == NEW
    assert (result.entries_restored, result.entries_removed) == (3, 0)
    assert listed == {("added", "old app", "user:1"), ("added", "old app", "user:2"), ("changed", "old app", "other")}


def test_entries_of_several_scopes_do_not_go_into_one(parts: tuple[Home, str]) -> None:
    home, made = parts
    before = home.seen(), home.store.version()
    with pytest.raises(InvalidArgument, match=r'into = "x" takes the entries of one scope.*agent:a, agent:b; name one'):
        home.backups.restore_backup(made, scopes="agent:*", into="x")
    with pytest.raises(InvalidArgument, match="takes the entries of one scope"):
        home.backups.restore_backup(made, into="x")
    assert (home.seen(), home.store.version()) == before


def test_a_backup_of_one_scope_goes_into_another_without_naming_it(parts: tuple[Home, str]) -> None:
    home, _ = parts
    made = home.full(scopes="app")
    home.backups.restore_backup(made, into="copy")
    assert home.values("copy") == home.values("app") == NEW


@pytest.mark.parametrize("into", ["", "x" * 257, "a\0b", 5])
def test_into_takes_the_name_of_a_scope(parts: tuple[Home, str], into: Any) -> None:
    home, made = parts
    with pytest.raises(InvalidArgument, match="scope"):
        home.backups.restore_backup(made, scopes="app", into=into)


@pytest.mark.parametrize(
    ("chosen", "of_it"),
    [
        ({"scopes": "agent:*"}, {"agent:a", "agent:b"}),
        ({"exclude": ["cache", "app", "brand*"]}, {"agent:a", "agent:b"}),
        ({"scopes": ["agent:*", "cache"], "exclude": "*:b"}, {"agent:a", "cache"}),
    ],
)
def test_a_backup_of_a_part_never_touches_what_it_does_not_cover(
    parts: tuple[Home, str], chosen: dict[str, Any], of_it: set[str]
) -> None:
    home, whole = parts
    home.backups.restore_backup(whole)
    made = home.full(**chosen)
    for scope in ("agent:a", "agent:b", "app", "cache", "brand new"):
        home.store.save(scope, "user:9", 9)
        home.store.delete(scope, "other")
    home.backups.restore_backup(made)
    for scope in ("agent:a", "agent:b", "app", "cache"):
        assert home.values(scope) == (OLD if scope in of_it else {"user:1": 1, "user:2": 1, "user:9": 9})
    assert home.values("brand new") == {"user:9": 9}


def test_an_incremental_backup_of_a_part_comes_back(parts: tuple[Home, str]) -> None:
    home, _ = parts
    home.full(scopes="agent:*")
    home.store.save("agent:a", "more", 1)
    home.store.delete("agent:b", "other")
    home.store.save("app", "unseen", 1)
    made, before = home.incremental(scopes="agent:*"), home.seen()
    home.store.clear("agent:a")
    home.store.save("agent:b", "other", 7)
    home.backups.restore_backup(made)
    assert home.seen() == before


# Dry runs


@pytest.mark.parametrize(
    "options", [{}, {"scopes": "values"}, {"keys": "v*"}, {"exclude": "gone"}, {"scopes": "session", "into": "other"}]
)
def test_a_dry_run_lists_what_a_restore_changes_and_changes_no_byte(any_home: Home, options: dict[str, Any]) -> None:
    filled(any_home)
    made = any_home.full()
    upset(any_home)
    before, files, version = any_home.seen(), tree(any_home.root), any_home.store.version()
    told = any_home.backups.restore_backup(made, dry_run=True, **options)
    assert (any_home.seen(), any_home.store.version()) == (before, version)
    assert tree(any_home.root) == files
    done = any_home.backups.restore_backup(made, **options)
    after = any_home.seen()
    assert {tuple(change) for change in told.changes} == _differences(before.entries, after.entries)
    assert list(told.changes) == sorted(told.changes, key=lambda change: change[1:])
    assert told.dry_run
    assert told.pre_restore_backup_id is None
    for field in ("entries_restored", "entries_removed", "version", "schema_version", "backup_id"):
        assert getattr(told, field) == getattr(done, field)


def _differences(before: list[Any], after: list[Any]) -> set[tuple[str, str, str]]:
    old, new = ({one[:2]: one[2:] for one in entries} for entries in (before, after))
    changes = {("removed", *place) for place in old.keys() - new.keys()}
    changes |= {("added", *place) for place in new.keys() - old.keys()}
    return changes | {("changed", *place) for place in new.keys() & old.keys() if new[place] != old[place]}


def test_a_dry_run_makes_no_store(homes: Callable[..., Home]) -> None:
    home = homes()
    filled(home)
    made = home.full()
    other = homes("other")
    files = tree(home.root)
    told = other.backups.restore_backup(made, dry_run=True)
    assert not other.folder.exists()
    assert tree(home.root) == files
    assert {change.change for change in told.changes} == {"added"}
    assert len(told.changes) == len(home.seen().entries)
    done = other.backups.restore_backup(made)
    assert (done.version, done.schema_version) == (told.version, told.schema_version)


def test_a_dry_run_finds_damage_too(home: Home) -> None:
    home.store.save("app", "a", 1)
    made = home.full()
    spoil(home.files(made) / ENTRIES_FILE, flip)
    with pytest.raises(BackupDamaged):
        home.backups.restore_backup(made, dry_run=True)


# Refusals


def test_damage_is_found_before_anything_is_touched_and_what_is_left_is_named(home: Home) -> None:
    home.store.save("app", "a", 1)
    first, second = home.full(), home.full()
    spoil(home.files(second) / ENTRIES_FILE, flip)
    before, listed = (home.seen(), home.store.version()), home.backups.list_backups()
    with pytest.raises(
        BackupDamaged,
        match=f"^{second} is damaged: .*; the store is as it was; other backups that can be restored: {first}$",
    ):
        home.backups.restore_backup(second)
    assert (home.seen(), home.store.version()) == before
    assert home.backups.list_backups() == listed
    shutil.rmtree(home.files(first))
    with pytest.raises(BackupDamaged, match="other backups that can be restored: none"):
        home.backups.restore_backup(second)


def test_a_state_that_does_not_add_up_undoes_the_restore(home: Home, homes: Callable[..., Home]) -> None:
    filled(home)
    made = home.full()
    folder = home.files(made)
    lines = entry_lines(folder)
    rewrite_entries(folder, [*lines, lines[0]], entry_count=len(lines) + 1)
    other = homes("other")
    other.store.save("app", "mine", 1)
    before = other.seen(), other.store.version()
    with pytest.raises(BackupDamaged, match=f"{made} is damaged: with what it stands on it makes"):
        other.backups.restore_backup(made)
    assert (other.seen(), other.store.version()) == before


def test_a_manifest_that_somebody_wrote_anew_is_refused_by_the_store_that_knows_it(home: Home) -> None:
    home.store.save("app", "balance", 10)
    made = home.full()
    folder = home.files(made)
    rewrite_entries(folder, [line.replace(b'"value":10', b'"value":99') for line in entry_lines(folder)])
    with pytest.raises(BackupDamaged, match="not the one that the store remembers; somebody has written it anew"):
        home.backups.restore_backup(made)
    assert home.store.load("app", "balance") == 10


def test_a_version_that_leaves_no_room_is_refused(homes: Callable[..., Home]) -> None:
    home = homes()
    home.store.save("app", "a", 1)
    odd = home.full()
    for version in (2**63 - 1, 2**64, 10**30):
        rewrite(home.files(odd), version=version)
        with pytest.raises(BackupDamaged, match="its manifest is not readable"):
            homes("other").backups.restore_backup(odd)


def test_a_manifest_of_an_impossible_version_does_not_lift_the_versions_of_others(homes: Callable[..., Home]) -> None:
    home = homes()
    home.store.save("app", "a", 1)
    sound, odd = home.full(), home.full()
    rewrite(home.files(odd), version=2**60)
    other = homes("other")
    other.backups.restore_backup(sound)
    assert other.store.version() < 2**53
    assert other.backups.restore_backup(other.full()).success


def test_nothing_is_restored_when_the_present_cannot_be_backed_up_first(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.store.save("app", "a", 1)
    made = home.full()
    home.store.save("app", "a", 2)
    from llmspell.backups.local import LocalPlace

    def refuse(*_: object) -> None:
        raise BackupUnavailable("the disk is full")

    monkeypatch.setattr(LocalPlace, "draft", refuse)
    with pytest.raises(BackupError, match="could not be backed up first: the disk is full; mend that, or use force"):
        home.backups.restore_backup(made)
    assert home.store.load("app", "a") == 2
    result = home.backups.restore_backup(made, force=True)
    assert home.store.load("app", "a") == 1
    assert result.pre_restore_backup_id is None


def test_a_store_that_cannot_be_written_is_as_it_was(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    from llmspell.backends.sqlite.revising import SqliteRevision

    filled(home)
    made = home.full()
    upset(home)
    before = home.seen(), home.store.version()

    def full(*_: object) -> None:
        raise StoreFull("the disk is full")

    for name in ("put_all", "remove_rest", "apply", "finish"):
        with monkeypatch.context() as patch:
            patch.setattr(SqliteRevision, name, full)
            with pytest.raises((StoreFull, BackupError)):
                home.backups.restore_backup(made, force=True)
        assert (home.seen(), home.store.version()) == before


def test_progress_that_raises_undoes_it(home: Home) -> None:
    filled(home)
    made = home.full()
    upset(home)
    before = home.seen(), home.store.version()

    def stop(done: int, of: int) -> None:
        raise KeyError("stop")

    with pytest.raises(KeyError, match="stop"):
        home.backups.restore_backup(made, progress=stop)
    assert (home.seen(), home.store.version()) == before


def test_the_backup_before_a_restore_never_makes_retention_remove_what_is_restored(homes: Callable[..., Home]) -> None:
    from llmspell.backups.retention import Rules

    home = homes(rules=Rules(days=0, max_backups=1))
    home.store.save("app", "a", 1)
    made = home.full()
    home.store.save("app", "a", 2)
    assert home.backups.restore_backup(made).pre_restore_backup_id is not None
    assert home.store.load("app", "a") == 1
    assert home.files(made).is_dir()


# Schema versions


REMOVE = {"type": "remove", "field": "secret"}


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    """A folder with the migrations 1.0.0 to 2.0.0 to 3.0.0."""
    folder = tmp_path / "steps"
    put_step(folder, RENAME, REMOVE, start="1.0.0", to="2.0.0")
    put_step(folder, {"type": "rename", "from": "full_name", "to": "title"}, start="2.0.0", to="3.0.0")
    return folder


def people(home: Home) -> str:
    """Save two documents of schema version 1.0.0 and make a backup of them."""
    for name in ("ada", "bob"):
        home.store.save("users", name, {"name": name, "secret": len(name)})
    return home.full()


def migrated(home: Home, version: str) -> None:
    home.clock.advance(1)
    home.store.migrations.migrate(version)
    home.clock.advance(1)


@pytest.mark.parametrize("backend", ["disk", "memory"])
def test_an_older_backup_is_migrated_in_the_same_step(homes: Callable[..., Home], steps: Path, backend: str) -> None:
    home = homes(migrations_path=steps, backend=backend)
    made = people(home)
    migrated(home, "3.0.0")
    before = home.seen()
    home.store.save("users", "ada", {"title": "changed"})
    home.store.save("users", "new", {"title": "new"})
    version = home.store.version()
    result = home.backups.restore_backup(made)
    assert home.seen() == before
    assert (result.schema_version, result.version) == ("3.0.0", home.store.version())
    assert home.store.version() == version + 1
    assert {one.to_version for one in home.store.migrations.applied()} == {"2.0.0", "3.0.0"}


def test_the_way_down_gives_everything_again_after_a_restore(homes: Callable[..., Home], steps: Path) -> None:
    home = homes(migrations_path=steps)
    made = people(home)
    original = home.seen()
    migrated(home, "3.0.0")
    home.backups.restore_backup(made)
    migrated(home, "1.0.0")
    assert home.seen() == original


def test_a_newer_backup_is_taken_down_where_that_can_be_done(homes: Callable[..., Home], steps: Path) -> None:
    home = homes(migrations_path=steps)
    people(home)
    original = home.seen()
    migrated(home, "3.0.0")
    made = home.full()
    migrated(home, "1.0.0")
    home.store.save("users", "ada", {"name": "changed"})
    home.backups.restore_backup(made)
    assert home.seen() == original
    assert home.store.migrations.applied() == []


def test_a_backup_of_the_same_schema_version_brings_what_was_put_aside(homes: Callable[..., Home], steps: Path) -> None:
    home = homes(migrations_path=steps)
    people(home)
    home.store.save("users", "odd", {"nothing": 1})
    home.clock.advance(1)
    home.store.migrations.migrate("2.0.0", on_error="quarantine")
    assert len(home.store.migrations.quarantine()) == 1
    made, before = home.full(), home.seen()
    home.store.migrations.discard([one.number for one in home.store.migrations.quarantine()])
    home.backups.restore_backup(made)
    assert len(home.store.migrations.quarantine()) == 1
    assert home.seen() == before
    other = homes("other", migrations_path=steps)
    other.backups.restore_backup(made)
    assert len(other.store.migrations.quarantine()) == 1
    migrated(other, "1.0.0")
    assert other.values("users")["ada"] == {"name": "ada", "secret": 3}


def test_an_older_backup_with_an_entry_that_cannot_go_through_is_refused_by_its_name(
    homes: Callable[..., Home], steps: Path
) -> None:
    home = homes(migrations_path=steps)
    home.store.save("users", "odd", {"nothing": 1})
    made = home.full()
    home.store.delete("users", "odd")
    migrated(home, "2.0.0")
    before = home.seen(), home.store.version()
    with pytest.raises(BackupError, match=f"backup {made} has schema version 1.0.0 and cannot be taken to 2.0.0.*odd"):
        home.backups.restore_backup(made)
    assert (home.seen(), home.store.version()) == before


def test_without_migrations_another_schema_version_is_refused_with_what_to_do(homes: Callable[..., Home]) -> None:
    home = homes()
    home.store.save("app", "a", 1)
    made = home.full()
    other = homes("other", schema_version="2.0.0")
    other.store.save("app", "b", 1)
    before = other.seen(), other.store.version()
    for dry_run in (False, True):
        with pytest.raises(
            BackupError,
            match=f"{made} has schema version 1.0.0, the store has 2.0.0, and migrations are off; set migration_",
        ):
            other.backups.restore_backup(made, dry_run=dry_run)
    assert (other.seen(), other.store.version()) == before


def test_a_part_of_another_schema_version_is_refused_with_what_to_do(homes: Callable[..., Home], steps: Path) -> None:
    home = homes(migrations_path=steps)
    made = people(home)
    migrated(home, "3.0.0")
    before = home.seen(), home.store.version()
    for keys, into in ((None, None), ("ada", None), (None, "old")):
        with pytest.raises(BackupError, match="so a part of it cannot come back alone; restore it whole into a new"):
            home.backups.restore_backup(made, scopes="users", keys=keys, into=into)
    assert (home.seen(), home.store.version()) == before


def test_a_part_from_before_the_last_migration_is_refused_even_when_the_versions_are_equal(
    homes: Callable[..., Home], steps: Path
) -> None:
    home = homes(migrations_path=steps)
    people(home)
    migrated(home, "2.0.0")
    made = home.full()
    home.clock.advance(1)
    migrated(home, "1.0.0")
    migrated(home, "2.0.0")
    with pytest.raises(BackupError, match=r"the store was migrated since backup .* restore it whole"):
        home.backups.restore_backup(made, scopes="users")
    home.backups.restore_backup(made)
    migrated(home, "1.0.0")
    assert home.values("users")["ada"]["name"] == "ada"


def test_a_version_that_no_migration_leads_to_is_refused_by_its_name(homes: Callable[..., Home], steps: Path) -> None:
    home = homes(schema_version="7.0.0")
    home.store.save("app", "a", 1)
    made = home.full()
    other = homes("other", migrations_path=steps)
    other.store.save("app", "b", 1)
    before = other.seen(), other.store.version()
    with pytest.raises(BackupError, match=f"{made} has schema version 7.0.0 and cannot be taken to 1.0.0") as caught:
        other.backups.restore_backup(made)
    assert caught.value.problems
    assert (other.seen(), other.store.version()) == before


def test_a_migration_that_was_edited_since_is_refused(homes: Callable[..., Home], steps: Path) -> None:
    home = homes(migrations_path=steps)
    people(home)
    migrated(home, "2.0.0")
    made = home.full()
    migrated(home, "3.0.0")
    before = home.seen(), home.store.version()
    put_step(steps, RENAME, start="1.0.0", to="2.0.0")
    with pytest.raises(BackupError, match=r"cannot be taken to 3.0.0.*2.0.0_step.json was changed"):
        homes(migrations_path=steps).backups.restore_backup(made)
    assert (home.seen(), home.store.version()) == before


def test_a_new_store_takes_the_schema_version_of_the_backup(homes: Callable[..., Home]) -> None:
    home = homes(schema_version="2.5.0-beta.1")
    home.store.save("app", "a", 1)
    made = home.full()
    other = homes("other", schema_version="9.0.0")
    assert other.backups.restore_backup(made).schema_version == "2.5.0-beta.1" == other.store.schema_version()


@pytest.mark.parametrize("options", [{"scopes": "app"}, {"keys": "*"}, {"scopes": "app", "into": "x"}])
def test_a_new_store_takes_the_schema_version_with_a_part_too(
    homes: Callable[..., Home], options: dict[str, Any]
) -> None:
    home = homes(schema_version="2.0.0")
    home.store.save("app", "a", 1)
    made = home.full()
    other = homes("other", schema_version="9.0.0")
    told = other.backups.restore_backup(made, dry_run=True, **options)
    assert told.schema_version == other.backups.restore_backup(made, **options).schema_version == "2.0.0"
    assert other.store.schema_version() == "2.0.0"


def test_an_empty_store_that_was_migrated_keeps_its_schema_version(homes: Callable[..., Home], steps: Path) -> None:
    home = homes(migrations_path=steps)
    made = people(home)
    other = homes("other", migrations_path=steps)
    other.store.migrations.migrate("2.0.0")
    other.backups.restore_backup(made)
    assert other.store.schema_version() == "2.0.0"
    assert other.values("users")["ada"] == {"full_name": "ada"}


def test_what_a_migration_deleted_is_not_in_the_way_of_the_next_backup(homes: Callable[..., Home], steps: Path) -> None:
    home = homes(migrations_path=steps)
    made = people(home)
    migrated(home, "2.0.0")
    home.incremental()
    home.backups.restore_backup(made)
    child, before = home.incremental(), home.seen()
    home.store.clear("users")
    home.backups.restore_backup(child)
    assert home.seen() == before
    assert manifest_fields(home.files(child))["schema_version"] == "2.0.0"
    assert os.listdir(home.files(child))


def test_a_restore_that_goes_down_is_no_migration_in_history(tmp_path: Path, clock: Clock) -> None:
    delete, wrap = {"type": "delete_entry", "condition": "has(this.temp)"}, {"type": "wrap", "field": "tags"}
    put_step(tmp_path / "steps", delete, wrap, start="1.0.0", to="2.0.0")
    with llmspell.open(
        backend="memory",
        clock=clock,
        migrations_path=tmp_path / "steps",
        backup_path=tmp_path / "backups",
        history_days=30,
    ) as store:
        store.save("users", "ada", {"tags": ["a"]})
        store.save("users", "odd", {"temp": 1, "tags": ["t"]})
        store.migrations.migrate("2.0.0")
        clock.advance(1)
        made = store.backups.create_backup().backup_id
        store.migrations.migrate("1.0.0")
        clock.advance(1)
        seven = store.save("users", "ada", {"tags": ["seven"]})
        store.save("users", "ada", {"tags": ["eight"]})
        result = store.backups.restore_backup(made)
        assert store.load("users", "ada") == {"tags": ["a"]}
        assert store.list_keys("users") == ["ada", "odd"]
        assert {change.migrated_to for change in store.changes() if change.version == result.version} == {None}
        store.restore(seven)
        assert store.load("users", "ada") == {"tags": ["seven"]}


# A store that was lost


def test_no_version_is_given_twice_when_a_lost_store_is_restored_into_one_with_some_writes(
    homes: Callable[..., Home],
) -> None:
    lost = homes()
    lost.store.save("app", "k", "kept")
    made = lost.full()
    held = [lost.store.save("app", "k", number) for number in range(10)]
    lost.close()
    shutil.rmtree(lost.folder)
    anew = homes()
    for number in range(len(held)):
        anew.store.save("scratch", "x", number)
    between = anew.store.version()
    assert held[0] < between < held[-1]
    assert anew.backups.restore_backup(made).version > max(between, *held)
    for stale in held:
        with pytest.raises(Conflict):
            anew.store.save("app", "k", "of a client that knows the lost store", if_version=stale)
    assert anew.store.load("app", "k") == "kept"


# Archives that somebody wrote


def with_notes(folder: Path, *notes: tuple[str, str, str]) -> None:
    """Write other notes into a backup, and a manifest that fits them."""
    lines = [json.dumps({"kind": kind, "name": name, "value": value}).encode() + b"\n" for kind, name, value in notes]
    content = b"".join(lines)
    packed = zstandard.compress(content)
    (folder / NOTES_FILE).write_bytes(packed)
    known = manifest_fields(folder)
    known["files"][NOTES_FILE] = {
        "bytes": len(packed),
        "sha256": hashlib.sha256(packed).hexdigest(),
        "content_bytes": len(content),
    }
    known["details"]["content_sha256"][NOTES_FILE] = hashlib.sha256(content).hexdigest()
    rewrite(folder, **known)


def refused_by_another(homes: Callable[..., Home], backup_id: str) -> str:
    """Give what a store says that does not remember the backup, and is then as it was."""
    other = homes("other")
    other.store.save("app", "mine", 1)
    before = other.seen(), other.store.version()
    for dry_run in (True, False):
        with pytest.raises(BackupDamaged) as caught:
            other.backups.restore_backup(backup_id, dry_run=dry_run)
    assert (other.seen(), other.store.version()) == before
    assert other.backups.create_backup().warnings == ()
    return str(caught.value)


@pytest.mark.parametrize("kind", ["backup", "migration run"])
def test_notes_about_the_past_of_the_store_itself_are_in_no_backup(homes: Callable[..., Home], kind: str) -> None:
    home = homes()
    home.store.save("app", "a", 1)
    made = home.full()
    with_notes(home.files(made), (kind, made, json.dumps({"checksum": "0"})))
    assert f"notes of the kind '{kind}' are in no backup" in refused_by_another(homes, made)
    assert not home.backups.validate_backup(made).is_valid


NUMBERS_FOR_TEXTS = json.dumps(
    {
        "from_version": 1,
        "to_version": 2,
        "file": 3,
        "description": 4,
        "applied_at": "5",
        "items_migrated": "6",
        "fingerprint": 7,
    }
)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("migration", "nonsense"),
        ("migration", "{}"),
        ("migration", "[]"),
        ("migration", '{"from_version": "1.0.0"}'),
        ("migration", NUMBERS_FOR_TEXTS),
        ("quarantine number", "nonsense"),
        ("quarantine", "nonsense"),
        ("quarantine", "{}"),
        ("quarantine", "5"),
    ],
)
def test_notes_that_no_store_has_written_are_refused(homes: Callable[..., Home], kind: str, value: str) -> None:
    home = homes()
    home.store.save("app", "a", 1)
    made = home.full()
    with_notes(home.files(made), (kind, "" if kind == "quarantine number" else "1", value))
    assert "holds notes that no store has written" in refused_by_another(homes, made)


def test_a_full_backup_with_deletions_is_refused(homes: Callable[..., Home]) -> None:
    home = homes()
    home.store.save("app", "a", 1)
    home.store.save("app", "b", 1)
    made = home.full()
    deletion = b'{"scope":"app","key":"gone","version":1,"deleted_at":3.0}\n'
    rewrite_entries(home.files(made), [*entry_lines(home.files(made)), deletion], tombstone_count=1)
    assert "it is a full backup and holds deletions" in refused_by_another(homes, made)


def test_a_backup_of_a_part_with_an_entry_twice_is_refused(homes: Callable[..., Home]) -> None:
    home = homes()
    home.store.save("app", "a", 1)
    made = home.full()
    [line] = entry_lines(home.files(made))
    rewrite_entries(home.files(made), [line, line], entry_count=2, total_entries=None, version_sum=None)
    assert "holds an entry twice" in refused_by_another(homes, made)
