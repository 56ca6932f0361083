"""Every function is there in every language, has cases, and is documented."""

import re
from pathlib import Path
from typing import Any

import pytest

import llmspell
from llmspell.scripting.bindings import Bindings
from tests.bindings.playing import play
from tests.bindings.reading import open_store, read_cases
from tests.bindings.speaking import LANGUAGES
from tests.clock import Clock

REFERENCE = (Path(__file__).parents[2] / "docs" / "reference" / "state-api.md").read_text()
EVERYTHING = {"migrations": True, "backups": True, "history_days": 1}
OPTIONAL = {
    "migrations": set(Bindings.MIGRATION_NAMES),
    "backups": set(Bindings.BACKUP_NAMES),
    "history_days": set(Bindings.HISTORY_NAMES),
}
NAMES = set(Bindings.NAMES).union(*OPTIONAL.values())

LISTING = {
    "lua": 'for name in pairs(State) do io.write(name, "\\n") end',
    "javascript": 'console.log(Object.getOwnPropertyNames(State).join("\\n"));',
}


def names_in(language: str, store: llmspell.Store) -> set[str]:
    return set(play(language, LISTING[language], store, "names").split())


@pytest.mark.parametrize("language", LISTING)
def test_state_has_exactly_the_functions_of_the_contract(language: str, tmp_path: Path, clock: Clock) -> None:
    with open_store(EVERYTHING, tmp_path, clock) as store:
        assert names_in(language, store) == NAMES


@pytest.mark.parametrize("language", LISTING)
@pytest.mark.parametrize("config", OPTIONAL)
def test_what_is_not_enabled_is_not_there(language: str, config: str, tmp_path: Path, clock: Clock) -> None:
    others: dict[str, Any] = {name: value for name, value in EVERYTHING.items() if name != config}
    with open_store(others, tmp_path, clock) as store:
        assert names_in(language, store) == NAMES - OPTIONAL[config]


def test_a_store_in_python_has_all_of_them(tmp_path: Path, clock: Clock) -> None:
    with open_store(EVERYTHING, tmp_path, clock) as store:
        assert {name for name in NAMES if not hasattr(store, name)} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_function_has_cases_in_every_language(language: str) -> None:
    cases = [case for case in read_cases() if language in (case.languages or LANGUAGES)]
    called = {step.call for case in cases for step in case.steps}
    if any({"$": "null"} in step.arguments for case in cases for step in case.steps):
        called.add("null")
    assert called == NAMES


def test_every_function_is_documented() -> None:
    assert set(re.findall(r"^### (\w+)$", REFERENCE, re.MULTILINE)) == NAMES
