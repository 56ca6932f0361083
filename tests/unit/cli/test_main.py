from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from llmspell.cli import main as module
from llmspell.cli.main import main, run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_command_gives_its_code_and_prints_its_result(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["state", "save", "a", "b", "1"]) == 0
    assert main(["state", "load", "a", "b"]) == 0
    assert main(["state", "load", "a", "c"]) == 3
    assert capsys.readouterr().out == "1\n1\n"


def test_help_and_version_are_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert main(["state", "--version"]) == 0
    assert capsys.readouterr().err == ""


def test_run_ends_the_process_with_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["llmspell", "state", "exists", "a", "b"])
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 3


@pytest.mark.parametrize(
    ("error", "code"),
    [(KeyboardInterrupt(), 130), (BrokenPipeError(), 141), (RecursionError("deep"), 5), (MemoryError(), 5)],
)
def test_whatever_happens_inside_ends_as_a_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int
) -> None:
    def fail(*_: object) -> int:
        raise error

    monkeypatch.setattr(module, "_execute", fail)
    before = signal.getsignal(signal.SIGINT)
    assert main(["state", "scopes"]) == code
    signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err.count("\n") == (code != 141)
