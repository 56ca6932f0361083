"""The verbs of migrations: what each of them answers, refuses and leaves alone."""

import itertools
import os
from pathlib import Path
from typing import Any

import pytest

import llmspell
from llmspell.errors import InvalidArgument, MigrationError, MigrationFailed, MigrationFileError, MigrationPathError
from llmspell.migrations.passage import PAGE
from llmspell.migrations.results import Event, Migrated
from tests.clock import Clock
from tests.unit.migrations.homes import FIRST, RENAME, SECOND, THIRD, Home

SET_N = {"type": "set", "field": "n", "value": 1}
WRONG_TARGETS = ["two", "2", "2.0", "v2.0.0", "02.0.0", "", " 2.0.0", "2.0.0-", "latest"]
VERBS = ["migrate", "migration_status", "schema_versions", "plan", "retry"]


def two_steps(home: Home) -> None:
    home.step(RENAME)
    home.step(SET_N, to=THIRD, start=SECOND)


def files(folder: str) -> dict[str, tuple[int, bytes]]:
    """Give every file of a store with its time of change and content; the one that only coordinates is left out."""
    return {
        name: (os.stat(path).st_mtime_ns, Path(path).read_bytes())
        for name in os.listdir(folder)
        if not name.endswith("-shm") and os.path.isfile(path := os.path.join(folder, name))
    }


# migrate


def test_without_a_target_it_goes_to_the_latest_version_through_every_one_between(home: Home) -> None:
    two_steps(home)
    home.save("a")
    result = home.up()
    assert result._replace(duration_ms=0.0) == Migrated("completed", FIRST, THIRD, 1, 0, 0.0, (), False, (), 2)
    assert result.duration_ms > 0
    assert home.values() == {"a": {"full_name": "a", "n": 1}}
    assert [one.to_version for one in home.migrations.applied()] == [SECOND, THIRD]


def test_a_target_between_is_reached_and_no_more(home: Home) -> None:
    two_steps(home)
    home.save("a")
    assert home.up(SECOND).to_version == SECOND
    assert home.values() == {"a": {"full_name": "a"}}
    assert home.store.schema_version() == SECOND


def test_what_was_applied_is_told_with_its_moment_and_file(home: Home) -> None:
    home.step(RENAME, description="Names are full")
    home.save("a", "b")
    home.up()
    (applied,) = home.migrations.applied()
    assert applied[:6] == (FIRST, SECOND, "2.0.0_step.json", "Names are full", home.clock() - 1, 2)
    assert not applied.forgotten
    home.down()
    assert home.migrations.applied() == []


def test_migrating_to_where_the_store_is_writes_nothing(disk_home: Home, folder: str) -> None:
    disk_home.step(RENAME)
    disk_home.save("a")
    disk_home.up()
    disk_home.store.flush()
    before, version = files(folder), disk_home.store.version()
    for target in (None, SECOND):
        result = disk_home.up(target)
        assert (result.status, result.from_version, result.to_version) == ("already_current", SECOND, SECOND)
        assert result.items_migrated == 0
    assert disk_home.store.version() == version
    assert files(folder) == before


def test_a_store_without_migrations_is_already_current(home: Home) -> None:
    home.save("a")
    result = home.up()
    assert (result.status, result.from_version, result.to_version) == ("already_current", FIRST, FIRST)


def test_a_store_that_does_not_exist_yet_gets_the_stamp_of_the_target(disk_home: Home, folder: str) -> None:
    two_steps(disk_home)
    assert disk_home.up(SECOND).status == "completed"
    assert disk_home.store.schema_version() == SECOND
    with llmspell.open(folder, migrations_path=disk_home.folder) as store:
        assert store.migrations.migration_status().current_version == SECOND


@pytest.mark.parametrize("target", WRONG_TARGETS)
def test_a_target_that_is_no_semantic_version_is_refused(home: Home, target: str) -> None:
    two_steps(home)
    for call in (home.up, home.migrations.plan):
        with pytest.raises(InvalidArgument, match="is no semantic version; write three numbers"):
            call(target)


@pytest.mark.parametrize("target", ["0.9.0", "1.5.0", "4.0.0", "2.0.0-rc.1"])
def test_a_target_without_a_path_is_refused_with_the_known_versions(home: Home, target: str) -> None:
    two_steps(home)
    home.save("a")
    before = home.full()
    for call in (home.up, home.migrations.plan):
        with pytest.raises(MigrationPathError) as raised:
            call(target)
        assert f"no migration path from 1.0.0 to {target}; known versions: 1.0.0, 2.0.0, 3.0.0" in str(raised.value)
    assert home.full() == before


