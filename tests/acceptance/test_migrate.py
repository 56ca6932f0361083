"""`llmspell migrate ...`, as a person types it, with real migration files in a folder of its own."""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING

import pytest
from tests.acceptance.test_completion import completions
from tests.acceptance.test_terminal import ESCAPE, Terminal

from llmspell.cli.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.conftest import Llmspell

NEST = """from_version = "1.0.0"
to_version = "2.0.0"
description = "Flat user fields move under profile"
scope = "user*"

[[transforms]]
type = "move"
from = "age"
to = "profile.age"
"""

DROP = """from_version = "2.0.0"
to_version = "3.0.0"
scope = "user*"

[[transforms]]
type = "remove"
field = "note"
missing = "skip"
"""

JSON_WORDS = {
    "status": ("status",),
    "plan": ("plan",),
    "up": ("up",),
    "down": ("down", "1.0.0", "--yes"),
    "quarantine": ("quarantine",),
    "forget": ("forget", "2.0.0", "--yes"),
}


def write_migrations(llmspell: Llmspell) -> None:
    (llmspell.folder / "migrations").mkdir()
    llmspell.write("migrations/2.0.0_nest.toml", NEST)
    llmspell.write("migrations/3.0.0_drop.toml", DROP)


def contents(llmspell: Llmspell) -> list[dict[str, object]]:
    """Give what an export holds, but for the versions that every write changes."""
    entries = json.loads(llmspell.ok("state", "export", "--json"))
    return [{name: field for name, field in entry.items() if name != "version"} for entry in entries]


def versions(llmspell: Llmspell, line: str) -> list[str]:
    return [word for word in completions(llmspell, line) if not word.startswith("-")]


def plain(text: str) -> str:
    return re.sub(r"\033\[[\d;?]*[A-Za-z]", "", text)


@pytest.fixture
def filled(llmspell: Llmspell) -> Llmspell:
    """Two users in the first shape, an entry that no migration is for, and two migrations."""
    write_migrations(llmspell)
    llmspell.ok("state", "save", "users", "ada", '{"name": "Ada", "age": 36, "note": "x"}')
    llmspell.ok("state", "save", "users", "bob", '{"name": "Bob", "age": 9}')
    llmspell.ok("state", "save", "global", "age", "[1, 2.0]")
    return llmspell


@pytest.fixture
def stuck(filled: Llmspell) -> Llmspell:
    """One user more, whom the first migration cannot take through."""
    filled.ok("state", "save", "users", "eve", '{"name": "Eve"}')
    return filled


@pytest.fixture
def terminal(filled: Llmspell) -> Iterator[Terminal]:
    terminal = Terminal(filled)
    yield terminal
    terminal.close()


def test_the_status_of_an_empty_store_tells_what_is_pending_and_creates_nothing(llmspell: Llmspell) -> None:
    write_migrations(llmspell)
    result = llmspell("migrate", "status")
    assert result.code == 0
    assert result.out.splitlines() == [
        "current_version\t1.0.0",
        "latest_version\t3.0.0",
        "pending\t2",
        "quarantined\t0",
        "pending migration\t1.0.0\t2.0.0\t2.0.0_nest.toml\tFlat user fields move under profile",
        "pending migration\t2.0.0\t3.0.0\t3.0.0_drop.toml\t",
    ]
    llmspell("migrate", "plan")
    llmspell("migrate", "up", "--dry-run")
    assert [path.name for path in llmspell.folder.iterdir()] == ["migrations"]


def test_the_status_without_migrations_says_where_none_were_found(llmspell: Llmspell) -> None:
    result = llmspell("migrate", "status")
    assert (result.code, result.err) == (0, 'llmspell: there are no migrations in "./migrations"\n')
    done = llmspell("migrate", "up")
    assert (done.code, 'there are no migrations in "./migrations"' in done.err) == (0, True)


def test_the_status_after_a_migration_tells_when_it_was_made_and_what_is_kept(filled: Llmspell) -> None:
    filled("migrate", "up", "2.0.0")
    told = json.loads(filled.ok("migrate", "status", "--json"))
    assert (told["current_version"], told["latest_version"], told["is_latest"]) == ("2.0.0", "3.0.0", False)
    assert [one["file"] for one in told["pending"]] == ["3.0.0_drop.toml"]
    (applied,) = told["applied"]
    assert (applied["file"], applied["items_migrated"], applied["forgotten"]) == ("2.0.0_nest.toml", 2, False)
    assert applied["bytes_kept"] > 0
    assert told["quarantined"] == 0


