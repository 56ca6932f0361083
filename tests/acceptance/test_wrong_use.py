"""Whatever is wrong with a command line, the answer is one line on standard error and the right exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.acceptance.conftest import Llmspell


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("stat",), 2, 'unknown command "stat"; did you mean "state"? See `llmspell --help`'),
        (("state", "lod", "a", "b"), 2, 'unknown command "lod"; did you mean "load"? See `llmspell state --help`'),
        (("state", "list_keys", "a"), 2, 'did you mean "list-keys"?'),
        (("xyzzy",), 2, 'unknown command "xyzzy"; see `llmspell --help`'),
        (("state", "load", "a", "b", "--rwa"), 2, 'unknown option "--rwa"; did you mean "--raw"?'),
        (("state", "load", "--rwa", "a"), 2, 'unknown option "--rwa"'),
        (("state", "load", "a", "-k"), 2, 'unknown option "-k"; write -- before it if it is none'),
        (("--jsn", "state", "scopes"), 2, 'did you mean "--json"?'),
        (("state", "load", "a"), 2, "the following arguments are required: KEY; see `llmspell state load --help`"),
        (("state", "load", "a", "b", "c"), 2, 'unexpected argument "c"'),
        (("state", "save", "a", "b", "1", "--ttl"), 2, "argument --ttl: expected one argument"),
        (("state", "save", "a", "b", "1", "--ttl", "soon"), 2, '--ttl takes a number, not "soon"'),
        (("state", "save", "a", "b", "1", "--ttl", "0"), 2, "ttl must be a number of seconds above 0"),
        (("state", "save", "a", "b", "1", "--if-version", "-1"), 2, "--if-version takes a whole number"),
        (("state", "list-keys", "a", "--limit", "1.5"), 2, "--limit takes a whole number"),
        (("state", "append", "a", "b", "1", "--keep", "0"), 2, "keep must be a whole number from 1 up"),
        (("state", "increment", "a", "b", "--by", "nan"), 2, "by must be"),
        (("state", "save", "a", "b", "hello"), 2, 'the value "hello" is not valid JSON'),
        (("state", "save", "a", "b", "hello"), 2, "for text, add --text"),
        (("state", "save", "a", "b", '{"a": 1, "a": 2}'), 2, 'names the field "a" twice'),
        (("state", "save", "a", "b", '{"a": [1, NaN]}'), 2, "at .a[1] is nan"),
        (("state", "save", "a", "b", "1e999"), 2, "is inf"),
        (("state", "save", "a", "b", "12345678901234567890"), 2, "is an integer beyond 64 bits"),
        (("state", "save", "a", "b", "[" * 500), 2, "the value"),
        (("state", "save", "a", "b", ""), 2, "is empty"),
        (("state", "save", "a", "b", "@none"), 2, 'there is no file "none"'),
        (("state", "save", "a", "b", "@."), 2, "is a folder"),
        (("state", "save", "", "b", "1"), 2, "the scope is empty"),
        (("state", "save", "a", "", "1"), 2, "the key is empty"),
        (("state", "save", "s" * 257, "b", "1"), 2, "takes 257 bytes"),
        (("state", "load", "a", "b", "--default", "x"), 2, "the value of --default is not valid JSON"),
        (("state", "load", "a", "b", "--raw", "--json"), 2, "choose one of them"),
        (("state", "import", "none.jsonl"), 2, 'there is no file "none.jsonl"'),
        (("state", "export", "--output", "none/x.jsonl"), 2, '"none/x.jsonl" cannot be written'),
        (("completion", "bsh"), 2, 'unknown shell "bsh"; did you mean "bash"?'),
        (("run",), 2, "the following arguments are required: SCRIPT"),
        (("run", "none.lua"), 2, 'there is no file "none.lua"'),
        (("run", "."), 2, '"." is a folder'),
        (("run", "script.xyz"), 2, ".xyz"),
        (("config", "check", "none.toml"), 2, "none.toml: there is no such file"),
        (("-c", "none.toml", "state", "scopes"), 2, "none.toml: there is no such file"),
    ],
)
def test_a_mistake_is_told_in_one_line(llmspell: Llmspell, words: tuple[str, ...], code: int, said: str) -> None:
    result = llmspell(*words)
    assert result.code == code
    if "--json" not in words:
        assert result.err.startswith("llmspell: ")
        assert said in result.err
    assert result.out == ""
    assert result.err.count("\n") == 1
    assert "Traceback" not in result.err


def test_no_command_shows_the_commands_and_is_wrong_use(llmspell: Llmspell) -> None:
    for words, shown in (((), "run a script"), (("state",), "list-keys"), (("config",), "init")):
        result = llmspell(*words)
        assert (result.code, result.out) == (2, "")
        assert shown in result.err


def test_a_value_of_the_wrong_kind_is_left_alone(llmspell: Llmspell) -> None:
    llmspell.ok("state", "save", "a", "text", '"x"')
    assert "holds no number" in llmspell("state", "increment", "a", "text").err
    assert "holds no array" in llmspell("state", "append", "a", "text", "1").err
    assert llmspell.ok("state", "load", "a", "text") == '"x"'


def test_bytes_that_are_no_text_are_refused(llmspell: Llmspell) -> None:
    result = llmspell("state", "save", b"\xff", "x", "1", LANG="C.UTF-8")
    assert result.code == 2
    assert "lone surrogate" in result.err
    result = llmspell("state", "save", "a", "x", "-", "--text", stdin=b"ok\xff")
    assert result.code == 2
    assert "the text in standard input is not UTF-8 (byte 2)" in result.err


def test_a_store_that_is_a_file_is_trouble_of_the_store(llmspell: Llmspell) -> None:
    llmspell.write("state", "a file")
    result = llmspell("state", "load", "a", "b")
    assert result.code == 5
    assert result.err == 'llmspell: "state" is a file, not a folder; name a folder in [state] path\n'.replace(
        '"state"', '"./state"'
    )


def test_a_store_outside_the_required_schema_is_a_matter_of_migration(llmspell: Llmspell) -> None:
    llmspell.ok("state", "save", "a", "b", "1")
    llmspell.write("llmspell.toml", '[state]\nrequired_schema = ">=2.0.0"\n')
    result = llmspell("state", "load", "a", "b")
    assert result.code == 6
    assert "schema version 1.0.0" in result.err


def test_debug_shows_where_an_error_came_from(llmspell: Llmspell) -> None:
    plain, debug = llmspell("state", "load", "a", "b"), llmspell("state", "load", "a", "b", "--debug")
    assert "Traceback" not in plain.err
    assert "Traceback" in debug.err
    assert debug.err.endswith(plain.err)
    assert debug.code == plain.code


def test_a_message_stays_on_one_line_whatever_it_tells(llmspell: Llmspell) -> None:
    result = llmspell("state", "load", "two\nlines", "\033[31mred")
    assert result.err.count("\n") == 1
    assert "two\\nlines" in result.err
    assert "\\x1b[31mred" in result.err
