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


def _comparator(piece: str) -> str:
    piece = piece.strip().replace(" ", "")
    if piece.startswith("=") and not piece.startswith("=="):
        return "=" + piece
    return piece
