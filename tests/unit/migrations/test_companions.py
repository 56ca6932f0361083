"""What a migration uses from beside its file is found, checked and a part of its fingerprint."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell import codec
from llmspell.entry import JsonValue
from llmspell.errors import MigrationFileError
from llmspell.migrations.load import load_file, load_folder
from tests.unit.migrations.folder import HEAD, MOVE, SCRIPT, load, one, problems, up


def with_schema(folder: Path, schema: str) -> str:
    (folder / "user.json").write_text(schema)
    return HEAD + MOVE + '[validation]\npost_migration = [{ schema = "user.json" }]'


def test_a_schema_beside_the_file_is_used(migrations: Path) -> None:
    found = one(migrations, with_schema(migrations, '{"required": ["b"]}'))
    assert list(found.post[0].problems({})) != []
    assert list(found.post[0].problems({"b": 1})) == []


@pytest.mark.parametrize("name", ["none.json", "../user.json"])
def test_a_schema_that_cannot_be_read_is_refused_with_its_line(migrations: Path, name: str) -> None:
    text = with_schema(migrations, "{}").replace("user.json", name)
    (told,) = problems(migrations, text)
    assert told.startswith("2.0.0_x.toml, line 8: validation.post_migration[0].schema: ")
    assert name in told


def with_code(function: str, **others: str) -> str:
    rows = [f'{name} = "{value}"' for name, value in others.items()]
    return "\n".join([HEAD, "[[transforms]]", 'type = "custom"', f'function = "{function}"', *rows])


def test_code_beside_the_file_is_used(migrations: Path) -> None:
    (migrations / "functions.lua").write_text("nest\nflatten")
    found = one(migrations, with_code("functions.lua:nest"))
    assert up(found, []) == ["nest"]


@pytest.mark.parametrize(
    ("function", "down", "field", "fault"),
    [
        ("none.lua:up", "", "function", "there is no file"),
        ("broken.lua:up", "", "function", "broken.lua:1: it is broken"),
        ("functions.lua:none", "", "function", '"functions.lua" has no function "none"; its functions: flatten, nest'),
        ("functions.lua", "", "function", '"functions.lua" has no function "up"; its functions: flatten, nest'),
        ("functions.lua:nest", "functions.lua:none", "down", '"functions.lua" has no function "none"'),
        ("functions.lua:nest", "../functions.lua:nest", "down", '"../functions.lua" is no plain file name'),
        ("bad.py:up", "", "function", '"bad.py" is named by its file; write "bad"'),
        ("raising:up", "", "function", 'raising.py" cannot be loaded: ValueError: no luck'),
    ],
)
def test_code_that_cannot_be_called_is_refused_with_its_line(
    migrations: Path, function: str, down: str, field: str, fault: str
) -> None:
    (migrations / "functions.lua").write_text("nest\nflatten")
    (migrations / "broken.lua").write_text("broken")
    (migrations / "raising.py").write_text("raise ValueError('no luck')")
    (told,) = problems(migrations, with_code(function, down=down) if down else with_code(function))
    assert told.startswith(f"2.0.0_x.toml, line {6 if field == 'function' else 7}: transforms[0].{field}: ")
    assert fault in told


def test_code_inside_other_transforms_is_checked_too(migrations: Path) -> None:
    text = f"""{HEAD}
