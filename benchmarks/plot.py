"""How do the results look? Bars for three questions, as a picture for the README."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from benchmarks.machine import summary
from benchmarks.measuring import DISK, PROCESS, spread
from benchmarks.results import Results
from benchmarks.table import shown

_OURS, _OTHERS, _INK, _FAINT = "#1f6feb", "#c3c9d1", "#24292f", "#57606a"


class _Panel(NamedTuple):
    """One question, the row that answers it, and who stands in it, by contestant."""

    title: str
    row: str
    bars: dict[str, str]


_PANELS = (
    _Panel(
        "Save, on the disk when the call returns",
        f"one entry: save, 200 B, {DISK}",
        {
            "llmspell full": "llmspell",
            "bare apsw FULL": "bare SQLite",
            "LMDB sync": "LMDB",
            "Redis AOF always": "Redis, AOF always",
            "LangGraph SqliteStore": "LangGraph SqliteStore",
        },
    ),
    _Panel(
        "Save, safe when the process dies",
        f"one entry: save, 200 B, {PROCESS}",
        {
            "llmspell normal": "llmspell",
            "bare apsw NORMAL": "bare SQLite",
            "LMDB nosync": "LMDB, nosync",
            "diskcache": "diskcache",
            "py-key-value DiskStore": "py-key-value",
        },
    ),
    _Panel(
        "Load",
        "one entry: load, 200 B",
        {
            "llmspell": "llmspell",
            "bare apsw": "bare SQLite",
            "LMDB": "LMDB",
            "diskcache": "diskcache",
            "LangGraph": "LangGraph SqliteStore",
            "py-key-value": "py-key-value",
            "Redis": "Redis",
        },
    ),
)


def draw(results: Results, path: Path) -> None:
    """Write the picture (PNG). A panel whose row was not measured is left out."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown_panels = [(panel, row) for panel in _PANELS if (row := results.row(panel.row)) is not None]
    heights = [len([name for name in panel.bars if name in row.figures]) + 1.2 for panel, row in shown_panels]
    figure, axes = pyplot.subplots(
        len(shown_panels), figsize=(8.2, 0.27 * sum(heights) + 0.9), height_ratios=heights, squeeze=False
    )
    for (panel, row), axis in zip(shown_panels, axes[:, 0], strict=True):
        figures = {word: spread(row.figures[name]) for name, word in panel.bars.items() if name in row.figures}
        order = sorted(figures, key=lambda word: figures[word].median, reverse=True)
        medians = [figures[word].median for word in order]
        axis.barh(order, medians, height=0.68, color=[_OURS if word == "llmspell" else _OTHERS for word in order])
        for place, word in enumerate(order):
            axis.text(
                *(medians[place] + max(medians) * 0.012, place, shown(medians[place], row.unit)),
                va="center",
                fontsize=9,
                color=_INK,
                fontweight="bold" if word == "llmspell" else "normal",
            )
        axis.set_xlim(0, max(medians) * 1.14)
        axis.set_title(panel.title, loc="left", fontsize=10.5, fontweight="bold", color=_INK, pad=4)
        axis.set_xticks([])
        axis.tick_params(axis="y", length=0, labelsize=9, labelcolor=_INK)
        for side in axis.spines.values():
            side.set_visible(False)
    figure.tight_layout(rect=(0, 0.055, 1, 1), h_pad=1.0)
    figure.text(
        *(0.01, 0.012, "Median of one call from Python, 200 bytes of JSON with its codec; shorter is faster.\n"),
        fontsize=7.5,
        color=_FAINT,
        va="bottom",
    )
    figure.text(0.01, 0.012, summary(results.machine), fontsize=7.5, color=_FAINT, va="bottom")
    figure.savefig(path, dpi=160, facecolor="white")
    pyplot.close(figure)
