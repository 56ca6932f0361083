"""Only what lies in the folder of migrations is read, and nothing that looks like a migration is passed over."""

import os
from pathlib import Path

import pytest

from llmspell.errors import InvalidArgument, MigrationFileError
from llmspell.migrations import files
from llmspell.migrations.files import (
    MAX_FILE_BYTES,
    candidates,
    claimed_version,
    file_error,
    read_file,
    require_claim,
    versions_by_name,
)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("2.0.0_nest_profile.toml", "2.0.0"),
        ("2.0.0-nest.json", "2.0.0"),
        ("10.20.30_x.lua", "10.20.30"),
        ("2.0.0_x.py", "2.0.0"),
        ("2.0.0_x.TOML", "2.0.0"),
        ("2.0.0-rc.1_x.toml", "2.0.0-rc.1"),
        ("2.0.0-rc.1+build.5_x.toml", "2.0.0-rc.1+build.5"),
        ("2.0.0-a-b_x-y_z.toml", "2.0.0-a-b"),
        ("2.0.0_été.toml", "2.0.0"),
    ],
)
def test_a_name_claims_the_version_that_it_begins_with(name: str, version: str) -> None:
    assert claimed_version(name) == version


@pytest.mark.parametrize(
    "name",
    [
        "2.0.0.toml",
        "2.0.0_.toml",
        "2.0_x.toml",
        "02.0.0_x.toml",
        "2.0.0-01_x.toml",
        "2.0.0x.toml",
        "2.0.0_x",
        "2.0.0_x.yaml",
        "2.0.0_x.toml~",
        "2.0.0_a:b.lua",
        ".2.0.0_x.toml",
        "v2.0.0_x.toml",
        "٢.0.0_x.toml",
        "nest_profile.toml",
        "",
    ],
)
def test_other_names_claim_none(name: str) -> None:
    assert claimed_version(name) is None


def test_the_versions_of_the_names_are_known_without_reading_a_file(tmp_path: Path) -> None:
    for name in ("2.0.0_x.toml", "10.0.0_y.lua", "functions.lua", "README.md"):
        (tmp_path / name).write_bytes(b"\xff broken")
    assert versions_by_name(str(tmp_path)) == ("10.0.0", "2.0.0")


def test_a_missing_folder_has_no_versions_and_no_files(tmp_path: Path) -> None:
    assert versions_by_name(str(tmp_path / "none")) == ()
    assert candidates(str(tmp_path / "none")) == ()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "migrations").write_text("")
    with pytest.raises(
        MigrationFileError, match=r"migrations\" cannot be read: Not a directory; correct migrations_path"
    ):
        candidates(str(tmp_path / "migrations"))


def test_companions_notes_and_hidden_files_are_left_alone(tmp_path: Path) -> None:
    for name in ("user.json", "functions.lua", "module.py", "README.md", ".2.0.0_x.toml.swp", ".x.toml", "x.toml~"):
        (tmp_path / name).write_text("")
    for name in ("old", "folder.toml", "__pycache__"):
        (tmp_path / name).mkdir()
    assert candidates(str(tmp_path)) == ()


def test_copies_that_editors_leave_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    for name in ("2.0.0_x.toml~", ".2.0.0_x.toml.swp", ".#2.0.0_x.toml", ".nest.toml"):
        (tmp_path / name).write_text("")
    assert candidates(str(tmp_path)) == ()
    assert versions_by_name(str(tmp_path)) == ()


def test_what_begins_with_a_version_or_ends_in_toml_is_not_passed_over(tmp_path: Path) -> None:
    names = ["2.0.0_x.toml", "2.0.0_y.yaml", "3.0.0", "nest.toml", "4.0.0_y.json"]
    for name in names:
        (tmp_path / name).write_text("")
    (tmp_path / "5.0.0_folder").mkdir()
    assert candidates(str(tmp_path)) == tuple(sorted([*names, "5.0.0_folder"]))


def test_too_many_files_are_refused_with_their_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILES", 2)
    for number in range(3):
        (tmp_path / f"{number}.0.0_x.toml").write_text("")
    with pytest.raises(MigrationFileError, match="holds 3 migration files; at most 2 are read"):
        candidates(str(tmp_path))


@pytest.mark.parametrize("name", ["2.0.0_x.yaml", "2.0.0_x.toml~", "2.0.0_x"])
def test_a_version_before_a_foreign_suffix_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(InvalidArgument, match=r"end in \.toml, \.json, \.lua, \.js, \.py; rename it"):
        require_claim(name)


@pytest.mark.parametrize("name", ["nest.toml", "2.0.0.toml", "2.0.0.json"])
def test_a_name_without_version_or_words_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(InvalidArgument, match=f'as in "2.0.0_nest_profile{name[-5:]}"'):
        require_claim(name)


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "user.json").write_bytes(b"\xef\xbb\xbf{}\r\n")
    assert read_file(str(tmp_path), "user.json") == b"\xef\xbb\xbf{}\r\n"


@pytest.mark.parametrize("name", ["../user.json", "sub/user.json", "/etc/passwd", "..", ".", "", "a\\b", "a\0b"])
def test_only_plain_names_are_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidArgument, match="is no plain file name"):
        read_file(str(tmp_path), name)


def test_a_link_that_leads_out_of_the_folder_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "user.json").symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidArgument, match=r"user\.json\" is a link that leads out of"):
        read_file(str(folder), "user.json")


def test_a_link_inside_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "user.json").write_text("{}")
    (tmp_path / "user.json").symlink_to("..2026/user.json")
    assert read_file(str(tmp_path), "user.json") == b"{}"


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "user.json").write_text("{}")
    (tmp_path / "migrations").symlink_to("real")
    assert read_file(str(tmp_path / "migrations"), "user.json") == b"{}"


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"there is no file \".*user\.json\"; put it there"):
        read_file(str(tmp_path), "user.json")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "user.json").mkdir()
    with pytest.raises(InvalidArgument, match=r"user\.json\" is no file"):
        read_file(str(tmp_path), "user.json")


def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "user.json")
    with pytest.raises(InvalidArgument, match=r"user\.json\" is no file"):
        read_file(str(tmp_path), "user.json")


def test_a_link_to_itself_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "user.json").symlink_to("user.json")
    with pytest.raises(InvalidArgument, match=r"user\.json\" cannot be read: "):
        read_file(str(tmp_path), "user.json")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "user.json").write_text("{}")
    (tmp_path / "user.json").chmod(0)
    with pytest.raises(InvalidArgument, match="cannot be read: Permission denied"):
        read_file(str(tmp_path), "user.json")


def test_the_largest_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "user.json").write_bytes(b" " * MAX_FILE_BYTES)
    assert len(read_file(str(tmp_path), "user.json")) == MAX_FILE_BYTES


def test_a_larger_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "user.json").write_bytes(b" " * (MAX_FILE_BYTES + 1))
    with pytest.raises(InvalidArgument, match=r"user\.json\" has more than 1000000 bytes"):
        read_file(str(tmp_path), "user.json")


def test_an_error_tells_the_first_problem_and_counts_the_others() -> None:
    assert str(file_error(["a"])) == "a"
    assert str(file_error(["a", "b"])) == "a (and 1 more problem)"
    assert str(file_error(["a", "b", "c"])) == "a (and 2 more problems)"
    assert file_error(["a", "b", "c"]).problems == ("a", "b", "c")


def test_a_name_that_is_no_utf_8_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"the name holds bytes that are no UTF-8; rename it"):
        require_claim("2.0.0_\udcff.toml")
