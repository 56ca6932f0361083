"""A migration file says what it means, or everything that is wrong with it, each with its line and field."""

import json
from pathlib import Path

import pytest

from llmspell.errors import MigrationFileError
from llmspell.migrations.transforms.base import Draft
from tests.unit.migrations.folder import HEAD, MOVE, SCRIPT, load, one, problems, up


def test_a_file_says_what_is_in_the_design(migrations: Path) -> None:
    text = """
        from_version = "1.0.0"
        to_version = "2.0.0"
        description = "Flat user fields move under profile"
        scope = "user*"
        key = "a*"

        [[transforms]]
        type = "move"
        from = "age"
        to = "profile.age"
        scope = "user:a*"

        [[transforms]]
        type = "computed"
        field = "profile.adult"
        expression = "profile.age >= 18"

        [validation]
        pre_migration = [{ field = "email", validator = "required" }]
        post_migration = [{ field = "profile.age", validator = "min:0,max:150" }, { field = "x", validator = "uuid" }]
    """
    found = one(migrations, text, "2.0.0_nest_profile.toml")
    assert (found.from_version, found.to_version, found.file) == ("1.0.0", "2.0.0", "2.0.0_nest_profile.toml")
    assert (found.description, found.scope, found.key) == ("Flat user fields move under profile", "user*", "a*")
    assert [(step.transform.describe()[:8], step.scope, step.key) for step in found.steps] == [
        ("move age", "user:a*", None),
        (found.steps[1].transform.describe()[:8], None, None),
    ]
    assert (len(found.pre), len(found.post)) == (1, 2)
    assert list(found.pre[0].problems({}))
    assert up(found, {"age": 20}) == {"profile": {"age": 20, "adult": True}}


def test_scope_key_and_description_may_be_left_out(migrations: Path) -> None:
    found = one(migrations, HEAD + MOVE)
    assert (found.scope, found.key, found.description) == ("*", "*", "")


def test_an_empty_description_is_none(migrations: Path) -> None:
    assert one(migrations, HEAD + 'description = ""\n' + MOVE).description == ""


def test_a_migration_may_only_validate(migrations: Path) -> None:
    found = one(migrations, HEAD + '[validation]\npre_migration = [{ field = "a", validator = "required" }]')
    assert (found.steps, len(found.pre), found.post) == ((), 1, ())


def test_json_says_the_same_as_toml(migrations: Path) -> None:
    table = {
        "from_version": "1.0.0",
        "to_version": "2.0.0",
        "transforms": [{"type": "move", "from": "a", "to": "b"}],
        "validation": {"post_migration": [{"field": "b", "validator": "required"}]},
    }
    toml = HEAD + MOVE + '[[validation.post_migration]]\nfield = "b"\nvalidator = "required"\n'
    from_json = one(migrations, json.dumps(table), "2.0.0_x.json")
    from_toml = one(migrations, toml)
    assert up(from_json, {"a": 1}) == up(from_toml, {"a": 1}) == {"b": 1}
    assert from_json.fingerprint == from_toml.fingerprint


@pytest.mark.parametrize("name", ["2.0.0_x.toml", "2.0.0_x.json"])
def test_a_byte_order_mark_is_accepted(migrations: Path, name: str) -> None:
    text = (
        HEAD + MOVE
        if name.endswith("toml")
        else '{"from_version":"1.0.0","to_version":"2.0.0","transforms":[{"type":"remove","field":"a"}]}'
    )
    assert one(migrations, b"\xef\xbb\xbf" + text.encode(), name).to_version == "2.0.0"


def test_a_problem_names_file_line_and_field(migrations: Path) -> None:
    text = HEAD + MOVE + '\n[[transforms]]\ntype = "move"\n# a comment\nfrom = "a..b"\nto = "c"\n'
    assert problems(migrations, text) == [
        '2.0.0_x.toml, line 11: transforms[1].from: "a..b" is no path; write it like "profile.age", "items[0].name", '
        'or as a JSON Pointer "/odd.name/0"'
    ]


def test_a_problem_in_json_has_its_line_too(migrations: Path) -> None:
    text = """{
        "from_version": "1.0.0", "to_version": "2.0.0",
        "transforms": [
            {"type": "remove", "field": "a"},
            {"type": "remove",
             "field": 7}
        ]
    }"""
    (told,) = problems(migrations, text, "2.0.0_x.json")
    assert told.startswith("2.0.0_x.json, line 6: transforms[1].field: it holds 7;")


def test_a_problem_of_a_nested_transform_has_its_line(migrations: Path) -> None:
    text = f"""{HEAD}{MOVE}
[[transforms]]
type = "conditional"
condition = "true"

[[transforms.transforms]]
type = "remove"
field = "a"

[[transforms.transforms]]
type = "remove"
field = ""
"""
    (told,) = problems(migrations, text)
    assert told.startswith("2.0.0_x.toml, line 18: transforms[1].transforms[1].field: ")


