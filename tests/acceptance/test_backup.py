"""`llmspell backup ...`, as a person types it, with real backups in a folder of its own."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import stat
import time
from typing import TYPE_CHECKING

import pytest
from tests.acceptance.test_completion import completions
from tests.acceptance.test_terminal import ESCAPE, Terminal

from llmspell.cli.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.conftest import Llmspell

ID = r"\d{8}T\d{6}Z-(full|incr)-[a-z2-7]{6}"
ABSENT = "20000101T000000Z-full-aaaaaa"

JSON_WORDS: dict[str, tuple[str, ...]] = {
    "create": (),
    "list": (),
    "show": ("latest",),
    "restore": ("latest", "--yes"),
    "validate": (),
    "cleanup": (),
    "usage": (),
    "hold": ("latest",),
    "release": ("latest",),
    "key": ("new.key",),
}


def contents(llmspell: Llmspell) -> list[dict[str, object]]:
    """Give what an export holds, but for the versions that every write changes."""
    entries = json.loads(llmspell.ok("state", "export", "--json"))
    return [{name: field for name, field in entry.items() if name != "version"} for entry in entries]


def listed(llmspell: Llmspell) -> list[dict[str, object]]:
    backups = json.loads(llmspell.ok("backup", "list", "--json"))["backups"]
    assert isinstance(backups, list)
    return backups


def words(llmspell: Llmspell, line: str) -> list[str]:
    return [word for word in completions(llmspell, line) if not word.startswith("-")]


@pytest.fixture
def filled(llmspell: Llmspell) -> Llmspell:
    llmspell.ok("state", "save", "app", "theme", '"dark"')
    llmspell.ok("state", "save", "app", "size", "1.0")
    llmspell.ok("state", "save", "cache", "x", "[1]")
    return llmspell


@pytest.fixture
def terminal(filled: Llmspell) -> Iterator[Terminal]:
    terminal = Terminal(filled)
    yield terminal
    terminal.close()


def test_a_backup_is_made_and_its_id_is_all_that_a_program_gets(filled: Llmspell) -> None:
    made = filled.ok("backup", "create")
    assert re.fullmatch(ID, made)
    assert (filled.folder / "backups" / made / "manifest.json").exists()


def test_backups_need_no_permission_in_the_configuration_but_state_switched_on(filled: Llmspell) -> None:
    filled.write("llmspell.toml", '[state]\nbackup_enabled = false\nbackup_path = "kept"\n')
    made = filled.ok("backup", "create")
    assert [path.name for path in (filled.folder / "kept").iterdir() if path.is_dir()] == [made]
    filled.write("llmspell.toml", "[state]\nenabled = false\n")
    refused = filled("backup", "list")
    assert (refused.code, "state is switched off" in refused.err) == (2, True)


def test_the_named_configuration_says_where_and_is_in_the_next_command(filled: Llmspell) -> None:
    filled.write("my own.toml", '[state]\nbackup_path = "there"\n')
    filled.ok("-c", "my own.toml", "backup", "create")
    assert (filled.folder / "there").is_dir()
    assert not (filled.folder / "backups").exists()
    said = filled("-c", "my own.toml", "backup", "restore", "latest", "--yes").err
    assert re.search(rf"to undo it: `llmspell -c 'my own\.toml' backup restore {ID}`\n", said)


def test_without_backups_it_is_said_how_to_make_one(llmspell: Llmspell) -> None:
    said = 'llmspell: there is no backup in "./backups"; make one with `llmspell backup create`\n'
    for verb in ("list", "validate", "cleanup"):
        assert llmspell("backup", verb) == (0, "", said), verb
    for verb in ("show", "validate", "restore", "hold", "release"):
        assert llmspell("backup", verb, "latest") == (3, "", said), verb
    assert not (llmspell.folder / "state").exists()


def test_an_incremental_backup_stands_on_the_one_before(filled: Llmspell) -> None:
    full = filled.ok("backup", "create")
    filled.ok("state", "save", "app", "theme", '"light"')
    told = json.loads(filled.ok("backup", "create", "--incremental", "--description", "after", "--json"))
    assert (told["success"], told["is_incremental"], told["parent_id"], told["entry_count"]) == (True, True, full, 1)
    shown = json.loads(filled.ok("backup", "show", "latest", "--json"))
    assert shown["chain"] == [full, told["backup_id"]]
    assert (shown["description"], shown["restorable"], shown["obstacle"]) == ("after", True, None)


def test_an_incremental_backup_that_became_a_full_one_says_why(filled: Llmspell) -> None:
    result = filled("backup", "create", "--incremental")
    assert (result.code, "-full-" in result.out) == (0, True)
    assert result.err.startswith("llmspell: this is a full backup, although an incremental one was asked for: ")


def test_scopes_are_chosen_by_globs(filled: Llmspell) -> None:
    for options, count in (((), 3), (("--scope", "app", "none"), 2), (("--exclude", "a*", "--exclude", "b*"), 1)):
        told = json.loads(filled.ok("backup", "create", "--json", *options))
        assert told["entry_count"] == count, options


def test_the_list_is_newest_first_and_parted_by_tabs_for_programs(filled: Llmspell) -> None:
    first = filled.ok("backup", "create", "--description", "two\nlines")
    second = filled.ok("backup", "create", "--incremental", "--hold", "why")
    newer, older = (line.split("\t") for line in filled.ok("backup", "list").splitlines())
    assert (newer[0], newer[2], newer[4], newer[6:]) == (second, "incr", "0", ["held: why", ""])
    assert (older[0], older[2], older[4], older[6:]) == (first, "full", "3", ["", "two\\nlines"])
    assert float(newer[1]) <= float(newer[5])


def test_everything_of_a_backup_is_shown(filled: Llmspell) -> None:
    full = filled.ok("backup", "create", "--description", "a\tb")
    incremental = filled.ok("backup", "create", "--incremental")
    rows = [line.split("\t") for line in filled.ok("backup", "show", incremental).splitlines()]
    assert [value for name, value in rows if name == "chain"] == [full, incremental]
    told = dict(rows)
    assert (told["id"], told["parent_id"], told["is_incremental"]) == (incremental, full, "true")
    assert (told["restorable"], told["obstacle"], told["held"]) == ("true", "null", "null")
    assert "description\ta\\tb\n" in filled.ok("backup", "show", full)


def test_restoring_gives_back_what_was_there_and_tells_how_to_undo_it(filled: Llmspell) -> None:
    before = contents(filled)
    made = filled.ok("backup", "create")
    filled.ok("state", "delete", "app", "theme")
    filled.ok("state", "save", "new", "x", "1")
    after = contents(filled)
    result = filled("backup", "restore", made, "--yes")
    assert result.code == 0
    assert re.fullmatch(rf"3 entries restored from {made}, 1 removed, in \d+\.\d\d s\n", result.out)
    undo = re.fullmatch(rf"llmspell: to undo it: `llmspell backup restore ({ID})`\n", result.err)
    assert undo
    assert contents(filled) == before
    assert filled("backup", "restore", undo[1], "--yes").code == 0
    assert contents(filled) == after


def test_a_part_is_restored_by_globs_and_another_scope_can_be_the_target(filled: Llmspell) -> None:
    made = filled.ok("backup", "create")
    filled.ok("state", "save", "app", "theme", '"light"')
    filled.ok("state", "save", "app", "size", "2")
    filled.ok("state", "save", "cache", "x", "[2]")
    told = json.loads(filled.ok("backup", "restore", made, "--yes", "--json", "--scope", "a*", "--key", "th*"))
    assert (told["success"], told["entries_restored"], told["backup_id"]) == (True, 1, made)
    assert "changes" not in told
    assert [filled.ok("state", "load", *place) for place in (("app", "theme"), ("app", "size"), ("cache", "x"))] == [
        '"dark"',
        "2",
        "[2]",
    ]
    assert filled("backup", "restore", made, "--yes", "--scope", "app", "--into", "old").code == 0
    assert filled.ok("state", "load", "old", "size") == "1.0"
    assert filled.ok("state", "load", "app", "size") == "2"
    assert filled("backup", "restore", made, "--yes", "--exclude", "app").code == 0
    assert filled.ok("state", "load", "cache", "x") == "[1]"
    assert filled.ok("state", "load", "app", "size") == "2"


def test_a_dry_run_lists_the_changes_and_makes_none(filled: Llmspell) -> None:
    made = filled.ok("backup", "create")
    filled.ok("state", "save", "app", "theme", '"light"')
    filled.ok("state", "delete", "cache", "x")
    filled.ok("state", "save", "new", "a\nb", "1")
    before = filled.ok("state", "export")
    result = filled("backup", "restore", made, "--dry-run", "--exclude", "old*")
    assert result.out == "changed\tapp\ttheme\nadded\tcache\tx\nremoved\tnew\ta\\nb\n"
    assert result.err == (
        "llmspell: dry run: nothing was changed, and these would be: 1 added, 1 changed, 1 removed; do it with "
        f"`llmspell backup restore {made} --exclude 'old*'`\n"
    )
    told = json.loads(filled.ok("backup", "restore", made, "--dry-run", "--json"))
    assert told["changes"][0] == {"change": "changed", "scope": "app", "key": "theme"}
    assert (told["dry_run"], told["pre_restore_backup_id"]) == (True, None)
    assert filled.ok("state", "export") == before
    assert [one["id"] for one in listed(filled)] == [made]


def test_a_restore_refuses_when_nobody_can_be_asked(filled: Llmspell) -> None:
    made = filled.ok("backup", "create")
    filled.ok("state", "save", "app", "theme", '"light"')
    refused = filled("backup", "restore", made, stdin="y\n")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        f"llmspell: restoring {made} replaces entries of the store and nobody can be asked; add --yes\n"
    )
    assert filled.ok("state", "load", "app", "theme") == '"light"'


def test_the_store_goes_back_to_a_version_that_its_history_knows(filled: Llmspell) -> None:
    filled.write("llmspell.toml", "[state]\nhistory_days = 7\n")
    version = filled.ok("state", "save", "app", "theme", '"light"')
    filled.ok("state", "clear", "app", "--yes")
    tried = filled("backup", "restore", "--at", version, "--dry-run")
    assert tried.out == "added\tapp\tsize\nadded\tapp\ttheme\n"
    assert f"do it with `llmspell backup restore --at {version}`" in tried.err
    result = filled("backup", "restore", "--at", version, "--yes")
    assert result.out.startswith(f"3 entries restored from version {version}, 0 removed, in ")
    assert filled.ok("state", "load", "app", "theme") == '"light"'
    undo = result.err.partition("backup restore ")[2].strip("`\n")
    assert filled("backup", "restore", undo, "--yes").code == 0
    assert filled.ok("state", "scopes") == "cache"


def test_validate_says_which_are_sound_and_notes_it(filled: Llmspell) -> None:
    ids = [filled.ok("backup", "create"), filled.ok("backup", "create", "--incremental")]
    assert filled.ok("backup", "validate") == f"{ids[1]}\tsound\n{ids[0]}\tsound"
    assert filled.ok("backup", "validate", "latest", ids[0], ids[1]) == f"{ids[1]}\tsound\n{ids[0]}\tsound"
    assert filled("backup", "validate", "--unverified") == (
        0,
        "",
        "llmspell: every backup was found sound already\n",
    )
    (filled.folder / "backups" / ids[0] / "marks.json").unlink()
    assert filled.ok("backup", "validate", "--unverified") == f"{ids[0]}\tsound"
    assert [one["is_valid"] for one in json.loads(filled.ok("backup", "validate", "--json"))] == [True, True]


def test_cleanup_removes_what_no_rule_keeps_and_gives_the_reasons(filled: Llmspell) -> None:
    ids = [filled.ok("backup", "create") for _ in range(3)]
    filled.ok("backup", "hold", ids[0], "--reason", "needed")
    filled.write("llmspell.toml", "[state]\nbackup_max_backups = 1\n")
    tried = filled("backup", "cleanup", "--dry-run")
    rows = [line.split("\t") for line in tried.out.splitlines()]
    assert [row[:2] for row in rows] == [[ids[2], "kept"], [ids[1], "would be removed"], [ids[0], "kept"]]
    assert rows[2][2] == "held: needed"
    assert all(row[2] for row in rows)
    assert tried.err.startswith("llmspell: dry run: nothing was changed; 1 backup would be removed, 2 kept, ")
    assert len(listed(filled)) == 3
    done = filled("backup", "cleanup")
    assert (done.code, f"{ids[1]}\tremoved\t" in done.out) == (0, True)
    assert re.fullmatch(r"llmspell: 1 backup removed, 2 kept, .* freed\n", done.err)
    assert [one["id"] for one in listed(filled)] == [ids[2], ids[0]]


def test_a_hold_is_seen_and_released(filled: Llmspell) -> None:
    made = filled.ok("backup", "create")
    assert filled.ok("backup", "hold", "latest") == f"{made} is held until it is released"
    until = filled.ok("backup", "hold", made, "--reason", "audit", "--until", "2999-12-31T00:00:00Z")
    assert until == f"{made} is held (audit) until 2999-12-31 00:00:00+00:00"
    assert listed(filled)[0]["held"] == "held; audit"
    missing = filled("backup", "release", made, "--reason", "adit")
    assert missing.code == 3
    assert missing.err == f'llmspell: {made} is not held for the reason "adit"; it is held for: held; audit\n'
    assert filled.ok("backup", "release", made, "--reason", "audit") == f"{made} is released"
    assert listed(filled)[0]["held"] == "held"
    assert filled.ok("backup", "release", "latest") == f"{made} is released"
    assert filled("backup", "release", made).err == f"llmspell: {made} is not held, so there is nothing to release\n"


def test_the_usage_counts_backups_and_bytes(filled: Llmspell) -> None:
    ids = [filled.ok("backup", "create"), filled.ok("backup", "create", "--incremental")]
    told = json.loads(filled.ok("backup", "usage", "--json"))
    assert (told["total_backups"], told["full_backups"], told["incremental_backups"]) == (2, 1, 1)
    assert (told["oldest_backup"], told["newest_backup"]) == tuple(ids)
    folders = [filled.folder / "backups" / name for name in ids]
    assert told["total_size"] == sum(file.stat().st_size for folder in folders for file in folder.iterdir())
    assert f"total_size\t{told['total_size']}\n" in filled.ok("backup", "usage")


def test_a_key_is_written_once_for_its_owner_only(llmspell: Llmspell) -> None:
    result = llmspell("backup", "key", "my.key")
    file = llmspell.folder / "my.key"
    public_key = result.out.strip()
    assert public_key.startswith("age1")
    assert "keep a copy of it elsewhere" in result.err
    text = file.read_text()
    assert (public_key in text, "AGE-SECRET-KEY-1" in text) == (True, True)
    assert "AGE-SECRET-KEY-1" not in result.out + result.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    refused = llmspell("backup", "key", "my.key")
    assert (refused.code, '"my.key" exists already' in refused.err) == (2, True)
    assert file.read_text() == text
    (llmspell.folder / "link").symlink_to("elsewhere")
    assert llmspell("backup", "key", "link").code == 2
    assert not (llmspell.folder / "elsewhere").exists()


def test_an_encrypted_backup_is_restored_with_its_key(filled: Llmspell) -> None:
    filled("backup", "key", "my.key")
    filled.write("llmspell.toml", '[state]\nbackup_encryption_key_file = "my.key"\n')
    made = filled.ok("backup", "create", "--description", "secret words")
    assert filled.ok("backup", "list").split("\t")[6:] == ["encrypted", "secret words"]
    filled.ok("state", "clear", "app", "--yes")
    assert filled("backup", "restore", made, "--yes").code == 0
    assert filled.ok("state", "load", "app", "theme") == '"dark"'


def test_every_backup_command_has_a_json_case_here() -> None:
    assert set(COMMANDS["backup"].verbs or {}) == set(JSON_WORDS)


@pytest.mark.parametrize("verb", JSON_WORDS)
def test_a_result_is_one_json_value(filled: Llmspell, verb: str) -> None:
    filled.ok("backup", "create", "--hold", "why")
    told = json.loads(filled.ok("backup", verb, *JSON_WORDS[verb], "--json"))
    assert type(told) is (list if verb == "validate" else dict)


def test_ids_and_scopes_are_completed(filled: Llmspell) -> None:
    assert words(filled, "llmspell backup show ") == []
    older, newer = sorted(filled.ok("backup", "create") for _ in range(2))
    for verb in ("show", "restore", "validate", "hold", "release"):
        assert words(filled, f"llmspell backup {verb} ") == [newer, older, "latest"], verb
    assert words(filled, "llmspell backup show lat") == ["latest"]
    assert words(filled, "llmspell backup create --scope ") == ["app", "cache"]
    assert words(filled, "llmspell backup restore latest --into c") == ["cache"]


def test_the_list_draws_chains_on_a_terminal(filled: Llmspell, terminal: Terminal) -> None:
    ids = [filled.ok("backup", "create", "--incremental", "--json") for _ in range(3)]
    full, middle, last = (json.loads(told)["backup_id"] for told in ids)
    alone = filled.ok("backup", "create", "--description", "alone", "--hold", "a reason")
    assert terminal.run("backup", "list", COLUMNS="120", PYTHONIOENCODING="utf-8") == 0
    heading, *lines = terminal.shown.splitlines()
    assert heading.split() == ["id", "age", "kind", "size", "entries", "verified", "notes", "description"]
    kinds = [(line.split("  ")[0], re.search(r"(\S\S )?(full|incr)(?= )", line[28:])) for line in lines]
    assert [(name, kind and kind[0]) for name, kind in kinds] == [
        (alone, "full"),
        (full, "full"),
        (middle, "├─ incr"),
        (last, "└─ incr"),
    ]
    assert lines[0].endswith("held: a reason  alone")
    assert "just now" in lines[0]
    terminal.shown = ""
    terminal.run("backup", "list", COLUMNS="80", PYTHONIOENCODING="ascii")
    assert "|- incr" in terminal.shown
    assert "    held: a reason; alone\n" in terminal.shown
    assert max(map(len, terminal.shown.splitlines())) <= 80


def test_what_is_made_is_told_as_a_sentence_on_a_terminal(terminal: Terminal) -> None:
    assert terminal.run("backup", "create", "--no-color") == 0
    assert re.fullmatch(rf"{ID}: a full backup of 3 entries, [\d.]+ (kB|bytes), in \d+\.\d\d s\n", terminal.shown)


def test_a_backup_is_shown_with_its_chain_on_a_terminal(filled: Llmspell, terminal: Terminal) -> None:
    filled.ok("backup", "create")
    made = filled.ok("backup", "create", "--incremental")
    terminal.run("backup", "show", made, "--no-color", PYTHONIOENCODING="utf-8")
    assert f"id              {made}\n" in terminal.shown
    assert "restorable      yes\n" in terminal.shown
    assert re.search(
        rf"\nthe chain, from the full one on\nid .*\n{ID}  .*  full .*\n{made}  .*  └─ incr ", terminal.shown
    )
    assert ESCAPE not in terminal.shown


@pytest.mark.parametrize(
    ("answer", "code", "left"), [("y\n", 0, '"dark"'), ("n\n", 130, '"light"'), ("\x04", 130, '"light"')]
)
def test_a_restore_says_what_is_lost_and_asks(
    filled: Llmspell, terminal: Terminal, answer: str, code: int, left: str
) -> None:
    made = filled.ok("backup", "create")
    filled.ok("state", "save", "app", "theme", '"light"')
    filled.ok("state", "save", "new", "x", "1")
    process = terminal.start("backup", "restore", "latest", "--no-color", COLUMNS="200")
    terminal.type(
        answer, after=f'Restore {made} into the store in "./state"? Entries: 0 added, 1 changed, 1 removed. [y/N] '
    )
    assert terminal.end(process) == code
    assert filled.ok("state", "load", "app", "theme") == left
    assert ("nothing was changed" in terminal.shown) == (code != 0)


def test_a_person_is_shown_the_first_changes_of_many(filled: Llmspell, terminal: Terminal) -> None:
    filled("state", "import", stdin="".join(f'{{"scope":"a","key":"{n}","value":1}}\n' for n in range(60)))
    filled.ok("backup", "create")
    filled.ok("state", "clear", "a", "--yes")
    terminal.run("backup", "restore", "latest", "--dry-run", "--no-color", streams="01")
    lines = terminal.shown.splitlines()
    assert len(lines) == 1 + 50 + 1
    assert lines[0] == "change  scope  key"
    assert lines[-1] == "... and 10 more; --json tells all of them"
    assert len(filled("backup", "restore", "latest", "--dry-run").out.splitlines()) == 60


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, 1), ("\n", 130, 2)])
def test_cleanup_asks_on_a_terminal_when_something_would_go(
    filled: Llmspell, terminal: Terminal, answer: str, code: int, left: int
) -> None:
    ids = [filled.ok("backup", "create") for _ in range(2)]
    assert terminal.run("backup", "cleanup", "--no-color") == 0
    assert "[y/N]" not in terminal.shown
    filled.write("llmspell.toml", "[state]\nbackup_max_backups = 1\n")
    process = terminal.start("backup", "cleanup", "--no-color", COLUMNS="200")
    terminal.type(answer, after=f"Remove 1 backup for good ({ids[0]}; ")
    assert terminal.end(process) == code
    assert len(listed(filled)) == left


def test_a_long_backup_and_a_long_restore_show_a_bar(filled: Llmspell, terminal: Terminal) -> None:
    chance = random.Random(1)
    lines = (f'{{"scope":"a","key":"{n}","value":"{chance.randbytes(100).hex()}"}}\n' for n in range(6_000))
    filled("state", "import", stdin="".join(lines))
    filled.write("llmspell.toml", '[state]\nbackup_compression = "gzip"\n')  # packs and writes as it reads
    for point, *line in (
        ("backup.writing=stop@3", "backup", "create"),
        ("restore.putting=stop@2", "backup", "restore", "latest", "--yes"),
    ):
        terminal.shown = ""
        process = terminal.start(*line, streams="2", LLMSPELL_FAIL_POINT=point)
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        time.sleep(0.6)  # from then on it takes long, however fast the machine is
        process.send_signal(signal.SIGCONT)
        assert terminal.end(process) == 0
        assert re.search(r"(backing up|restoring) .*[\d,]+ of 6,003 entries", terminal.shown), point


def test_a_short_backup_shows_no_bar(terminal: Terminal) -> None:
    assert terminal.run("backup", "create", streams="2") == 0
    assert terminal.shown == ""
