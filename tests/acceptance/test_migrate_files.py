"""`llmspell migrate new` and `llmspell migrate check`."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.acceptance.conftest import Llmspell

RENAME = 'from_version = "1.0.0"\nto_version = "{to}"\n[[transforms]]\ntype = "rename"\nfrom = "mail"\nto = "email"\n'


def write(llmspell: Llmspell, name: str, text: str) -> None:
    path = llmspell.folder / "migrations" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def save_users(llmspell: Llmspell) -> None:
    for key in ("a", "b", "c"):
        llmspell.ok("state", "save", "users", key, '{"email": "x", "admin": false}')
    llmspell.ok("state", "save", "users", "d", '{"eMail": "x"}')


def test_new_writes_a_file_that_needs_only_transforms(llmspell: Llmspell) -> None:
    done = llmspell("migrate", "new", "add_email")
    assert (done.code, done.out) == (0, "./migrations/1.1.0_add_email.toml\n")
    assert "`llmspell migrate check`" in done.err
    assert "`llmspell migrate plan`" in done.err
    checked = llmspell("migrate", "check")
    assert checked.code == 6
    assert checked.out == 'problem\t./migrations/1.1.0_add_email.toml: the field "transforms" is missing\n'


def test_new_makes_a_folder_for_its_owner_and_an_ordinary_file(llmspell: Llmspell) -> None:
    before = os.umask(0o022)
    try:
        assert llmspell("migrate", "new", "x").code == 0
    finally:
        os.umask(before)
    folder = llmspell.folder / "migrations"
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "1.1.0_x.toml")]
    assert modes == [0o700, 0o644]


def test_new_makes_no_store(llmspell: Llmspell) -> None:
    llmspell("migrate", "new", "x", "--from-samples", "*")
    assert [path.name for path in llmspell.folder.iterdir()] == ["migrations"]


def test_new_never_writes_over_a_file(llmspell: Llmspell) -> None:
    write(llmspell, "1.1.0_x.toml", "mine")
    refused = llmspell("migrate", "new", "x", "--to", "1.1.0")
    assert refused.code == 2
    assert "leads to 1.1.0 already" in refused.err
    assert (llmspell.folder / "migrations" / "1.1.0_x.toml").read_text() == "mine"


def test_new_continues_the_latest_version(llmspell: Llmspell) -> None:
    write(llmspell, "2.0.0_x.toml", RENAME.format(to="2.0.0"))
    told = json.loads(llmspell.ok("migrate", "new", "y", "--json"))
    assert told == {
        "path": "./migrations/2.1.0_y.toml",
        "from_version": "2.0.0",
        "to_version": "2.1.0",
        "transforms": 0,
    }


def test_new_continues_the_version_of_the_store(llmspell: Llmspell) -> None:
    write(llmspell, "2.0.0_x.toml", RENAME.format(to="2.0.0"))
    llmspell.ok("state", "save", "users", "a", '{"mail": "x"}')
    assert llmspell("migrate", "up").code == 0
    (llmspell.folder / "migrations" / "2.0.0_x.toml").unlink()
    assert json.loads(llmspell.ok("migrate", "new", "y", "--json"))["from_version"] == "2.0.0"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("Add Email",), '"add_email" would do'),
        (("x", "--to", "0.9.0"), "does not come after"),
        (("x", "--to", "two"), "no semantic version"),
        (("x", "--scope", ""), "scope"),
        (("x", "--scope", "a", "--from-samples", "b"), "not allowed with"),
    ],
)
def test_new_refuses_wrong_use_and_writes_nothing(llmspell: Llmspell, words: tuple[str, ...], reason: str) -> None:
    refused = llmspell("migrate", "new", *words)
    assert (refused.code, refused.out) == (2, "")
    assert reason in refused.err
    assert list(llmspell.folder.iterdir()) == []


def test_a_proposal_from_stored_entries_can_be_applied_as_it_stands(llmspell: Llmspell) -> None:
    save_users(llmspell)
    before = llmspell.ok("state", "export")
    proposed = llmspell("migrate", "new", "same_shape", "--from-samples", "user*")
    assert proposed.code == 0
    assert "4 entries looked at: they have 2 shapes; 2 transforms were proposed" in proposed.err
    assert llmspell.ok("state", "export") == before
    assert llmspell.ok("migrate", "check").startswith("1.1.0_same_shape.toml\t1.0.0\t1.1.0\tok\t4\n")
    assert llmspell("migrate", "up").code == 0
    assert json.loads(llmspell.ok("state", "load", "users", "d")) == {"email": "x", "admin": False}


def test_a_proposal_says_when_there_is_nothing_to_propose(llmspell: Llmspell) -> None:
    assert "nothing is stored in scopes like" in llmspell("migrate", "new", "a", "--from-samples", "user*").err
    save_users(llmspell)
    llmspell.ok("state", "delete", "users", "d")
    told = llmspell("migrate", "new", "b", "--from-samples", "user*", "--from", "1.0.0", "--to", "1.0.1").err
    assert "3 entries looked at: all have one shape" in told


def test_a_proposal_is_refused_when_the_entries_have_another_version(llmspell: Llmspell) -> None:
    save_users(llmspell)
    write(llmspell, "2.0.0_x.toml", RENAME.format(to="2.0.0"))
    refused = llmspell("migrate", "new", "y", "--from-samples", "*")
    assert refused.code == 2
    assert "have the shape of schema version 1.0.0" in refused.err


def test_check_is_content_with_a_good_folder_and_says_what_it_tried(llmspell: Llmspell) -> None:
    write(llmspell, "2.0.0_x.toml", RENAME.format(to="2.0.0"))
    write(llmspell, "samples/1.0.0/ada.json", '{"mail": "ada@example.org"}')
    assert llmspell.ok("migrate", "check") == "2.0.0_x.toml\t1.0.0\t2.0.0\tok\t1"
    assert json.loads(llmspell.ok("migrate", "check", "--json")) == {
        "migrations": [
            {
                "file": "2.0.0_x.toml",
                "from_version": "1.0.0",
                "to_version": "2.0.0",
                "samples": 1,
                "loss": "lossless",
                "problems": [],
                "notices": [],
                "result": "ok",
            }
        ],
        "problems": [],
        "notices": [],
    }
    assert [path.name for path in llmspell.folder.iterdir()] == ["migrations"]


def test_check_without_migrations_says_how_to_begin(llmspell: Llmspell) -> None:
    checked = llmspell("migrate", "check")
    assert (checked.code, checked.out) == (0, "")
    assert "`llmspell migrate new NAME`" in checked.err


def test_check_tells_all_problems_of_all_files_with_lines_and_fields(llmspell: Llmspell) -> None:
    write(llmspell, "2.0.0_x.toml", RENAME.format(to="2.0.0").replace("rename", "renam") + "[validaton]\n")
    write(llmspell, "3.0.0_y.toml", "from_version = \n")
    checked = llmspell("migrate", "check")
    problems = checked.out.splitlines()
    assert checked.code == 6
    assert len(problems) == 3
    assert "2.0.0_x.toml, line 4: transforms[0].type" in problems[0]
    assert "2.0.0_x.toml, line 7: validaton" in problems[1]
    assert "3.0.0_y.toml, line 1" in problems[2]
    assert checked.err.startswith('llmspell: 3 problems with the migrations in "./migrations"')


@pytest.mark.parametrize(
    ("second", "start", "reason"),
    [("3.0.0", "1.0.0", "two heads"), ("4.0.0", "3.0.0", "gap"), ("2.0.0", "1.0.0", "duplicate")],
)
def test_check_finds_files_that_are_no_chain(llmspell: Llmspell, second: str, start: str, reason: str) -> None:
    write(llmspell, "2.0.0_x.toml", RENAME.format(to="2.0.0"))
    write(llmspell, f"{second}_y.toml", RENAME.format(to=second).replace('"1.0.0"', f'"{start}"', 1))
    checked = llmspell("migrate", "check")
    assert checked.code == 6
    assert reason in checked.out


def test_check_finds_an_applied_file_that_was_edited(llmspell: Llmspell) -> None:
    write(llmspell, "2.0.0_x.toml", RENAME.format(to="2.0.0"))
    llmspell.ok("state", "save", "users", "a", '{"mail": "x"}')
    assert llmspell("migrate", "up").code == 0
    write(llmspell, "2.0.0_x.toml", RENAME.format(to="2.0.0").replace("email", "address"))
    checked = llmspell("migrate", "check")
    assert checked.code == 6
    assert "2.0.0_x.toml was changed after it was applied" in checked.out


def test_check_tries_python_code_only_where_it_is_allowed(llmspell: Llmspell) -> None:
    custom = 'from_version = "1.0.0"\nto_version = "2.0.0"\ntransforms = [{ type = "custom", function = "code:up" }]\n'
    write(llmspell, "2.0.0_x.toml", custom)
    write(llmspell, "code.py", "import time\ndef up(document):\n    return {'at': time.time_ns()}\n")
    write(llmspell, "samples/1.0.0/ada.json", "{}")
    assert "allow_python_migrations" in llmspell("migrate", "check").out
    llmspell.write("llmspell.toml", "[state]\nallow_python_migrations = true\n")
    assert "gives something else the second time" in llmspell("migrate", "check").out


def test_check_tries_lua_code_up_and_down(llmspell: Llmspell) -> None:
    script = (
        'return {{ from_version = "1.0.0", to_version = "2.0.0",\n'
        "up = function(d) d.n = d.n + 1 return d end,\ndown = function(d) d.n = d.n - {} return d end }}\n"
    )
    write(llmspell, "samples/1.0.0/ada.json", '{"n": 5}')
    write(llmspell, "2.0.0_x.lua", script.format(1))
    assert "2.0.0_x.lua\t1.0.0\t2.0.0\tok\t1" in llmspell.ok("migrate", "check")
    write(llmspell, "2.0.0_x.lua", script.format(2))
    checked = llmspell("migrate", "check")
    assert checked.code == 6
    assert "samples/1.0.0/ada.json: going down by the code of transform 1" in checked.out


def test_check_looks_at_as_many_entries_as_asked_for_and_changes_none(llmspell: Llmspell) -> None:
    write(llmspell, "2.0.0_x.toml", RENAME.format(to="2.0.0"))
    for number in range(4):
        llmspell.ok("state", "save", "users", str(number), '{"mail": "x"}')
    before = llmspell.ok("state", "export")
    assert "\tok\t3" in llmspell.ok("migrate", "check", "--samples", "3")
    assert llmspell("migrate", "check", "--samples", "few").code == 2
    assert llmspell.ok("state", "export") == before
