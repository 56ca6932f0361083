"""Every example in a docstring of the package runs and gives what it says."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import llmspell

ROOT = Path(llmspell.__file__).parent
MODULES = sorted(
    ".".join(("llmspell", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
    if path.name != "__main__.py"
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name: str) -> None:
    results = doctest.testmod(import_module(name), extraglobs={"llmspell": llmspell})
    assert results.failed == 0


def test_there_are_examples_at_all() -> None:
    finder = doctest.DocTestFinder()
    found = sum(len(test.examples) for name in MODULES for test in finder.find(import_module(name)))
    assert found > 40
