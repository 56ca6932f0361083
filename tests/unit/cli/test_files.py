from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from llmspell.cli.files import write_file
from llmspell.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def broken() -> Iterator[bytes]:
    yield b"half"
    raise KeyboardInterrupt


def test_a_new_file_has_the_mode_that_was_asked_for(tmp_path: Path) -> None:
    write_file(str(tmp_path / "new"), [b"a", b"b"], 0o600)
    assert (tmp_path / "new").read_bytes() == b"ab"
    assert mode_of(tmp_path / "new") == 0o600


def test_a_file_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "old").chmod(0o640)
    write_file(str(tmp_path / "old"), [b"new"], 0o600)
    assert (tmp_path / "old").read_bytes() == b"new"
    assert mode_of(tmp_path / "old") == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to("target")
    write_file(str(tmp_path / "link"), [b"new"], 0o600)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"


def test_what_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        write_file(str(tmp_path / "old"), broken(), 0o600)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"


def test_a_device_is_written_to_and_stays_a_device(tmp_path: Path) -> None:
    write_file("/dev/null", [b"x"], 0o600)
    assert not os.path.isfile("/dev/null")
    with pytest.raises(InvalidArgument, match='"/dev/full" cannot be written: No space left on device'):
        write_file("/dev/full", [b"x"], 0o600)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="cannot be written: No such file or directory"):
        write_file(str(tmp_path / "none" / "file"), [b"x"], 0o600)
    with pytest.raises(InvalidArgument, match="cannot be written: Is a directory"):
        write_file(str(tmp_path), [b"x"], 0o600)
