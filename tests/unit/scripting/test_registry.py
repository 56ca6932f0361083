"""Which language is a script in?"""

import pytest

from llmspell.errors import InvalidArgument
from llmspell.scripting.registry import LANGUAGES, adapter_of, language_of


@pytest.mark.parametrize("path", ["a.lua", "jobs/nightly.lua", "A.LUA", "a.b.lua", "/x/.hidden.lua"])
def test_suffix_names_the_language(path: str) -> None:
    assert language_of(path, "other") == "lua"


@pytest.mark.parametrize("path", ["a.py", "jobs/NIGHTLY.PY"])
def test_the_suffix_of_python_names_it(path: str) -> None:
    assert language_of(path, "other") == "python"


@pytest.mark.parametrize("path", ["script", "jobs.d/script", "-", ".lua"])
def test_path_without_a_suffix_is_in_the_default_language(path: str) -> None:
    assert language_of(path, "other") == "other"


@pytest.mark.parametrize("path", ["a.rb", "a.pyc", "a.lua.txt", "a.luac"])
def test_unknown_suffix_is_refused_with_the_known_ones(path: str) -> None:
    with pytest.raises(InvalidArgument, match=r"which is no language known here; known: \.lua, .*\.py"):
        language_of(path, "lua")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_an_adapter(language: str) -> None:
    assert callable(adapter_of(language).execute)


@pytest.mark.parametrize("language", ["", "Lua", "ruby", "../lua"])
def test_unknown_language_is_refused_with_the_known_ones(language: str) -> None:
    with pytest.raises(InvalidArgument, match=f'^there is no language "{language}"; known: lua, .*python'):
        adapter_of(language)


def test_an_adapter_is_imported_when_it_is_asked_for() -> None:
    import subprocess
    import sys

    text = """
import sys
from llmspell.scripting import registry, running
assert not any(name.startswith(("lupa", "llmspell.scripting.lua")) for name in sys.modules)
registry.adapter_of("lua")
assert "lupa.lua54" in sys.modules
"""
    subprocess.run([sys.executable, "-c", text], check=True, timeout=60)
