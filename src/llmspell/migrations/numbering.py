"""Which versions does a new migration lead from and to? It continues the known ones, or fills a place among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from llmspell.errors import InvalidArgument
from llmspell.schema_range import order, require_version

if TYPE_CHECKING:
    from collections.abc import Sequence


class Numbers(NamedTuple):
    """The versions of a new migration."""

    from_version: str
    to_version: str


def numbers_for_new(known: Sequence[str], first: str, from_version: str | None, to_version: str | None) -> Numbers:
    """Give the versions: from the latest of `known` (`first` when there is none) to its next minor one.

    `from_version` and `to_version` win where they are given. Raises `InvalidArgument` when one is no version, when
    they do not lead upward, or when a known version is where the new one leads to, or lies between.

    >>> numbers_for_new(["2.0.0", "1.4.2"], "1.0.0", None, None)
    Numbers(from_version='2.0.0', to_version='2.1.0')
    """
    for version in (from_version, to_version):
        if version is not None:
            require_version(version)
    start = from_version or max(known, key=order, default=first)
    end = to_version or _next_minor(start)
    if any(order(version) == order(end) for version in known):
        raise InvalidArgument(f"a migration file leads to {end} already; choose another version with --to")
    if order(end) <= order(start):
        raise InvalidArgument(
            f"{end} does not come after {start}: a migration leads upward; choose another version with --to"
        )
    inside = sorted((version for version in known if order(start) < order(version) < order(end)), key=order)
    if inside:
        raise InvalidArgument(
            f"a migration from {start} to {end} would pass {inside[0]}, which another file leads to already; continue "
            "from the latest version, or choose others with --from and --to"
        )
    return Numbers(start, end)


def _next_minor(version: str) -> str:
    return str(order(version).replace(build=None).next_version("minor"))
