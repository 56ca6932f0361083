"""Is a schema version inside a range? Semantic versions and comparators separated by commas."""

from __future__ import annotations

import semver

from llmspell.errors import InvalidArgument


def satisfies(version: str, required: str) -> bool:
    """Tell whether `version` fulfils every comparator of `required`; order as on semver.org.

    >>> satisfies("1.4.0", ">=1.0.0, <2.0.0"), satisfies("2.0.0", ">=1.0.0, <2.0.0")
    (True, False)
    """
    try:
        parsed = semver.Version.parse(version)
        return all(parsed.match(_comparator(piece)) for piece in required.split(","))
    except ValueError as error:
        raise InvalidArgument(
            f'the range "{required}" or the version "{version}" is malformed ({error}); write it like ">=1.0.0,<2.0.0"'
        ) from error


def require_version(version: str) -> None:
    """Raise `InvalidArgument` unless `version` is a semantic version.

    >>> require_version("2.0.0-rc.1")
    """
    try:
        semver.Version.parse(version)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(
            f'{version!r} is no semantic version; write three numbers such as "1.0.0", see semver.org'
        ) from error


def order(version: str) -> semver.Version:
    """Give what sorts semantic versions as semver.org says.

    >>> sorted(["2.0.0", "10.0.0", "2.0.0-rc.1"], key=order)
    ['2.0.0-rc.1', '2.0.0', '10.0.0']
    """
    return semver.Version.parse(version)


def same_version(one: str, other: str) -> bool:
    """Tell whether two semantic versions are the same in order: build metadata makes no difference.

    >>> same_version("2.0.0+monday", "2.0.0"), same_version("2.0.0-rc.1", "2.0.0")
    (True, False)
    """
    return one.partition("+")[0] == other.partition("+")[0]


def _comparator(piece: str) -> str:
    piece = piece.strip().replace(" ", "")
    if piece.startswith("=") and not piece.startswith("=="):
        return "=" + piece
    return piece
