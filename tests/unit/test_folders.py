"""Folders that are made for a store or for backups, and the names in them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from llmspell import folders


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that were synced, in order."""
    heard, real = list[str](), os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        heard.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(os, "fsync", fsync)
    return heard


def test_every_folder_that_is_missing_is_made_for_its_owner_alone_and_its_name_synced(
    tmp_path: Path, synced: list[str]
) -> None:
    folders.make_folder(f"{tmp_path}/a/b")
    assert synced == [str(tmp_path), f"{tmp_path}/a"]
    assert [stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("a", "a/b")] == [0o700, 0o700]


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path, synced: list[str]) -> None:
    tmp_path.chmod(0o755)
    folders.make_folder(str(tmp_path))
    assert synced == []
    assert stat.S_IMODE(os.stat(tmp_path).st_mode) == 0o755


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        folders.make_folder(f"{tmp_path}/file")
    with pytest.raises(NotADirectoryError):
        folders.sync_folder(f"{tmp_path}/file")
