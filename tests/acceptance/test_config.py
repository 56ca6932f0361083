"""`llmspell config ...`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.acceptance.conftest import Llmspell


def test_init_writes_a_file_that_changes_nothing(llmspell: Llmspell) -> None:
    before = json.loads(llmspell.ok("config", "show", "--json"))
    written = llmspell("config", "init")
    assert (written.code, written.out) == (0, "")
    assert written.err == 'llmspell: wrote "llmspell.toml"; every setting in it has its default\n'
    after = json.loads(llmspell.ok("config", "show", "--json"))
    assert after == before | {"source": "llmspell.toml"}


def test_init_leaves_a_file_alone_unless_forced(llmspell: Llmspell) -> None:
    llmspell.write("mine.toml", "# mine\n")
    refused = llmspell("config", "init", "mine.toml")
    assert refused.code == 2
    assert "--force" in refused.err
    assert (llmspell.folder / "mine.toml").read_text() == "# mine\n"
    assert llmspell("config", "init", "mine.toml", "--force").code == 0
    assert "[state]" in (llmspell.folder / "mine.toml").read_text()
    assert [path.name for path in llmspell.folder.iterdir()] == ["mine.toml"]


def test_what_show_prints_is_a_file_with_the_same_effect(llmspell: Llmspell) -> None:
    llmspell.write(
        "llmspell.toml",
        '[state]\npath = "a \\"quoted\\" é"\nrequired_schema = ">=1.0.0"\nmax_value_bytes = 5\n'
        'backup_scopes = ["user*", "\\u007f"]\nbackup_compression = "gzip"\n'
        "backup_max_total_bytes = 9\nhistory_days = 3\n"
        '[engines.lua]\nstdlib = "full"\nmemory_limit = 0\n'
        "[engines.javascript]\nmemory_limit = 5\nmax_stack_bytes = 70000\n[engines.python]\nenabled = false\n"
        "[runtime]\nscript_timeout_seconds = 2.5\n"
        "[runtime.security]\nallow_file_access = true\n",
    )
    told = json.loads(llmspell.ok("config", "show", "--json"))
    llmspell.write("copy.toml", llmspell.ok("config", "show"))
    assert json.loads(llmspell.ok("config", "show", "-c", "copy.toml", "--json")) == told | {"source": "copy.toml"}


def test_show_says_where_the_settings_come_from(llmspell: Llmspell) -> None:
    assert llmspell.ok("config", "show").startswith("# The settings in effect: there is no llmspell.toml here")
    llmspell.write("llmspell.toml", '[state]\npath = "x"\n')
    shown = llmspell.ok("config", "show").splitlines()
    assert shown[0] == "# The settings in effect: from llmspell.toml"
    assert 'path = "x"' in shown
    assert '# durability is not set: "output" for scripts in Lua and JavaScript, "full" for everything else' in shown


def test_show_says_what_the_older_spelling_means_in_keys_of_today(llmspell: Llmspell) -> None:
    llmspell.write(
        "llmspell.toml",
        '[runtime.state_persistence.backup]\nmax_backups = 3\ncompression_type = "lz4"\ncompression_level = 9\n'
        "full_backup_interval = 60\n",
    )
    shown = llmspell.ok("config", "show")
    assert "backup_max_backups = 3" in shown.splitlines()
    assert "backup_compression_level = 9" in shown.splitlines()
    assert "backup_full_interval_seconds = 60" in shown.splitlines()
    assert 'backup_compression = "zstd"               # default' in shown
    told = json.loads(llmspell.ok("config", "show", "--json"))
    llmspell.write("copy.toml", shown)
    assert json.loads(llmspell.ok("config", "show", "-c", "copy.toml", "--json")) == told | {"source": "copy.toml"}


def test_show_has_the_keys_of_backups_together_and_arrays_as_toml(llmspell: Llmspell) -> None:
    llmspell.write(
        "llmspell.toml",
        '[state]\nbackup_exclude = [\n"cache*",\n"a \\"quoted\\" é",\n]\nbackup_keep_daily = 7\nhistory_days = 7\n',
    )
    shown = llmspell.ok("config", "show").splitlines()
    assert 'backup_exclude = ["cache*", "a \\"quoted\\" é"]' in shown
    assert "backup_scopes = []                        # default" in shown
    assert "backup_keep_daily = 7" in shown
    assert "history_days = 7" in shown
    assert "# backup_encryption_key_file is not set" in shown
    places = [place for place, line in enumerate(shown) if line.removeprefix("# ").startswith("backup_")]
    assert places == list(range(places[0], places[-1] + 1))
    told = json.loads(llmspell.ok("config", "show", "--json"))["state"]
    assert (told["backup_exclude"], told["backup_scopes"]) == (["cache*", 'a "quoted" é'], [])


def test_check_finds_the_first_mistake(llmspell: Llmspell) -> None:
    assert llmspell.ok("config", "check") == "there is no llmspell.toml here; every setting has its default"
    llmspell.write("good.toml", "[state]\n")
    assert llmspell.ok("config", "check", "good.toml") == "good.toml: no problems"
    assert llmspell.ok("config", "check", "-c", "good.toml") == "good.toml: no problems"
    llmspell.write("bad.toml", '[state]\nbackend = "disc"\n')
    result = llmspell("config", "check", "bad.toml")
    assert (result.code, result.out) == (2, "")
    assert "bad.toml, line 2" in result.err
    llmspell.write("bad.toml", '[state]\nbackup_exclude = [\n  "cache*",\n  5,\n]\n')
    assert (
        "bad.toml, line 4: state.backup_exclude[1] = 5 is a whole number" in llmspell("config", "check", "bad.toml").err
    )