[[transforms]]
type = "conditional"
condition = "true"
transforms = [{{ type = "transform_array", field = "a", element_transforms = [
    {{ type = "remove", field = "a" }},
    {{ type = "custom", function = "none.lua:up" }},
] }}]
"""
    (told,) = problems(migrations, text)
    assert told.startswith(
        "2.0.0_x.toml, line 9: transforms[0].transforms[0].element_transforms[1].function: there is no file"
    )


def test_a_value_that_looks_like_a_transform_is_none(migrations: Path) -> None:
    text = f'{HEAD}[[transforms]]\ntype = "set"\nfield = "a"\nvalue = {{ type = "custom", function = "none.lua:up" }}'
    assert up(one(migrations, text), {}) == {"a": {"type": "custom", "function": "none.lua:up"}}


def test_python_in_a_migration_is_refused_unless_it_is_allowed(migrations: Path) -> None:
    (migrations / "functions.py").write_text("raise SystemError('it ran')")
    (migrations / "2.0.0_x.toml").write_text(with_code("functions:up"))
    with pytest.raises(
        MigrationFileError, match=r"line 6: transforms\[0\]\.function: .* is not allowed: it runs with all"
    ):
        load(migrations)


def test_a_migration_whose_module_is_gone_can_be_undone_but_not_made(migrations: Path) -> None:
    (migrations / "2.0.0_x.toml").write_text(with_code("no_such_module_here:up"))
    chain = load_folder(str(migrations), allow_python=True)
    assert [leg.down for leg in chain.path("2.0.0", "1.0.0")] == [True]
    with pytest.raises(
        MigrationFileError, match=r'line 6: transforms\[0\]\.function: there is no Python module "no_such'
    ):
        chain.path("1.0.0", "2.0.0")


def test_checking_one_file_finds_a_missing_module(migrations: Path) -> None:
    (migrations / "2.0.0_x.toml").write_text(with_code("no_such_module_here:up"))
    with pytest.raises(MigrationFileError, match='there is no Python module "no_such_module_here"'):
        load_file(str(migrations / "2.0.0_x.toml"), allow_python=True)


def fingerprint(folder: Path, text: str, name: str = "2.0.0_x.toml") -> str:
    found = one(folder, text, name).fingerprint
    (folder / name).unlink()
    return found


def test_a_fingerprint_is_a_sha256(migrations: Path) -> None:
    found = fingerprint(migrations, HEAD + MOVE)
    assert len(bytes.fromhex(found)) == 32


@pytest.mark.parametrize(
    "text",
    [
        "# a comment\n" + HEAD + MOVE + "# another",
        HEAD + 'description = "what it is about"\n' + MOVE,
        HEAD + 'transforms = [{ to = "b", from = "a", "type" = "move" }]',
        (HEAD + MOVE).replace("\n", "\r\n"),
    ],
)
def test_comments_description_and_layout_are_no_edit(migrations: Path, text: str) -> None:
    assert fingerprint(migrations, text) == fingerprint(migrations, HEAD + MOVE)


def test_another_file_name_is_no_edit(migrations: Path) -> None:
    assert fingerprint(migrations, HEAD + MOVE, "2.0.0_y.toml") == fingerprint(migrations, HEAD + MOVE)
    assert fingerprint(migrations, SCRIPT, "2.0.0_y.lua") == fingerprint(migrations, SCRIPT, "2.0.0_x.lua")


@pytest.mark.parametrize(
    "text",
    [
        HEAD + MOVE.replace('"b"', '"c"'),
        HEAD + MOVE + 'missing = "skip"',
        HEAD + MOVE + MOVE.replace('"a"', '"c"').replace('"b"', '"d"'),
        HEAD.replace("1.0.0", "1.5.0") + MOVE,
        HEAD + 'scope = "user*"\n' + MOVE,
        HEAD + MOVE + '[validation]\npost_migration = [{ field = "b", validator = "required" }]',
    ],
)
def test_another_meaning_is_an_edit(migrations: Path, text: str) -> None:
    assert fingerprint(migrations, text) != fingerprint(migrations, HEAD + MOVE)


@pytest.mark.parametrize(("one_value", "other_value"), [("1", "1.0"), ("1", "true"), ("1", "'1'"), ("[]", "{}")])
def test_values_of_different_kinds_are_an_edit(migrations: Path, one_value: str, other_value: str) -> None:
    text = HEAD + '[[transforms]]\ntype = "set"\nfield = "a"\nvalue = '
    assert fingerprint(migrations, text + one_value) != fingerprint(migrations, text + other_value)


def test_the_order_of_transforms_is_a_part_of_the_meaning(migrations: Path) -> None:
    other = MOVE.replace('"a"', '"c"').replace('"b"', '"d"')
    assert fingerprint(migrations, HEAD + MOVE + other) != fingerprint(migrations, HEAD + other + MOVE)


def test_another_schema_is_an_edit(migrations: Path) -> None:
    before = fingerprint(migrations, with_schema(migrations, '{"required": ["b"]}'))
    assert fingerprint(migrations, with_schema(migrations, '{"required": ["c"]}')) != before


@pytest.mark.parametrize(
    "text", [with_code("functions.lua:nest"), with_code("other.lua:nest", down="functions.lua:nest")]
)
def test_other_code_is_an_edit(migrations: Path, text: str) -> None:
    (migrations / "other.lua").write_text("nest")
    (migrations / "functions.lua").write_text("nest")
    before = fingerprint(migrations, text)
    (migrations / "functions.lua").write_text("-- now with a comment\nnest")
    assert fingerprint(migrations, text) != before


def test_another_text_of_a_script_is_an_edit(migrations: Path) -> None:
    assert fingerprint(migrations, SCRIPT + "\n-- more", "2.0.0_x.lua") != fingerprint(
        migrations, SCRIPT, "2.0.0_x.lua"
    )


def test_a_file_beside_it_that_it_does_not_use_is_no_part(migrations: Path) -> None:
    before = fingerprint(migrations, HEAD + MOVE)
    (migrations / "user.json").write_text("{}")
    assert fingerprint(migrations, HEAD + MOVE) == before


def test_an_installed_module_counts_with_its_name_whether_it_is_there_or_gone(
    migrations: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (migrations / "2.0.0_x.toml").write_text(with_code("module_that_comes_and_goes:up"))
    gone = load(migrations, allow_python=True)[0]
    (tmp_path / "module_that_comes_and_goes.py").write_text("def up(document): return document")
    monkeypatch.syspath_prepend(str(tmp_path))
    there = load(migrations, allow_python=True)[0]
    assert (bool(gone.missing), bool(there.missing)) == (True, False)
    assert gone.fingerprint == there.fingerprint


_names = st.text("abcé", min_size=1, max_size=3)
_values = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | _names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(_values, min_size=1, max_size=3), st.integers(0, 3))
@settings(max_examples=100)
def test_any_value_goes_from_the_file_into_the_document_and_layout_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, values: list[JsonValue], indent: int
) -> None:
    folder = tmp_path_factory.getbasetemp()
    transforms = [{"type": "set", "field": f"f{index}", "value": value} for index, value in enumerate(values)]
    table = {"from_version": "1.0.0", "to_version": "2.0.0", "transforms": transforms}
    compact = one(folder, json.dumps(table), "2.0.0_x.json")
    spread = one(folder, json.dumps(table, indent=indent, sort_keys=True, ensure_ascii=False), "2.0.0_x.json")
    assert codec.encode(up(compact, {})) == codec.encode({f"f{index}": value for index, value in enumerate(values)})
    assert compact.fingerprint == spread.fingerprint
