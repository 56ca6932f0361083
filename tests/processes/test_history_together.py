"""Programs with history and programs without write to one store, and nothing of it is missing."""

from itertools import chain

import llmspell
from tests.processes.crew import Member, begin


def test_programs_that_ask_for_history_and_others_are_all_recorded(folder: str) -> None:
    with llmspell.open(folder, history_days=30) as store:
        store.save("scope", "shared", "first")
        writers = [Member("keeping.write", folder, 100, number) for number in range(4)]
        reader = Member("keeping.look_back", folder, 50, 0)
        begin(*writers, reader)
        made = dict(chain(*(writer.result() for writer in writers)))
        assert reader.result() == 50
        found = store.history("scope", "shared", limit=None)
        assert len(found) == 1 + 4 * 100
        assert {one.version: one.value for one in found if one.version in made} == made
        assert len(made) == 4 * 90
        for version, value in list(made.items())[::17]:
            assert store.load("scope", "shared", at=version) == value
        assert list(store.backend.problems()) == []


def test_programs_begin_history_at_once_and_there_is_one(folder: str) -> None:
    with llmspell.open(folder) as store:
        store.save("scope", "shared", "first")
        writers = [Member("keeping.write", folder, 20, 2 * number) for number in range(4)]
        begin(*writers)
        made = dict(chain(*(writer.result() for writer in writers)))
        points = store.restore_points()
        assert (points.earliest_version, points.latest_version) == (1, store.version())
        for version, value in made.items():
            assert store.load("scope", "shared", at=version) == value
        assert list(store.backend.problems()) == []
