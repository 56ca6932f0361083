"""Functions are loaded by the suffix of their file."""

import pytest

from llmspell.config import ScriptSettings
from llmspell.errors import InvalidArgument
from llmspell.scripting.code import open_code
from llmspell.scripting.registry import LANGUAGES, code_adapter_of


def test_a_lua_file_is_opened_as_lua() -> None:
    code = open_code("migrations/names.lua", b"return { up = function(value) return value end }", ScriptSettings())
    try:
        assert (code.names, code.call("up", b"1")) == (frozenset({"up"}), b"1")
    finally:
        code.close()


def test_an_unknown_suffix_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidArgument, match=r'^"names.txt" has the suffix .txt, .*; known: \.lua$'):
        open_code("names.txt", b"", ScriptSettings())


def test_a_file_without_a_suffix_is_in_no_language() -> None:
    with pytest.raises(InvalidArgument, match=r'^there is no language ""; known: lua$'):
        open_code("names", b"", ScriptSettings())


@pytest.mark.parametrize("language", LANGUAGES)
def test_functions_can_be_written_in_every_language_of_scripts(language: str) -> None:
    assert callable(code_adapter_of(language).open_code)
