"""The command line says where a run goes, and what cannot be."""

import sys
from pathlib import Path

import pytest
from benchmarks import areas, bench
from benchmarks.areas import FOLDER, PART, until_interrupted


def test_a_run_of_single_areas_leaves_the_files_of_a_full_one_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bench, "FOLDER", tmp_path / FOLDER.name)
    monkeypatch.setattr(bench, "PART", tmp_path / FOLDER.name / PART.name)
    monkeypatch.setattr(sys, "argv", ["bench"])
    assert bench._options().into == tmp_path / "benchmark"
    monkeypatch.setattr(sys, "argv", ["bench", "--only", "parts"])
    assert bench._options().into == tmp_path / "benchmark" / "part"
    monkeypatch.setattr(sys, "argv", ["bench", "--only", "parts", "--into", str(tmp_path / "mine")])
    assert bench._options().into == tmp_path / "mine"


def test_a_file_cannot_be_the_folder_of_a_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(sys, "argv", ["bench", "--into", str(tmp_path / "file")])
    with pytest.raises(SystemExit) as ended:
        bench._options()
    assert ended.value.code == 2
    assert "cannot be a folder (File exists); name another one" in capsys.readouterr().err


def test_ctrl_c_ends_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def stopped() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        until_interrupted(stopped)
    assert ended.value.code == 130
    assert capsys.readouterr().err == "stopped by Ctrl-C before the end\n"


def test_progress_tells_the_same_only_once(capsys: pytest.CaptureFixture[str]) -> None:
    say = areas.progress()
    for text in ("one", "two", "one"):
        say(text)
    assert [line.split()[-1] for line in capsys.readouterr().err.splitlines()] == ["one", "two"]
