"""What the processes of a crew do around migrations; each function opens the store and returns what it has to tell."""

from __future__ import annotations

import random
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

import llmspell
from tests.processes.work import wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell import JsonValue, State, Store
    from llmspell.migrations.results import Migrated

Person: TypeAlias = "dict[str, JsonValue]"

MIGRATIONS = {
    "2.0.0_names.toml": """
from_version = "1.0.0"
to_version = "2.0.0"
scope = "people"
transforms = [
    { type = "rename", from = "name", to = "full_name" },
    { type = "computed", field = "count", expression = "count + 1" },
    { type = "remove", field = "secret", missing = "skip" },
]
""",
    "3.0.0_titles.toml": """
from_version = "2.0.0"
to_version = "3.0.0"
scope = "people"
transforms = [
    { type = "rename", from = "full_name", to = "title" },
    { type = "computed", field = "count", expression = "count + 100" },
]
""",
}
NAMES = {"1.0.0": "name", "2.0.0": "full_name", "3.0.0": "title"}
ADDED = {"1.0.0": 0, "2.0.0": 1, "3.0.0": 101}
SLOW = {"2.0.0_names.toml": MIGRATIONS["2.0.0_names.toml"].replace("count + 1", "slowly(count) + 1")}
"""The same migration with a function that each process registers for itself: it takes its time, or waits for a word."""


def write_migrations(folder: Path, files: dict[str, str] = MIGRATIONS) -> str:
    """Make the folder with the migration files."""
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    return str(folder)


def fill(folder: str, people: int) -> None:
    """Make a store of the first shape."""
    with llmspell.open(folder, durability="normal") as store, store.transaction() as state:
        for number in range(people):
            state.save("people", f"{number:05}", person(number))


def person(number: int) -> Person:
    """Give a document of the first shape."""
    return {"name": f"person {number}", "count": number, "secret": "s" * (number % 7)}


def person_at(version: str, number: int) -> Person:
    """Give what a document of the first shape is in another one."""
    if version == "1.0.0":
        return person(number)
    return {NAMES[version]: f"person {number}", "count": number + ADDED[version]}


def opened(folder: str, migrations: str, slowly: Callable[[JsonValue], JsonValue] = lambda count: count) -> Store:
    """Open the store with migrations."""
    store = llmspell.open(folder, migrations_path=migrations, durability="normal")
    store.migrations.register("slowly", slowly)
    return store


def shapes(state: State) -> list[str]:
    """Give the schema versions of which the documents have the shape."""
    found = set()
    for key in state.list_keys("people"):
        value = cast("Person", state.load("people", key))
        found.add(next(version for version, name in NAMES.items() if name in value))
    return sorted(found)


def told(migrated: Migrated) -> list[object]:
    """Give what the tests ask about a result."""
    return [migrated.status, migrated.from_version, migrated.to_version, migrated.items_migrated, migrated.version]


def migrate(folder: str, migrations: str, target: str) -> list[object]:
    """Migrate once."""
    with opened(folder, migrations) as store:
        return told(store.migrations.migrate(target))


def migrate_numbered(folder: str, migrations: str, target: str, number: int) -> list[object]:
    """Migrate once, as one of many."""
    return migrate(folder, migrations, target)


def migrate_again_and_again(folder: str, migrations: str, targets: list[list[str]], number: int) -> list[object]:
    """Migrate a store after the other, each at the same moment as all others do; to a target of one's own."""
    results: list[object] = []
    for turn, those in enumerate(targets):
        wait()
        results.append(migrate(f"{folder} {turn}", migrations, those[number % len(those)]))
    return results


def migrate_with_a_pause(folder: str, migrations: str, call: int) -> list[object]:
    """Wait in the middle of a migration, before the document with this number, for a word of the test."""
    calls = count(1)

    def slowly(value: JsonValue) -> JsonValue:
        if next(calls) == call:
            wait()
        return value

    with opened(folder, migrations, slowly) as store:
        return told(store.migrations.migrate("2.0.0"))


def migrate_slowly(folder: str, migrations: str, seconds: float) -> list[object]:
    """Take so many seconds for each document; give how many all of it took, too."""

    def slowly(value: JsonValue) -> JsonValue:
        time.sleep(seconds)
        return value

    with opened(folder, migrations, slowly) as store:
        began = time.perf_counter()
        result = told(store.migrations.migrate("2.0.0"))
        return [*result, time.perf_counter() - began]


def save(folder: str, key: str) -> int:
    """Save a document of the first shape."""
    with llmspell.open(folder, durability="normal") as store:
        return store.save("people", key, person(0))


def count_up(folder: str, people: int, number: int) -> dict[str, int]:
    """Count documents up, whatever their shape, until told to end; give how often each was counted up."""
    chance = random.Random(number)
    counted: dict[str, int] = {}

    def add(value: JsonValue) -> JsonValue:
        document = cast("Person", value)
        return {**document, "count": cast("int", document["count"]) + 1}

    with llmspell.open(folder, durability="normal") as store:
        while not store.exists("control", "end"):
            key = f"{chance.randrange(people):05}"

            def add_in_transaction(state: State, key: str = key) -> None:
                state.save("people", key, add(state.load("people", key)))
                state.increment("counts", "all")

            if chance.random() < 0.5:
                store.transaction(add_in_transaction)
            else:
                store.update("people", key, add)
                store.increment("counts", "all")
            counted[key] = counted.get(key, 0) + 1
    return counted


def save_insert_delete(folder: str, people: int, number: int) -> dict[str, int | None]:
    """Write documents of the first shape everywhere until told to end; give the version of the last write of each key.

    Each process has keys of its own: before, between and after those of the others. None stands for a deletion.
    """
    chance = random.Random(number)
    versions: dict[str, int | None] = {}
    with llmspell.open(folder, durability="normal") as store:
        while not store.exists("control", "end"):
            key = f"{chance.randrange(people):05} {number}"
            if chance.random() < 0.3:
                store.delete("people", key)
                versions[key] = None
            else:
                versions[key] = store.save("people", key, person(chance.randrange(1_000)))
    return versions


def read(folder: str) -> list[object]:
    """Read until told to end; give the shapes that the snapshots had, each once, and the longest that a read took."""
    seen: list[list[str]] = []
    longest, reads = 0.0, 0
    with llmspell.open(folder, durability="normal") as store:
        while not store.exists("control", "end"):
            began = time.perf_counter()
            value = cast("Person", store.load("people", "00000"))
            longest = max(longest, time.perf_counter() - began)
            with store.snapshot() as snapshot:
                shape = shapes(snapshot)
            reads += 1
            if shape not in seen:
                seen.append(shape)
            assert len(value) in (2, 3)
    return [seen, longest, reads]