def test_the_plan_names_every_step_with_its_loss_and_shows_entries_before_and_after(filled: Llmspell) -> None:
    shown = filled("migrate", "plan").out
    assert shown.startswith("from 1.0.0 to 3.0.0: 2 migrations\n\n1. 1.0.0 -> 2.0.0  2.0.0_nest.toml\n")
    assert "   Flat user fields move under profile\n   entries: 2\n   lossless: " in shown
    assert "   - move age to profile.age\n" in shown
    assert 'scope "users", key "bob"\nbefore\n    {\n      "name": "Bob",\n  -   "age": 9\n    }\nafter\n' in shown
    assert '  +     "age": 9\n' in shown


def test_the_plan_ends_at_the_version_that_is_named(filled: Llmspell) -> None:
    told = json.loads(filled.ok("migrate", "plan", "2.0.0", "--json"))
    assert [step["to_version"] for step in told["steps"]] == ["2.0.0"]
    assert told["samples"][0]["after"] == {"name": "Ada", "note": "x", "profile": {"age": 36}}
    assert filled("migrate", "plan", "1.0.0").out.endswith("nothing is to be done\n")


@pytest.mark.parametrize("words", [("plan",), ("up", "--dry-run"), ("up", "--dry-run", "--on-error", "quarantine")])
def test_what_only_tries_leaves_the_store_byte_equal(stuck: Llmspell, words: tuple[str, ...]) -> None:
    before = stuck.ok("state", "export")
    stuck("migrate", *words)
    assert stuck.ok("state", "export") == before
    assert json.loads(stuck.ok("migrate", "status", "--json"))["current_version"] == "1.0.0"


def test_a_dry_run_shows_entries_and_says_that_nothing_was_changed(filled: Llmspell) -> None:
    result = filled("migrate", "up", "--dry-run")
    assert result.out.startswith("from 1.0.0 to 3.0.0: 2 entries would change")
    assert '  -   "age": 36' in result.out
    assert "nothing was changed; do it with `llmspell migrate up 3.0.0`" in result.err
    told = json.loads(filled.ok("migrate", "up", "--dry-run", "--json"))
    (ada, _) = told["samples"]
    assert (ada["before"]["age"], ada["after"]["profile"]) == (36, {"age": 36})
    assert {"op": "remove", "path": "/age"} in ada["patch"]


def test_up_goes_to_the_latest_version_and_down_gives_back_what_was_there(filled: Llmspell) -> None:
    before = contents(filled)
    up = filled("migrate", "up")
    assert (up.code, up.err) == (0, "llmspell: to go back: `llmspell migrate down 1.0.0`\n")
    assert up.out.startswith("from 1.0.0 to 3.0.0: 2 entries changed, in ")
    assert filled.ok("state", "load", "users", "ada") == '{"name":"Ada","profile":{"age":36}}'
    assert filled("migrate", "down", "1.0.0", "--yes").code == 0
    assert contents(filled) == before


def test_a_second_up_finds_nothing_to_do(filled: Llmspell) -> None:
    filled("migrate", "up")
    assert filled.ok("migrate", "up") == "the store has schema version 3.0.0 already; nothing is to be done"
    told = json.loads(filled.ok("migrate", "up", "--json"))
    assert (told["success"], told["status"], told["items_migrated"]) == (True, "already_current", 0)
    assert (told["current_version"], told["target_version"]) == ("3.0.0", "3.0.0")


def test_migrating_needs_no_permission_in_the_configuration_but_state_switched_on(filled: Llmspell) -> None:
    filled.write("llmspell.toml", "[state]\nmigration_enabled = false\n")
    assert filled("migrate", "up").code == 0
    filled.write("llmspell.toml", "[state]\nenabled = false\n")
    refused = filled("migrate", "status")
    assert (refused.code, "state is switched off" in refused.err) == (2, True)


def test_a_store_below_the_required_range_can_be_brought_into_it(filled: Llmspell) -> None:
    filled.write("llmspell.toml", '[state]\nrequired_schema = ">=2.0.0"\n')
    assert filled("state", "scopes").code == 6
    assert filled("migrate", "up").code == 0
    assert filled.ok("state", "scopes") == "global\nusers"
    left = filled("migrate", "down", "1.0.0", "--yes")
    assert (left.code, "requires >=2.0.0, so other commands refuse this store now" in left.err) == (0, True)


