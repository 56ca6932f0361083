from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import pytest

import llmspell
from llmspell.migrations.checking import OK, PROBLEM, PROBLEMS_TOLD, UNTRIED, Checked, Report, check, example_of
from llmspell.migrations.documents import fits
from llmspell.migrations.load import load_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llmspell.entry import JsonValue
    from llmspell.store import Store

NOW = 1_700_000_000.0


class Folder(NamedTuple):
    """A folder of migrations, and the store that they are for."""

    path: Path
    store: Store

    def write(self, to_version: str, *transforms: str, start: str = "1.0.0", more: str = "") -> None:
        text = (
            f'from_version = "{start}"\nto_version = "{to_version}"\ntransforms = [{", ".join(transforms)}]\n{more}\n'
        )
        (self.path / f"{to_version}_x.toml").write_text(text)

    def sample(self, version: str, document: object, name: str = "one.json") -> None:
        folder = self.path / "samples" / version
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(document))

    def check(self, most: int = 100, *, with_store: bool = True) -> Report:
        chain = load_folder(str(self.path), allow_python=True)
        reader = self.store.backend if with_store else None
        return check(chain, reader, str(self.path / "samples"), NOW, 10_000, most)

    def only(self) -> Checked:
        (checked,) = self.check().migrations
        return checked


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    path = tmp_path / "migrations"
    path.mkdir()
    with llmspell.open(backend="memory", migrations_path=path, clock=lambda: NOW) as store:
        yield Folder(path, store)


RENAME = '{ type = "rename", from = "mail", to = "email" }'
CALL = '{ type = "custom", function = "code:up", down = "code:down" }'


def test_migrations_that_keep_their_promises_are_ok(folder: Folder) -> None:
    folder.write("2.0.0", RENAME)
    folder.write("3.0.0", '{ type = "computed", field = "length", expression = "size(email)" }', start="2.0.0")
    folder.store.save("users", "ada", {"mail": "a@example.org"})
    report = folder.check()
    assert [(one.outcome, one.samples, one.loss) for one in report.migrations] == [
        (OK, 1, "lossless"),
        (OK, 1, "lossy"),
    ]
    assert report.all_problems == ()


def test_no_migrations_have_no_problems(folder: Folder) -> None:
    assert folder.check() == Report((), (), ())


def test_nothing_in_the_store_is_changed(folder: Folder) -> None:
    folder.write("2.0.0", RENAME)
    folder.store.save("users", "ada", {"mail": "a"})
    folder.check()
    assert (folder.store.version(), folder.store.load("users", "ada")) == (1, {"mail": "a"})


def test_a_migration_without_any_sample_is_untried(folder: Folder) -> None:
    folder.write("2.0.0", RENAME)
    checked = folder.only()
    assert (checked.outcome, checked.problems) == (UNTRIED, ())
    assert "samples/1.0.0/" in checked.notices[0]


def test_an_entry_that_cannot_go_up_is_named_with_file_and_transform(folder: Folder) -> None:
    folder.write("2.0.0", RENAME)
    folder.store.save("users", "ada", {})
    (problem,) = folder.only().problems
    assert problem.startswith(
        '2.0.0_x.toml: scope "users", key "ada": it cannot go up: transform 1 (move mail to email)'
    )


@pytest.mark.parametrize(("when", "document"), [("pre", {}), ("post", {"a": 1, "age": 200})])
def test_a_rule_that_a_sample_breaks_is_told(folder: Folder, when: str, document: dict[str, JsonValue]) -> None:
    rule = '{ field = "a", validator = "required" }' if when == "pre" else '{ field = "age", validator = "max:150" }'
    default = '{ type = "default", field = "b", value = 1 }'
    folder.write("2.0.0", default, more=f"[validation]\n{when}_migration = [{rule}]")
    folder.store.save("users", "ada", document)
    (problem,) = folder.only().problems
    assert f"validation {'before' if when == 'pre' else 'after'} the migration" in problem


def test_a_function_that_gives_something_else_each_time_is_found(folder: Folder) -> None:
    (folder.path / "code.py").write_text(
        "import itertools\nCALLS = itertools.count()\ndef up(d):\n    return {**d, 'n': next(CALLS)}\n"
    )
    folder.write("2.0.0", '{ type = "set", field = "x", value = 1 }', '{ type = "custom", function = "code:up" }')
    folder.store.save("users", "ada", {})
    (problem,) = folder.only().problems
    assert "transform 2 (call code:up) gives something else the second time" in problem


def test_a_function_that_fails_the_second_time_is_found(folder: Folder) -> None:
    (folder.path / "code.py").write_text("LEFT = [1]\ndef up(d):\n    return [LEFT.pop(), d]\n")
    folder.write("2.0.0", '{ type = "custom", function = "code:up" }')
    folder.store.save("users", "ada", {})
    assert "not a second time" in folder.only().problems[0]


