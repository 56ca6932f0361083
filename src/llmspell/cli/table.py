"""How do rows become lines? In columns under a heading at a terminal, parted by tabs for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.cli.output import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def table(heading: Sequence[str], rows: Iterable[Sequence[str]], *, terminal: bool) -> list[str]:
    """Give a line for each row, none where there are no rows; every cell stands on one line.

    >>> table(["n", "name"], [["1", "ada"], ["12", "bob"]], terminal=True)
    ['n   name', '1   ada', '12  bob']
    >>> table(["n", "name"], [["1", "a\\tb"]], terminal=False)
    ['1\\ta\\\\tb']
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    if not cells:
        return []
    if not terminal:
        return ["\t".join(row) for row in cells]
    cells.insert(0, list(heading))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    padded = ("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)) for row in cells)
    return [line.rstrip() for line in padded]
