"""`llmspell state ...` on entries and scopes, as a person types it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.acceptance.conftest import Llmspell


def test_what_one_command_saves_another_loads(llmspell: Llmspell) -> None:
    assert llmspell.ok("state", "save", "app", "config", '{"theme": "dark"}') == "1"
    assert llmspell.ok("state", "load", "app", "config") == '{"theme":"dark"}'


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        ("1", "1"),
        ("1.0", "1.0"),
        ("-5e3", "-5000.0"),
        ("9223372036854775807", "9223372036854775807"),
        ("true", "true"),
        ('"é€😀"', '"é€😀"'),
        ('[1, {"b": [], "a": {}}]', '[1,{"b":[],"a":{}}]'),
        ('{"nothing": null}', '{"nothing":null}'),
    ],
)
def test_a_value_comes_back_as_it_was_given(llmspell: Llmspell, given: str, printed: str) -> None:
    llmspell.ok("state", "save", "global", "x", given)
    assert llmspell.ok("state", "load", "global", "x") == printed


def test_saving_null_removes_the_entry(llmspell: Llmspell) -> None:
    llmspell.ok("state", "save", "global", "x", "1")
    llmspell.ok("state", "save", "global", "x", "null")
    assert llmspell("state", "load", "global", "x").code == 3


def test_text_is_taken_as_it_is(llmspell: Llmspell) -> None:
    llmspell.ok("state", "save", "global", "x", '{"not": json', "--text")
    assert llmspell.ok("state", "load", "global", "x") == '"{\\"not\\": json"'
    assert llmspell.ok("state", "load", "global", "x", "--raw") == '{"not": json'


def test_raw_leaves_what_is_no_string_alone(llmspell: Llmspell) -> None:
    llmspell.ok("state", "save", "global", "x", '["a"]')
    assert llmspell.ok("state", "load", "global", "x", "--raw") == '["a"]'


def test_a_file_comes_back_from_text_byte_by_byte(llmspell: Llmspell) -> None:
    llmspell.write("note.txt", 'two\nlines with "quotes"\n')
    llmspell.ok("state", "save", "global", "note", "@note.txt", "--text")
    assert llmspell("state", "load", "global", "note", "--raw").out == 'two\nlines with "quotes"\n'


def test_a_value_is_read_from_a_file_or_from_standard_input(llmspell: Llmspell) -> None:
    llmspell.write("value.json", '{"from": "file"}\n')
    llmspell.ok("state", "save", "global", "a", "@value.json")
    llmspell.ok("state", "save", "global", "b", "-", stdin='{"from": "input"}\n')
    llmspell.ok("state", "save", "global", "c", "-", "--text", stdin="from input")
    assert llmspell.ok("state", "load", "global", "a") == '{"from":"file"}'
    assert llmspell.ok("state", "load", "global", "b") == '{"from":"input"}'
    assert llmspell.ok("state", "load", "global", "c") == '"from input"'


def test_an_absent_entry_is_one_line_and_code_3(llmspell: Llmspell) -> None:
    result = llmspell("state", "load", "global", "x")
    assert result.code == 3
    assert result.out == ""
    assert result.err == 'llmspell: there is no entry in scope "global" under key "x"\n'


def test_the_default_is_printed_when_there_is_no_entry(llmspell: Llmspell) -> None:
    assert llmspell.ok("state", "load", "global", "x", "--default", '{"a": 1}') == '{"a":1}'
    llmspell.ok("state", "save", "global", "x", "2")
    assert llmspell.ok("state", "load", "global", "x", "--default", "1") == "2"


def test_reading_creates_nothing(llmspell: Llmspell) -> None:
    for words in (("load", "a", "b"), ("scopes",), ("list-keys", "a"), ("stats",), ("check",), ("export",)):
        llmspell("state", *words)
    assert list(llmspell.folder.iterdir()) == []


def test_an_expired_entry_is_gone(llmspell: Llmspell) -> None:
    llmspell.ok("state", "save", "global", "x", "1", "--ttl", "0.001")
    assert llmspell("state", "exists", "global", "x").code == 3
    assert llmspell.ok("state", "list-keys", "global") == ""


def test_if_version_lets_only_one_writer_win(llmspell: Llmspell) -> None:
    assert llmspell.ok("state", "save", "global", "x", "1", "--if-version", "0") == "1"
    lost = llmspell("state", "save", "global", "x", "2", "--if-version", "0")
    assert lost.code == 4
    assert "expected no entry (version 0), found version 1" in lost.err
    assert llmspell("state", "delete", "global", "x", "--if-version", "7").code == 4
    assert llmspell.ok("state", "delete", "global", "x", "--if-version", "1") == ""


def test_delete_says_nothing_when_it_was_there_and_3_when_not(llmspell: Llmspell) -> None:
    llmspell.ok("state", "save", "global", "x", "1")
    assert llmspell("state", "delete", "global", "x") == (0, "", "")
    assert llmspell("state", "delete", "global", "x").code == 3


def test_exists_answers_in_words_and_code(llmspell: Llmspell) -> None:
    assert llmspell("state", "exists", "global", "x") == (3, "false\n", "")
    llmspell.ok("state", "save", "global", "x", "1")
    assert llmspell("state", "exists", "global", "x") == (0, "true\n", "")


def test_entry_shows_the_value_with_its_version_and_times(llmspell: Llmspell) -> None:
    llmspell.ok("state", "save", "global", "x", '{"a": 1}', "--ttl", "1000")
    lines = [line.split("\t") for line in llmspell.ok("state", "entry", "global", "x").splitlines()]
    assert [name for name, _ in lines] == ["value", "version", "created_at", "updated_at", "expires_at"]
    shown = dict(lines)
    assert shown["value"] == '{"a":1}'
    assert 999 < float(shown["expires_at"]) - datetime.now().timestamp() < 1000
    told = json.loads(llmspell.ok("state", "entry", "global", "x", "--json"))
    assert told["value"] == {"a": 1}
    assert repr(told["created_at"]) == shown["created_at"]
    assert llmspell("state", "entry", "global", "y").code == 3


def test_keys_are_listed_in_byte_order_one_a_line(llmspell: Llmspell) -> None:
    for key in ("b", "a:2", "é", "a:1", "B"):
        llmspell.ok("state", "save", "app", key, "1")
    assert llmspell.ok("state", "list-keys", "app").splitlines() == ["B", "a:1", "a:2", "b", "é"]
    assert llmspell.ok("state", "list-keys", "app", "--prefix", "a:").splitlines() == ["a:1", "a:2"]
    assert llmspell.ok("state", "list-keys", "app", "--after", "a:2", "--limit", "1") == "b"
    assert llmspell.ok("state", "list-keys", "app", "--limit", "0") == ""
    assert llmspell.ok("state", "list-keys", "app", "--json") == '["B","a:1","a:2","b","é"]'


def test_scopes_are_those_that_hold_something(llmspell: Llmspell) -> None:
    for scope in ("agent:a", "agent:b", "global"):
        llmspell.ok("state", "save", scope, "x", "1")
    llmspell.ok("state", "delete", "agent:b", "x")
    assert llmspell.ok("state", "scopes").splitlines() == ["agent:a", "global"]
    assert llmspell.ok("state", "scopes", "agent:") == "agent:a"
    assert llmspell.ok("state", "scopes", "none", "--json") == "[]"


def test_clear_removes_a_scope_and_nothing_else(llmspell: Llmspell) -> None:
    for scope, key in (("a", "x"), ("a", "y"), ("ab", "z")):
        llmspell.ok("state", "save", scope, key, "1")
    assert llmspell.ok("state", "clear", "a", "--yes") == "2"
    assert llmspell.ok("state", "clear", "a", "--yes") == "0"
    assert llmspell.ok("state", "scopes") == "ab"


def test_clear_refuses_when_nobody_can_be_asked(llmspell: Llmspell) -> None:
    llmspell.ok("state", "save", "a", "x", "1")
    refused = llmspell("state", "clear", "a", stdin="y\n")
    assert refused.code == 2
    assert "add --yes" in refused.err
    assert llmspell.ok("state", "exists", "a", "x") == "true"


def test_increment_counts_in_whole_numbers_and_in_floats(llmspell: Llmspell) -> None:
    assert llmspell.ok("state", "increment", "stats", "n") == "1"
    assert llmspell.ok("state", "increment", "stats", "n", "--by", "10") == "11"
    assert llmspell.ok("state", "increment", "stats", "n", "--by", "-1") == "10"
    assert llmspell.ok("state", "increment", "stats", "n", "--by", "0.5") == "10.5"
    assert llmspell.ok("state", "increment", "stats", "n", "--by", "-1e3") == "-989.5"


def test_append_gives_the_length_and_keeps_the_last(llmspell: Llmspell) -> None:
    assert llmspell.ok("state", "append", "log", "e", '{"n": 1}') == "1"
    assert llmspell.ok("state", "append", "log", "e", "two", "--text") == "2"
    assert llmspell.ok("state", "append", "log", "e", "-", "--keep", "2", stdin="[3]") == "2"
    assert llmspell.ok("state", "load", "log", "e") == '["two",[3]]'


def test_touch_changes_only_the_expiry(llmspell: Llmspell) -> None:
    llmspell.ok("state", "save", "s", "x", "1")
    before = json.loads(llmspell.ok("state", "entry", "s", "x", "--json"))
    assert llmspell.ok("state", "touch", "s", "x", "--ttl", "100") == ""
    touched = json.loads(llmspell.ok("state", "entry", "s", "x", "--json"))
    assert touched["expires_at"] is not None
    assert touched["updated_at"] == before["updated_at"]
    llmspell.ok("state", "touch", "s", "x")
    assert json.loads(llmspell.ok("state", "entry", "s", "x", "--json"))["expires_at"] is None
    assert llmspell("state", "touch", "s", "y").code == 3


def test_names_that_begin_with_a_dash_stand_behind_two(llmspell: Llmspell) -> None:
    llmspell.ok("state", "save", "--", "-scope", "--key", "-1")
    assert llmspell.ok("state", "load", "--", "-scope", "--key") == "-1"


def test_stats_count_what_is_there(llmspell: Llmspell) -> None:
    llmspell.ok("state", "save", "a", "x", "1")
    llmspell.ok("state", "save", "b", "x", "[1,2]")
    counted = json.loads(llmspell.ok("state", "stats", "--json"))
    assert (counted["entries"], counted["scopes"], counted["value_bytes"], counted["version"]) == (2, 2, 6, 2)
    assert counted["path"] == "./state"
    assert "entries\t2" in llmspell.ok("state", "stats").splitlines()


def test_the_backend_memory_says_that_it_keeps_nothing(llmspell: Llmspell) -> None:
    llmspell.write("llmspell.toml", '[state]\nbackend = "memory"\n')
    saved = llmspell("state", "save", "a", "x", "1")
    assert (saved.code, saved.out) == (0, "1\n")
    assert saved.err == 'llmspell: the backend "memory" is empty and keeps nothing after this command\n'


def test_commands_at_the_same_time_lose_nothing(llmspell: Llmspell) -> None:
    running = [llmspell.start("state", "increment", "stats", "n") for _ in range(12)]
    for process in running:
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, b"")
    assert llmspell.ok("state", "load", "stats", "n") == "12"
