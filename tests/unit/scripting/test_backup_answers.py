"""The answers of the backup functions, as the JSON text that every language is given."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import llmspell
from llmspell.errors import BackupUnavailable, InvalidArgument
from llmspell.scripting import backup_answers
from tests.clock import Clock

NO_SUCH = "20261122T190000Z-full-k3vq7a"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def store(place: Path, clock: Clock) -> Iterator[llmspell.Store]:
    with llmspell.open(backend="memory", clock=clock, backup_path=place) as store:
        store.save("users", "ada", 1)
        yield store


def go_on() -> bool:
    return False


def stop() -> bool:
    return True


def created(store: llmspell.Store, argument: bool | None = None, /, **options: Any) -> Any:
    return json.loads(backup_answers.create_backup(store, argument, json.dumps(options).encode(), go_on))


def restored(store: llmspell.Store, backup_id: str, /, **options: Any) -> Any:
    return json.loads(backup_answers.restore_backup(store, backup_id, json.dumps(options).encode(), go_on))


def test_a_backup_tells_what_it_is(store: llmspell.Store, place: Path) -> None:
    answer = created(store)
    assert answer.pop("duration_ms") > 0
    assert answer.pop("size_bytes") == sum(file.stat().st_size for file in (place / answer["backup_id"]).iterdir())
    assert answer == {
        "success": True,
        "backup_id": answer["backup_id"],
        "entry_count": 1,
        "incremental": False,
        "is_incremental": False,
        "created_at": 1_700_000_000,
    }


def test_the_option_incremental_is_the_same_as_the_argument(store: llmspell.Store) -> None:
    first = created(store)
    assert created(store, True)["parent_id"] == first["backup_id"]
    assert created(store, incremental=True)["is_incremental"] is True
    assert created(store, None, incremental=False)["is_incremental"] is False


def test_warnings_are_there_only_when_there_is_one(store: llmspell.Store) -> None:
    (warning,) = created(store, True)["warnings"]
    assert "there is no backup to stand on" in warning
    assert "warnings" not in created(store, True)


def test_all_options_of_a_backup_arrive(store: llmspell.Store) -> None:
    store.save("cache", "x", 1)
    store.save("other", "x", 1)
    answer = created(store, description="mine", scopes=["users", "c*"], exclude=["cache"], hold="for ever")
    assert answer["entry_count"] == 1
    (listed,) = store.backups.list_backups()
    assert (listed.description, listed.held) == ("mine", "for ever")


def test_the_list_leaves_out_what_there_is_none_of(store: llmspell.Store) -> None:
    full = created(store)["backup_id"]
    created(store, True, description="second")
    second, first = json.loads(backup_answers.list_backups(store))
    assert set(first) == {
        *("id", "created_at", "size_bytes", "entry_count", "is_incremental", "incremental", "schema_version"),
        "verified_at",
    }
    assert set(second) == {*first, "parent_id", "description"}
    assert (second["parent_id"], second["description"], second["verified_at"]) == (full, "second", 1_700_000_000)
    assert {type(second[name]) for name in ("created_at", "verified_at")} == {int}


def test_no_backups_are_an_empty_array_and_a_usage_of_nothing(store: llmspell.Store) -> None:
    assert backup_answers.list_backups(store) == b"[]"
    assert json.loads(backup_answers.get_storage_usage(store)) == {
        "total_backups": 0,
        "total_size": 0,
        "full_backups": 0,
        "incremental_backups": 0,
    }


def test_usage_names_the_oldest_and_the_newest(store: llmspell.Store) -> None:
    oldest, newest = created(store), created(store, True)
    assert json.loads(backup_answers.get_storage_usage(store)) == {
        "total_backups": 2,
        "total_size": oldest["size_bytes"] + newest["size_bytes"],
        "full_backups": 1,
        "incremental_backups": 1,
        "oldest_backup": oldest["backup_id"],
        "newest_backup": newest["backup_id"],
    }


def test_a_restore_tells_what_undoes_it(store: llmspell.Store) -> None:
    backup_id = created(store)["backup_id"]
    store.save("users", "ada", 2)
    answer = restored(store, backup_id)
    undo = answer["pre_restore_backup_id"]
    assert answer == {
        "success": True,
        "backup_id": backup_id,
        "entries_restored": 1,
        "pre_restore_backup_id": undo,
    }
    assert store.load("users", "ada") == 1
    assert restored(store, undo)["success"] is True
    assert store.load("users", "ada") == 2


def test_all_options_of_a_restore_arrive(store: llmspell.Store) -> None:
    store.save("users", "bob", 1)
    store.save("users", "cleo", 1)
    backup_id = created(store)["backup_id"]
    store.clear("users")
    selection = {"scopes": "users", "keys": ["[ab]*"], "exclude": [], "force": True}
    assert restored(store, backup_id, **selection, into="back")["entries_restored"] == 2
    assert store.list_keys("back") == ["ada", "bob"]
    answer = restored(store, backup_id, **selection, dry_run=True)
    assert store.list_keys("users") == []
    assert answer == {
        "success": True,
        "backup_id": backup_id,
        "entries_restored": 2,
        "dry_run": True,
        "changes": [{"change": "added", "scope": "users", "key": key} for key in ("ada", "bob")],
        "changes_total": 2,
    }


def test_a_dry_run_lists_a_thousand_changes_and_counts_all(store: llmspell.Store) -> None:
    with store.transaction() as state:
        for number in range(1_100):
            state.save("many", f"{number:05d}", number)
    backup_id = created(store)["backup_id"]
    store.clear("many")
    answer = restored(store, backup_id, dry_run=True)
    assert (len(answer["changes"]), answer["changes_total"]) == (1_000, 1_100)
    assert answer["changes"][999]["key"] == "00999"


def test_a_verdict_is_told_with_what_is_wrong(store: llmspell.Store, place: Path) -> None:
    backup_id = created(store)["backup_id"]
    verdict = json.loads(backup_answers.validate_backup(store, backup_id, go_on))
    assert verdict == {
        "is_valid": True,
        "checksum_valid": True,
        "integrity_valid": True,
        "errors": [],
        "warnings": [],
        "validated_at": 1_700_000_000,
        "backup_id": backup_id,
    }
    (file,) = (place / backup_id).glob("entries*")
    file.write_bytes(file.read_bytes()[:-1])
    verdict = json.loads(backup_answers.validate_backup(store, backup_id, go_on))
    assert (verdict["is_valid"], verdict["checksum_valid"], verdict["integrity_valid"]) == (False, False, False)
    assert backup_id in verdict["errors"][0]


def test_a_cleanup_has_a_reason_for_every_backup(store: llmspell.Store, clock: Clock) -> None:
    old = created(store)["backup_id"]
    clock.advance(31 * 86_400)
    new = created(store)["backup_id"]  # making it has cleaned up
    assert [one.id for one in store.backups.list_backups()] == [new]
    clock.advance(1)
    assert json.loads(backup_answers.cleanup_backups(store, None)) == {
        "success": True,
        "dry_run": False,
        "deleted_count": 0,
        "retained_count": 1,
        "space_freed": 0,
        "decisions": [{"backup_id": new, "should_retain": True, "reason": "the newest backup"}],
    }
    assert old != new
    assert json.loads(backup_answers.cleanup_backups(store, True))["dry_run"] is True


# Failures


def test_a_backup_that_is_not_there_is_an_answer(store: llmspell.Store) -> None:
    answer = restored(store, NO_SUCH)
    assert (answer["success"], answer["backup_id"], set(answer)) == (False, NO_SUCH, {"success", "backup_id", "error"})
    assert answer["error"].startswith(f"there is no backup {NO_SUCH} in ")
    verdict = json.loads(backup_answers.validate_backup(store, NO_SUCH, go_on))
    assert (verdict["is_valid"], verdict["errors"], verdict["warnings"]) == (False, [answer["error"]], [])
    assert set(verdict) == {
        *("is_valid", "checksum_valid", "integrity_valid", "errors", "warnings", "validated_at", "backup_id"),
    }


def test_a_place_that_cannot_be_used_is_an_answer_or_raised(store: llmspell.Store, place: Path) -> None:
    place.write_text("no folder")
    answer = created(store)
    assert (answer["success"], set(answer)) == (False, {"success", "error"})
    assert "name a folder in [state] backup_path" in answer["error"]
    assert json.loads(backup_answers.cleanup_backups(store, True)) == {
        "success": False,
        "dry_run": True,
        "error": answer["error"],
    }
    with pytest.raises(BackupUnavailable):
        backup_answers.list_backups(store)
    with pytest.raises(BackupUnavailable):
        backup_answers.get_storage_usage(store)


def test_a_store_that_was_closed_is_an_answer(store: llmspell.Store) -> None:
    store.close()
    assert created(store)["success"] is False


@pytest.mark.parametrize(
    "options",
    [{"incremental": "yes"}, {"description": 5}, {"scopes": [""]}, {"exclude": 5}, {"hold": ""}, {"dry_run": True}],
)
def test_wrong_options_of_a_backup_are_raised(store: llmspell.Store, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        created(store, **options)
    assert store.backups.list_backups() == []


@pytest.mark.parametrize(
    "options", [{"into": 5}, {"dry_run": "yes"}, {"force": 1}, {"keys": {"a": 1}}, {"incremental": True}]
)
def test_wrong_options_of_a_restore_are_raised(store: llmspell.Store, options: dict[str, Any]) -> None:
    backup_id = created(store)["backup_id"]
    with pytest.raises(InvalidArgument):
        restored(store, backup_id, **options)


@pytest.mark.parametrize(
    "name", ["create_backup", "restore_backup", "validate_backup", "cleanup_backups", "hold_backup", "release_backup"]
)
def test_what_waits_for_its_turn_in_the_place_is_refused_in_a_transaction(store: llmspell.Store, name: str) -> None:
    """Somebody else who is in the place may be waiting for the writer's turn, which a transaction can hold."""
    backup_id = created(store)["backup_id"]
    calls: dict[str, Callable[[], object]] = {
        "create_backup": lambda: created(store),
        "restore_backup": lambda: restored(store, backup_id),
        "validate_backup": lambda: backup_answers.validate_backup(store, backup_id, go_on),
        "cleanup_backups": lambda: backup_answers.cleanup_backups(store, True),
        "hold_backup": lambda: store.backups.hold_backup(backup_id),
        "release_backup": lambda: store.backups.release_backup(backup_id),
    }
    with store.transaction(), pytest.raises(InvalidArgument, match=f"{name} cannot run inside a transaction"):
        calls[name]()


