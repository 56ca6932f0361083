"""`llmspell run` and `llmspell exec`."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.acceptance.conftest import Llmspell


def test_a_script_runs_and_finds_what_an_earlier_run_saved(llmspell: Llmspell) -> None:
    llmspell.write("count.lua", 'print(State.increment("stats", "runs"))')
    assert llmspell.ok("run", "count.lua") == "1"
    assert llmspell.ok("run", "count.lua") == "2"
    assert llmspell.ok("state", "load", "stats", "runs") == "2"


@pytest.mark.parametrize(
    "given",
    [
        ("a", "b"),
        ("--json", "--debug", "-c", "x.toml", "--help", "--version", "-h"),
        ("--", "-x", "--"),
        ("", " ", "é", "-"),
        ("run", "state", "load"),
    ],
)
def test_everything_behind_the_script_is_the_scripts(llmspell: Llmspell, given: tuple[str, ...]) -> None:
    llmspell.write("args.lua", 'for i = 1, #arg do print("<" .. arg[i] .. ">") end')
    printed = "\n".join(f"<{word}>" for word in given)
    assert llmspell.ok("run", "args.lua", *given) == printed
    code = 'for i = 1, #arg do print("<" .. arg[i] .. ">") end'
    assert llmspell.ok("exec", code, *given) == printed
    assert llmspell.ok("run", "-", *given, stdin=code) == printed


def test_our_own_options_stand_before_the_script(llmspell: Llmspell) -> None:
    llmspell.write("other.toml", '[state]\npath = "elsewhere"\n')
    llmspell.ok("run", "-c", "other.toml", "-", stdin='State.save("a", "b", 1)')
    llmspell.ok("-c", "other.toml", "exec", 'State.save("a", "c", 1)')
    assert llmspell.ok("state", "list-keys", "a", "--config", "other.toml").splitlines() == ["b", "c"]
    assert (llmspell.folder / "elsewhere").is_dir()


def test_code_that_begins_with_a_dash_stands_behind_two(llmspell: Llmspell) -> None:
    assert llmspell.ok("exec", "--", "--[[comment]]print(arg[1])", "--", "x") == "--"


def test_a_script_that_fails_is_one_line_with_its_place_and_code_1(llmspell: Llmspell) -> None:
    llmspell.write("bad.lua", '-- first\nerror("broken")\n')
    result = llmspell("run", "bad.lua")
    assert (result.code, result.out) == (1, "")
    assert result.err == "llmspell: bad.lua:2: broken\n"


def test_a_script_names_its_own_exit_code(llmspell: Llmspell) -> None:
    assert llmspell("exec", "os.exit(7)").code == 7
    assert llmspell("exec", "os.exit(true)").code == 0


def test_a_script_that_exceeds_its_time_is_stopped_with_124(llmspell: Llmspell) -> None:
    llmspell.write("llmspell.toml", "[runtime]\nscript_timeout_seconds = 0.2\n")
    result = llmspell("exec", 'print("begun") while true do end')
    assert (result.code, result.out) == (124, "begun\n")
    assert "script_timeout_seconds" in result.err


def test_what_a_script_prints_stands_before_what_we_say_about_it(llmspell: Llmspell) -> None:
    process = llmspell.start("exec", 'print("one") error("two")', stderr=subprocess.STDOUT)
    out, _ = process.communicate(timeout=60)
    assert out.decode() == "one\nllmspell: exec:1: two\n"


def test_a_suffix_in_capitals_or_none_is_lua(llmspell: Llmspell) -> None:
    for name in ("script", "script.LUA"):
        llmspell.write(name, 'print("ran")')
        assert llmspell.ok("run", name) == "ran"


def test_state_that_is_switched_off_does_not_exist(llmspell: Llmspell) -> None:
    llmspell.write("llmspell.toml", "[state]\nenabled = false\n")
    assert llmspell.ok("exec", "print(State)") == "nil"
    result = llmspell("state", "load", "a", "b")
    assert result.code == 2
    assert (
        result.err == 'llmspell: state is switched off in "llmspell.toml"; write enabled = true in its table [state]\n'
    )


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        ("migration_enabled = true", ("migrate", "migration_status", "schema_versions")),
        (
            "backup_enabled = true",
            (
                *("create_backup", "list_backups", "restore_backup", "validate_backup", "cleanup_backups"),
                "get_storage_usage",
            ),
        ),
        ("history_days = 7", ("history", "diff", "restore_points", "restore")),
    ],
)
def test_functions_are_there_exactly_when_the_configuration_says_so(
    llmspell: Llmspell, setting: str, names: tuple[str, ...]
) -> None:
    code = f"print({', '.join(f'State.{name} ~= nil' for name in names)})"
    assert set(llmspell.ok("exec", code).split("\t")) == {"false"}
    llmspell.write("llmspell.toml", f"[state]\n{setting}\n")
    result = llmspell("exec", code)
    assert (result.code, set(result.out.strip().split("\t")), result.err) == (0, {"true"}, "")
    assert [path.name for path in llmspell.folder.iterdir()] == ["llmspell.toml"]


def test_a_script_brings_back_what_it_has_lost(llmspell: Llmspell) -> None:
    llmspell.write("llmspell.toml", "[state]\nbackup_enabled = true\n")
    llmspell.ok("state", "save", "a", "b", '"kept"')
    llmspell.ok("exec", 'State.save("note", "id", State.create_backup().backup_id) State.clear("a")')
    llmspell.ok("exec", 'assert(State.restore_backup(State.load("note", "id")).success)')
    assert llmspell.ok("state", "load", "a", "b") == '"kept"'
    assert llmspell.ok("exec", 'print(State.load("note", "id"), #State.list_backups())') == "nil\t2"


def test_a_script_that_is_interrupted_in_its_backups_leaves_only_whole_ones(llmspell: Llmspell) -> None:
    llmspell.write("llmspell.toml", "[state]\nbackup_enabled = true\n")
    fill = 'State.transaction(function() for n = 1, 20000 do State.save("s", "k" .. n, { n = n }) end end)'
    llmspell.ok("exec", fill)
    loop = """
        while true do
          local made = State.create_backup()
          print(made.success) io.stdout:flush()
          State.restore_backup(made.backup_id)
        end
    """
    process = llmspell.start("exec", loop)
    assert process.stdout
    assert [process.stdout.readline() for _ in range(2)] == 2 * [b"true\n"]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert len(llmspell.ok("state", "list-keys", "s").splitlines()) == 20_000
    look = """
        print(State.create_backup(true).success)
        for _, backup in ipairs(State.list_backups()) do
          assert(State.validate_backup(backup.id).is_valid)
        end
    """
    assert llmspell.ok("exec", look) == "true"
    assert sorted(llmspell.folder.glob("backups/.[!l]*")) == []  # what was left half written went with the next one


def test_a_script_looks_back(llmspell: Llmspell) -> None:
    llmspell.write("llmspell.toml", "[state]\nhistory_days = 7\n")
    version = llmspell.ok("exec", 'print(State.save("a", "b", "old"))')
    llmspell.ok("state", "save", "a", "b", '"new"')
    assert llmspell.ok("exec", f'print(State.load("a", "b", {{ at = {version} }}))') == "old"
    assert llmspell.ok("exec", f'print(State.diff("a", {version})[1].after)') == "new"


def test_a_store_that_cannot_be_read_is_told_by_the_call_that_needs_it(llmspell: Llmspell) -> None:
    (llmspell.folder / "state").mkdir()
    llmspell.write("state/state.db", "no store" * 1_000)
    assert llmspell.ok("exec", "print(State.history)") == "nil"
    assert llmspell("exec", 'State.load("a", "b")').code == 1


def test_the_wrong_language_is_wrong_use(llmspell: Llmspell) -> None:
    llmspell.write("script.rb", "puts 1")
    assert llmspell("run", "script.rb").code == 2


def test_an_unreadable_configuration_stops_before_the_script(llmspell: Llmspell) -> None:
    llmspell.write("llmspell.toml", '[state]\npth = "x"\n')
    result = llmspell("exec", 'print("ran")')
    assert (result.code, result.out) == (2, "")
    assert 'did you mean "path"?' in result.err
