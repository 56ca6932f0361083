"""`llmspell backup ...` when something is wrong: damage, missing keys, wrong words, an interruption."""

from __future__ import annotations

import json
import os
import re
import signal
from typing import TYPE_CHECKING

import pytest
from tests.acceptance.test_backup import ABSENT, ID, contents, listed
from tests.acceptance.test_terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.acceptance.conftest import Llmspell


class Chain:
    """A full backup, an incremental one upon it, and a full one made later."""

    def __init__(self, llmspell: Llmspell) -> None:
        llmspell.ok("state", "save", "app", "theme", '"dark"')
        self.full = llmspell.ok("backup", "create")
        llmspell.ok("state", "save", "app", "size", "1")
        self.incremental = llmspell.ok("backup", "create", "--incremental")
        llmspell.ok("state", "save", "app", "size", "2")
        self.newest = llmspell.ok("backup", "create")
        self.folder = llmspell.folder / "backups"

    def damage(self, backup_id: str, name: str = "entries.jsonl.zst") -> None:
        file = self.folder / backup_id / name
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)


@pytest.fixture
def chain(llmspell: Llmspell) -> Chain:
    return Chain(llmspell)


@pytest.fixture
def terminal(llmspell: Llmspell) -> Iterator[Terminal]:
    terminal = Terminal(llmspell)
    yield terminal
    terminal.close()


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_validate_tells_what_is_damaged_and_what_is_left(llmspell: Llmspell, chain: Chain) -> None:
    chain.damage(chain.full)
    result = llmspell("backup", "validate")
    assert result.code == 7
    newest, incremental, full = result.out.splitlines()
    assert newest == f"{chain.newest}\tsound"
    assert incremental.startswith(f"{chain.incremental}\tcannot be restored: {chain.full} is damaged: ")
    assert full.startswith(f"{chain.full}\tdamaged: entries.jsonl.zst ")
    assert result.err == f"llmspell: 2 of 3 backups cannot be restored; these can: {chain.newest}\n"
    told = json.loads(llmspell("backup", "validate", chain.full, "--json").out)
    assert [(one["is_valid"], one["checksum_valid"], one["restorable"]) for one in told] == [
        (False, False, [chain.newest])
    ]


def test_validate_of_what_is_unverified_looks_at_the_damaged_again(llmspell: Llmspell, chain: Chain) -> None:
    chain.damage(chain.full)
    assert llmspell("backup", "validate").code == 7
    again = llmspell("backup", "validate", "--unverified")
    assert again.code == 7
    assert [line.split("\t")[0] for line in again.out.splitlines()] == [chain.incremental, chain.full]


def test_when_nothing_can_be_restored_validate_says_what_to_do(llmspell: Llmspell, chain: Chain) -> None:
    for backup_id in (chain.full, chain.newest):
        chain.damage(backup_id)
    said = llmspell("backup", "validate").err
    assert said == (
        "llmspell: 3 of 3 backups cannot be restored, and there is no other that can; make a new one with "
        "`llmspell backup create`\n"
    )


def test_damage_that_is_known_stands_in_the_list_and_says_it_once(llmspell: Llmspell, chain: Chain) -> None:
    chain.damage(chain.full)
    llmspell("backup", "validate", chain.full)
    lines = [line.split("\t") for line in llmspell.ok("backup", "list").splitlines()]
    assert [(line[0], line[6]) for line in lines] == [
        (chain.newest, ""),
        (chain.incremental, "damaged"),
        (chain.full, "damaged"),
    ]
    damage = str(listed(llmspell)[2]["damage"])
    assert damage.count("is damaged") == 1
    shown = json.loads(llmspell.ok("backup", "show", chain.incremental, "--json"))
    assert (shown["restorable"], shown["obstacle"]) == (False, damage)


def test_a_damaged_backup_is_not_restored(llmspell: Llmspell, chain: Chain) -> None:
    chain.damage(chain.incremental)
    before = llmspell.ok("state", "export")
    result = llmspell("backup", "restore", chain.incremental, "--yes")
    assert (result.code, result.out) == (7, "")
    assert re.fullmatch(
        rf"llmspell: {chain.incremental} is damaged: .*; the store is as it was; "
        rf"other backups that can be restored: .*{chain.newest}.*\n",
        result.err,
    )
    assert llmspell.ok("state", "export") == before
    assert len(listed(llmspell)) == 3


