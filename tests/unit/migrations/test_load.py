"""A folder of migration files becomes a chain, or one error with the problems of all of them."""

from pathlib import Path

import pytest

from llmspell.errors import MigrationFileError
from llmspell.migrations.load import load_file, load_folder, versions_by_name
from tests.unit.migrations.folder import HEAD, MOVE, load, one, problems


def test_a_folder_becomes_a_chain_in_the_order_of_versions(migrations: Path) -> None:
    for start, end in (("1.0.0", "2.0.0"), ("2.0.0", "2.1.0-rc.1"), ("2.1.0-rc.1", "10.0.0")):
        (migrations / f"{end}_x.toml").write_text(f'from_version = "{start}"\nto_version = "{end}"\n{MOVE}')
    (migrations / "README.md").write_text("about")
    (migrations / "user.json").write_text("no JSON")
    chain = load_folder(str(migrations))
    assert chain.versions == ("1.0.0", "2.0.0", "2.1.0-rc.1", "10.0.0")
    assert set(versions_by_name(str(migrations))) == set(chain.versions[1:])


def test_a_folder_that_does_not_exist_is_an_empty_chain(tmp_path: Path) -> None:
    assert load_folder(str(tmp_path / "none")).latest is None


def test_the_problems_of_all_files_come_together(migrations: Path) -> None:
    (migrations / "2.0.0_x.toml").write_text("? = 1")
    (migrations / "3.0.0_y.json").write_text("{")
    (migrations / "nest.toml").write_text(HEAD + MOVE)
    with pytest.raises(MigrationFileError) as caught:
        load(migrations)
    assert [problem.removeprefix(f"{migrations}/")[:10] for problem in caught.value.problems] == [
        "2.0.0_x.to",
        "3.0.0_y.js",
        "nest.toml:",
    ]
    assert str(caught.value) == f"{caught.value.problems[0]} (and 2 more problems)"


def test_files_that_make_no_chain_are_refused_by_name(migrations: Path) -> None:
    (migrations / "2.0.0_x.toml").write_text(HEAD + MOVE)
    (migrations / "2.0.0_y.toml").write_text(HEAD + MOVE)
    assert problems(migrations) == [
        "duplicate: 2.0.0_x.toml leads to version 2.0.0 and 2.0.0_y.toml to 2.0.0; keep one of them"
    ]


@pytest.mark.parametrize("name", ["nest.toml", "2.0.0_x.yaml", "2.0.0_x.toml.bak", "2.0.0.toml"])
def test_a_file_that_may_be_meant_as_a_migration_is_not_passed_over(migrations: Path, name: str) -> None:
    assert problems(migrations, HEAD + MOVE, name)[0].startswith(f"{name}: the name ")


def test_a_folder_with_the_name_of_a_migration_is_not_passed_over(migrations: Path) -> None:
    (migrations / "2.0.0_x.toml").mkdir()
    assert problems(migrations) == ['"2.0.0_x.toml" is no file; put a file there or remove it']


def test_a_link_that_leads_out_of_the_folder_is_refused(migrations: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.toml").write_text(HEAD + MOVE)
    (migrations / "2.0.0_x.toml").symlink_to(tmp_path / "elsewhere.toml")
    assert problems(migrations)[0].startswith('"2.0.0_x.toml" is a link that leads out of ')


def test_a_link_inside_the_folder_is_a_migration(migrations: Path) -> None:
    (migrations / "..real").mkdir()
    (migrations / "..real" / "x").write_text(HEAD + MOVE)
    (migrations / "2.0.0_x.toml").symlink_to("..real/x")
    assert load(migrations)[0].file == "2.0.0_x.toml"


def test_a_file_is_checked_without_its_neighbours(migrations: Path) -> None:
    (migrations / "3.0.0_broken.toml").write_text("?")
    assert one(migrations, HEAD + MOVE).to_version == "2.0.0"


def test_a_file_of_the_working_directory_can_be_checked(migrations: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (migrations / "2.0.0_x.toml").write_text(HEAD + MOVE)
    monkeypatch.chdir(migrations)
    assert load_file("2.0.0_x.toml").to_version == "2.0.0"
