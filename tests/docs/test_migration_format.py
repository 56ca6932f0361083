"""The page about migration files names everything that they can hold, and nothing else."""

import re
from pathlib import Path

from llmspell.migrations.expressions import Functions
from llmspell.migrations.transforms.table import DOCUMENT_TRANSFORMS, ENTRY_TRANSFORMS
from llmspell.migrations.validators import _PLAIN, _TYPES, _WITH_ARGUMENT

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "migration-format.md").read_text()


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1]


def test_every_transform_has_a_part_of_its_own_and_no_other_has() -> None:
    parts = re.findall(r"^### (.+)$", section("Transforms"), re.MULTILINE)
    named = [name for part in parts for name in part.split(" and ")]
    assert sorted(named) == sorted({**DOCUMENT_TRANSFORMS, **ENTRY_TRANSFORMS})


def test_every_transform_has_an_example_that_goes_up_and_down() -> None:
    examples = re.findall(r'^```toml transform\ntype = "(\w+)"', section("Transforms"), re.MULTILINE)
    assert set(examples) == {*DOCUMENT_TRANSFORMS, *ENTRY_TRANSFORMS}


def test_every_validator_is_in_the_table_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)", section("Validation"), re.MULTILINE)
    named = re.findall(r"`(\w+):N`", section("Validation"))
    assert {*rows, *named} == {*_PLAIN, *_WITH_ARGUMENT, "pattern"}


def test_every_type_that_a_validator_takes_is_named() -> None:
    assert set(_TYPES) <= set(re.findall(r"`(\w+)`", section("Validation")))


def test_every_function_of_expressions_is_named_and_no_other() -> None:
    table = re.findall(r"^\| [^|`]+ \| (`.*) \|$", section("Expressions"), re.MULTILINE)
    named = {name for row in table for name in re.findall(r"`([\w.]+)`", row)}
    assert named == set(Functions().names())
