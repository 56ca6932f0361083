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
        '[engines.lua]\nstdlib = "full"\nmemory_limit = 0\n[runtime]\nscript_timeout_seconds = 2.5\n'
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
    assert 'durability = "full"                       # default' in shown


def test_show_tells_what_only_the_older_spelling_can_say(llmspell: Llmspell) -> None:
    llmspell.write("llmspell.toml", "[runtime.state_persistence.backup]\nmax_backups = 3\n")
    assert "# backup_max_backups = 3" in llmspell.ok("config", "show")


def test_check_finds_the_first_mistake(llmspell: Llmspell) -> None:
    assert llmspell.ok("config", "check") == "there is no llmspell.toml here; every setting has its default"
    llmspell.write("good.toml", "[state]\n")
    assert llmspell.ok("config", "check", "good.toml") == "good.toml: no problems"
    assert llmspell.ok("config", "check", "-c", "good.toml") == "good.toml: no problems"
    llmspell.write("bad.toml", '[state]\nbackend = "disc"\n')
    result = llmspell("config", "check", "bad.toml")
    assert (result.code, result.out) == (2, "")
    assert "bad.toml, line 2" in result.err