def test_a_missing_parent_is_named(llmspell: Llmspell, chain: Chain) -> None:
    for file in (chain.folder / chain.full).iterdir():
        file.unlink()
    (chain.folder / chain.full).rmdir()
    result = llmspell("backup", "restore", chain.incremental, "--yes")
    assert (result.code, f"{chain.full}, which {chain.incremental} stands on, is missing" in result.err) == (7, True)
    shown = json.loads(llmspell.ok("backup", "show", chain.incremental, "--json"))
    assert (shown["chain"], shown["restorable"]) == ([chain.incremental], False)
    assert llmspell("backup", "validate", "--unverified").code == 7


def test_what_cannot_be_read_is_told_beside_the_list(llmspell: Llmspell, chain: Chain) -> None:
    chain.damage(chain.newest, "manifest.json")
    result = llmspell("backup", "list")
    assert result.code == 0
    assert [line.split("\t")[0] for line in result.out.splitlines()] == [chain.incremental, chain.full]
    assert result.err.startswith(f"llmspell: {chain.newest} is damaged: its manifest is not readable ")
    assert result.err.count("\n") == 1
    told = json.loads(llmspell.ok("backup", "list", "--json"))
    assert [one["id"] for one in told["backups"]] == [chain.incremental, chain.full]
    assert list(told["problems"]) == [chain.newest]
    assert (llmspell("backup", "show", chain.newest).code, llmspell("backup", "validate").code) == (7, 7)


def test_latest_says_when_a_newer_one_cannot_be_read(llmspell: Llmspell) -> None:
    llmspell.ok("state", "save", "app", "x", "1")
    made = llmspell.ok("backup", "create")
    unread = "29991231T235959Z-full-aaaaaa"
    (llmspell.folder / "backups" / unread).mkdir()
    (llmspell.folder / "backups" / unread / "manifest.json").write_text("{}")
    result = llmspell("backup", "show", "latest")
    assert (result.code, result.out.startswith(f"id\t{made}\n")) == (0, True)
    assert (
        result.err == f"llmspell: the latest backup that can be read is {made}; {unread} is newer and cannot be read\n"
    )


def test_where_no_backup_can_be_read_nobody_is_told_to_make_the_first(llmspell: Llmspell) -> None:
    (llmspell.folder / "backups" / ABSENT).mkdir(parents=True)
    (llmspell.folder / "backups" / ABSENT / "manifest.json").write_text("{}")
    for words in (("list",), ("show", "latest")):
        said = llmspell("backup", *words).err
        assert 'there is no backup in "./backups" that can be read; see `llmspell backup list`\n' in said


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("show", ABSENT), 3, f'there is no backup {ABSENT} in "./backups"; the newest is '),
        (("restore", ABSENT, "--yes"), 3, "there is no backup"),
        (("validate", ABSENT), 3, "there is no backup"),
        (("hold", ABSENT), 3, "there is no backup"),
        (("release", ABSENT), 3, "there is no backup"),
        (("show", "../x"), 2, "'../x' is no id of a backup"),
        (("restore", "x"), 2, "'x' is no id of a backup"),
        (("validate", "x"), 2, "'x' is no id of a backup"),
        (("show",), 2, "ID"),
        (("restore",), 2, "restore takes the id of a backup, or --at and a moment; `llmspell backup list` shows"),
        (("restore", ABSENT, "--at", "7"), 2, f"{ABSENT} and --at 7 name two things to restore"),
        (("restore", "--scope", "app", "latest", "--yes"), 2, "latest was taken for a glob, and no backup is named"),
        (("restore", "--exclude", "x", ABSENT), 2, f"{ABSENT} was taken for a glob"),
        (("restore", "latest", "--yes", "--scope", ""), 2, "scopes takes globs"),
        (("restore", "latest", "--yes", "--into", ""), 2, "scope"),
        (("restore", "--at", "yesterday", "--yes"), 2, "'yesterday' is no moment"),
        (("restore", "--at", "1", "--yes"), 7, "the store keeps no history"),
        (("validate", "--unverified", ABSENT), 2, "--unverified chooses the backups itself"),
        (("hold", "latest", "--until", "never"), 2, "'never' is no moment"),
        (("hold", "latest", "--until", "2030"), 2, "a hold until 1970-01-01 00:33:50+00:00 would be over already"),
        (("create", "--hold", ""), 2, "hold takes"),
        (("create", "--description", "x" * 1_001), 2, "a description is text of at most 1000 characters"),
        (("create", "--incrementl"), 2, 'did you mean "--incremental"?'),
        (("creat",), 2, 'did you mean "create"?'),
        (("key",), 2, "FILE"),
        (("key", "none/k"), 2, 'the key file "none/k" cannot be written: No such file or directory'),
        (("key", "."), 2, '"." exists already'),
    ],
)
def test_wrong_words_say_what_to_do_and_change_nothing(
    llmspell: Llmspell, words: tuple[str, ...], code: int, said: str
) -> None:
    llmspell.ok("state", "save", "app", "theme", '"dark"')
    llmspell.ok("backup", "create")
    before = files(llmspell.folder / "backups"), llmspell.ok("state", "export")
    result = llmspell("backup", *words)
    assert (result.code, result.out) == (code, "")
    assert said in result.err
    assert result.err.count("\n") == 1
    assert (files(llmspell.folder / "backups"), llmspell.ok("state", "export")) == before