# A script that must end


def test_a_stopped_backup_leaves_nothing_behind(store: llmspell.Store, place: Path) -> None:
    answer = json.loads(backup_answers.create_backup(store, None, None, stop))
    assert "the script was stopped" in answer["error"]
    assert [path.name for path in place.iterdir()] == [".lock"]
    made: list[Any] = []
    other = threading.Thread(target=lambda: made.append(created(store)))
    other.start()
    other.join(timeout=60)
    assert made[0]["success"] is True


def test_a_stopped_restore_leaves_all_as_it_was(store: llmspell.Store) -> None:
    backup_id = created(store)["backup_id"]
    store.save("users", "ada", 2)
    version = store.version()
    answer = json.loads(backup_answers.restore_backup(store, backup_id, None, stop))
    assert (answer["success"], store.load("users", "ada"), store.version()) == (False, 2, version)
    assert restored(store, backup_id)["success"] is True


def test_a_stopped_validation_says_that_nothing_is_known(store: llmspell.Store) -> None:
    backup_id = created(store)["backup_id"]
    verdict = json.loads(backup_answers.validate_backup(store, backup_id, stop))
    assert verdict["is_valid"] is False
    assert "the script was stopped" in verdict["errors"][0]
    assert json.loads(backup_answers.validate_backup(store, backup_id, go_on))["is_valid"] is True