def test_own_code_whose_way_down_gives_something_else_is_found(folder: Folder) -> None:
    (folder.path / "code.py").write_text(
        "def up(d):\n    return {'n': d['n'] + 1}\ndef down(d):\n    return {'n': d['n'] - 2}\n"
    )
    folder.write("2.0.0", CALL)
    folder.store.save("users", "ada", {"n": 5})
    (problem,) = folder.only().problems
    assert problem.endswith('does not give it back: "n" was 5 and is 4')
    assert "transform 1 (call code:up)" in problem


def test_own_code_whose_way_down_fails_is_found(folder: Folder) -> None:
    (folder.path / "code.py").write_text("def up(d):\n    return {}\ndef down(d):\n    return d['gone']\n")
    folder.write("2.0.0", CALL)
    folder.store.save("users", "ada", {"n": 5})
    assert "fails: " in folder.only().problems[0]


def test_own_code_that_leads_down_again_is_ok(folder: Folder) -> None:
    (folder.path / "code.py").write_text(
        "def up(d):\n    return {'n': d['n'] + 1}\ndef down(d):\n    return {'n': d['n'] - 1}\n"
    )
    folder.write("2.0.0", CALL)
    folder.store.save("users", "ada", {"n": 5})
    checked = folder.only()
    assert (checked.outcome, checked.loss, checked.samples) == (OK, "opaque", 1)


def test_own_code_without_a_way_down_is_only_noticed(folder: Folder) -> None:
    (folder.path / "code.py").write_text("def up(d):\n    return {}\n")
    folder.write("2.0.0", '{ type = "custom", function = "code:up" }')
    folder.store.save("users", "ada", {"n": 5})
    checked = folder.only()
    assert checked.outcome == OK
    assert any("opaque" in notice for notice in checked.notices)


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        ("{'a': [1, 2]}", '"b" is missing'),
        ("{'a': [1, 2], 'b': 2, 'c': 3}", '"c" is new'),
        ("{'a': [1, 3], 'b': 2}", '"a[1]" was 2 and is 3'),
        ("{'a': [1], 'b': 2}", '"a" was an array of 2 and is an array of 1'),
        ("{'a': [1, 2], 'b': 2.0}", '"b" was 2 and is 2.0'),
    ],
)
def test_the_first_difference_is_told(folder: Folder, returned: str, told: str) -> None:
    (folder.path / "code.py").write_text(f"def up(d):\n    return 5\ndef down(d):\n    return {returned}\n")
    folder.write("2.0.0", CALL)
    folder.store.save("users", "ada", {"a": [1, 2], "b": 2})
    assert folder.only().problems[0].endswith(told)


def test_own_code_may_give_the_fields_back_in_another_order(folder: Folder) -> None:
    (folder.path / "code.py").write_text("def up(d):\n    return 5\ndef down(d):\n    return {'b': 2, 'a': [1, 2]}\n")
    folder.write("2.0.0", CALL)
    folder.store.save("users", "ada", {"a": [1, 2], "b": 2})
    assert folder.only().outcome == OK


def test_an_applied_migration_that_was_edited_is_a_problem_of_it(folder: Folder) -> None:
    folder.write("2.0.0", RENAME)
    folder.store.save("users", "ada", {"mail": "a"})
    folder.store.migrations.migrate()
    assert folder.only().problems == ()
    folder.write("2.0.0", RENAME.replace("email", "address"))
    checked = folder.only()
    assert checked.outcome == PROBLEM
    assert "changed after it was applied" in checked.problems[0]


def test_an_applied_migration_that_is_gone_is_a_problem_of_the_store(folder: Folder) -> None:
    folder.write("2.0.0", RENAME)
    folder.write("3.0.0", RENAME, start="2.0.0", more='scope = "other"')
    folder.store.save("users", "ada", {"mail": "a"})
    folder.store.migrations.migrate()
    (folder.path / "2.0.0_x.toml").unlink()
    (problem,) = folder.check().problems
    assert "2.0.0_x.toml" in problem
    assert "its file is gone" in problem


def test_a_store_at_a_version_that_nobody_knows_is_a_problem(folder: Folder) -> None:
    folder.write("6.0.0", RENAME, start="5.0.0")
    folder.store.save("users", "ada", {"mail": "a"})
    assert "the store has schema version 1.0.0" in folder.check().problems[0]


def test_an_entry_is_followed_to_its_new_scope_and_key(folder: Folder) -> None:
    move = ('{ type = "rename_key", to = "user:{key}" }', '{ type = "move_scope", to = "people" }')
    folder.write("2.0.0", *move, more='scope = "users"')
    folder.write("3.0.0", RENAME, start="2.0.0", more='scope = "people"\nkey = "user:*"')
    folder.store.save("users", "ada", {"mail": "a"})
    report = folder.check()
    assert report.all_problems == ()
    assert [one.samples for one in report.migrations] == [1, 1]


def test_an_entry_that_is_deleted_goes_no_further(folder: Folder) -> None:
    folder.write("2.0.0", '{ type = "delete_entry" }')
    folder.write("3.0.0", RENAME, start="2.0.0")
    folder.store.save("users", "ada", {})
    assert [(one.outcome, one.samples) for one in folder.check().migrations] == [(OK, 1), (UNTRIED, 0)]


