"""`llmspell state export`, `import` and `check`."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

import apsw
import pytest

if TYPE_CHECKING:
    from tests.acceptance.conftest import Llmspell


@pytest.fixture
def filled(llmspell: Llmspell) -> Llmspell:
    llmspell.ok("state", "save", "global", "greeting", '"hé"')
    llmspell.ok("state", "save", "agent:b", "x", "[1, 1.0]", "--ttl", "1000")
    llmspell.ok("exec", 'State.save("agent:a", "floats", {1e16, 1e-7, 0.1}) State.increment("agent:a", "n", 1e22)')
    return llmspell


def without_versions(lines: str) -> str:
    return re.sub(r'"version":\d+', "", lines)


def test_an_export_has_exactly_the_seven_fields_in_order(filled: Llmspell) -> None:
    lines = filled.ok("state", "export").splitlines()
    entries = [json.loads(line) for line in lines]
    assert [(entry["scope"], entry["key"]) for entry in entries] == [
        ("agent:a", "floats"),
        ("agent:a", "n"),
        ("agent:b", "x"),
        ("global", "greeting"),
    ]
    fields = ["scope", "key", "value", "version", "created_at", "updated_at", "expires_at"]
    assert all(list(entry) == fields for entry in entries)
    assert entries[3]["expires_at"] is None
    assert '"value":[1,1.0],' in lines[2]


def test_an_imported_export_exports_the_same_but_for_versions(filled: Llmspell) -> None:
    exported = filled.ok("state", "export")
    filled.write("other.toml", '[state]\npath = "other"\n')
    imported = filled("-c", "other.toml", "state", "import", stdin=exported)
    assert (imported.code, imported.out, imported.err) == (0, "", "llmspell: imported 4 entries\n")
    again = filled.ok("-c", "other.toml", "state", "export")
    assert without_versions(again) == without_versions(exported)


def test_an_export_is_of_the_scopes_that_are_asked_for(filled: Llmspell) -> None:
    for words, count in (
        (("--scope", "agent:*"), 3),
        (("--scope", "agent:b", "global"), 2),
        (("--scope", "agent:b", "--scope", "global"), 2),
        (("--scope", "Agent:*"), 0),
    ):
        assert len(filled.ok("state", "export", *words).splitlines()) == count


def test_an_export_into_a_file_is_for_its_owner_only(filled: Llmspell) -> None:
    result = filled("state", "export", "--output", "out.jsonl")
    assert (result.code, result.out, result.err) == (0, "", 'llmspell: exported 4 entries to "out.jsonl"\n')
    path = filled.folder / "out.jsonl"
    assert path.read_text() == filled("state", "export").out
    assert path.stat().st_mode & 0o777 == 0o600
    assert filled("state", "export", "--output", "/dev/null").code == 0
    assert os.path.exists("/dev/null")
    assert not os.path.isfile("/dev/null")


def test_an_import_is_all_or_nothing_and_names_the_line(filled: Llmspell) -> None:
    before = filled.ok("state", "export")
    for bad, reason in (
        ("{", "line 2: it is not valid JSON"),
        ('"x"', "line 2: it is no JSON object"),
        ('{"scope":"a","key":"b"}', 'line 2: the field "value" is missing'),
        ('{"scope":"a","key":"b","value":1,"vlaue":2}', 'line 2: "vlaue" is no field'),
        ('{"scope":"a","key":"b","value":NaN}', "line 2: .value is nan"),
        ('{"scope":"","key":"b","value":1}', "line 2: the scope is empty"),
        ('{"scope":"a","key":5,"value":1}', "line 2: the key must be text"),
        ('{"scope":"a","key":"b","value":1,"expires_at":"soon"}', 'line 2: the field "expires_at"'),
        ('{"scope":"new","key":"k","value":2}', 'line 2: scope "new", key "k" stands on line 1 already'),
    ):
        result = filled("state", "import", "-", stdin='{"scope":"new","key":"k","value":1}\n' + bad + "\n")
        assert result.code == 2
        assert result.err.startswith(f"llmspell: {reason}")
    assert filled.ok("state", "export") == before


def test_a_dry_run_reads_everything_and_writes_nothing(llmspell: Llmspell) -> None:
    llmspell.write(
        "in.jsonl", '{"scope":"a","key":"b","value":1}\n\n{"scope":"a","key":"c","value":1,"expires_at":5}\n'
    )
    result = llmspell("state", "import", "in.jsonl", "--dry-run")
    assert (result.code, result.err) == (0, "llmspell: would import 1 entry; left out 1 that had expired\n")
    assert llmspell("state", "import", "--dry-run", stdin="oops").code == 2
    assert not (llmspell.folder / "state").exists()
    assert "imported 1 entry;" in llmspell("state", "import", "in.jsonl").err
    assert llmspell.ok("state", "list-keys", "a") == "b"


def test_an_import_keeps_the_times(llmspell: Llmspell) -> None:
    line = '{"scope":"a","key":"b","value":1,"created_at":1.5,"updated_at":2.5,"expires_at":99999999999.0}'
    llmspell("state", "import", stdin=line)
    entry = json.loads(llmspell.ok("state", "entry", "a", "b", "--json"))
    assert (entry["created_at"], entry["updated_at"], entry["expires_at"]) == (1.5, 2.5, 99999999999.0)


def test_an_import_and_an_export_at_the_same_time_see_whole_imports(llmspell: Llmspell) -> None:
    lines = "".join(f'{{"scope":"a","key":"{number}","value":%d}}\n' for number in range(500))
    llmspell("state", "import", stdin=lines % ((1,) * 500))
    for value in range(2, 5):
        importing = llmspell.start("state", "import", "-")
        exporting = llmspell.start("state", "export")
        importing.communicate((lines % ((value,) * 500)).encode(), timeout=60)
        out, _ = exporting.communicate(timeout=60)
        assert importing.returncode == exporting.returncode == 0
        assert len({json.loads(line)["value"] for line in out.splitlines()}) == 1


def test_check_finds_nothing_in_a_sound_store(filled: Llmspell) -> None:
    assert filled.ok("state", "check") == "no problems; values checked: 4"


def test_check_of_no_store_says_so(llmspell: Llmspell) -> None:
    result = llmspell("state", "check")
    assert (result.code, result.out) == (0, "")
    assert result.err == 'llmspell: there is no store in "./state" yet, so there is nothing to check\n'


@pytest.mark.parametrize("value", [b"oops", b'{"a":1,"a":2}', b"12345678901234567890", b'"\xff"'])
def test_check_tells_of_a_value_that_is_no_strict_json(filled: Llmspell, value: bytes) -> None:
    connection = apsw.Connection(str(filled.folder / "state" / "state.db"))
    connection.execute("UPDATE entries SET value = ? WHERE key = 'x'", (value,))
    connection.close()
    result = filled("state", "check")
    assert result.code == 5
    assert result.out.count("\n") == 1
    assert result.out.startswith("scope 'agent:b', key 'x' has a value that ")
    assert result.err.startswith('llmspell: 1 problem in the store in "./state"')
    told = filled("state", "check", "--json")
    assert told.code == 5
    assert len(json.loads(told.out)["problems"]) == 1
    assert json.loads(told.err)["error"]["kind"] == "StoreDamaged"
