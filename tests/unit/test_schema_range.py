"""Versions are compared as semver.org says, and what is malformed is refused."""

import pytest

from llmspell.errors import InvalidArgument
from llmspell.schema_range import require_version, satisfies


@pytest.mark.parametrize(
    ("version", "required"),
    [
        ("1.0.0", ">=1.0.0"),
        ("1.0.0", "1.0.0"),
        ("1.0.0", "=1.0.0"),
        ("1.0.0", "==1.0.0"),
        ("1.10.0", ">1.9.0"),
        ("1.4.0", " >= 1.0.0 , < 2.0.0 , != 1.3.0 "),
        ("2.0.0-rc.1", "<2.0.0"),
        ("2.0.0-rc.10", ">2.0.0-rc.9"),
        ("1.0.0+build.7", "<=1.0.0"),
    ],
)
def test_a_version_inside_a_range_satisfies_it(version: str, required: str) -> None:
    assert satisfies(version, required)


@pytest.mark.parametrize(
    ("version", "required"),
    [
        ("2.0.0", ">=1.0.0,<2.0.0"),
        ("1.9.0", ">=1.10.0"),
        ("1.3.0", ">=1.0.0,!=1.3.0"),
        ("2.0.0-rc.1", ">=2.0.0"),
        ("1.0.1", "=1.0.0"),
    ],
)
def test_a_version_outside_a_range_does_not(version: str, required: str) -> None:
    assert not satisfies(version, required)


@pytest.mark.parametrize(
    "required", ["", ">=1.0", ">=1.0.0,", "latest", "^1.0.0", "~1.0.0", ">=1.0.0 || <0.5.0", ">=01.0.0"]
)
def test_a_malformed_range_is_refused(required: str) -> None:
    with pytest.raises(InvalidArgument, match="malformed"):
        satisfies("1.0.0", required)


@pytest.mark.parametrize("version", ["", "1", "1.0", "v1.0.0", "1.0.0.0", "01.0.0", "1.0.0-", "latest"])
def test_a_malformed_version_is_refused(version: str) -> None:
    with pytest.raises(InvalidArgument, match="malformed"):
        satisfies(version, ">=1.0.0")
    with pytest.raises(InvalidArgument, match="no semantic version"):
        require_version(version)
