"""The options of a call, as every language gives them."""

import pytest

from llmspell.errors import InvalidArgument
from llmspell.scripting.call_options import read_options

KNOWN = ("incremental", "description", "scopes", "exclude")


@pytest.mark.parametrize("text", [None, b"{}", b"[]"])
def test_no_options_are_none_however_that_is_spelt(text: bytes | None) -> None:
    assert read_options(text, KNOWN) == {}


def test_options_keep_their_values_and_their_order() -> None:
    options = read_options(b'{"scopes":["a*"],"incremental":false}', KNOWN)
    assert list(options.items()) == [("scopes", ["a*"]), ("incremental", False)]


def test_one_that_is_null_is_as_if_it_had_not_been_given() -> None:
    assert read_options(b'{"scopes":null,"incremental":true}', KNOWN) == {"incremental": True}


def test_a_list_of_globs_without_any_may_come_as_an_object() -> None:
    assert read_options(b'{"exclude":{},"description":{}}', KNOWN) == {"exclude": [], "description": {}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'{"incremntal":true}', 'there is no option "incremntal"; did you mean "incremental"? known: incremental, '),
        (b'{"x":null}', 'there is no option "x"; known: incremental, description, scopes, exclude'),
        (b'["incremental"]', "the options must have names; known: incremental, description, scopes, exclude"),
        (b"1", "the options must have names"),
    ],
)
def test_what_is_not_known_is_refused(text: bytes, words: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        read_options(text, KNOWN)
    assert words in str(raised.value)
