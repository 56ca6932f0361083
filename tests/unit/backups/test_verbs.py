"""The verbs take what they say, refuse everything else before a path is built, and answer with what was done."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import llmspell
from llmspell.backups.encryption import new_key
from llmspell.backups.request import MAX_DESCRIPTION
from llmspell.backups.results import Listed, Usage
from llmspell.backups.retention import Rules
from llmspell.backups.verbs import Backups
from llmspell.errors import (
    BackupDamaged,
    BackupKeyMissing,
    BackupNotFound,
    BackupUnavailable,
    InvalidArgument,
    LlmspellError,
    MigrationError,
)
from tests.clock import Clock
from tests.unit.backups.places import ENTRIES_FILE, Home, flip, rewrite, spoil, tree
from tests.unit.migrations.homes import RENAME, put_step

NOT_IDS: list[Any] = [
    "",
    "../20261122T190000Z-full-k3vq7a",
    "/20261122T190000Z-full-k3vq7a",
    "20261122T190000Z-full-k3vq7a/..",
    "20261122T190000Z-full-k3vq7a\0",
    "20261122T190000Z-FULL-K3VQ7A",
    "\uff120261122T190000Z-full-k3vq7a",
    ".lock",
    None,
    5,
    ["20261122T190000Z-full-k3vq7a"],
]
ABSENT = "20261122T190000Z-full-k3vq7a"


def verbs_of_one(backups: Backups) -> list[Callable[[Any], object]]:
    """Give every verb that takes the id of a backup."""
    return [
        backups.restore_backup,
        lambda backup_id: backups.restore_backup(backup_id, dry_run=True),
        backups.validate_backup,
        backups.chain_of,
        backups.hold_backup,
        backups.release_backup,
    ]


# Ids


@pytest.mark.parametrize("backup_id", NOT_IDS)
def test_what_is_no_id_is_refused_before_any_path_is_built(
    home: Home, backup_id: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.store.save("app", "a", 1)
    home.full()
    files = tree(home.root)

    def no_path(*parts: object) -> None:
        raise AssertionError(f"a path was built of {parts}")

    for verb in verbs_of_one(home.backups):
        with monkeypatch.context() as patch:
            patch.setattr(os.path, "join", lambda *parts: no_path(*parts) if backup_id in parts else "/".join(parts))
            with pytest.raises(InvalidArgument, match="is no id of a backup; one looks like"):
                verb(backup_id)
    assert tree(home.root) == files


def test_a_backup_that_is_not_there_is_named_with_the_newest(home: Home) -> None:
    made = home.full()
    for verb in verbs_of_one(home.backups):
        with pytest.raises(BackupNotFound, match=f'no backup {ABSENT} in "{home.place}"; the newest is {made}'):
            verb(ABSENT)


def test_where_there_is_no_backup_that_is_said(home: Home) -> None:
    for verb in verbs_of_one(home.backups):
        with pytest.raises(BackupNotFound, match="there is none"):
            verb(ABSENT)


def test_a_folder_that_is_a_link_is_no_backup(home: Home) -> None:
    made = home.full()
    home.files(made).rename(home.root / "outside")
    home.files(made).symlink_to(home.root / "outside")
    assert home.backups.list_backups() == []
    for verb in verbs_of_one(home.backups):
        with pytest.raises(BackupNotFound):
            verb(made)


# Arguments


@pytest.mark.parametrize("description", ["x" * (MAX_DESCRIPTION + 1), 5, None, b"text", "\ud800", ["a"]])
def test_a_description_is_text_of_moderate_length(home: Home, description: Any) -> None:
    with pytest.raises(InvalidArgument, match="a description"):
        home.backups.create_backup(description=description)
    assert tree(home.root) == {}


def test_a_description_may_say_anything(home: Home) -> None:
    texts = ["", "x" * MAX_DESCRIPTION, 'é😀"\n\0', "../../etc"]
    for text in texts:
        home.full(description=text)
    assert [one.description for one in home.backups.list_backups()] == texts[::-1]


@pytest.mark.parametrize("given", ["true", 1, 0, [], "no"])
def test_switches_take_true_or_false(home: Home, given: Any) -> None:
    made = home.full()
    files = tree(home.root)
    calls: list[tuple[str, Callable[[], object]]] = [
        ("incremental", lambda: home.backups.create_backup(given)),
        ("dry_run", lambda: home.backups.restore_backup(made, dry_run=given)),
        ("force", lambda: home.backups.restore_backup(made, force=given)),
        ("dry_run", lambda: home.backups.cleanup_backups(given)),
    ]
    for name, call in calls:
        with pytest.raises(InvalidArgument, match=f"{name} takes true or false, not"):
            call()
    assert tree(home.root) == files


@pytest.mark.parametrize("given", ["", 5, ["a", 5], [""], "a\0", "\ud800", {"a": 1}, "x" * 600])
def test_wrong_globs_are_refused_by_the_name_of_the_argument(home: Home, given: Any) -> None:
    made = home.full()
    files = tree(home.root)
    for name in ("scopes", "exclude"):
        with pytest.raises(InvalidArgument, match=f"{name} takes globs"):
            home.backups.create_backup(**{name: given})
    for name in ("scopes", "exclude", "keys"):
        with pytest.raises(InvalidArgument, match=f"{name} takes globs"):
            home.backups.restore_backup(made, **{name: given})
    assert tree(home.root) == files


def test_inside_a_transaction_nothing_is_made_or_restored(any_home: Home) -> None:
    any_home.store.save("app", "a", 1)
    made = any_home.full()
    for name, call in (
        ("create_backup", any_home.backups.create_backup),
        ("restore_backup", lambda: any_home.backups.restore_backup(made)),
    ):
        with (
            pytest.raises(InvalidArgument, match=f"{name} cannot run inside a transaction; end the transaction first"),
            any_home.store.transaction(),
        ):
            call()
    assert len(any_home.backups.list_backups()) == 1


def left(home: Home) -> object:
    """Give everything that a verb which was refused must leave as it was."""
    names = sorted(path.name for path in home.place.rglob("*"))
    return home.seen(), home.store.version(), names, home.backups.list_backups()


@pytest.mark.parametrize("backend", ["disk", "memory"])
def test_a_verb_inside_a_migration_is_refused_and_leaves_nothing(
    homes: Callable[..., Home], tmp_path: Path, backend: str
) -> None:
    put_step(tmp_path / "steps", RENAME, start="1.0.0", to="2.0.0")
    home = homes(backend=backend, migrations_path=tmp_path / "steps")
    home.store.save("users", "ada", {"name": "Ada"})
    made = home.full()
    before = left(home)
    refused: list[str] = []

    def confirm(_: object) -> bool:
        for name, verb in changing_verbs(home.backups, made).items():
            with pytest.raises(
                InvalidArgument,
                match=f"^{name} cannot run inside a migration or a restore; call it before or afterwards$",
            ):
                verb()
            refused.append(name)
        return False

    with pytest.raises(MigrationError):
        home.store.migrations.migrate("2.0.0", confirm=confirm)
    assert refused == list(changing_verbs(home.backups, made))
    assert left(home) == before
    assert home.full()


def changing_verbs(backups: Backups, backup_id: str) -> dict[str, Callable[[], object]]:
    """Give every verb that writes something, by its name."""
    return {
        "create_backup": backups.create_backup,
        "restore_backup": lambda: backups.restore_backup(backup_id),
        "validate_backup": lambda: backups.validate_backup(backup_id),
        "cleanup_backups": backups.cleanup_backups,
        "hold_backup": lambda: backups.hold_backup(backup_id),
        "release_backup": lambda: backups.release_backup(backup_id),
    }


@pytest.mark.parametrize("running", ["create_backup", "restore_backup", "validate_backup"])
def test_a_verb_inside_the_progress_of_another_is_refused_and_the_other_goes_on(any_home: Home, running: str) -> None:
    any_home.store.save("app", "a", 1)
    made = any_home.full()
    any_home.clock.advance(1)
    backups, refused = any_home.backups, list[str]()

    def progress(done: int, of: int) -> None:
        before = left(any_home)
        for name, verb in changing_verbs(backups, made).items():
            with pytest.raises(InvalidArgument, match=f"^{name} cannot run inside .*; call it before or afterwards$"):
                verb()
            refused.append(name)
        assert left(any_home) == before

    calls: dict[str, Callable[[], object]] = {
        "create_backup": lambda: backups.create_backup(progress=progress),
        "restore_backup": lambda: backups.restore_backup(made, progress=progress),
        "validate_backup": lambda: backups.validate_backup(made, progress=progress),
    }
    calls[running]()
    assert refused
    assert len(backups.list_backups()) == 1 + (running != "validate_backup")
    for one in backups.list_backups():
        assert backups.validate_backup(one.id).is_valid
    assert [path.name for path in any_home.place.rglob("*") if path.name.startswith((".new-", ".gone-"))] == []


def test_going_back_and_migrating_inside_the_progress_of_a_verb_is_refused_and_leaves_nothing(
    folder: str, tmp_path: Path, clock: Clock
) -> None:
    put_step(tmp_path / "steps", RENAME, start="1.0.0", to="2.0.0")
    with llmspell.open(
        folder,
        durability="normal",
        clock=clock,
        backup_path=tmp_path / "backups",
        history_days=30,
        migrations_path=tmp_path / "steps",
    ) as store:
        first = store.save("users", "ada", {"name": "Ada"})
        store.save("users", "ada", {"name": "Countess"})
        made = store.backups.create_backup().backup_id
        refused: list[str] = []

        def progress(done: int, of: int) -> None:
            before = tree(tmp_path / "backups"), store.version()
            for change in (lambda: store.restore(first), lambda: store.migrations.migrate("2.0.0")):
                with pytest.raises(LlmspellError, match=r"cannot be (changed inside|written to by)") as caught:
                    change()
                refused.append(str(caught.value))
            assert (tree(tmp_path / "backups"), store.version()) == before

        backups = store.backups
        calls: list[Callable[[], object]] = [
            lambda: backups.create_backup(progress=progress),
            lambda: backups.validate_backup(made, progress=progress),
            lambda: backups.restore_backup(made, progress=progress),
            lambda: store.restore(first, progress=progress),
        ]
        for number, call in enumerate(calls, 1):
            call()
            assert len(refused) >= 2 * number
        assert len(backups.list_backups()) == 4
        assert store.load("users", "ada") == {"name": "Ada"}
        assert store.schema_version() == "1.0.0"


def test_a_verb_that_was_ended_by_its_progress_is_not_running_any_more(home: Home) -> None:
    home.store.save("app", "a", 1)
    made = home.full()

    def stop(done: int, of: int) -> None:
        raise KeyboardInterrupt

    for call in (home.backups.create_backup, lambda **options: home.backups.restore_backup(made, **options)):
        before = home.seen(), home.store.version()
        with pytest.raises(KeyboardInterrupt):
            call(progress=stop)
        assert (home.seen(), home.store.version()) == before
        assert home.full()


# Lists


def test_a_store_without_backups_lists_none(home: Home) -> None:
    assert home.backups.list_backups() == []
    assert home.backups.problems() == {}
    assert home.backups.get_storage_usage() == Usage(0, 0, 0, 0, None, None)
    assert tree(home.root) == {}


def test_the_list_tells_what_there_is_newest_first(home: Home) -> None:
    home.store.save("app", "a", 1)
    first = home.full(description="the first", hold="before 2.0.0")
    home.store.save("app", "b", 1)
    second = home.incremental()
    sizes = {one: sum(path.stat().st_size for path in home.files(one).iterdir()) for one in (first, second)}
    assert home.backups.list_backups() == [
        Listed(second, 1_700_000_002, sizes[second], 1, True, True, first, "1.0.0", "", 1_700_000_002.0),
        Listed(
            first,
            1_700_000_001,
            sizes[first],
            1,
            False,
            False,
            None,
            "1.0.0",
            "the first",
            1_700_000_001.0,
            "before 2.0.0",
        ),
    ]
    assert [one.id for one in home.backups.chain_of(second)] == [first, second]


def test_the_order_is_that_of_making_whatever_the_clock_says(home: Home) -> None:
    made = []
    for moment in (1_700_000_000.0, 1_500_000_000.0, 2_000_000_000.0, 2_000_000_000.0, 1_900_000_000.0):
        home.clock.now = moment
        made.append(home.backups.create_backup().backup_id)
    assert [one.id for one in home.backups.list_backups()] == made[::-1]
    usage = home.backups.get_storage_usage()
    assert (usage.oldest_backup, usage.newest_backup) == (made[0], made[-1])


def test_a_backup_that_cannot_be_read_is_a_problem_and_hides_no_other(home: Home) -> None:
    first, second, third = home.full(), home.full(), home.full()
    spoil(home.files(first) / "manifest.json", flip)
    rewrite(home.files(second), format_version=2)
    assert [one.id for one in home.backups.list_backups()] == [third]
    problems = home.backups.problems()
    assert sorted(problems) == sorted([first, second])
    assert problems[first].startswith(f"{first} is damaged: its manifest is not readable")
    assert problems[second].startswith(f"{second} cannot be read: it has format 2")


def test_the_list_tells_of_damage_that_is_known(home: Home) -> None:
    home.store.save("app", "a", 1)
    first, second = home.full(), home.incremental()
    (home.files(first) / ENTRIES_FILE).unlink()
    assert [one.damage for one in home.backups.list_backups()] == [
        f"{first} is damaged: {ENTRIES_FILE} is missing",
        f"{first} is damaged: {ENTRIES_FILE} is missing",
    ]
    with pytest.raises(BackupDamaged, match=f"{ENTRIES_FILE} is missing"):
        home.backups.restore_backup(second)


def test_what_the_backups_take_is_told(home: Home) -> None:
    home.store.save("app", "a", 1)
    first, second, third = home.full(), home.incremental(), home.incremental()
    total = sum(path.stat().st_size for one in (first, second, third) for path in home.files(one).iterdir())
    assert home.backups.get_storage_usage() == Usage(3, total, 1, 2, first, third)


# Holds


def held(home: Home) -> str | None:
    [one] = home.backups.list_backups()
    return one.held


def test_a_backup_is_held_until_it_is_released(home: Home) -> None:
    made = home.full()
    assert held(home) is None
    assert home.backups.release_backup(made) is False
    home.backups.hold_backup(made)
    assert held(home) == "held"
    assert home.backups.release_backup(made) is True
    assert held(home) is None
    assert home.backups.release_backup(made) is False


def test_a_backup_may_be_held_for_several_reasons(home: Home) -> None:
    made = home.full(hold="one")
    home.backups.hold_backup(made, "two")
    home.backups.hold_backup(made, "two")
    assert held(home) == "one; two"
    assert home.backups.release_backup(made, "nobody's") is False
    assert home.backups.release_backup(made, "one") is True
    assert held(home) == "two"
    home.backups.hold_backup(made, "three")
    assert home.backups.release_backup(made) is True
    assert held(home) is None


def test_a_hold_with_a_moment_ends_then_and_can_be_moved(home: Home) -> None:
    made = home.full()
    home.backups.hold_backup(made, "soon", until=home.clock() + 10)
    home.clock.advance(9)
    assert held(home) == "soon"
    home.clock.advance(1)
    assert held(home) is None
    home.backups.hold_backup(made, "soon", until=home.clock() + 5)
    assert held(home) == "soon"
    home.backups.hold_backup(made, "soon")
    home.clock.advance(1e9)
    assert held(home) == "soon"


@pytest.mark.parametrize(
    ("given", "kept"), [(True, "held"), ("before 2.0.0", "before 2.0.0"), (False, None), (None, None)]
)
def test_a_backup_may_be_held_from_the_start(home: Home, given: Any, kept: str | None) -> None:
    home.full(hold=given)
    assert held(home) == kept


@pytest.mark.parametrize("reason", ["x" * (MAX_DESCRIPTION + 1), 5, ["a"], b"a", "\ud800"])
def test_a_reason_is_text_of_moderate_length(home: Home, reason: Any) -> None:
    made = home.full(hold="first")
    with pytest.raises(InvalidArgument, match="reason"):
        home.backups.hold_backup(made, reason)
    with pytest.raises(InvalidArgument, match="reason"):
        home.backups.create_backup(hold=reason)
    assert held(home) == "first"


@pytest.mark.parametrize(
    "until", ["tomorrow", "5", float("nan"), float("inf"), -1.0, 10**400, True, [], 1_700_000_000_000]
)
def test_what_is_no_moment_ends_no_hold_and_loses_none(home: Home, until: Any) -> None:
    made = home.full(hold="first")
    with pytest.raises(InvalidArgument, match="until takes a moment in epoch seconds, such as 1700000000, not"):
        home.backups.hold_backup(made, "second", until=until)
    assert held(home) == "first"


def test_a_hold_that_cannot_be_written_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    made = home.full()
    from llmspell.backups.local import LocalPlace

    def refuse(*_: object) -> None:
        raise BackupUnavailable("read only")

    monkeypatch.setattr(LocalPlace, "replace", refuse)
    with pytest.raises(BackupUnavailable, match="read only"):
        home.backups.hold_backup(made)


def test_nonsense_in_the_file_of_marks_hides_no_backup(home: Home) -> None:
    made = home.full(hold="lost")
    for text in (b"", b"garbage", b"x" * 2_000_000, b'{"holds": []}'):
        (home.files(made) / "marks.json").write_bytes(text)
        assert held(home) == "its marks cannot be read"
        assert home.backups.validate_backup(made).is_valid
    home.backups.release_backup(made)
    assert held(home) is None


def test_many_threads_hold_and_none_is_lost(home: Home) -> None:
    made = home.full()
    threads = [threading.Thread(target=home.backups.hold_backup, args=(made, f"r{number}")) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted((held(home) or "").split("; ")) == [f"r{number}" for number in range(8)]


# The place


def test_a_file_where_the_place_should_be_is_told_by_every_verb(home: Home) -> None:
    home.store.save("app", "a", 1)
    home.place.write_bytes(b"")
    calls: list[Callable[[], object]] = [
        home.backups.create_backup,
        home.backups.list_backups,
        home.backups.cleanup_backups,
        home.backups.get_storage_usage,
        *((lambda verb=verb: verb(ABSENT)) for verb in verbs_of_one(home.backups)),
    ]
    for call in calls:
        with pytest.raises(BackupUnavailable, match="is to be the folder of the backups"):
            call()
    assert home.values("app") == {"a": 1}


def test_a_place_that_vanished_is_made_again(home: Home) -> None:
    import shutil

    home.store.save("app", "a", 1)
    home.full()
    shutil.rmtree(home.place)
    assert home.backups.list_backups() == []
    made = home.asked_for_incremental()
    assert not made.is_incremental
    assert [one.id for one in home.backups.list_backups()] == [made.backup_id]


def test_backups_are_those_of_the_store_that_was_opened_with_them(folder: str, clock: Clock, tmp_path: Any) -> None:
    with llmspell.open(folder, durability="normal", clock=clock, backup_path=tmp_path / "kept") as store:
        assert store.backup_enabled
        store.save("app", "a", 1)
        made = store.backups.create_backup()
        assert store.backups is store.backups
    assert (tmp_path / "kept" / made.backup_id / "manifest.json").is_file()
    with llmspell.open(folder, durability="normal", clock=clock) as store:
        assert not store.backup_enabled
        with pytest.raises(InvalidArgument, match="backups are off for this store; open it with backup_path="):
            _ = store.backups


def test_what_needs_no_key_works_without_it_and_problems_name_its_file(home: Home) -> None:
    path = home.root / "backup.key"
    path.touch(mode=0o600)
    path.write_text(new_key()[0])
    backups = home.with_options(key_file=str(path), rules=Rules(days=0, max_backups=2))
    home.store.save("app", "a", 1)
    made = [backups.create_backup().backup_id for _ in range(2)]
    assert backups.problems() == {}
    path.unlink()
    assert [one.id for one in backups.list_backups()] == made[::-1]
    assert all(one.encrypted for one in backups.list_backups())
    assert backups.get_storage_usage().total_backups == 2
    assert [one.id for one in backups.chain_of(made[0])] == [made[0]]
    backups.hold_backup(made[0], "for now")
    assert backups.list_backups()[1].held == "for now"
    assert backups.release_backup(made[0])
    assert backups.cleanup_backups().deleted_count == 0
    assert [*backups.problems()] == [str(path)]
    assert str(path) in backups.problems()[str(path)]
    for verb in (backups.create_backup, lambda: backups.restore_backup(made[1])):
        with pytest.raises(BackupKeyMissing, match=str(path)):
            verb()
    assert home.with_options(rules=Rules(days=0, max_backups=1)).cleanup_backups().deleted_count == 1
