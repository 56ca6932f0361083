"""The page about types says what happens."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

import llmspell
from llmspell.errors import InvalidValue, ScriptError
from tests.bindings.playing import play

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "type-mapping.md").read_text()
COLUMNS = {"Lua": "lua", "JavaScript": "javascript", "Python": "python"}


class Written(NamedTuple):
    stored: str
    language: str
    value: str


class Refused(NamedTuple):
    language: str
    value: str
    error: str


def rows(heading: str) -> list[list[str]]:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.split("\n") if line.startswith("| ")]
    return [[cell.strip().strip("`") for cell in line.strip("| ").split(" | ")] for line in lines[1:]]


WRITTEN = [
    Written(stored, language, value)
    for stored, *values in rows("What is written")
    for language, value in zip(COLUMNS.values(), values, strict=True)
    if value != "-"
]
REFUSED = [Refused(COLUMNS[language], value, error) for language, value, error in rows("What is refused")]


def save(language: str, value: str, store: llmspell.Store) -> None:
    call = f'State.save("s", "k", {value})'
    if language == "python":
        exec(call, {"State": store})
    else:
        play(language, call, store, "types")


@pytest.mark.parametrize("line", WRITTEN, ids=lambda line: f"{line.value} in {line.language}")
def test_what_is_written_is_stored_as_the_page_says(line: Written) -> None:
    with llmspell.open(backend="memory") as store:
        save(line.language, line.value, store)
        entry = store.stored("s", "k")
        assert entry is not None
        assert entry.value.decode() == line.stored


@pytest.mark.parametrize("line", REFUSED, ids=lambda line: f"{line.value} in {line.language}")
def test_what_is_refused_is_refused_with_the_words_of_the_page(line: Refused) -> None:
    with llmspell.open(backend="memory") as store:
        with pytest.raises((InvalidValue, ScriptError)) as caught:
            save(line.language, line.value, store)
        assert re.search(rf"the value cannot be stored: {re.escape(line.error)}( \(at types:1\))?$", str(caught.value))
        assert store.scopes() == []


def test_the_tables_have_lines_of_every_language() -> None:
    assert {line.language for line in WRITTEN} == {line.language for line in REFUSED} == set(COLUMNS.values())