@pytest.mark.parametrize(
    ("place", "code", "said"),
    [
        ("file", 7, '"file" is to be the folder of the backups and is, or lies in, a file'),
        ("ftp://host/x", 2, "it must begin with s3://"),
    ],
)
def test_a_place_that_cannot_be_used_is_named(llmspell: Llmspell, place: str, code: int, said: str) -> None:
    llmspell.ok("state", "save", "app", "theme", '"dark"')
    llmspell.write("file", "")
    llmspell.write("llmspell.toml", f'[state]\nbackup_path = "{place}"\n')
    for verb in ("create", "list", "usage", "cleanup", "validate"):
        result = llmspell("backup", verb)
        assert (result.code, result.out) == (code, ""), verb
        assert said in result.err
    error = json.loads(llmspell("backup", "list", "--json").err)["error"]
    assert error["kind"] == ("BackupUnavailable" if code == 7 else "InvalidArgument")


def test_a_restore_without_a_way_back_needs_force(llmspell: Llmspell, chain: Chain) -> None:
    before = llmspell.ok("state", "export")
    words = ("backup", "restore", chain.full, "--yes")
    refused = llmspell(*words, LLMSPELL_FAIL_POINT="backup.writing=raise")
    assert (refused.code, refused.out) == (7, "")
    assert refused.err.startswith("llmspell: nothing was restored, because the store as it is now could not be backed")
    assert llmspell.ok("state", "export") == before
    forced = llmspell(*words, "--force", LLMSPELL_FAIL_POINT="backup.writing=raise")
    assert (forced.code, forced.err) == (0, "llmspell: there is no backup of the store as it was before\n")
    assert [entry["key"] for entry in contents(llmspell)] == ["theme"]


def test_a_key_file_that_is_gone_is_named(llmspell: Llmspell, chain: Chain) -> None:
    llmspell.write("llmspell.toml", '[state]\nbackup_encryption_key_file = "none.key"\n')
    for verb, code in (("list", 0), ("create", 7), ("validate", 7)):
        answer = llmspell("backup", verb)
        assert (answer.code, 'there is no key file "none.key"' in answer.err) == (code, True), verb


