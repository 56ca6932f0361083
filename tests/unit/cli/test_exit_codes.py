from __future__ import annotations

import pytest

from llmspell import errors
from llmspell.cli import exit_codes


def test_no_two_rows_share_a_name_or_a_number() -> None:
    assert len({code.number for code in exit_codes.TABLE}) == len(exit_codes.TABLE)
    assert len({code.name for code in exit_codes.TABLE}) == len(exit_codes.TABLE)


def test_the_table_is_sorted_and_explains_every_row() -> None:
    numbers = [code.number for code in exit_codes.TABLE]
    assert numbers == sorted(numbers)
    assert all(code.words for code in exit_codes.TABLE)


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (errors.ScriptError("x"), 1),
        (errors.ConfigError("x"), 2),
        (errors.InvalidArgument("x"), 2),
        (errors.InvalidValue("", "x"), 2),
        (exit_codes.NotFound("x"), 3),
        (errors.Conflict("a", "b", 1, 2), 4),
        (errors.StoreError("x"), 5),
        (errors.StoreDamaged("x"), 5),
        (errors.LlmspellError("x"), 5),
        (ZeroDivisionError(), 5),
        (errors.SchemaMismatch("x"), 6),
        (errors.BackupNotFound("x"), 3),
        (errors.BackupError("x"), 7),
        (errors.BackupDamaged("x"), 7),
        (errors.HistoryError("x"), 7),
        (errors.LimitExceeded("x"), 124),
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(), 141),
    ],
)
def test_an_error_has_the_code_of_its_kind(error: BaseException, number: int) -> None:
    assert exit_codes.of_error(error).number == number


def test_every_error_of_llmspell_has_a_row() -> None:
    for name in errors.__all__:
        kind = getattr(errors, name)
        assert exit_codes.of_error(kind.__new__(kind)) in exit_codes.TABLE
