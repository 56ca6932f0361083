"""What stands under the table is about somebody who is in it, and fits."""

from benchmarks.notes import notes
from benchmarks.table import WIDTH


def test_notes_fit_into_the_table() -> None:
    for quick in (False, True):
        assert max(len(f"  {name}: {note}") for name, note in notes(quick).items()) <= WIDTH


def test_the_number_of_calls_that_share_a_sync_is_told() -> None:
    assert "1,000 calls (of 10 KB 300, in transactions 2,000)" in notes(False)["llmspell, Lua, output"]
    assert "in transactions 500)" in notes(True)["llmspell, Lua, output"]
