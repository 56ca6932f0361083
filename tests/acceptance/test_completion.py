"""Pressing Tab: commands, options, scopes and keys, without ever changing or breaking anything."""

from __future__ import annotations

import subprocess
import sysconfig
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.acceptance.conftest import Llmspell

SCRIPTS = sysconfig.get_path("scripts")


def completions(llmspell: Llmspell, line: str) -> list[str]:
    """Ask as the shell code does: the question in the environment, the answer on descriptor 8."""
    asked = {
        "COMP_LINE": line,
        "COMP_POINT": str(len(line.encode())),
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_SHELL": "bash",
        "_ARGCOMPLETE_COMP_WORDBREAKS": " \t\n\"'><=;|&(:",
    }
    done = subprocess.run(
        ["bash", "-c", f"{SCRIPTS}/llmspell 8>&1 9>/dev/null 1>&2"],
        cwd=llmspell.folder,
        env=llmspell.environment | asked,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == b""
    return [word.strip() for word in done.stdout.decode().split("\n") if word]


def test_commands_and_verbs_are_completed(llmspell: Llmspell) -> None:
    assert completions(llmspell, "llmspell st") == ["state"]
    assert completions(llmspell, "llmspell state l") == ["load", "list-keys"]
    assert completions(llmspell, "llmspell completion z") == ["zsh"]


def test_options_are_completed(llmspell: Llmspell) -> None:
    assert completions(llmspell, "llmspell state save --t") == ["--text", "--ttl"]


def test_scopes_and_keys_of_the_store_are_completed(llmspell: Llmspell) -> None:
    llmspell.ok("state", "save", "global", "theme", "1")
    llmspell.ok("state", "save", "global", "time", "1")
    llmspell.ok("state", "save", "other", "x", "1")
    llmspell.ok("state", "save", "global", "two\nlines", "1")
    assert completions(llmspell, "llmspell state load gl") == ["global"]
    assert completions(llmspell, "llmspell state load global t") == ["theme", "time"]
    assert completions(llmspell, "llmspell state list-keys global --after t") == ["theme", "time"]
    assert "other" in completions(llmspell, "llmspell state scopes ")


def test_the_store_of_the_named_configuration_is_asked(llmspell: Llmspell) -> None:
    llmspell.write("other.toml", '[state]\npath = "elsewhere"\n')
    llmspell.ok("-c", "other.toml", "state", "save", "there", "x", "1")
    assert completions(llmspell, "llmspell -c other.toml state load th") == ["there"]
    assert completions(llmspell, "llmspell state load th") == []


def test_languages_are_completed(llmspell: Llmspell) -> None:
    assert completions(llmspell, "llmspell run --language ") == ["lua", "javascript", "python"]
    assert completions(llmspell, "llmspell exec --language p") == ["python"]


def test_files_are_completed_where_a_file_is_wanted(llmspell: Llmspell) -> None:
    llmspell.write("script.lua", "")
    assert completions(llmspell, "llmspell run scr") == ["script.lua"]
    assert completions(llmspell, "llmspell -c scr") == ["script.lua"]


@pytest.mark.parametrize(
    "configuration", [None, "no toml at all [", "[state]\nenabled = false\n", '[state]\npath = "/dev/null"\n']
)
def test_nothing_is_created_and_no_error_is_shown(llmspell: Llmspell, configuration: str | None) -> None:
    if configuration is not None:
        llmspell.write("llmspell.toml", configuration)
    before = sorted(llmspell.folder.iterdir())
    for line in ("llmspell state load x", "llmspell state load x y", "llmspell xyzzy x", "llmspell state load 'x"):
        assert completions(llmspell, line) == []
    assert sorted(llmspell.folder.iterdir()) == before


@pytest.mark.parametrize(
    ("shell", "mark"), [("bash", "complete "), ("zsh", "#compdef llmspell"), ("fish", "complete ")]
)
def test_the_code_for_a_shell_names_the_command(llmspell: Llmspell, shell: str, mark: str) -> None:
    code = llmspell.ok("completion", shell)
    assert mark in code
    assert "llmspell" in code


def test_bash_takes_the_code_and_completes(llmspell: Llmspell) -> None:
    llmspell.ok("state", "save", "agent:a", "key", "1")
    script = (
        f'PATH="{SCRIPTS}:$PATH"; eval "$(llmspell completion bash)"; '
        'COMP_LINE="llmspell state load agent:a k" COMP_POINT=29 COMP_TYPE=9; '
        "COMP_WORDS=(llmspell state load agent:a k); "
        'COMP_CWORD=4; _python_argcomplete llmspell; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=llmspell.folder,
        env=llmspell.environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.decode().split() == ["key"]
