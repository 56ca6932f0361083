"""The check finds what is broken and says where."""

import os

import apsw
import pytest

import llmspell
from llmspell import Store

NAME = "scope 'scope', key 'key'"

BROKEN = {
    "UPDATE entries SET version = 0": f"{NAME} has a version that the store never gave",
    "UPDATE store SET version = 0": f"{NAME} has a version that the store never gave",
    "UPDATE entries SET value = NULL, expires_at = 5": f"{NAME} is deleted, yet has an expiry",
    "UPDATE entries SET value = 'text'": f"{NAME} has a value of the wrong kind",
    "UPDATE entries SET value = x'7b22'": f"{NAME} has a value that is no JSON text",
    "UPDATE entries SET value = x''": f"{NAME} has a value that is no JSON text",
    "UPDATE entries SET scope = ''": "scope '', key 'key' has a scope of an impossible length",
    "UPDATE entries SET key = ''": "scope 'scope', key '' has a key of an impossible length",
    "UPDATE entries SET key = x'00'": "scope 'scope', key b'\\x00' has a scope or key that is no text",
    "DELETE FROM store": "the store's own row is missing",
    "DROP TABLE entries": "the engine cannot go on: no such table: entries",
}


def break_it(folder: str, statement: str) -> None:
    connection = apsw.Connection(os.path.join(folder, "state.db"))
    connection.execute(statement)
    connection.close()


def test_a_sound_store_has_no_problems(store: Store) -> None:
    for number in range(50):
        store.save(f"scope {number % 3}", "é" * (number % 5 + 1), {"n": [number, None, 1.5, "\0"]}, ttl=number + 1)
    store.delete("scope 0", "é")
    assert list(store.backend.problems()) == []


@pytest.mark.parametrize("statement", BROKEN)
def test_a_broken_rule_is_told_with_the_entry_that_breaks_it(disk: Store, folder: str, statement: str) -> None:
    disk.save("scope", "key", 1)
    break_it(folder, statement)
    assert BROKEN[statement] in list(disk.backend.problems())


def test_a_page_that_was_overwritten_is_told(folder: str) -> None:
    with llmspell.open(folder) as store:
        store.save("scope", "key", 1, ttl=5)
    file = os.path.join(folder, "state.db")
    connection = apsw.Connection(file)
    page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'entries_by_expiry'").get
    connection.close()
    with open(file, "r+b") as database:
        database.seek(4096 * (page - 1))
        database.write(bytes(4096))
    with llmspell.open(folder) as store:
        found = list(store.backend.problems())
    assert any(line.startswith("the engine finds: ") for line in found)
    assert found[-1].startswith("the engine cannot go on: ")


def test_a_check_leaves_the_store_as_it_was(disk: Store) -> None:
    disk.save("scope", "key", 1)
    before = list(disk.changes())
    list(disk.backend.problems())
    assert list(disk.changes()) == before
    disk.save("scope", "key", 2)


BROKEN_PAST = {
    "UPDATE past SET version = 2": "what scope 'scope', key 'key' was at version 2 ended before it began",
    "UPDATE past SET until_version = 9": (
        "what scope 'scope', key 'key' was at version 1 ended with a version that the store never gave"
    ),
    "UPDATE past SET until_version = 3": (
        "what scope 'scope', key 'key' was at version 1 ended, yet nothing took its place"
    ),
    "INSERT INTO past SELECT id + 1, scope, key, version, 1, 0, 0, NULL, value FROM past": (
        "what scope 'scope', key 'key' was at version 1 is out of order"
    ),
    "UPDATE past SET value = x'7b22'": (
        "what scope 'scope', key 'key' was at version 1 had a value that is no JSON text"
    ),
    "DELETE FROM moments WHERE version = 0": "history does not say where it begins",
    "DELETE FROM keeping": "history does not say where it begins",
}


@pytest.mark.parametrize("damage", BROKEN_PAST)
def test_every_broken_rule_of_history_is_told(folder: str, damage: str) -> None:
    with llmspell.open(folder, history_days=30) as store:
        store.save("scope", "key", 1)
        store.save("scope", "key", 2)
        store.save("other", "key", 3)
        assert list(store.backend.problems()) == []
    connection = apsw.Connection(os.path.join(folder, "state.db"))
    connection.execute(damage)
    connection.close()
    with llmspell.open(folder) as store:
        assert BROKEN_PAST[damage] in list(store.backend.problems())
