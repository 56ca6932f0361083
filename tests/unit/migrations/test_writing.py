from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from llmspell.errors import InvalidArgument, MigrationFileError
from llmspell.migrations.load import load_file
from llmspell.migrations.writing import migration_text, require_slug

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = migration_text("1.0.0", "1.1.0", "add_email-now", "user*")
EXAMPLES = re.findall(r"(?:^# \[\[transforms\]\]\n(?:^# [a-z_]+ = .*\n)+)+", PLAIN, re.MULTILINE)


def test_a_new_file_says_what_was_asked_for() -> None:
    assert tomllib.loads(PLAIN) == {
        "from_version": "1.0.0",
        "to_version": "1.1.0",
        "description": "add email now",
        "scope": "user*",
        "key": "*",
    }


def test_a_new_file_lacks_nothing_but_transforms(tmp_path: Path) -> None:
    (tmp_path / "1.1.0_x.toml").write_text(PLAIN)
    with pytest.raises(MigrationFileError, match='the field "transforms" is missing') as caught:
        load_file(str(tmp_path / "1.1.0_x.toml"))
    assert len(caught.value.problems) == 1


def test_every_example_of_a_transform_is_found_by_these_tests() -> None:
    assert "".join(EXAMPLES).count("[[transforms]]") == PLAIN.count("[[transforms]]") == 12


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_without_its_comment_signs_is_a_migration(example: str, tmp_path: Path) -> None:
    path = tmp_path / "1.1.0_x.toml"
    path.write_text(PLAIN.replace(example, re.sub("^# ", "", example, flags=re.MULTILINE)))
    assert len(load_file(str(path)).steps) == example.count("[[transforms]]")


def test_the_rules_without_their_comment_signs_are_rules(tmp_path: Path) -> None:
    head, _, rules = PLAIN.partition("# [validation]")
    path = tmp_path / "1.1.0_x.toml"
    path.write_text(f"{head}[validation]{rules.replace('# ', '')}")
    migration = load_file(str(path))
    assert (len(migration.pre), len(migration.post)) == (1, 1)


def test_every_line_fits_a_page() -> None:
    assert max(map(len, PLAIN.splitlines())) <= 120


@pytest.mark.parametrize("slug", ["add_email", "a", "2fa", "v2-nested_profile"])
def test_a_name_of_small_letters_digits_and_dashes_is_taken(slug: str) -> None:
    require_slug(slug)


@pytest.mark.parametrize(
    ("slug", "advice"),
    [
        ("Add Email", '"add_email" would do'),
        ("../escape", '"escape" would do'),
        ("_x", '"x" would do'),
        ("", 'as in "add_email"'),
        ("é", 'as in "add_email"'),
        ("a" * 101, f'"{"a" * 100}" would do'),
    ],
)
def test_another_name_is_refused_with_a_proposal(slug: str, advice: str) -> None:
    with pytest.raises(InvalidArgument, match=re.escape(advice)):
        require_slug(slug)