def test_a_store_with_an_unknown_stamp_is_refused(tmp_path: Path) -> None:
    with llmspell.open(backend="memory", schema_version="1.5.0", migrations_path=tmp_path / "files") as store:
        home = Home(tmp_path / "files", store, Clock())
        two_steps(home)
        home.save("a")
        with pytest.raises(MigrationPathError, match=r"no migration path from 1\.5\.0 to 3\.0\.0"):
            store.migrations.migrate()


def test_an_unknown_way_with_errors_is_refused(home: Home) -> None:
    home.step(RENAME)
    with pytest.raises(InvalidArgument, match='on_error must be "fail" or "quarantine", not \'ignore\''):
        home.up(on_error="ignore")


def test_no_transaction_may_be_open(home: Home) -> None:
    home.step(RENAME)
    home.save("a")
    with pytest.raises(InvalidArgument, match="migrate cannot run inside a transaction; end the transaction first"):
        home.store.transaction(lambda state: home.migrations.migrate())
    with home.store.transaction(), pytest.raises(InvalidArgument, match="inside a transaction"):
        home.migrations.migrate(dry_run=True)
    assert home.store.schema_version() == FIRST
    assert home.up().items_migrated == 1


def test_a_version_with_build_metadata_is_the_same_version(home: Home) -> None:
    home.step(RENAME)
    home.save("a")
    home.up("2.0.0+build.7")
    assert home.store.schema_version() == SECOND
    assert home.up("2.0.0+other").status == "already_current"


def test_pre_releases_come_before_their_release(home: Home) -> None:
    versions = ["1.0.0", "2.0.0-alpha", "2.0.0-alpha.2", "2.0.0-alpha.10", "2.0.0-beta", "2.0.0", "10.0.0"]
    for start, to in itertools.pairwise(versions):
        home.step({"type": "computed", "field": "way", "expression": f"way + ['{to}']"}, to=to, start=start)
    home.save("a", way=[])
    assert home.migrations.schema_versions() == tuple(versions)
    home.up("2.0.0-alpha.10")
    home.up()
    assert home.values() == {"a": {"way": versions[1:]}}
    home.down()
    assert home.values() == {"a": {"way": []}}


# Dry runs


def test_a_dry_run_changes_nothing_and_says_what_the_real_one_does(disk_home: Home, folder: str) -> None:
    two_steps(disk_home)
    disk_home.save("a", "b")
    before = disk_home.full()
    tried = disk_home.up(dry_run=True)
    assert tried.dry_run
    assert disk_home.full() == before
    done = disk_home.up()
    assert tried[:5] == done[:5]
    assert tried.version == done.version == disk_home.store.version()
    assert {sample.after for sample in tried.samples} == {one.value for one in disk_home.full().entries}


def test_a_dry_run_on_a_store_that_does_not_exist_creates_nothing(disk_home: Home, folder: str) -> None:
    two_steps(disk_home)
    result = disk_home.up(dry_run=True)
    assert (result.status, result.to_version, result.items_migrated) == ("completed", THIRD, 0)
    assert not os.path.lexists(folder)


def test_a_dry_run_fails_as_the_real_one_would(home: Home) -> None:
    home.step(RENAME)
    home.save("a", mail="x")
    with pytest.raises(MigrationFailed, match='key "a"'):
        home.up(dry_run=True)


def test_a_dry_run_down_leaves_the_way_down_open(home: Home) -> None:
    home.step({"type": "remove", "field": "name"})
    home.save("a")
    home.up()
    before = home.full()
    assert home.down(dry_run=True).items_migrated == 1
    assert home.full() == before
    home.down()
    assert home.values() == {"a": {"name": "a"}}


def test_a_dry_run_with_quarantine_puts_nothing_aside(home: Home) -> None:
    home.step(RENAME)
    home.save("a")
    home.save("b", mail="x")
    before = home.full()
    result = home.up(dry_run=True, on_error="quarantine")
    assert (result.items_migrated, result.items_quarantined) == (1, 1)
    assert home.full() == before
    assert home.migrations.quarantine() == []


# confirm, stopping, listeners