def test_migrations_that_were_applied_are_not_tried_on_what_is_stored_now(folder: Folder) -> None:
    folder.write("2.0.0", RENAME)
    folder.store.save("users", "ada", {"mail": "a"})
    folder.store.migrations.migrate()
    folder.write("3.0.0", '{ type = "rename", from = "email", to = "address" }', start="2.0.0")
    assert [one.outcome for one in folder.check().migrations] == [UNTRIED, OK]


def test_no_more_stored_entries_are_tried_than_asked_for(folder: Folder) -> None:
    folder.write("2.0.0", RENAME)
    for number in range(20):
        folder.store.save("users", f"n{number}", {"mail": "a"})
    assert [folder.check(most).migrations[0].samples for most in (0, 5, 100)] == [0, 5, 20]


def test_the_same_problem_of_many_samples_is_told_a_few_times_and_counted(folder: Folder) -> None:
    folder.write("2.0.0", RENAME)
    for number in range(20):
        folder.store.save("users", f"n{number}", {})
    problems = folder.only().problems
    assert len(problems) == PROBLEMS_TOLD + 1
    assert problems[-1] == f"2.0.0_x.toml: {20 - PROBLEMS_TOLD} more problems with samples"


def test_a_file_is_tried_without_a_store_in_a_place_that_the_migration_is_for(folder: Folder) -> None:
    folder.write("2.0.0", RENAME, more='scope = "user*"\nkey = "v[12]?"')
    folder.sample("1.0.0", {"mail": "a"})
    (checked,) = folder.check(with_store=False).migrations
    assert (checked.outcome, checked.samples) == (OK, 1)


def test_a_file_that_cannot_go_up_is_named(folder: Folder) -> None:
    folder.write("2.0.0", RENAME)
    folder.sample("1.0.0", {"no": "mail"})
    assert "samples/1.0.0/one.json: it cannot go up" in folder.only().problems[0]


def test_a_file_that_says_its_place_is_tried_only_where_it_belongs(folder: Folder) -> None:
    folder.write("2.0.0", RENAME, more='scope = "users"')
    folder.sample("1.0.0", {"scope": "users", "key": "ada", "value": {"mail": "a"}}, "a.json")
    folder.sample("1.0.0", {"scope": "others", "key": "ada", "value": {}}, "b.json")
    checked = folder.only()
    assert (checked.outcome, checked.samples) == (OK, 1)


def test_a_file_of_a_later_version_is_tried_from_there_on(folder: Folder) -> None:
    folder.write("2.0.0", RENAME)
    folder.write("3.0.0", '{ type = "rename", from = "email", to = "address" }', start="2.0.0")
    folder.sample("2.0.0", {"email": "a"})
    folder.sample("3.0.0", {"address": "a"})
    assert [one.samples for one in folder.check().migrations] == [0, 1]


def test_a_file_of_a_version_that_nobody_knows_is_noticed(folder: Folder) -> None:
    folder.write("2.0.0", RENAME)
    folder.sample("1.5.0", {"mail": "a"})
    report = folder.check()
    assert report.problems == ()
    assert "1.5.0; known versions: 1.0.0, 2.0.0" in report.notices[0]


def test_a_file_for_which_no_place_is_found_is_noticed(folder: Folder) -> None:
    folder.write("2.0.0", RENAME, more='scope = "[!a-z]"')
    folder.sample("1.0.0", {"mail": "a"})
    assert 'write the sample as {"scope"' in folder.check().notices[0]


def test_a_file_that_holds_no_document_is_a_problem(folder: Folder) -> None:
    folder.write("2.0.0", RENAME)
    folder.sample("1.0.0", None)
    assert "null cannot be stored" in folder.check().problems[0]


def test_computed_fields_that_need_each_other_are_a_problem(folder: Folder) -> None:
    fields = (
        '{ type = "computed", field = "a", expression = "b" }',
        '{ type = "computed", field = "b", expression = "a" }',
    )
    folder.write("2.0.0", *fields)
    assert any("circular dependency" in problem for problem in folder.only().problems)


def test_a_module_that_is_not_installed_is_a_problem(folder: Folder) -> None:
    folder.write("2.0.0", '{ type = "custom", function = "no_such_module_here:up" }')
    folder.store.save("users", "ada", {})
    (problem,) = folder.only().problems
    assert "no_such_module_here" in problem


def test_two_transforms_that_give_one_field_a_home_are_noticed(folder: Folder) -> None:
    folder.write("2.0.0", RENAME, '{ type = "move", from = "other", to = "email", existing = "replace" }')
    folder.store.save("users", "ada", {"mail": "a", "other": "b"})
    checked = folder.only()
    assert checked.outcome == OK
    assert any("name collision" in notice for notice in checked.notices)


@pytest.mark.parametrize("glob", ["*", "user:*", "v[12]?", "a[x-z]*b", "[!a]x", "plain"])
def test_a_name_that_is_found_for_a_glob_fits_it(glob: str) -> None:
    name = example_of(glob)
    assert name is None or fits(glob, name)
    assert (name is None) == (glob == "[!a]x")