def test_the_next_command_is_told_for_the_same_configuration(filled: Llmspell) -> None:
    filled.write("my own.toml", "")
    assert "`llmspell -c 'my own.toml' migrate down 1.0.0`" in filled("-c", "my own.toml", "migrate", "up").err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("up", "1.0.0"), "1.0.0 is below the store's schema version 2.0.0; to go back, use `llmspell migrate down 1"),
        (("down", "3.0.0"), "3.0.0 is above the store's schema version 2.0.0; to go there, use `llmspell migrate up 3"),
        (("up", "latest"), "'latest' is no semantic version"),
        (("down", "2"), "'2' is no semantic version"),
        (("plan", "2.0"), "'2.0' is no semantic version"),
        (("forget", "x"), "'x' is no semantic version"),
        (("down",), "TO"),
        (("up", "--on-error", "skip"), 'unknown on_error "skip"'),
    ],
)
def test_a_version_in_the_wrong_place_is_wrong_use(filled: Llmspell, words: tuple[str, ...], said: str) -> None:
    filled("migrate", "up", "2.0.0")
    before = filled.ok("state", "export")
    result = filled("migrate", *words)
    assert (result.code, result.out) == (2, "")
    assert said in result.err
    assert filled.ok("state", "export") == before


def test_a_version_that_nobody_knows_is_no_way_to_go(filled: Llmspell) -> None:
    result = filled("migrate", "up", "9.0.0")
    assert result.code == 6
    assert "no migration path from 1.0.0 to 9.0.0; known versions: 1.0.0, 2.0.0, 3.0.0" in result.err


def test_down_refuses_when_nobody_can_be_asked(filled: Llmspell) -> None:
    filled("migrate", "up")
    refused = filled("migrate", "down", "2.0.0", stdin="y\n")
    assert (refused.code, "add --yes" in refused.err) == (2, True)
    assert json.loads(filled.ok("migrate", "status", "--json"))["current_version"] == "3.0.0"
    assert filled("migrate", "down", "2.0.0", "--dry-run").code == 0


def test_an_entry_that_cannot_go_through_is_named_and_nothing_is_changed(stuck: Llmspell) -> None:
    before = stuck.ok("state", "export")
    result = stuck("migrate", "up")
    assert (result.code, result.out) == (6, "")
    assert result.err.startswith(
        'llmspell: scope "users", key "eve": 2.0.0_nest.toml: transform 1 (move age to profile'
    )
    assert result.err.count("\n") == 1
    assert stuck.ok("state", "export") == before


def test_several_entries_that_cannot_go_through_are_told_a_line_each(stuck: Llmspell) -> None:
    stuck.ok("state", "save", "users", "kim", "{}")
    first, second = stuck("migrate", "up").err.splitlines()
    assert 'key "eve"' in first
    assert second.startswith('  scope "users", key "kim": ')
    error = json.loads(stuck("migrate", "up", "--json").err)["error"]
    assert error["kind"] == "MigrationFailed"
    assert [("eve" in problem, "kim" in problem) for problem in error["errors"]] == [(True, False), (False, True)]


def test_quarantine_keeps_an_entry_until_it_can_come_back(stuck: Llmspell) -> None:
    before = contents(stuck)
    up = stuck("migrate", "up", "--on-error", "quarantine")
    assert (up.code, "2 entries changed, 1 put aside" in up.out) == (0, True)
    number, scope, key, version, _, reason = stuck.ok("migrate", "quarantine").split("\t")
    assert (number, scope, key, version) == ("1", "users", "eve", "1.0.0")
    assert 'the field "age" is missing' in reason
    assert stuck("state", "exists", "users", "eve").code == 3
    assert json.loads(stuck.ok("migrate", "status", "--json"))["quarantined"] == 1
    retried = stuck("migrate", "quarantine", "retry")
    assert (retried.code, retried.out) == (6, "1\tusers\teve\tstays in quarantine\n")
    assert '\n  entry 1, scope "users", key "eve": ' in retried.err
    stuck("migrate", "down", "1.0.0", "--yes")
    assert contents(stuck) == before


