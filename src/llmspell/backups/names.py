"""How is a backup called? `YYYYMMDDTHHMMSSZ-full-abc234`: when it was made (UTC), its kind, and six random letters.

An id names a folder, so it is checked before any path is made of it. Its letters are few enough to be told
apart on file systems that take upper and lower case for the same.
"""

from __future__ import annotations

import re

from llmspell.errors import InvalidArgument

FULL, INCREMENTAL = "full", "incr"

_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-(full|incr)-[a-z2-7]{6}", re.ASCII)
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"  # base32 of RFC 4648, in lower case


def new_id(created_at: float, kind: str) -> str:
    """Make the id of a backup that was begun at `created_at` (epoch seconds)."""
    import secrets
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(created_at, UTC)
    return f"{moment:%Y%m%dT%H%M%SZ}-{kind}-{''.join(secrets.choice(_LETTERS) for _ in range(6))}"


def is_id(name: str) -> bool:
    """Tell whether a name is one that a backup can have.

    >>> is_id("20261122T190000Z-full-k3vq7a"), is_id("../20261122T190000Z-full-k3vq7a")
    (True, False)
    """
    return _ID.fullmatch(name) is not None


def require_id(name: str) -> str:
    """Give the name back; `InvalidArgument` when it is none that a backup can have."""
    if not isinstance(name, str) or not is_id(name):
        raise InvalidArgument(
            f'{name!r} is no id of a backup; one looks like "20261122T190000Z-full-k3vq7a", see the list of backups'
        )
    return name