def test_whoever_confirms_sees_the_result_before_it_holds(home: Home) -> None:
    home.step(RENAME)
    home.save("a")
    seen: list[tuple[Migrated, str | None]] = []

    def confirm(result: Migrated) -> bool:
        seen.append((result, home.store.schema_version()))
        return True

    done = home.up(confirm=confirm)
    ((result, stamp),) = seen
    assert result.items_migrated == done.items_migrated == 1
    assert stamp in (FIRST, SECOND)
    assert home.store.schema_version() == SECOND


def test_what_is_not_confirmed_is_undone(home: Home) -> None:
    home.step(RENAME)
    home.save("a")
    before = home.full()
    with pytest.raises(MigrationError, match=r"from 1\.0\.0 to 2\.0\.0 was not confirmed; nothing was changed"):
        home.up(confirm=lambda result: False)
    assert home.full() == before


def test_an_error_of_whoever_confirms_undoes_everything_and_is_raised_again(home: Home) -> None:
    home.step(RENAME)
    home.save("a")
    before = home.full()

    def confirm(result: Migrated) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        home.up(confirm=confirm)
    assert home.full() == before
    home.save("b")
    assert home.store.version() == before.version + 1
    assert home.up().items_migrated == 2


def test_a_run_that_is_told_to_stop_is_undone(home: Home) -> None:
    home.step(RENAME)
    with home.store.transaction() as state:
        for number in range(2 * PAGE):
            state.save("users", f"{number:05d}", {"name": ""})
    before = home.full()
    asked = iter([False, True])
    with pytest.raises(MigrationError, match=r"from 1\.0\.0 to 2\.0\.0 was stopped; nothing was changed"):
        home.up(stopping=lambda: next(asked))
    assert home.full() == before


def test_listeners_hear_events_in_order_with_counts_that_end_at_the_total(home: Home) -> None:
    home.step(RENAME, scope="users")
    home.step(SET_N, to=THIRD, start=SECOND, scope="[us]*")
    with home.store.transaction() as state:
        for number in range(PAGE + 10):
            state.save("users", f"{number:05d}", {"name": ""})
    home.save("a", "b", scope="system")
    home.save("a", scope="other")
    heard: list[Event] = []
    home.migrations.listen(heard.append)
    home.up()
    done = [PAGE, PAGE + 10, PAGE + 12, 2 * PAGE + 12, 2 * PAGE + 22]
    assert [(event.name, event.done) for event in heard] == [
        ("migration.started", 0),
        *(("migration.progress", count) for count in done),
        ("migration.completed", done[-1]),
    ]
    assert {(event.from_version, event.to_version, event.total, event.error) for event in heard} == {
        (FIRST, THIRD, done[-1], None)
    }


def test_listeners_hear_of_a_failure_with_its_sentence(home: Home) -> None:
    home.step(RENAME)
    home.save("a", mail="x")
    heard: list[Event] = []
    home.migrations.listen(heard.append)
    with pytest.raises(MigrationFailed) as raised:
        home.up()
    assert [event.name for event in heard] == ["migration.started", "migration.failed"]
    assert heard[-1].error == str(raised.value)


def test_listeners_hear_nothing_when_nothing_is_to_be_done(home: Home) -> None:
    home.step(RENAME)
    home.save("a")
    home.up()
    heard: list[Event] = []
    home.migrations.listen(heard.append)
    home.up()
    assert heard == []


def test_a_listener_that_fails_is_a_warning_and_no_more(home: Home) -> None:
    home.step(RENAME)
    home.save("a")
    heard: list[str] = []

    def fail(event: Event) -> None:
        raise RuntimeError("no wire")

    home.migrations.listen(fail)
    home.migrations.listen(lambda event: heard.append(event.name))
    result = home.up()
    names = ["migration.started", "migration.progress", "migration.completed"]
    assert result.warnings == tuple(f"a listener failed at {name}: RuntimeError: no wire" for name in names)
    assert heard == names
    assert home.values() == {"a": {"full_name": "a"}}


# Where the store stands


def test_the_status_tells_where_one_can_go_from_here(home: Home) -> None:
    two_steps(home)
    home.save("a")
    status = home.migrations.migration_status
    every = (FIRST, SECOND, THIRD)
    assert status() == (FIRST, THIRD, False, True, (SECOND, THIRD), 3, None)
    home.up(SECOND)
    assert status() == (SECOND, THIRD, False, True, (FIRST, THIRD), 3, None)
    home.up()
    assert status() == (THIRD, THIRD, True, False, every[:2], 3, None)


