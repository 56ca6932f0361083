"""A script that is timed does what is measured, in both languages."""

from pathlib import Path

import pytest
from benchmarks.peer import SCOPE
from benchmarks.shapes import SMALL
from benchmarks.timed_scripts import AT_ONCE, PATTERN, seconds_in

import llmspell


@pytest.mark.parametrize("language", ["lua", "javascript"])
def test_a_hundred_writes_go_into_one_transaction(language: str, tmp_path: Path) -> None:
    names = [f"key{number}" for number in range(2 * AT_ONCE)]
    with llmspell.open(tmp_path / "store", durability="normal") as store:
        store.save(SCOPE, PATTERN, SMALL.make(0))
        before = store.version()
        assert seconds_in(language, store, "transaction", names, 1_000_000) > 0
        assert store.version() == before + 2
        assert len({str(store.load(SCOPE, name)) for name in names}) == len(names)
