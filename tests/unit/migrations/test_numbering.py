from __future__ import annotations

import pytest

from llmspell.errors import InvalidArgument
from llmspell.migrations.numbering import numbers_for_new


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ([], ("1.0.0", "1.1.0")),
        (["2.0.0", "10.0.0"], ("10.0.0", "10.1.0")),
        (["1.2.3"], ("1.2.3", "1.3.0")),
        (["2.0.0-rc.1"], ("2.0.0-rc.1", "2.0.0")),
        (["2.0.0+built"], ("2.0.0+built", "2.1.0")),
    ],
)
def test_a_new_migration_continues_the_latest_version(known: list[str], expected: tuple[str, str]) -> None:
    assert numbers_for_new(known, "1.0.0", None, None) == expected


def test_versions_that_are_given_win() -> None:
    assert numbers_for_new(["2.0.0"], "1.0.0", None, "3.0.0") == ("2.0.0", "3.0.0")
    assert numbers_for_new([], "1.0.0", "0.1.0", None) == ("0.1.0", "0.2.0")


def test_a_gap_may_be_filled() -> None:
    assert numbers_for_new(["2.0.0", "4.0.0"], "1.0.0", "2.0.0", "3.0.0") == ("2.0.0", "3.0.0")


@pytest.mark.parametrize(
    ("from_version", "to_version", "reason"),
    [
        (None, "1.9.9", "does not come after"),
        (None, "2.0.0", "leads to 2.0.0 already"),
        (None, "2.0.0+build", "leads to 2.0.0.build already"),
        ("1.0.0", "2.0.0", "leads to 2.0.0 already"),
        ("1.0.0", "3.0.0", "would pass 2.0.0"),
        (None, "two", "no semantic version"),
        ("2", None, "no semantic version"),
    ],
)
def test_versions_that_would_make_no_chain_are_refused(
    from_version: str | None, to_version: str | None, reason: str
) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        numbers_for_new(["2.0.0"], "1.0.0", from_version, to_version)
