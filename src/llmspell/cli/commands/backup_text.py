"""How do people read what backups answer? As ages, sizes and drawn chains, and with the next command."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from llmspell.cli.output import printable
from llmspell.cli.table import table
from llmspell.cli.units import counted, size

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Mapping, Sequence

    from llmspell.backups.results import Created, Listed, Restored

FULL, INCREMENTAL = "full", "incr"
HELD = "held"
"""The reason of a hold that was given none."""

_HEADING = ("id", "age", "kind", "size", "entries", "verified", "notes", "description")
_ALWAYS_SHOWN = 6
_SPANS = (
    ("minute", "minutes", 60, 60),
    ("hour", "hours", 3_600, 48),
    ("day", "days", 86_400, 60),
    ("month", "months", 2_629_746, 24),
)
"""The name of a span, several of it, its seconds, and from how many of them on the next one is used."""
_YEAR = 31_556_952


class Branches(NamedTuple):
    """What is drawn before a backup that another one stands on, and before the last of its chain."""

    one: str
    last: str


DRAWN = Branches("\N{BOX DRAWINGS LIGHT VERTICAL AND RIGHT}\N{BOX DRAWINGS LIGHT HORIZONTAL} ", "\u2514\u2500 ")
ASCII = Branches("|- ", "`- ")


def branches() -> Branches:
    """Give what standard output can show."""
    try:
        "".join(DRAWN).encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return ASCII
    return DRAWN


def age(seconds: float) -> str:
    """Spell how long ago something was.

    >>> age(5), age(61), age(7_200), age(3 * 86_400), age(-3_600)
    ('just now', '1 minute', '2 hours', '3 days', 'in the future')
    """
    if seconds < 60:
        return "in the future" if seconds < -60 else "just now"
    for one, several, length, most in _SPANS:
        if seconds < length * most:
            return counted(int(seconds // length), one, several)
    return counted(int(seconds // _YEAR), "year", "years")


def kind(one: Listed) -> str:
    """Give the word for a full or an incremental backup."""
    return INCREMENTAL if one.is_incremental else FULL


def notes(one: Listed) -> str:
    """Tell what is unusual about a backup."""
    held = None if one.held is None else HELD if one.held == HELD else f"held: {one.held}"
    told = (
        held,
        "damaged" if one.damage else None,
        "encrypted" if one.encrypted else None,
        "some scopes" if one.partial else None,
    )
    return ", ".join(note for note in told if note)


def chains(listed: Sequence[Listed]) -> list[list[Listed]]:
    """Put what stands on the same full backup together: the newest chain first, a chain as it was made.

    `listed` is newest first.
    """
    by_id = {one.id: one for one in listed}
    members: dict[str, list[Listed]] = {}
    for one in listed:
        members.setdefault(chain_of(one, by_id)[0].id, []).append(one)
    return [chain[::-1] for chain in members.values()]


def chain_of(one: Listed, by_id: Mapping[str, Listed]) -> list[Listed]:
    """Give what a backup stands on, as far as it is there, and the backup itself, in the order that they were made."""
    chain = [one]
    while (parent := by_id.get(chain[0].parent_id or "")) is not None and parent not in chain:
        chain.insert(0, parent)
    return chain


def kinds(chain: Sequence[Listed], drawn: Branches) -> list[str]:
    """Give the kind of each backup of a chain, drawn where each stands on the one above it and all of it is there."""
    parents = [None, *(one.id for one in chain[:-1])]
    if [one.parent_id for one in chain] != parents:
        return [kind(one) for one in chain]
    last = len(chain) - 1
    return [
        f"{'' if not place else drawn.last if place == last else drawn.one}{kind(one)}"
        for place, one in enumerate(chain)
    ]


def list_lines(listed: Sequence[Listed], now: float, columns: int) -> Iterator[str]:
    """Give the table of backups for a terminal; notes and descriptions stand below where they do not fit beside."""
    drawn = branches()
    rows = [
        _row(one, word, now) for chain in chains(listed) for one, word in zip(chain, kinds(chain, drawn), strict=True)
    ]
    shown = [place for place in range(len(_HEADING)) if place < _ALWAYS_SHOWN or any(row[place] for row in rows)]
    whole = table(
        [_HEADING[place] for place in shown], [[row[place] for place in shown] for row in rows], terminal=True
    )
    if max(map(len, whole), default=0) <= columns:
        yield from whole
        return
    heading, *lines = table(_HEADING[:_ALWAYS_SHOWN], [row[:_ALWAYS_SHOWN] for row in rows], terminal=True)
    yield heading
    for line, row in zip(lines, rows, strict=True):
        yield line
        if any(row[_ALWAYS_SHOWN:]):
            yield cut(f"    {printable('; '.join(filter(None, row[_ALWAYS_SHOWN:])))}", columns)


def cut(text: str, columns: int) -> str:
    """Give as much of a text as fits.

    >>> cut("a long one", 8), cut("short", 8)
    ('a lon...', 'short')
    """
    return text if len(text) <= columns else f"{text[: max(columns - 3, 0)]}..."


def _row(one: Listed, word: str, now: float) -> tuple[str, ...]:
    verified = "no" if one.verified_at is None else age(now - one.verified_at)
    size_bytes, entries = size(one.size_bytes), str(one.entry_count)
    return one.id, age(now - one.created_at), word, size_bytes, entries, verified, notes(one), one.description or ""


def made(one: Created) -> str:
    """Say in one line which backup was made."""
    entries = counted(one.entry_count, "entry", "entries")
    what = f"{entries} written since {one.parent_id}" if one.is_incremental else entries
    named = "an incremental" if one.is_incremental else "a full"
    return f"{one.backup_id}: {named} backup of {what}, {size(one.size_bytes)}, in {one.duration_ms / 1_000:.2f} s"


def numbers(result: Restored) -> str:
    """Spell what a restore would do to the entries of the store.

    >>> from llmspell.backups.results import Restored, RestoredChange
    >>> changes = (RestoredChange("added", "s", "a"), RestoredChange("removed", "s", "b"))
    >>> numbers(Restored("", 1, 1, None, 7, "1.0.0", 1.0, True, changes))
    '1 added, 0 changed, 1 removed'
    """
    done = [change.change for change in result.changes]
    return ", ".join(f"{done.count(word)} {word}" for word in ("added", "changed", "removed"))


def command(arguments: Namespace, *words: str) -> str:
    """Spell a backup command for the same configuration, to be typed as it stands."""
    import shlex

    config = ("-c", arguments.config) if arguments.config else ()
    return f"`llmspell {shlex.join((*config, 'backup', *words))}`"
