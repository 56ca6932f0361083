"""Runs of Lua and JavaScript texts for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import llmspell
from tests.unit.scripting.javascript import JavaScript
from tests.unit.scripting.lua import Lua


@pytest.fixture
def lua(store: llmspell.Store, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> Lua:
    """Run texts on a store of each backend."""
    return _lua(store, capsysbinary, tmp_path)


@pytest.fixture
def memory_lua(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> Iterator[Lua]:
    """Run texts on a store in memory, where the backend makes no difference."""
    with llmspell.open(backend="memory") as store:
        yield _lua(store, capsysbinary, tmp_path)


@pytest.fixture
def disk_lua(disk: llmspell.Store, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> Lua:
    """Run texts on a store on disk."""
    return _lua(disk, capsysbinary, tmp_path)


@pytest.fixture
def stateless_lua(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> Lua:
    """Run texts without a store."""
    return _lua(None, capsysbinary, tmp_path)


@pytest.fixture
def javascript(store: llmspell.Store, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> JavaScript:
    """Run texts on a store of each backend."""
    return _javascript(store, capsysbinary, tmp_path)


@pytest.fixture
def memory_javascript(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> Iterator[JavaScript]:
    """Run texts on a store in memory, where the backend makes no difference."""
    with llmspell.open(backend="memory") as store:
        yield _javascript(store, capsysbinary, tmp_path)


@pytest.fixture
def disk_javascript(disk: llmspell.Store, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> JavaScript:
    """Run texts on a store on disk."""
    return _javascript(disk, capsysbinary, tmp_path)


@pytest.fixture
def stateless_javascript(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> JavaScript:
    """Run texts without a store."""
    return _javascript(None, capsysbinary, tmp_path)


def _lua(store: llmspell.Store | None, capture: pytest.CaptureFixture[bytes], folder: Path) -> Lua:
    scripts = folder / "scripts"
    scripts.mkdir()
    return Lua(store, capture, scripts)


def _javascript(store: llmspell.Store | None, capture: pytest.CaptureFixture[bytes], folder: Path) -> JavaScript:
    scripts = folder / "scripts"
    scripts.mkdir(exist_ok=True)
    return JavaScript(store, capture, scripts)
