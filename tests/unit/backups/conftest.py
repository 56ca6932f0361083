"""Homes for the tests of this folder."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clock import Clock
from tests.unit.backups.places import Home


@pytest.fixture
def homes(tmp_path: Path, clock: Clock) -> Iterator[Callable[..., Home]]:
    """Give what makes homes that share a place and a clock, each with a store of its own name."""
    made: list[Home] = []

    def make(name: str = "state", **options: Any) -> Home:
        made.append(Home(tmp_path, clock, name=name, **options))
        return made[-1]

    yield make
    for home in made:
        home.close()


@pytest.fixture
def home(homes: Callable[..., Home]) -> Home:
    """A store on disk and a place for backups, of which nothing exists yet."""
    return homes()


@pytest.fixture(params=["disk", "memory"])
def any_home(request: pytest.FixtureRequest, homes: Callable[..., Home]) -> Home:
    """A store of each backend, and a place for backups."""
    return homes(backend=request.param)