def test_the_status_without_migrations_says_so(home: Home) -> None:
    status = home.migrations.migration_status()
    assert status[:6] == (FIRST, None, True, False, (), 0)
    assert status.error == f'there are no migrations in "{home.folder}"'


def test_the_status_of_a_store_with_an_unknown_stamp_says_so(tmp_path: Path) -> None:
    with llmspell.open(backend="memory", schema_version="1.5.0", migrations_path=tmp_path / "files") as store:
        two_steps(Home(tmp_path / "files", store, Clock()))
        status = store.migrations.migration_status()
    assert status[:6] == ("1.5.0", THIRD, False, False, (), 3)
    assert status.error == "the store's schema version 1.5.0 is not among the known ones: 1.0.0, 2.0.0, 3.0.0"


def test_the_status_of_a_store_that_does_not_exist_is_that_of_the_stamp_it_will_get(
    disk_home: Home, folder: str
) -> None:
    two_steps(disk_home)
    assert disk_home.migrations.migration_status() == (FIRST, THIRD, False, True, (SECOND, THIRD), 3, None)
    assert disk_home.migrations.schema_versions() == (FIRST, SECOND, THIRD)
    assert disk_home.migrations.applied() == []
    assert disk_home.migrations.quarantine() == []
    assert disk_home.migrations.retry() == []
    assert disk_home.migrations.discard([]) == 0
    assert disk_home.migrations.bytes_kept(SECOND) == 0
    assert len(disk_home.migrations.plan().steps) == 2
    with pytest.raises(MigrationPathError):
        disk_home.migrations.forget(SECOND)
    assert not os.path.lexists(folder)


def test_reading_changes_no_file(disk_home: Home, folder: str) -> None:
    two_steps(disk_home)
    disk_home.save("a")
    disk_home.store.flush()
    before = files(folder)
    disk_home.migrations.migration_status()
    disk_home.migrations.schema_versions()
    disk_home.migrations.plan()
    disk_home.migrations.applied()
    disk_home.migrations.bytes_kept(SECOND)
    assert files(folder) == before


# Files that cannot be used


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"from_version": "2.0.0", ', "this is not valid JSON"),
        ('// first\n{"from_version": "2.0.0"}', "line 1: JSON has no comments"),
        ('{"from_version": "2.0.0", "to_version": "3.0.0", "transforms": [{"type": "shuffle"}]}', '"shuffle"'),
        ('{"from_version": "2.0.0", "to_version": "3.0.0", "transforms": []}', "at least one transform"),
        ('{"from_version": "2.0.0", "to_version": "3.0.0"}', "transforms"),
        (
            '{"from_version": "1.0.0", "to_version": "3.0.0", "transforms": [{"type": "wrap", "field": "a"}]}',
            "two heads",
        ),
        ('{"from_version": "2.5.0", "to_version": "3.0.0", "transforms": [{"type": "wrap", "field": "a"}]}', "gap"),
        (
            '{"from_version": "2.0.0", "to_version": "3.0.0", "transforms": [{"type": "computed", "field": "a", '
            '"expression": "__import__(\'os\')"}]}',
            "__import__",
        ),
    ],
    ids=["cut off", "comment", "unknown type", "no transforms", "nothing", "two heads", "gap", "injection"],
)
def test_a_file_that_cannot_be_used_stops_every_verb_before_data_is_touched(home: Home, text: str, words: str) -> None:
    home.step(RENAME)
    home.save("a")
    (home.folder / "3.0.0_bad.json").write_text(text)
    before = home.full()
    for verb in VERBS:
        with pytest.raises(MigrationFileError) as raised:
            getattr(home.migrations, verb)()
        assert words in str(raised.value)
        assert "3.0.0_bad.json" in str(raised.value)
    assert home.full() == before


def test_two_files_for_one_version_are_refused_by_name(home: Home) -> None:
    home.step(RENAME)
    (home.folder / "2.0.0_again.json").write_bytes((home.folder / "2.0.0_step.json").read_bytes())
    home.save("a")
    with pytest.raises(MigrationFileError, match=r"duplicate: 2\.0\.0_again\.json .* 2\.0\.0_step\.json"):
        home.up()


