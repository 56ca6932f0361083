"""What all tests share: the long ones are left out unless asked for, and time passes only when told to."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from hypothesis.configuration import set_hypothesis_home_dir

import llmspell
from tests.clock import Clock

set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "llmspell-hypothesis")
hypothesis.settings.register_profile(
    "llmspell",
    deadline=None,
    database=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.filter_too_much],
)
hypothesis.settings.load_profile("llmspell")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `soak`, unless `-m` says something about it."""
    if "soak" in config.getoption("markexpr"):
        return
    soaking = [item for item in items if item.get_closest_marker("soak")]
    if soaking:
        config.hook.pytest_deselected(items=soaking)
        items[:] = [item for item in items if not item.get_closest_marker("soak")]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Where a store can be; nothing is there yet."""
    return str(tmp_path / "state")


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, folder: str, clock: Clock) -> Iterator[llmspell.Store]:
    """An open, empty store of each backend."""
    with llmspell.open(folder, backend=request.param, durability="normal", clock=clock) as store:
        yield store


@pytest.fixture
def disk(folder: str, clock: Clock) -> Iterator[llmspell.Store]:
    """An open, empty store on disk."""
    with llmspell.open(folder, durability="normal", clock=clock) as store:
        yield store
