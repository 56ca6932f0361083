from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmspell.cli.commands.migrate_files import _create, _fill
from llmspell.errors import InvalidArgument

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_that_came_into_being_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "1.1.0_x.toml"
    path.write_text("mine")
    with pytest.raises(InvalidArgument, match="left alone"):
        _create(str(path), "other")
    assert path.read_text() == "mine"


def test_a_file_that_cannot_be_written_whole_is_not_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "1.1.0_x.toml"
    with open(path, "xb") as file, pytest.raises(UnicodeEncodeError):
        _fill(file, "\udcff")
    assert not path.exists()


def test_a_link_to_nowhere_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "migrations").symlink_to("nowhere")
    with pytest.raises(InvalidArgument, match=r'the folder ".*migrations" cannot be made: File exists; correct it'):
        _create(str(tmp_path / "migrations" / "x.toml"), "text")
