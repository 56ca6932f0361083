"""Backends are found by name."""

import pytest

from llmspell.backends.registry import NAMES, BackendOptions, open_backend
from llmspell.errors import InvalidArgument


@pytest.mark.parametrize("name", NAMES)
def test_every_name_opens_a_backend(name: str, folder: str) -> None:
    backend = open_backend(name, BackendOptions(folder, "full", "1.0.0"))
    assert backend.version() == 0
    backend.close()


@pytest.mark.parametrize("name", ["", "Disk", "sqlite", "os:system"])
def test_an_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(InvalidArgument, match="known: disk, memory"):
        open_backend(name, BackendOptions("nowhere", "full", "1.0.0"))