def test_a_missing_key_and_a_wrong_key_are_told_apart(llmspell: Llmspell) -> None:
    for name in ("right", "wrong"):
        llmspell("backup", "key", f"{name}.key")
        llmspell.write(f"{name}.toml", f'[state]\nbackup_encryption_key_file = "{name}.key"\n')
    llmspell.ok("state", "save", "app", "theme", '"dark"')
    made = llmspell.ok("-c", "right.toml", "backup", "create")
    assert llmspell.ok("backup", "list").split("\t")[6] == "encrypted"
    shown = json.loads(llmspell.ok("backup", "show", made, "--json"))
    assert (shown["restorable"], shown["description"]) == (False, None)
    assert "backup_encryption_key_file" in shown["obstacle"]
    missing = llmspell("backup", "restore", made, "--yes")
    assert (missing.code, "name the file with that key" in missing.err) == (7, True)
    wrong = llmspell("-c", "wrong.toml", "backup", "restore", made, "--yes")
    assert (wrong.code, "is encrypted for another key" in wrong.err) == (7, True)
    unread = llmspell("backup", "validate", made)
    assert (unread.code, unread.out.startswith(f"{made}\tencrypted for age1")) == (7, True)
    assert llmspell.ok("-c", "right.toml", "backup", "validate", made) == f"{made}\tsound"


def test_a_store_of_another_schema_version_is_restored_by_its_migrations(llmspell: Llmspell) -> None:
    llmspell.ok("state", "save", "users", "ada", '{"age": 36}')
    made = llmspell.ok("backup", "create")
    (llmspell.folder / "migrations").mkdir()
    llmspell.write(
        "migrations/2.0.0_years.toml",
        'from_version = "1.0.0"\nto_version = "2.0.0"\nscope = "users"\n\n'
        '[[transforms]]\ntype = "move"\nfrom = "age"\nto = "years"\n',
    )
    assert llmspell("migrate", "up").code == 0
    llmspell.ok("state", "clear", "users", "--yes")
    refused = llmspell("backup", "restore", made, "--yes")
    assert (refused.code, "migrations are off" in refused.err) == (7, True)
    llmspell.write("llmspell.toml", '[state]\nmigration_enabled = true\nrequired_schema = "<2.0.0"\n')
    restored = llmspell("backup", "restore", made, "--yes")
    assert (restored.code, "other commands refuse this store now" in restored.err) == (0, True)
    llmspell.write("llmspell.toml", "")
    assert llmspell.ok("state", "load", "users", "ada") == '{"years":36}'


def test_a_store_from_the_future_can_be_backed_up(llmspell: Llmspell) -> None:
    llmspell.write("new.toml", '[state]\nschema_version = "9.0.0"\n')
    llmspell.ok("-c", "new.toml", "state", "save", "app", "x", "1")
    llmspell.write("llmspell.toml", '[state]\nmigration_enabled = true\nrequired_schema = "<2.0.0"\n')
    made = llmspell.ok("backup", "create")
    assert llmspell.ok("backup", "validate") == f"{made}\tsound"


@pytest.mark.parametrize(
    ("point", "words"),
    [
        ("backup.writing", ("create",)),
        ("backup.proving", ("create", "--incremental")),
        ("backup.publishing", ("create",)),
        ("restore.turn_taken", ("restore", "latest", "--dry-run")),
        ("restore.putting", ("restore", "latest", "--dry-run")),
        ("cleanup.removing", ("cleanup", "--yes")),
    ],
)
def test_an_interruption_leaves_store_and_place_as_they_were(
    llmspell: Llmspell, chain: Chain, point: str, words: tuple[str, ...]
) -> None:
    llmspell.write("llmspell.toml", "[state]\nbackup_retention_days = 0\nbackup_max_backups = 1\n")
    before, backups = llmspell.ok("state", "export"), files(chain.folder)
    result = llmspell("backup", *words, LLMSPELL_FAIL_POINT=f"{point}=interrupt")
    assert result == (130, "", "llmspell: interrupted\n")
    assert llmspell.ok("state", "export") == before
    assert files(chain.folder) == backups


@pytest.mark.parametrize("point", ["restore.verified", "restore.turn_taken", "restore.putting", "restore.committing"])
def test_an_interrupted_restore_changes_nothing_and_can_be_repeated(
    llmspell: Llmspell, chain: Chain, point: str
) -> None:
    before = llmspell.ok("state", "export")
    result = llmspell("backup", "restore", chain.full, "--yes", LLMSPELL_FAIL_POINT=f"{point}=interrupt")
    assert result == (130, "", "llmspell: interrupted\n")
    assert llmspell.ok("state", "export") == before
    assert llmspell("backup", "validate").code == 0
    assert llmspell("backup", "restore", chain.full, "--yes").code == 0
    assert [(entry["key"], entry["value"]) for entry in contents(llmspell)] == [("theme", "dark")]