def test_the_problems_of_all_fields_transforms_and_rules_come_together_in_the_order_of_lines(migrations: Path) -> None:
    text = """
        from_version = "1"
        scope = 7
        descripton = "a slip"
        [[transforms]]
        type = "mvoe"
        [[transforms]]
        type = "remove"
        field = "a"
        [[transforms]]
        type = "remove"
        [validation]
        pre_migraton = []
        post_migration = [
            { field = "a", validator = "required" },
            { field = "a..b", validator = "required" },
            { field = "a", validator = "reqired" },
        ]
    """
    found = problems(migrations, text)
    assert [told.removeprefix("2.0.0_x.toml").partition(": ")[0] for told in found] == [
        "", ", line 2", ", line 3", ", line 4", ", line 6", ", line 10", ", line 13", ", line 16", ", line 17",
    ]  # fmt: skip
    assert found[0].startswith('2.0.0_x.toml: the field "to_version" is missing')
    assert '"1" is no semantic version' in found[1].replace("'", '"')
    assert 'did you mean "description"?' in found[3]
    assert 'did you mean "move"?' in found[4]
    assert 'transforms[2]: the field "field" is missing' in found[5]
    assert 'did you mean "pre_migration"?' in found[6]
    assert 'did you mean "required"?' in found[8]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", 'the field "from_version" is missing'),
        (HEAD, 'the field "transforms" is missing'),
        (HEAD + "transforms = []", "line 3: transforms: it takes an array of at least one transform"),
        (HEAD + "transforms = 1", "line 3: transforms: it takes an array of at least one transform"),
        (HEAD + "transforms = [1]", "line 3: transforms[0]: it takes a table such as "),
        (
            HEAD + "transform = []\nvalidation = 1",
            "line 4: validation: it takes a table with the arrays pre_migration and ",
        ),
        (
            HEAD + "[validation]\npre_migration = {}",
            "line 4: validation.pre_migration: it takes an array of rules such as ",
        ),
        (
            HEAD + "[validation]\npost_migration = [1]",
            "line 4: validation.post_migration: it takes an array of rules such ",
        ),
        (HEAD + "[validation]", "line 3: validation: it has no rule and there are no transforms; add some"),
        (HEAD + MOVE + "by = 1", "line 7: transforms[0].by: it is not known here; known: type, "),
        (HEAD + "[validation]\nrules = []", "line 4: validation.rules: it is not known here; known: pre_migration, "),
        (
            HEAD + "[validation]\npre_migration = [{ field = 'a', validator = 'required', by = 1 }]",
            "line 4: validation.pre_migration[0].by: it is not known here; known: ",
        ),
    ],
)
def test_what_is_not_as_it_must_be_is_refused(migrations: Path, text: str, told: str) -> None:
    found = problems(migrations, text)
    assert any(problem.removeprefix("2.0.0_x.toml")[2:].startswith(told) for problem in found), found


def test_a_transform_slip_offers_the_right_name(migrations: Path) -> None:
    found = problems(migrations, HEAD + MOVE.replace("transforms", "transform"))
    assert 'the field "transforms" is missing; did you mean "transform"?' in found[0]


@pytest.mark.parametrize(
    ("from_version", "to_version"),
    [("2.0.0", "2.0.0"), ("3.0.0", "2.0.0"), ("2.0.0+a", "2.0.0"), ("10.0.0", "2.0.0")],
)
def test_a_migration_leads_upward(migrations: Path, from_version: str, to_version: str) -> None:
    text = f'from_version = "{from_version}"\nto_version = "{to_version}"\n{MOVE}'
    assert problems(migrations, text) == [
        f'2.0.0_x.toml, line 2: to_version: it holds "{to_version}", which does not come after from_version '
        f'"{from_version}"; a migration leads upward, and what follows + does not count'
    ]


def test_a_pre_release_leads_up_to_its_release(migrations: Path) -> None:
    assert one(migrations, f'from_version = "2.0.0-rc.1"\nto_version = "2.0.0"\n{MOVE}').from_version == "2.0.0-rc.1"


