"""Functions are loaded by the suffix of their file."""

import pytest

from llmspell.config import ScriptSettings
from llmspell.errors import InvalidArgument
from llmspell.migrations.transforms.base import Refusal
from llmspell.scripting.code import open_code
from llmspell.scripting.registry import LANGUAGES, UNWATCHED, code_adapter_of


def test_a_lua_file_is_opened_as_lua() -> None:
    code = open_code("migrations/names.lua", b"return { up = function(value) return value end }", ScriptSettings())
    try:
        assert (code.names, code.call("up", b"1")) == (frozenset({"up"}), b"1")
    finally:
        code.close()


def test_an_unknown_suffix_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        InvalidArgument, match=r'^"names.txt" has the suffix .txt, .*; known: \.lua, \.js, \.mjs, \.py$'
    ):
        open_code("names.txt", b"", ScriptSettings())


def test_a_file_without_a_suffix_is_in_no_language() -> None:
    with pytest.raises(InvalidArgument, match=r'^there is no language ""; known: lua, javascript$'):
        open_code("names", b"", ScriptSettings())


@pytest.mark.parametrize("language", sorted({*LANGUAGES} - UNWATCHED))
def test_functions_can_be_written_in_every_language_that_is_sandboxed(language: str) -> None:
    assert callable(code_adapter_of(language).open_code)


def test_functions_in_python_are_refused_because_nothing_would_hold_them() -> None:
    with pytest.raises(InvalidArgument, match=r'^there is no language "python"; known: lua, javascript$'):
        open_code("names.py", b"", ScriptSettings())


def test_a_javascript_file_is_opened_as_javascript() -> None:
    code = open_code("migrations/names.js", b"export const up = (value) => value", ScriptSettings())
    try:
        assert (code.names, code.call("up", b"1")) == (frozenset({"up"}), b"1")
    finally:
        code.close()


@pytest.mark.parametrize("allowed_seconds", [0, 300])
def test_a_call_never_takes_longer_than_the_bound(monkeypatch: pytest.MonkeyPatch, allowed_seconds: int) -> None:
    monkeypatch.setattr("llmspell.scripting.code.CALL_SECONDS", 0.2)
    source = b"return { up = function(value) while true do end end }"
    code = open_code("names.lua", source, ScriptSettings(timeout_seconds=allowed_seconds, max_instructions=10**15))
    try:
        with pytest.raises(Refusal, match=r"longer than 0\.2 s"):
            code.call("up", b"1")
    finally:
        code.close()
