"""`--json` on every command that prints a result: one JSON value on standard output, errors as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from llmspell.cli.commands import COMMANDS, Command

if TYPE_CHECKING:
    from tests.acceptance.conftest import Llmspell

PRINTED: dict[str, tuple[tuple[str, ...], object]] = {
    "state save": (("app", "new", "1"), 4),
    "state load": (("app", "config"), {"theme": "dark"}),
    "state delete": (("app", "config"), True),
    "state list-keys": (("app",), ["config", "log", "n"]),
    "state exists": (("app", "config"), True),
    "state entry": (("app", "config"), ...),
    "state scopes": ((), ["app"]),
    "state clear": (("app", "--yes"), 3),
    "state increment": (("app", "n"), 2),
    "state append": (("app", "log", "2"), 2),
    "state touch": (("app", "n"), True),
    "state export": (("--scope", "app"), ...),
    "state import": (("-",), {"entries": 0, "expired": 0, "dry_run": False}),
    "state stats": ((), ...),
    "state check": ((), {"exists": True, "entries": 3, "problems": []}),
    "migrate status": ((), ...),
    "migrate plan": ((), {"from_version": "1.0.0", "to_version": "1.0.0", "steps": [], "samples": []}),
    "migrate quarantine": ((), []),
    "migrate new": (
        ("add_email",),
        {
            "path": "./migrations/1.1.0_add_email.toml",
            "from_version": "1.0.0",
            "to_version": "1.1.0",
            "transforms": 0,
        },
    ),
    "migrate check": ((), {"migrations": [], "problems": [], "notices": []}),
    "backup create": ((), ...),
    "backup list": ((), {"backups": [], "problems": {}}),
    "backup validate": ((), []),
    "backup cleanup": (
        (),
        {
            "dry_run": False,
            "deleted_count": 0,
            "retained_count": 0,
            "space_freed": 0,
            "decisions": [],
            "success": True,
            "error": None,
        },
    ),
    "backup usage": (
        (),
        {
            "place": "./backups",
            "total_backups": 0,
            "total_size": 0,
            "full_backups": 0,
            "incremental_backups": 0,
            "oldest_backup": None,
            "newest_backup": None,
        },
    ),
    "backup key": (("backups.key",), ...),
    "config show": ((), ...),
    "config check": ((), {"source": None, "valid": True}),
    "config init": ((), {"file": "llmspell.toml"}),
    "completion": (("bash",), ...),
}


def leaves(commands: dict[str, Command], before: str = "") -> list[str]:
    found = []
    for name, command in commands.items():
        path = f"{before} {name}".strip()
        found += leaves(command.verbs, path) if command.verbs else [path]
    return found


def test_every_command_that_prints_a_result_has_a_case_here() -> None:
    scripts = {"run", "exec", "repl"}  # what they print is theirs
    with_migrations = {"migrate up", "migrate down", "migrate forget"}  # their cases are in test_migrate.py
    with_backups = {"backup show", "backup restore", "backup hold", "backup release"}  # in test_backup.py
    with_history = {"state history", "state diff", "state restore-points", "state stop-history"}  # in test_history.py
    elsewhere = scripts | with_migrations | with_backups | with_history
    assert set(leaves(COMMANDS)) - elsewhere == set(PRINTED)


@pytest.fixture
def filled(llmspell: Llmspell) -> Llmspell:
    llmspell.ok("state", "save", "app", "config", '{"theme": "dark"}')
    llmspell.ok("state", "save", "app", "n", "1")
    llmspell.ok("state", "append", "app", "log", "1")
    return llmspell


@pytest.mark.parametrize("command", PRINTED)
def test_a_result_is_one_json_value(filled: Llmspell, command: str) -> None:
    words, expected = PRINTED[command]
    told = json.loads(filled.ok(*command.split(), *words, "--json"))
    if expected is not ...:
        assert told == expected


def test_the_flag_may_stand_anywhere(filled: Llmspell) -> None:
    for words in (
        ("--json", "state", "list-keys", "app"),
        ("state", "--json", "list-keys", "app"),
        ("state", "list-keys", "--json", "app"),
        ("state", "list-keys", "app", "--json"),
    ):
        assert filled.ok(*words) == '["config","log","n"]'


def test_an_export_is_an_array(filled: Llmspell) -> None:
    told = json.loads(filled.ok("state", "export", "--json"))
    assert [entry["key"] for entry in told] == ["config", "log", "n"]
    assert json.loads(filled.ok("state", "export", "--scope", "none", "--json")) == []
    assert json.loads(filled.ok("state", "export", "--output", "x.jsonl", "--json")) == {
        "entries": 3,
        "file": "x.jsonl",
    }


@pytest.mark.parametrize(
    ("words", "code", "kind"),
    [
        (("state", "load", "app", "none"), 3, "NotFound"),
        (("state", "save", "app", "n", "2", "--if-version", "99"), 4, "Conflict"),
        (("state", "save", "app", "n", "no json"), 2, "InvalidArgument"),
        (("state", "lod"), 2, "InvalidArgument"),
        (("state", "load", "app"), 2, "InvalidArgument"),
        (("state", "load", "app", "n", "--rwa"), 2, "InvalidArgument"),
        (("-c", "none.toml", "state", "scopes"), 2, "ConfigError"),
        (("state", "history", "app", "n"), 7, "HistoryError"),
        (("run", "none.lua"), 2, "InvalidArgument"),
        (("exec", "error('no')"), 1, "ScriptError"),
    ],
)
def test_an_error_is_json_with_the_same_exit_code(
    filled: Llmspell, words: tuple[str, ...], code: int, kind: str
) -> None:
    result = filled("--json", *words)
    assert (result.code, result.out) == (code, "")
    told = json.loads(result.err)
    assert list(told) == ["error"]
    assert list(told["error"]) == ["kind", "message"]
    assert told["error"]["kind"] == kind
    assert filled(*words).err == f"llmspell: {told['error']['message']}\n"


def test_json_of_a_script_stays_with_the_script(llmspell: Llmspell) -> None:
    assert llmspell.ok("exec", "print(arg[1])", "--json") == "--json"
    assert llmspell("exec", "error('no')", "--json").err.startswith("llmspell: exec:1:")


def test_errors_are_readable_json_whatever_the_terminal_can_print(llmspell: Llmspell) -> None:
    result = llmspell("state", "load", "é", "x", "--json", PYTHONIOENCODING="ascii:strict")
    assert 'scope \\"é\\"' in result.err
    json.loads(result.err)