def test_an_interrupted_validation_goes_on_with_the_rest(llmspell: Llmspell, chain: Chain) -> None:
    for backup_id in (chain.full, chain.incremental, chain.newest):
        (chain.folder / backup_id / "marks.json").unlink()
    interrupted = llmspell("backup", "validate", LLMSPELL_FAIL_POINT="validate.noting=interrupt@2")
    assert (interrupted.code, interrupted.out) == (130, f"{chain.newest}\tsound\n")
    rest = llmspell.ok("backup", "validate", "--unverified")
    assert [line.split("\t")[0] for line in rest.splitlines()] == [chain.incremental, chain.full]


def test_ctrl_c_behind_a_bar_leaves_the_terminal_as_it_was(
    llmspell: Llmspell, chain: Chain, terminal: Terminal
) -> None:
    process = terminal.start("backup", "create", LLMSPELL_FAIL_POINT="backup.writing=stop")
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGCONT)
    assert terminal.end(process) == 130
    assert terminal.shown.count("\033[?25l") == terminal.shown.count("\033[?25h")
    assert "interrupted\n" in terminal.shown
    assert sorted(one["id"] for one in listed(llmspell)) == sorted((chain.full, chain.incremental, chain.newest))  # type: ignore[type-var]


def test_a_description_cannot_steer_the_terminal(llmspell: Llmspell, terminal: Terminal) -> None:
    llmspell.ok("state", "save", "evil", "a\033[2Jb", "1")
    llmspell.ok("backup", "create", "--description", "a\033[2J\nb", "--hold", "c\x9b1m")
    llmspell.ok("state", "clear", "evil", "--yes")
    for words in (("list",), ("show", "latest"), ("cleanup",), ("restore", "latest", "--dry-run")):
        terminal.run("backup", *words, "--no-color")
    assert "\033" not in terminal.shown
    assert "\x9b" not in terminal.shown
    assert terminal.shown.count("a\\x1b[2J\\nb") == 2
    assert re.search(rf"^{ID}  kept +held: c\\x9b1m$", terminal.shown, re.M)
    assert re.search(r"^added +evil +a\\x1b\[2Jb$", terminal.shown, re.M)


def test_an_encrypted_backup_whose_key_file_is_gone_is_not_shown_as_one_that_can_be_restored(
    llmspell: Llmspell,
) -> None:
    llmspell("backup", "key", "mine.key")
    llmspell.write("llmspell.toml", '[state]\nbackup_encryption_key_file = "mine.key"\n')
    llmspell("state", "save", "app", "theme", '"dark"')
    made = llmspell("backup", "create").out.strip()
    assert json.loads(llmspell("backup", "show", made, "--json").out)["restorable"] is True
    (llmspell.folder / "mine.key").unlink()
    shown = json.loads(llmspell("backup", "show", made, "--json").out)
    assert shown["restorable"] is False
    assert 'there is no key file "mine.key"' in shown["obstacle"]


def test_latest_said_twice_restores_the_same_backup_and_says_which(llmspell: Llmspell) -> None:
    llmspell("state", "save", "app", "theme", '"dark"')
    made = llmspell("backup", "create").out.strip()
    for _ in range(2):
        llmspell("state", "save", "app", "theme", '"light"')
        again = llmspell("backup", "restore", "latest", "--yes")
        assert llmspell("state", "load", "app", "theme").out == '"dark"\n'
    assert f"taking {made}; what was made after it undoes restores" in again.err


def test_latest_says_when_it_is_of_some_scopes_only(llmspell: Llmspell) -> None:
    llmspell("state", "save", "app", "theme", '"dark"')
    made = llmspell("backup", "create", "--scope", "app").out.strip()
    assert f"{made} is of some scopes only" in llmspell("backup", "restore", "latest", "--yes").err
