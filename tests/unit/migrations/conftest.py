"""Homes for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import llmspell
from tests.clock import Clock
from tests.unit.migrations.homes import Home


@pytest.fixture
def home(tmp_path: Path, clock: Clock) -> Iterator[Home]:
    """A store in memory, where the backend makes no difference."""
    migrations = tmp_path / "files"
    migrations.mkdir()
    with llmspell.open(backend="memory", clock=clock, migrations_path=migrations) as store:
        yield Home(migrations, store, clock)


@pytest.fixture
def disk_home(tmp_path: Path, folder: str, clock: Clock) -> Iterator[Home]:
    """A store on disk, of which nothing exists yet."""
    migrations = tmp_path / "files"
    migrations.mkdir()
    with llmspell.open(folder, durability="normal", clock=clock, migrations_path=migrations) as store:
        yield Home(migrations, store, clock)


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    """An empty folder of migration files."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    return folder
