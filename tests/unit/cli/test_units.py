from __future__ import annotations

import pytest

from llmspell.cli.units import moment, size


@pytest.mark.parametrize(
    ("count", "spelled"),
    [(0, "0 bytes"), (1, "1 byte"), (1_500, "1.5 kB"), (2 * 10**9, "2.0 GB"), (10**16, "10000.0 TB")],
)
def test_a_size_has_the_unit_that_suits_it(count: int, spelled: str) -> None:
    assert size(count) == spelled


def test_a_moment_beyond_all_calendars_is_a_number() -> None:
    assert moment(1e20) == "1e+20"
