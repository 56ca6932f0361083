"""Opening a store: by path, by options, by configuration file, and what is refused."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import llmspell
from llmspell.errors import ConfigError, InvalidArgument, MigrationFileError, SchemaMismatch, SchemaTooNew
from tests.clock import Clock
from tests.unit.migrations.homes import FIRST, RENAME, SECOND, THIRD, put_step


def test_without_a_path_it_is_the_folder_state_where_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with llmspell.open() as store:
        store.save("scope", "key", 1)
    assert (tmp_path / "state" / "state.db").exists()


def test_a_relative_path_keeps_its_meaning_when_the_program_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with llmspell.open("mine") as store:
        monkeypatch.chdir("elsewhere")
        store.save("scope", "key", 1)
    assert os.listdir(tmp_path / "elsewhere") == []
    assert (tmp_path / "mine" / "state.db").exists()


@pytest.mark.parametrize(
    "name", ["plain", "with blank", "ünï\u0301cödé 👩\u200d🚀", "quote'\"", "percent%20", "a#b?c=d", "-x"]
)
def test_a_path_may_have_any_characters(tmp_path: Path, name: str) -> None:
    for path in (tmp_path / name, str(tmp_path / name)):
        with llmspell.open(path, durability="normal") as store:
            store.increment("scope", "opened")
    assert os.listdir(tmp_path) == [name]
    with llmspell.open(tmp_path / name) as store:
        assert store.load("scope", "opened") == 2


def test_nothing_is_created_before_the_first_write(folder: str) -> None:
    with llmspell.open(folder) as store:
        store.load("scope", "key")
        store.list_keys("scope")
        store.scopes()
        store.version()
        store.schema_version()
        list(store.changes())
        store.statistics()
        store.flush()
        with store.snapshot() as snapshot:
            snapshot.load("scope", "key")
        store.transaction(lambda state: state.load("scope", "key"))
        assert list(store.backend.problems()) == []
    assert not os.path.lexists(folder)


def test_a_store_is_found_again_with_everything_in_it(folder: str) -> None:
    with llmspell.open(folder) as store:
        version = store.save("scope", "key", {"n": 1})
        entry = store.entry("scope", "key")
    with llmspell.open(folder) as store:
        assert store.entry("scope", "key") == entry
        assert store.version() == version
        assert store.save("scope", "key", 2) > version


def test_a_store_in_memory_touches_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with llmspell.open(backend="memory") as store:
        store.save("scope", "key", 1)
        assert store.load("scope", "key") == 1
    with llmspell.open(backend="memory") as store:
        assert store.load("scope", "key") is None
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"backend": "rocksdb"}, 'no backend "rocksdb"; known: disk, memory'),
        ({"durability": "sometimes"}, 'durability must be "full", "output" or "normal", not \'sometimes\''),
        ({"max_value_bytes": 0}, "max_value_bytes must be a whole number from 1"),
        ({"max_value_bytes": "10"}, "max_value_bytes must be a whole number"),
        ({"max_value_bytes": 10**12}, "max_value_bytes must be a whole number"),
        ({"schema_version": "one"}, "'one' is no semantic version"),
        ({"required_schema": "some"}, 'the range "some" or the version'),
        ({"path": ""}, "the path '' names no folder"),
        ({"path": "a\0b"}, "names no folder"),
    ],
)
def test_impossible_options_are_refused_before_anything_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidArgument) as raised:
        llmspell.open(**options)
    assert words in str(raised.value)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_each_durability_keeps_what_was_saved(folder: str, durability: str) -> None:
    with llmspell.open(folder, durability=durability) as store:
        store.save("scope", "key", 1)
        store.flush()
    with llmspell.open(folder, durability=durability) as store:
        assert store.load("scope", "key") == 1


def test_a_configuration_file_says_which_store(tmp_path: Path) -> None:
    config = tmp_path / "my.toml"
    config.write_text(f'[state]\npath = "{tmp_path}/configured"\nmax_value_bytes = 5\n')
    with llmspell.open(config=config) as store:
        store.save("scope", "key", 1)
        with pytest.raises(llmspell.InvalidValue, match="max_value_bytes = 5"):
            store.save("scope", "key", "12345")
    assert (tmp_path / "configured" / "state.db").exists()


def test_options_win_over_the_configuration_file(tmp_path: Path) -> None:
    config = tmp_path / "my.toml"
    config.write_text(f'[state]\npath = "{tmp_path}/configured"\nmax_value_bytes = 5\nbackend = "memory"\n')
    with llmspell.open(tmp_path / "given", config=config, backend="disk", max_value_bytes=100) as store:
        store.save("scope", "key", "12345")
    assert sorted(os.listdir(tmp_path)) == ["given", "my.toml"]


def test_the_clock_of_the_store_is_the_one_given(folder: str) -> None:
    clock = Clock(12345.5)
    with llmspell.open(folder, clock=clock) as store:
        store.save("scope", "key", 1, ttl=10)
        entry = store.entry("scope", "key")
    assert entry is not None
    assert entry[4:] == (12345.5, 12345.5, 12355.5)


# Schema versions


def test_a_new_store_is_stamped_and_an_existing_one_keeps_its_stamp(folder: str) -> None:
    with llmspell.open(folder, schema_version="1.2.3") as store:
        store.save("scope", "key", 1)
        assert store.schema_version() == "1.2.3"
    with llmspell.open(folder, schema_version="9.0.0") as store:
        store.save("scope", "key", 2)
        assert store.schema_version() == "1.2.3"


def test_a_store_without_an_own_stamp_is_version_one(folder: str) -> None:
    with llmspell.open(folder) as store:
        assert store.schema_version() is None
        store.save("scope", "key", 1)
        assert store.schema_version() == "1.0.0"


def test_a_store_inside_the_required_range_is_opened(folder: str) -> None:
    with llmspell.open(folder, schema_version="1.2.3") as store:
        store.save("scope", "key", 1)
    with llmspell.open(folder, required_schema=">=1.2.0,<2.0.0") as store:
        assert store.load("scope", "key") == 1


def test_a_store_outside_the_required_range_is_refused(folder: str) -> None:
    with llmspell.open(folder, schema_version="2.0.0") as store:
        store.save("scope", "key", 1)
    with pytest.raises(SchemaMismatch, match=r'"2?.*" has schema version 2\.0\.0, outside the required <2\.0\.0'):
        llmspell.open(folder, required_schema="<2.0.0")


def test_a_new_store_is_measured_by_the_stamp_that_it_would_get(folder: str) -> None:
    with pytest.raises(SchemaMismatch):
        llmspell.open(folder, schema_version="1.0.0", required_schema=">=2.0.0")
    llmspell.open(folder, schema_version="2.0.0", required_schema=">=2.0.0").close()
    assert not os.path.lexists(folder)


# Migrations


def stamped(folder: str, version: str) -> None:
    """Make a store with this stamp."""
    with llmspell.open(folder, schema_version=version, durability="normal") as store:
        store.save("scope", "key", {"name": "a"})


def test_a_folder_of_migrations_turns_them_on(folder: str, tmp_path: Path) -> None:
    with llmspell.open(folder) as store:
        assert not store.migration_enabled
    put_step(tmp_path / "files", RENAME, start=FIRST, to=SECOND)
    for files in (tmp_path / "files", str(tmp_path / "files")):
        with llmspell.open(folder, migrations_path=files) as store:
            assert store.migration_enabled
            assert store.migrations.schema_versions() == (FIRST, SECOND)
    assert not os.path.lexists(folder)


def test_a_folder_of_migrations_need_not_exist_yet(folder: str, tmp_path: Path) -> None:
    with llmspell.open(folder, migrations_path=tmp_path / "none") as store:
        assert store.migrations.schema_versions() == ()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_a_folder_of_migrations_that_cannot_be_is_refused(folder: str, path: str) -> None:
    with pytest.raises(InvalidArgument, match="names no folder"):
        llmspell.open(folder, migrations_path=path)


def test_a_configuration_file_turns_migrations_on(tmp_path: Path) -> None:
    put_step(tmp_path / "files", RENAME, start=FIRST, to=SECOND)
    config = tmp_path / "my.toml"
    config.write_text(
        f'[state]\npath = "{tmp_path}/state"\nmigration_enabled = true\nmigrations_path = "{tmp_path}/files"\n'
    )
    with llmspell.open(config=config) as store:
        store.save("scope", "key", {"name": "a"})
        assert store.migrations.migrate().items_migrated == 1
    config.write_text(config.read_text().replace("true", "false"))
    with (
        llmspell.open(config=config) as store,
        pytest.raises(InvalidArgument, match="migrations are off for this store"),
    ):
        assert store.migrations
    config.write_text("[state]\nmigrations_paths = 1\n")
    with pytest.raises(ConfigError, match="migrations_path"):
        llmspell.open(config=config)


def test_python_in_migrations_runs_only_where_it_is_allowed(folder: str, tmp_path: Path) -> None:
    files = tmp_path / "files"
    put_step(files, {"type": "custom", "function": "code:up"}, start=FIRST, to=SECOND)
    (files / "code.py").write_text("def up(doc):\n    return [doc]\n")
    with llmspell.open(folder, migrations_path=files) as store:
        store.save("scope", "key", 1)
        with pytest.raises(MigrationFileError, match="not allowed"):
            store.migrations.migrate()
    with llmspell.open(folder, migrations_path=files, allow_python_migrations=True) as store:
        store.migrations.migrate()
        assert store.load("scope", "key") == [1]


def test_a_program_that_says_the_old_version_opens_a_migrated_store(folder: str, tmp_path: Path) -> None:
    put_step(tmp_path / "files", RENAME, start=FIRST, to=SECOND)
    for _ in range(2):
        with llmspell.open(folder, schema_version=FIRST, migrations_path=tmp_path / "files") as store:
            store.save("scope", "key", {"name": "a"})
            store.migrations.migrate()
            assert store.schema_version() == SECOND


@pytest.mark.parametrize("found", ["2.0.1", "3.0.0", "3.0.0-rc.1", "10.0.0"])
def test_a_store_newer_than_every_known_version_is_refused(folder: str, tmp_path: Path, found: str) -> None:
    put_step(tmp_path / "files", RENAME, start=FIRST, to=SECOND)
    stamped(folder, found)
    with pytest.raises(SchemaTooNew) as raised:
        llmspell.open(folder, migrations_path=tmp_path / "files")
    assert f"has schema version {found}, newer than every version known here (the newest is 2.0.0" in str(raised.value)
    with llmspell.open(folder) as store:
        assert store.load("scope", "key") == {"name": "a"}


@pytest.mark.parametrize("found", ["0.5.0", "1.5.0", "2.0.0-rc.1", "2.0.0", "2.0.0+build.1"])
def test_a_store_that_is_not_newer_is_opened(folder: str, tmp_path: Path, found: str) -> None:
    put_step(tmp_path / "files", RENAME, start=FIRST, to=SECOND)
    stamped(folder, found)
    with llmspell.open(folder, migrations_path=tmp_path / "files") as store:
        assert store.migrations.migration_status().current_version == found


def test_a_refused_store_can_be_opened_once_its_migration_is_there(folder: str, tmp_path: Path) -> None:
    files = tmp_path / "files"
    put_step(files, RENAME, start=FIRST, to=SECOND)
    stamped(folder, THIRD)
    with pytest.raises(SchemaTooNew):
        llmspell.open(folder, migrations_path=files)
    put_step(files, {"type": "wrap", "field": "full_name"}, start=SECOND, to=THIRD)
    with llmspell.open(folder, migrations_path=files) as store:
        assert store.migrations.migration_status().is_latest


def test_whoever_requires_the_old_version_cannot_write_after_a_migration(folder: str, tmp_path: Path) -> None:
    put_step(tmp_path / "files", RENAME, start=FIRST, to=SECOND)
    with (
        llmspell.open(folder, required_schema="<2.0.0") as old,
        llmspell.open(folder) as careless,
        llmspell.open(folder, migrations_path=tmp_path / "files") as new,
    ):
        version = old.save("scope", "key", {"name": "a"})
        new.migrations.migrate()
        writes: list[Callable[[], object]] = [
            lambda: old.save("scope", "key", {"name": "b"}),
            lambda: old.delete("scope", "key"),
            lambda: old.increment("scope", "n"),
            lambda: old.transaction(lambda state: state.save("scope", "other", 1)),
        ]
        for write in writes:
            with pytest.raises(SchemaMismatch, match=r"has schema version 2\.0\.0, outside the required <2\.0\.0"):
                write()
        assert new.version() == version + 1
        assert old.load("scope", "key") == {"full_name": "a"}
        assert careless.save("scope", "other", 1) == version + 2
        new.migrations.migrate(FIRST)
        assert old.save("scope", "key", {"name": "b"}) == version + 4


def test_a_program_may_require_the_version_that_it_migrates_to_itself(folder: str, tmp_path: Path) -> None:
    put_step(tmp_path / "files", RENAME, start=FIRST, to=SECOND)
    with llmspell.open(folder, migrations_path=tmp_path / "files") as store:
        store.save("scope", "key", {"name": "a"})
        store.migrations.migrate()
    with llmspell.open(folder, required_schema=">=2.0.0", migrations_path=tmp_path / "files") as store:
        store.save("scope", "key", {"full_name": "b"})


# History


def test_days_of_history_turn_it_on(folder: str, tmp_path: Path) -> None:
    with llmspell.open(folder) as store:
        assert not store.history_enabled
    config = tmp_path / "my.toml"
    config.write_text(f'[state]\npath = "{folder}"\nhistory_days = 7\n')
    for store in (llmspell.open(folder, history_days=7), llmspell.open(config=config)):
        with store:
            version = store.save("scope", "key", 1)
            store.save("scope", "key", 2)
            assert store.load("scope", "key", at=version) == 1
            assert store.restore_points().history_days == 7
    with llmspell.open(config=config, history_days=8) as store:
        store.save("scope", "key", 3)
        assert store.restore_points().history_days == 8


def test_a_store_that_only_reads_begins_no_history(folder: str) -> None:
    with llmspell.open(folder) as store:
        store.save("scope", "key", 1)
    with llmspell.open(folder, history_days=7) as store:
        store.load("scope", "key")
        store.transaction(lambda state: state.load("scope", "key"))
        assert store.statistics().layout == 2


@pytest.mark.parametrize("days", [-1, 1.5, True, "7", 36_501])
def test_impossible_days_of_history_are_refused(folder: str, days: Any) -> None:
    with pytest.raises(InvalidArgument, match="history_days must be a whole number from 0 to 36500"):
        llmspell.open(folder, history_days=days)


@pytest.mark.parametrize("below", ["", "/backups", "/../state/backups"])
def test_backups_inside_the_folder_of_the_store_are_refused(folder: str, tmp_path: Path, below: str) -> None:
    (tmp_path / "another way").symlink_to(folder)
    for path in (f"{folder}{below}", f"{tmp_path}/another way{below}"):
        with llmspell.open(folder, backup_path=path) as store:
            store.save("scope", "key", 1)
            with pytest.raises(InvalidArgument, match="inside the folder of the store itself, and be lost with it"):
                _ = store.backups
            assert not os.path.exists(f"{folder}/backups")
    with llmspell.open(folder, backup_path=f"{folder} of backups") as store:
        assert store.backups.list_backups() == []
