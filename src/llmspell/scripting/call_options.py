"""Which options was a call given? Those of its table, as JSON text, read in the same way for every language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell import codec
from llmspell.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Collection

SELECTION = ("scopes", "keys", "exclude")
"""The options that take globs."""


def read_options(text: bytes | None, known: Collection[str]) -> dict[str, Any]:
    """Give the options by their names; one that is null is left out, as if it had not been given.

    Raises `InvalidArgument` for one that is not known. What its value may be is for the called verb to say.

    >>> read_options(b'{"incremental": true, "hold": null}', ("incremental", "hold"))
    {'incremental': True}
    """
    given = {} if text is None else codec.decode(text)
    if given == []:
        given = {}
    if not isinstance(given, dict):
        raise InvalidArgument(f"the options must have names; known: {', '.join(known)}")
    for name in given:
        if name not in known:
            raise InvalidArgument(_unknown(name, known))
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for name in SELECTION:
        # Some languages have one kind of table, so an empty list of globs may come as an empty object.
        if options.get(name) == {}:
            options[name] = []
    return options


def _unknown(name: str, known: Collection[str]) -> str:
    from difflib import get_close_matches

    nearest = get_close_matches(name, known, 1)
    meant = f'; did you mean "{nearest[0]}"?' if nearest else ";"
    return f'there is no option "{name}"{meant} known: {", ".join(known)}'