def test_computed_fields_that_need_each_other_are_refused(home: Home) -> None:
    home.step(
        {"type": "computed", "field": "a", "expression": "b + 1"},
        {"type": "computed", "field": "b", "expression": "c + 1"},
        {"type": "computed", "field": "c", "expression": "a + 1"},
    )
    home.save("x", a=1, b=1, c=1)
    with pytest.raises(
        MigrationFileError, match=r"circular dependency among computed fields: a needs b needs c needs a"
    ):
        home.up()


def test_a_computed_field_may_read_itself(home: Home) -> None:
    home.step({"type": "computed", "field": "n", "expression": "n + 1"})
    home.save("x", n=1)
    home.up()
    assert home.values() == {"x": {"n": 2}}


def test_an_applied_file_that_was_edited_is_refused(home: Home) -> None:
    two_steps(home)
    home.save("a")
    home.up(SECOND)
    home.step({**RENAME, "to": "other"})
    before = home.full()
    for call in (home.up, home.down, home.migrations.plan):
        with pytest.raises(MigrationFileError, match=r"2\.0\.0_step\.json was changed after it was applied"):
            call()
    assert home.full() == before
    home.step(RENAME, description="only the words are others")
    assert home.up().status == "completed"


def test_an_applied_file_that_is_gone_is_refused(home: Home) -> None:
    two_steps(home)
    home.save("a")
    home.up()
    os.remove(home.folder / "2.0.0_step.json")
    with pytest.raises(
        MigrationFileError, match=r"the migration 1\.0\.0 to 2\.0\.0 \(2\.0\.0_step\.json\) .* put it back"
    ):
        home.down(SECOND)
    os.remove(home.folder / "3.0.0_step.json")
    with pytest.raises(MigrationPathError):
        home.down()


def test_an_applied_file_may_get_another_name(home: Home) -> None:
    file = home.step(RENAME)
    home.save("a")
    home.up()
    file.rename(home.folder / "2.0.0_other.json")
    home.down()
    assert home.values() == {"a": {"name": "a"}}


# forget, bytes_kept, register


def test_what_is_kept_is_counted_and_forgotten(home: Home) -> None:
    home.step({"type": "remove", "field": "name"}, {"type": "delete_entry", "key": "b"})
    home.save("a", "b")
    home.up()
    kept = home.migrations.bytes_kept(SECOND)
    assert kept > 0
    assert home.migrations.forget(SECOND) == kept
    assert home.migrations.bytes_kept(SECOND) == 0
    assert home.migrations.forget(SECOND) == 0
    (applied,) = home.migrations.applied()
    assert applied.forgotten


def test_only_what_the_store_stands_on_can_be_forgotten(home: Home) -> None:
    two_steps(home)
    home.save("a")
    with pytest.raises(MigrationPathError, match=r"stands on no migration to 2\.0\.0; it stands on: none"):
        home.migrations.forget(SECOND)
    home.up(SECOND)
    with pytest.raises(MigrationPathError, match=r"stands on no migration to 3\.0\.0; it stands on: 2\.0\.0"):
        home.migrations.forget(THIRD)
    with pytest.raises(InvalidArgument, match="'two' is no semantic version"):
        home.migrations.forget("two")


def test_a_registered_function_can_be_called_by_expressions(home: Home) -> None:
    home.step({"type": "computed", "field": "n", "expression": "twice(n)"})
    home.save("a", n=21)
    with pytest.raises(MigrationFileError, match="twice"):
        home.up()
    home.migrations.register("twice", lambda number: number * 2)
    home.up()
    assert home.values() == {"a": {"n": 42}}


def test_expressions_have_the_arithmetic_of_their_language_and_not_that_of_python(home: Home) -> None:
    for expression in ("flag * 2", "name * 3", "1 / n", "n + 9223372036854775807 + 1"):
        home.step({"type": "computed", "field": "x", "expression": expression})
        home.save("a", flag=True, name="a", n=0)
        before = home.full()
        with pytest.raises(MigrationFailed, match=r"transform 1 \(compute x\)"):
            home.up()
        assert home.full() == before


# Code of one's own


