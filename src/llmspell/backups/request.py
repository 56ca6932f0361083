"""What do the arguments of a call mean? Checked before anything is done."""

from __future__ import annotations

from llmspell.arguments import optional_text
from llmspell.backups.marks import Hold
from llmspell.backups.retention import END_OF_DATES
from llmspell.errors import InvalidArgument

MAX_DESCRIPTION = 1_000


def hold_of(given: str | bool | None, until: float | None) -> Hold | None:
    """Give the hold that a reason, or True, asks for; None for None and False."""
    if until is not None and not (type(until) in (int, float) and 0 <= until < END_OF_DATES):
        raise InvalidArgument(f"until takes a moment in epoch seconds, such as 1700000000, not {until!r}")
    if given is None or given is False:
        return None
    if given is True:
        return Hold("held", until)
    if not isinstance(given, str) or not 0 < len(given) <= MAX_DESCRIPTION:
        raise InvalidArgument(f"hold takes true or a reason of 1 to {MAX_DESCRIPTION} characters, not {given!r}")
    return Hold(optional_text(given, "the reason"), until)


def description_of(given: str) -> str:
    """Give a description that can be kept."""
    if not isinstance(given, str) or len(given) > MAX_DESCRIPTION:
        raise InvalidArgument(f"a description is text of at most {MAX_DESCRIPTION} characters, not {given!r}")
    return optional_text(given, "a description")


def require_flag(given: object, name: str) -> None:
    """Raise `InvalidArgument` unless it is true, false or nothing."""
    if given is not None and not isinstance(given, bool):
        raise InvalidArgument(f"{name} takes true or false, not {given!r}")
