from __future__ import annotations

import errno
import json
import sys
from types import SimpleNamespace

import pytest

from llmspell.cli.exit_codes import NotFound
from llmspell.cli.output import Output, Row, json_text, printable
from llmspell.errors import BackupError, LlmspellError


def test_values_are_compact_utf_8(capsys: pytest.CaptureFixture[str]) -> None:
    Output().value({"é": [1, 1.0, None, True], "name of a file": "\udcff"})
    assert capsys.readouterr().out == '{"é":[1,1.0,null,true],"name of a file":"\\udcff"}\n'


@pytest.mark.parametrize("value", [0, -1, 2**63 - 1, True, False, None, 1.5, "x", [], {}])
def test_json_text_is_read_back_as_the_same(value: object) -> None:
    read = json.loads(json_text(value))  # type: ignore[arg-type]
    assert read == value
    assert type(read) is type(value)


def test_a_list_is_lines_or_an_array(capsys: pytest.CaptureFixture[str]) -> None:
    Output().lines(["a", "b"])
    Output(as_json=True).lines(["a", "b"])
    assert capsys.readouterr().out == 'a\nb\n["a","b"]\n'


def test_rows_are_parted_by_tabs_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    Output().rows([Row("size", "1000", "1.0 kB"), Row("n", "1", "one")])
    assert capsys.readouterr().out == "size\t1000\nn\t1\n"


def test_an_error_is_one_line_in_words_or_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    Output().complain(NotFound("no\nsuch"))
    Output(as_json=True).complain(NotFound("no\nsuch é"))
    first, second = capsys.readouterr().err.splitlines()
    assert first == "llmspell: no\\nsuch"
    assert json.loads(second) == {"error": {"kind": "NotFound", "message": "no\nsuch é"}}


def test_an_error_that_nobody_planned_for_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    Output().complain(ZeroDivisionError("oops"))
    assert capsys.readouterr().err == (
        "llmspell: unforeseen ZeroDivisionError: oops; run it again with --debug to see where\n"
    )
    Output(debug=True).complain(ZeroDivisionError("oops"))
    shown = capsys.readouterr().err
    assert shown.startswith("ZeroDivisionError: oops\n")
    assert shown.endswith("llmspell: unforeseen ZeroDivisionError: oops; please report it\n")


def test_everything_that_is_wrong_with_a_backup_is_told_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    Output().complain(BackupError("two things", ("first", "sec\nond")))
    assert capsys.readouterr().err == "llmspell: two things\n  first\n  sec\\nond\n"
    Output().complain(BackupError("one thing"))
    assert capsys.readouterr().err == "llmspell: one thing\n"
    Output(as_json=True).complain(BackupError("two things", ("first", "second")))
    assert json.loads(capsys.readouterr().err)["error"]["errors"] == ["first", "second"]


def test_a_reader_that_went_away_is_not_complained_about(capsys: pytest.CaptureFixture[str]) -> None:
    Output().complain(BrokenPipeError())
    assert capsys.readouterr() == ("", "")


def test_a_full_disk_under_the_output_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: False, buffer=SimpleNamespace(write=refuse)))
    with pytest.raises(LlmspellError, match="standard output cannot be written: No space left on device"):
        Output().value("x")


def test_printable_text_is_left_alone() -> None:
    assert printable("äé 😀") == "äé 😀"
    assert printable("a\x1b[0m\tb\u202e") == "a\\x1b[0m\\tb\\u202e"