@pytest.mark.parametrize("language", ["lua", "python"])
def test_functions_in_files_take_documents_up_and_down(tmp_path: Path, language: str) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    if language == "lua":
        (folder / "names.lua").write_text(
            "return { up = function(doc) doc.n = doc.n + 1 return doc end,\n"
            "  down = function(doc) doc.n = doc.n - 1 return doc end }\n"
        )
    else:
        (folder / "names.py").write_text(
            "def up(doc):\n    doc['n'] += 1\n    return doc\n\ndef down(doc):\n    doc['n'] -= 1\n    return doc\n"
        )
    function = "names.lua" if language == "lua" else "names"
    with llmspell.open(
        backend="memory", migrations_path=folder, allow_python_migrations=language == "python", clock=(clock := Clock())
    ) as store:
        home = Home(folder, store, clock)
        home.step({"type": "custom", "function": function})
        home.save("edited", "kept", n=1)
        assert home.up().items_migrated == 2
        assert home.values() == {"edited": {"n": 2}, "kept": {"n": 2}}
        home.save("edited", n=50)
        home.save("new", n=8)
        home.down()
        assert home.values() == {"edited": {"n": 49}, "kept": {"n": 1}, "new": {"n": 7}}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("error('not mine')", "not mine"),
        ("return nil", "gave nil; it must return the value"),
        ("return print", "function"),
        ("return { n = 0/0 }", "nan"),
        ("return doc.a.b.c", "nil"),
    ],
)
def test_a_function_that_fails_fails_the_run(home: Home, body: str, words: str) -> None:
    (home.folder / "code.lua").write_text(f"return {{ up = function(doc) {body} end }}\n")
    home.step({"type": "custom", "function": "code.lua:up"})
    home.save("a", n=1)
    before = home.full()
    with pytest.raises(MigrationFailed) as raised:
        home.up()
    assert str(raised.value).startswith('scope "users", key "a": 2.0.0_step.json: transform 1 (call code.lua:up): ')
    assert words in str(raised.value)
    assert home.full() == before


def test_a_document_that_no_function_takes_down_comes_back_while_it_is_not_edited(home: Home) -> None:
    (home.folder / "code.lua").write_text("return { up = function(doc) return { gone = true } end }\n")
    home.step({"type": "custom", "function": "code.lua:up"})
    home.save("a", "b")
    home.up()
    home.save("b", edited=True)
    before = home.full()
    with pytest.raises(MigrationFailed, match=r'key "b".*the document was edited since it went up, and there is no'):
        home.down()
    assert home.full() == before
    home.store.delete("users", "b")
    home.down()
    assert home.values() == {"a": {"name": "a"}}


def test_python_is_refused_unless_it_was_allowed(home: Home) -> None:
    (home.folder / "code.py").write_text("raise SystemError('it ran')\n")
    home.step({"type": "custom", "function": "code:up"})
    home.save("a")
    with pytest.raises(MigrationFileError, match="Python code in migrations is not allowed"):
        home.up()


def test_whole_scripts_are_migrations_too(home: Home) -> None:
    (home.folder / "2.0.0_whole.lua").write_text(
        'return {\n  from_version = "1.0.0",\n  to_version = "2.0.0",\n  scope = "users",\n'
        "  up = function(doc) return { list = { doc.name } } end,\n"
        "  down = function(doc) return { name = doc.list[1] } end,\n}\n"
    )
    home.save("a", "b")
    home.save("other", scope="system")
    assert home.up().items_migrated == 2
    home.save("b", list=["B"])
    home.down()
    assert home.values() == {"a": {"name": "a"}, "b": {"name": "B"}}


# Depth and size


def test_a_value_that_would_be_too_deep_or_too_large_is_refused(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(126):
        deep = [deep]
    far = ".".join(["p"] * 120)
    for transforms, words in (
        ([{"type": "wrap", "field": "name"}] * 3, "too deep"),
        (
            [{"type": "move", "from": "name", "to": f"a.{far}"}, {"type": "move", "from": "a", "to": f"b.{far}"}],
            "too deep",
        ),
        ([{"type": "set", "field": "x", "value": "x" * 2000}], "max_value_bytes = 1000"),
    ):
        folder = tmp_path / str(len(str(transforms)))
        with llmspell.open(backend="memory", max_value_bytes=1000, migrations_path=folder) as store:
            home = Home(folder, store, Clock())
            home.step(*transforms)
            home.save("a", name=deep)
            before = home.full()
            with pytest.raises(MigrationFailed) as raised:
                store.migrations.migrate()
            assert words in str(raised.value)
            assert home.full() == before