@pytest.mark.parametrize(
    ("name", "claimed", "to_version"),
    [
        ("3.0.0_x.toml", "3.0.0", "2.0.0"),
        ("2.0.0_x.toml", "2.0.0", "2.0.0-rc.1"),
        ("2.0.0-rc.1-x.toml", "2.0.0", "2.0.0-rc.1"),
        ("2.0.0-nest_x.toml", "2.0.0-nest", "2.0.0"),
        ("2.0.0_x.toml", "2.0.0", "2.0.0+a"),
    ],
)
def test_the_name_of_a_file_says_the_version_that_it_leads_to(
    migrations: Path, name: str, claimed: str, to_version: str
) -> None:
    assert problems(migrations, f'from_version = "1.0.0"\nto_version = "{to_version}"\n{MOVE}', name) == [
        f'{name}, line 2: to_version: it holds "{to_version}", but the file name says "{claimed}"; '
        "make them the same, with _ behind the version in the name"
    ]


def test_a_name_that_cannot_be_printed_is_told_on_one_line(migrations: Path) -> None:
    (told,) = problems(migrations, "?", "2.0.0_a\nb.toml")
    assert told.startswith("2.0.0_a\\nb.toml, line 1: ")


def test_a_script_is_a_migration_with_one_transform(migrations: Path) -> None:
    found = one(migrations, SCRIPT, "2.0.0_x.lua")
    assert (found.from_version, found.to_version, found.scope, found.key) == ("1.0.0", "2.0.0", "user*", "*")
    assert len(found.steps) == 1
    assert up(found, []) == ["up"]


def test_a_script_takes_an_edited_document_down_with_its_function(migrations: Path) -> None:
    (step,) = one(migrations, SCRIPT, "2.0.0_x.lua").steps
    draft = Draft("users", "anna", [], 0.0)
    complement = step.transform.up(draft)
    draft.value = ["edited"]
    step.transform.down(draft, complement)
    assert draft.value == ["edited", "down"]


def test_a_script_needs_no_function_down(migrations: Path) -> None:
    (step,) = one(migrations, SCRIPT.removesuffix("\ndown"), "2.0.0_x.lua").steps
    draft = Draft("users", "anna", [], 0.0)
    complement = step.transform.up(draft)
    step.transform.down(draft, complement)
    assert draft.value == []


def test_a_script_may_validate(migrations: Path) -> None:
    rules = 'validation = {"pre_migration": [{"field": "a", "validator": "required"}]}'
    assert len(one(migrations, f"{SCRIPT}\n{rules}", "2.0.0_x.lua").pre) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SCRIPT.replace("up\n", ""), '2.0.0_x.lua: the function "up" is missing; write one that takes a document'),
        (SCRIPT + "\nbroken", "2.0.0_x.lua:6: it is broken"),
        (SCRIPT + "\ntransforms = []", '2.0.0_x.lua: transforms: a script has none; do it in the function "up"'),
        (SCRIPT.replace("1.0.0", "1"), "2.0.0_x.lua, line 1: from_version: '1' is no semantic version"),
        (SCRIPT + '\nscop = "a"', "2.0.0_x.lua: scop: it is not known here; known: "),
        (SCRIPT + '\nvalidation = {"pre_migration": 1}', "2.0.0_x.lua, line 6: validation.pre_migration: it takes "),
        ("up", '2.0.0_x.lua: the field "from_version" is missing'),
    ],
)
def test_a_script_that_is_no_migration_is_refused(migrations: Path, text: str, told: str) -> None:
    assert problems(migrations, text, "2.0.0_x.lua")[0].startswith(told)


PYTHON = """from_version = "1.0.0"
to_version = "2.0.0"
description = "from Python"
LIMIT = 3


def up(document):
    document["n"] += LIMIT
    return document
"""


def test_a_python_file_is_a_migration(migrations: Path) -> None:
    found = one(migrations, PYTHON, "2.0.0_x.py")
    assert (found.description, found.scope) == ("from Python", "*")
    assert up(found, {"n": 1}) == {"n": 4}


def test_a_slip_in_a_field_of_a_python_file_is_no_variable_of_its_own(migrations: Path) -> None:
    (told,) = problems(migrations, PYTHON + 'scop = "user*"\n', "2.0.0_x.py")
    assert told.startswith("2.0.0_x.py: scop: it is not known here; known: ")
    assert 'did you mean "scope"?' in told


def test_a_python_file_that_is_no_migration_is_refused_with_its_line(migrations: Path) -> None:
    (told,) = problems(migrations, PYTHON.replace('"2.0.0"', '"3.0.0"'), "2.0.0_x.py")
    assert told.startswith('2.0.0_x.py, line 2: to_version: it holds "3.0.0", but the file name says "2.0.0"')


def test_a_python_migration_is_refused_unless_it_is_allowed(migrations: Path) -> None:
    (migrations / "2.0.0_x.py").write_text("raise SystemError('it ran')")
    with pytest.raises(MigrationFileError, match=r"2\.0\.0_x\.py: \"2\.0\.0_x\.py\" is Python code; .* is not allowed"):
        load(migrations)
