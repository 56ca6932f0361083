"""What does the care for a store cost? Migrations, backups and restores, and history."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import backups, history, migrations
from benchmarks.measuring import Goal, Row, Scene

GOALS: tuple[Goal, ...] = ()


def rows(scene: Scene) -> Iterator[Row]:
    """Measure one after the other; nothing when no row of these is wanted."""
    if scene.only and not any(key.startswith("upkeep") for key in scene.only):
        return
    yield from migrations.rows(scene)
    yield from backups.rows(scene)
    yield from history.rows(scene)
