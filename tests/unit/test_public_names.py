"""`import llmspell` is quick: what it offers is imported when somebody asks for it."""

from __future__ import annotations

import pytest

import llmspell
from tests import programs


def test_every_public_name_is_there() -> None:
    assert all(getattr(llmspell, name) is not None for name in llmspell.__all__)
    assert set(llmspell.__all__) <= set(dir(llmspell))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'llmspell' has no attribute 'opne'"):
        llmspell.opne  # type: ignore[attr-defined] # noqa: B018


@pytest.mark.parametrize("name", llmspell.__all__)
def test_each_name_can_be_the_first_that_is_asked_for(name: str) -> None:
    program = f"import llmspell\nfound = llmspell.{name}\nfrom llmspell import {name} as again\nprint(found is again)"
    assert programs.run(program) == "True\n"


def test_all_names_can_be_imported_at_once() -> None:
    assert programs.run("from llmspell import *\nprint(open.__module__, errors.__name__)") == (
        "llmspell.opening llmspell.errors\n"
    )


def test_importing_the_package_imports_nothing_else_of_it() -> None:
    program = "import sys, llmspell\nprint(*sorted(name for name in sys.modules if name.startswith('llmspell')))"
    assert programs.run(program) == "llmspell llmspell.quick_typing\n"