def test_a_retried_entry_is_back_once_nothing_is_in_its_way(filled: Llmspell) -> None:
    filled.ok("state", "save", "users", "eve", '{"name": "%s", "age": 5}' % ("E" * 100))
    filled.write("llmspell.toml", "[state]\nmax_value_bytes = 125\n")
    filled("migrate", "up", "2.0.0", "--on-error", "quarantine")
    assert "more than max_value_bytes = 125" in filled.ok("migrate", "quarantine")
    filled.write("llmspell.toml", "[state]\nmax_value_bytes = 1000\n")
    assert filled.ok("migrate", "quarantine", "retry", "1") == "1\tusers\teve\tis back"
    assert filled.ok("state", "load", "users", "eve") == '{"name":"%s","profile":{"age":5}}' % ("E" * 100)
    empty = filled("migrate", "quarantine", "list")
    assert empty == (0, "", "llmspell: nothing is in quarantine\n")


def test_an_entry_is_not_retried_with_a_file_that_was_edited_since(stuck: Llmspell) -> None:
    stuck("migrate", "up", "2.0.0", "--on-error", "quarantine")
    stuck.write("migrations/2.0.0_nest.toml", NEST + 'missing = "skip"\n')
    retried = stuck("migrate", "quarantine", "retry", "1")
    assert (retried.code, retried.out) == (6, "")
    assert "2.0.0_nest.toml was changed after it was applied to this store" in retried.err
    assert stuck("state", "load", "users", "eve").code == 3


def test_show_prints_the_whole_entry(stuck: Llmspell) -> None:
    stuck("migrate", "up", "--on-error", "quarantine")
    lines = stuck.ok("migrate", "quarantine", "show", "1").splitlines()
    assert lines[:4] == ["number\t1", "scope\tusers", "key\teve", "schema_version\t1.0.0"]
    assert lines[-1] == 'value\t{"name":"Eve"}'
    told = json.loads(stuck.ok("migrate", "quarantine", "show", "1", "--json"))
    assert (told["key"], told["value"], told["migration"]) == ("eve", {"name": "Eve"}, "2.0.0_nest.toml")


def test_show_prints_a_row_for_each_name_whatever_the_key_holds(stuck: Llmspell) -> None:
    stuck.ok("state", "save", "users", "\x1b[31m\nvalue\t1", '{"x": 1}')
    stuck("migrate", "up", "--on-error", "quarantine")
    shown = [stuck.ok("migrate", "quarantine", "show", number) for number in ("1", "2")]
    assert sum("\nkey\t\\x1b[31m\\nvalue\\t1\n" in one for one in shown) == 1


def test_discard_wants_numbers_and_an_answer(stuck: Llmspell) -> None:
    stuck("migrate", "up", "--on-error", "quarantine")
    for words, said in (
        (("discard", "--yes"), "discard takes the numbers"),
        (("discard", "1"), "add --yes"),
        (("discard", "7", "--yes"), "there is no quarantined entry 7; there are: 1"),
        (("show",), "show takes one number"),
        (("show", "1", "2"), "show takes one number"),
        (("list", "1"), "list takes no numbers"),
        (("retry", "x"), 'N takes a whole number from 0 up, not "x"'),
        (("shw", "1"), 'did you mean "show"?'),
    ):
        refused = stuck("migrate", "quarantine", *words)
        assert (refused.code, refused.out) == (2, ""), words
        assert said in refused.err
    assert stuck.ok("migrate", "quarantine", "discard", "1", "--yes") == "1"
    assert json.loads(stuck.ok("migrate", "quarantine", "--json")) == []


def test_after_forget_there_is_no_way_down(filled: Llmspell) -> None:
    filled("migrate", "up")
    asked = filled("migrate", "forget", "2.0.0")
    assert (asked.code, "add --yes" in asked.err) == (2, True)
    freed = filled.ok("migrate", "forget", "2.0.0", "--yes")
    assert re.fullmatch(r"\d+ bytes freed; there is no way back from 2\.0\.0 to 1\.0\.0 any more", freed)
    before = filled.ok("state", "export")
    refused = filled("migrate", "down", "1.0.0", "--yes")
    assert (refused.code, "was forgotten" in refused.err) == (6, True)
    assert filled.ok("state", "export") == before
    assert filled("migrate", "down", "2.0.0", "--yes").code == 0


def test_only_a_migration_that_was_made_can_be_forgotten(filled: Llmspell) -> None:
    refused = filled("migrate", "forget", "2.0.0", "--yes")
    assert refused.code == 6
    assert refused.err == "llmspell: the store stands on no migration to 2.0.0; it stands on: none\n"


