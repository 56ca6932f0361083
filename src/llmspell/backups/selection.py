"""Which entries are meant? Globs over scopes and keys."""

from __future__ import annotations

import re
from fnmatch import translate
from typing import TYPE_CHECKING, NamedTuple

from llmspell.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_GLOBS = 1_000
MAX_GLOB_LENGTH = 512

_CHOOSING = ("scopes", "keys")

_UNUSABLE = re.compile(r"[\0\ud800-\udfff]")
"""What no scope and no key holds: NUL, and halves of letters."""


class Selection(NamedTuple):
    """Scopes like one of `scopes` (all when empty), keys like one of `keys`, but no scope like one of `exclude`.

    In a glob, `*` is any text, `?` any letter, `[ab]` one of those; upper and lower case differ.
    """

    scopes: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether it leaves nothing out."""
        return not (self.scopes or self.exclude or self.keys)

    def matcher(self) -> Callable[[str, str], bool]:
        """Give what tells whether the entry of a scope and a key is meant; quick for scopes it has seen before."""
        wanted, unwanted, keys = _compiled(self.scopes), _compiled(self.exclude), _compiled(self.keys)
        known: dict[str, bool] = {}

        def matches(scope: str, key: str) -> bool:
            found = known.get(scope)
            if found is None:
                found = (wanted is None or bool(wanted(scope))) and (unwanted is None or not unwanted(scope))
                known[scope] = found
            return found and (keys is None or bool(keys(key)))

        return matches


def globs(given: object, name: str) -> tuple[str, ...]:
    """Give the globs as a tuple; one text counts as one glob, None as no globs, which leaves nothing out.

    Raises `InvalidArgument` for anything else, and for an empty list of what is meant: whoever chose nothing did not
    mean all.
    """
    if given is None:
        return ()
    if name in _CHOOSING and isinstance(given, list | tuple) and not given:
        raise InvalidArgument(f'{name} is an empty list, which means nothing; name some, such as "*", or leave it out')
    several: Iterable[object] = (
        [given] if isinstance(given, str) else given if isinstance(given, list | tuple) else [None]
    )
    found = []
    for glob in several:
        if not isinstance(glob, str) or not 0 < len(glob) <= MAX_GLOB_LENGTH or _UNUSABLE.search(glob):
            raise InvalidArgument(
                f'{name} takes globs such as "agent:*", each a text of 1 to {MAX_GLOB_LENGTH} characters, not {given!r}'
            )
        found.append(glob)
    if len(found) > MAX_GLOBS:
        raise InvalidArgument(f"{name} takes at most {MAX_GLOBS} globs, not {len(found)}")
    return tuple(found)


def _compiled(several: tuple[str, ...]) -> Callable[[str], object] | None:
    return re.compile("|".join(map(translate, several))).match if several else None
