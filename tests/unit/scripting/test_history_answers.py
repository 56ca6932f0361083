"""The answers of the history functions, as the JSON text that every language is given."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import llmspell
from llmspell.errors import HistoryError, InvalidArgument
from llmspell.scripting import history_answers
from tests.clock import Clock

START = 1_700_000_000.0


def go_on() -> bool:
    return False


@pytest.fixture
def store(clock: Clock) -> Iterator[llmspell.Store]:
    """A store with a past: `theme` was dark (1), light a minute later (2), and is deleted since another one (3)."""
    with llmspell.open(backend="memory", clock=clock, history_days=30) as store:
        store.save("app", "theme", "dark")
        clock.advance(60)
        store.save("app", "theme", "light", ttl=3_600)
        clock.advance(60)
        store.delete("app", "theme")
        clock.advance(60)
        yield store


def loaded(store: llmspell.Store, at: object, key: str = "theme") -> bytes | None:
    return history_answers.load(store, "app", key, json.dumps(at).encode())


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (1, b'"dark"'),
        (1.0, b'"dark"'),
        ({"version": 2}, b'"light"'),
        ({"version": 2.0}, b'"light"'),
        (3, None),
        (START + 30, b'"dark"'),
        (int(START) + 61, b'"light"'),
        ({"time": START + 61.5}, b'"light"'),
        ({"time": "2023-11-14T22:14:21Z"}, b'"light"'),
        ("2023-11-14T22:13:30Z", b'"dark"'),
        (START + 150, None),
    ],
)
def test_a_point_can_be_said_in_many_ways(store: llmspell.Store, at: object, text: bytes | None) -> None:
    assert loaded(store, at) == text


def test_what_was_never_there_is_nothing(store: llmspell.Store) -> None:
    assert loaded(store, 1, "none") is None


def test_a_value_comes_back_as_it_was_spelt(store: llmspell.Store) -> None:
    version = store.save_json("app", "numbers", b'{"a":[1,1.0,null,-0.0,"\xc3\xa9"],"b":{}}')
    store.delete("app", "numbers")
    assert loaded(store, version, "numbers") == b'{"a":[1,1.0,null,-0.0,"\xc3\xa9"],"b":{}}'


def test_history_leaves_out_what_there_is_none_of(store: llmspell.Store) -> None:
    deleted, light, dark = json.loads(history_answers.history(store, "app", "theme", None))
    assert (deleted["version"], deleted["at"], deleted["deleted"], "value" in deleted) == (3, START + 120, True, False)
    assert light == {
        "version": 2,
        "at": START + 60,
        "value": "light",
        "deleted": False,
        "created_at": START,
        "updated_at": START + 60,
        "expires_at": START + 3_660,
    }
    assert (dark["value"], "expires_at" in dark) == ("dark", False)


def test_history_takes_a_limit(store: llmspell.Store) -> None:
    assert len(json.loads(history_answers.history(store, "app", "theme", b'{"limit":2}'))) == 2
    assert history_answers.history(store, "app", "none", None) == b"[]"


def test_a_difference_has_before_and_after_as_far_as_there_is_one(store: llmspell.Store) -> None:
    def difference(*points: bytes | None) -> Any:
        return json.loads(history_answers.diff(store, "app", *points))  # type: ignore[arg-type]

    assert difference(b"1", b"2") == [{"key": "theme", "change": "changed", "before": "dark", "after": "light"}]
    assert difference(b"1", None) == [{"key": "theme", "change": "removed", "before": "dark"}]
    assert difference(b'{"version":0}', b"1.0") == [{"key": "theme", "change": "added", "after": "dark"}]
    assert difference(b"3", None) == []


def test_the_points_are_all_there(store: llmspell.Store) -> None:
    points = json.loads(history_answers.restore_points(store))
    assert points == {
        "earliest_version": points["earliest_version"],
        "earliest_time": points["earliest_time"],
        "latest_version": 3,
        "latest_time": START + 120,
        "history_days": 30,
        "versions": 4 - points["earliest_version"],
    }


def test_a_restore_takes_the_store_back(store: llmspell.Store) -> None:
    answer = json.loads(history_answers.restore(store, b"1", None, go_on))
    assert answer == {"success": True, "entries_restored": 1, "version": store.version()}
    assert store.load("app", "theme") == "dark"


def test_a_restore_with_backups_tells_what_undoes_it(tmp_path: Path, clock: Clock) -> None:
    with llmspell.open(backend="memory", clock=clock, history_days=1, backup_path=tmp_path / "b") as store:
        store.save("app", "theme", "dark")
        store.save("app", "theme", "light")
        undo = json.loads(history_answers.restore(store, b"1", b"{}", go_on))["pre_restore_backup_id"]
        assert store.load("app", "theme") == "dark"
        store.backups.restore_backup(undo)
        assert store.load("app", "theme") == "light"


def test_a_restore_takes_the_options_of_one_from_a_backup(store: llmspell.Store) -> None:
    options = {"scopes": "app", "keys": ["t*"], "exclude": {}, "into": "aside", "dry_run": True, "force": False}
    answer = json.loads(history_answers.restore(store, b'{"version":2}', json.dumps(options).encode(), go_on))
    assert answer["changes"] == [{"change": "added", "scope": "aside", "key": "theme"}]
    assert (answer["dry_run"], answer["changes_total"], store.scopes()) == (True, 1, [])


def test_a_point_that_is_not_known_is_an_answer_of_a_restore_and_raised_elsewhere(store: llmspell.Store) -> None:
    answer = json.loads(history_answers.restore(store, b"99", None, go_on))
    assert (answer["success"], set(answer)) == (False, {"success", "error"})
    assert "version 99 is not known" in answer["error"]
    with pytest.raises(HistoryError):
        loaded(store, 99)
    with pytest.raises(HistoryError):
        history_answers.diff(store, "app", b"99", None)


@pytest.mark.parametrize("text", [b"true", b"[]", b'"yesterday"', b'{"moment":1}', b"-1", b"-1.0", b'{"version":1.5}'])
def test_what_is_no_point_is_raised(store: llmspell.Store, text: bytes) -> None:
    with pytest.raises(InvalidArgument):
        history_answers.diff(store, "app", text, None)
    with pytest.raises(InvalidArgument):
        history_answers.restore(store, text, None, go_on)
    with pytest.raises(InvalidArgument):
        history_answers.load(store, "app", "theme", text)


def test_options_that_are_not_known_are_raised(store: llmspell.Store) -> None:
    with pytest.raises(InvalidArgument, match='did you mean "limit"'):
        history_answers.history(store, "app", "theme", b'{"limits":1}')
    with pytest.raises(InvalidArgument, match='did you mean "into"'):
        history_answers.restore(store, b"1", b'{"int":"x"}', go_on)


def test_a_store_without_history_says_how_to_get_it() -> None:
    with llmspell.open(backend="memory") as store, pytest.raises(HistoryError, match="history_days = N"):
        loaded(store, 1)


def test_a_restore_ends_when_the_script_must_end_and_nothing_came_of_it(store: llmspell.Store) -> None:
    store.save("user", "ada", 1)
    first = store.version()
    store.save("user", "ada", 2)
    answer = json.loads(history_answers.restore(store, str(first).encode(), None, lambda: True))
    assert answer["success"] is False
    assert "the script was stopped" in answer["error"]
    assert store.load("user", "ada") == 2