def test_a_malformed_file_is_named_with_line_and_field(filled: Llmspell) -> None:
    filled.write("migrations/3.0.0_drop.toml", DROP.replace('"remove"', '"remoev"'))
    for verb in ("status", "plan", "up"):
        result = filled("migrate", verb)
        assert (result.code, result.out) == (6, ""), verb
        assert re.search(r"3\.0\.0_drop\.toml.*\b6\b.*type.*remoev", result.err), result.err


def test_every_problem_of_the_files_is_told(filled: Llmspell) -> None:
    filled.write("migrations/2.0.0_nest.toml", NEST.replace('"move"', '"mvoe"'))
    filled.write("migrations/3.0.0_drop.toml", DROP.replace('"remove"', '"remoev"'))
    first, second = filled("migrate", "status").err.splitlines()
    assert "mvoe" in first
    assert "remoev" in second


def test_a_folder_that_cannot_be_read_is_named(filled: Llmspell) -> None:
    filled.write("file", "")
    filled.write("llmspell.toml", '[state]\nmigrations_path = "file"\n')
    result = filled("migrate", "status")
    assert result.code == 6
    assert 'the folder of migrations "file" cannot be read: Not a directory' in result.err


def test_a_changed_file_is_refused_before_anything_happens(filled: Llmspell) -> None:
    filled("migrate", "up", "2.0.0")
    filled.write("migrations/2.0.0_nest.toml", NEST.replace("profile.age", "profile.years"))
    before = filled.ok("state", "export")
    result = filled("migrate", "up")
    assert (result.code, "2.0.0_nest.toml was changed after it was applied" in result.err) == (6, True)
    assert filled.ok("state", "export") == before


def test_every_migrate_command_but_those_on_files_has_a_json_case_here() -> None:
    assert set(COMMANDS["migrate"].verbs or {}) - {"new", "check"} == set(JSON_WORDS)


@pytest.mark.parametrize("verb", JSON_WORDS)
def test_a_result_is_one_json_value(filled: Llmspell, verb: str) -> None:
    if verb in ("down", "forget"):
        filled("migrate", "up")
    told = json.loads(filled.ok("migrate", *JSON_WORDS[verb], "--json"))
    assert type(told) is (list if verb == "quarantine" else dict)


def test_a_retry_tells_each_outcome_as_json(stuck: Llmspell) -> None:
    stuck("migrate", "up", "--on-error", "quarantine")
    result = stuck("migrate", "quarantine", "retry", "--json")
    (told,) = json.loads(result.out)
    assert (result.code, told["number"], told["key"]) == (6, 1, "eve")
    assert json.loads(result.err)["error"]["errors"] == [f'entry 1, scope "users", key "eve": {told["problem"]}']


def test_versions_are_completed_in_the_direction_of_the_command(filled: Llmspell) -> None:
    assert versions(filled, "llmspell migrate up ") == ["2.0.0", "3.0.0"]
    assert versions(filled, "llmspell migrate forget ") == []
    filled("migrate", "up", "2.0.0")
    assert versions(filled, "llmspell migrate up ") == ["3.0.0"]
    assert versions(filled, "llmspell migrate down ") == ["1.0.0"]
    assert versions(filled, "llmspell migrate plan ") == ["1.0.0", "3.0.0"]
    assert versions(filled, "llmspell migrate forget ") == ["2.0.0"]
    assert versions(filled, "llmspell migrate quarantine sh") == ["show"]


def test_samples_stand_side_by_side_and_coloured_on_a_terminal(terminal: Terminal) -> None:
    assert terminal.run("migrate", "plan", streams="01") == 0
    shown = plain(terminal.shown).splitlines()
    assert f"{'before':38} | after" in shown
    assert f'{"-   " + chr(34) + "age" + chr(34) + ": 9":38} | +   "profile": {{' in shown
    assert '\033[31m-   "age": 9' in terminal.shown
    assert '\033[32m+   "profile": {\033[0m' in terminal.shown


@pytest.mark.parametrize(("words", "environment"), [((), {"NO_COLOR": "1"}), (("--no-color",), {})])
def test_colours_can_be_switched_off(terminal: Terminal, words: tuple[str, ...], environment: dict[str, str]) -> None:
    terminal.run("migrate", "plan", *words, **environment)
    terminal.run("migrate", "up", "--dry-run", *words, **environment)
    terminal.run("migrate", "status", *words, **environment)
    assert ESCAPE not in terminal.shown
    assert f"{'before':38} | after" in terminal.shown


def test_samples_are_stacked_on_a_narrow_terminal(terminal: Terminal) -> None:
    terminal.run("migrate", "plan", "--no-color", COLUMNS="59")
    assert "\nbefore\n" in terminal.shown
    assert " | after" not in terminal.shown


def test_the_status_is_shown_as_tables_on_a_terminal(filled: Llmspell, terminal: Terminal) -> None:
    filled("migrate", "up", "2.0.0")
    terminal.run("migrate", "status", "--no-color", streams="01")
    lines = terminal.shown.splitlines()
    assert lines[0] == "current_version  2.0.0"
    assert "pending migrations, in their order" in lines
    assert "2.0.0  3.0.0  3.0.0_drop.toml" in lines
    assert re.search(
        r"^1\.0\.0  2\.0\.0  2\.0\.0_nest\.toml  \d{4}-\d\d-\d\d .*  2        \d+ bytes$", terminal.shown, re.M
    )


@pytest.mark.parametrize(("answer", "code", "version"), [("y\n", 0, "1.0.0"), ("n\n", 130, "3.0.0")])
def test_down_asks_on_a_terminal(filled: Llmspell, terminal: Terminal, answer: str, code: int, version: str) -> None:
    filled("migrate", "up")
    process = terminal.start("migrate", "down", "1.0.0", "--no-color")
    terminal.type(answer, after="Take the store from 3.0.0 down to 1.0.0, back over 2 migrations? ")
    assert terminal.end(process) == code
    assert json.loads(filled.ok("migrate", "status", "--json"))["current_version"] == version


def test_forget_tells_how_much_it_frees_before_it_asks(filled: Llmspell, terminal: Terminal) -> None:
    filled("migrate", "up")
    process = terminal.start("migrate", "forget", "2.0.0", "--no-color")
    terminal.type("\n", after="There is no way back from 2.0.0 to 1.0.0 then. [y/N] ")
    assert terminal.end(process) == 130
    assert re.search(r"Forget what 2\.0\.0_nest\.toml took away \(\d+ bytes\)\?", terminal.shown)
    assert "nothing was changed" in terminal.shown
    assert filled("migrate", "down", "1.0.0", "--yes").code == 0


@pytest.fixture
def slow(filled: Llmspell) -> Llmspell:
    """3,002 users, and a migration that takes two seconds at least, on whatever machine."""
    lines = "".join(f'{{"scope":"users","key":"u{number}","value":{{"age":{number}}}}}\n' for number in range(3_000))
    filled("state", "import", stdin=lines)
    filled.write("migrations/waiting.py", "import time\n\ndef up(value):\n    time.sleep(0.0007)\n    return value\n")
    filled.write("migrations/2.0.0_nest.toml", NEST + '\n[[transforms]]\ntype = "custom"\nfunction = "waiting:up"\n')
    filled.write("llmspell.toml", "[state]\nallow_python_migrations = true\n")
    return filled


def test_a_long_run_shows_a_bar_with_count_and_rate(slow: Llmspell, terminal: Terminal) -> None:
    process = terminal.start("migrate", "up", streams="2")
    assert terminal.end(process) == 0
    shown = plain(terminal.shown)
    assert "migrating" in shown
    assert re.search(r"[\d,]+ of 6,004 entries +[\d,]+/s", shown)


def test_ctrl_c_in_a_long_run_changes_nothing(slow: Llmspell, terminal: Terminal) -> None:
    before = slow.ok("state", "export")
    process = terminal.start("migrate", "up", streams="2")
    terminal.type("", after="migrating")
    process.send_signal(signal.SIGINT)
    assert terminal.end(process) == 130
    assert "interrupted\n" in terminal.shown
    assert slow.ok("state", "export") == before
    assert json.loads(slow.ok("migrate", "status", "--json"))["current_version"] == "1.0.0"


def test_a_short_run_shows_no_bar(terminal: Terminal) -> None:
    process = terminal.start("migrate", "up", "--no-color", streams="2")
    assert terminal.end(process) == 0
    assert terminal.shown == "llmspell: to go back: `llmspell migrate down 1.0.0`\n"
