"""The errors: one root, one sentence each, and they travel between processes."""

import copy
import pickle
import re

import pytest

from llmspell import errors
from llmspell.errors import Conflict, InvalidArgument, InvalidValue, LlmspellError

CLASSES = [getattr(errors, name) for name in errors.__all__]


def an_error(kind: type[LlmspellError]) -> LlmspellError:
    if kind is Conflict:
        return Conflict("scope", "key", 1, 2)
    if kind is InvalidValue:
        return InvalidValue(".items[3]", "is a float")
    return kind("what was asked, what was found, what to do")


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_has_the_one_root(kind: type[Exception]) -> None:
    assert issubclass(kind, LlmspellError)


def test_no_error_is_missing_from_the_public_names() -> None:
    defined = {name for name, thing in vars(errors).items() if isinstance(thing, type)}
    assert defined == set(errors.__all__)


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ([│ ├└─]*)(\w+)", line)
        if found:
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            drawn[found[2]] = path[depth - 1] if depth else "Exception"
    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in CLASSES}


def test_a_bad_argument_is_also_a_value_error() -> None:
    assert issubclass(InvalidArgument, ValueError)


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_travels_to_another_process_unchanged(kind: type[LlmspellError]) -> None:
    error = an_error(kind)
    for travelled in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(travelled) is kind
        assert str(travelled) == str(error)
        assert vars(travelled) == vars(error)


@pytest.mark.parametrize(
    ("conflict", "sentence"),
    [
        (Conflict("s", "k", 3, 5), 'Conflict: scope "s", key "k": expected version 3, found version 5'),
        (Conflict("s", "k", 0, 5), 'Conflict: scope "s", key "k": expected no entry (version 0), found version 5'),
        (Conflict("s", "k", 3, 0), 'Conflict: scope "s", key "k": expected version 3, found no entry (version 0)'),
        (
            Conflict("s", "k", 3, -1),
            'Conflict: scope "s", key "k": expected version 3, found an entry that this transaction has written',
        ),
        (Conflict("s", None, None, None), 'Conflict: the keys of scope "s" changed while the transaction ran'),
        (Conflict(None, None, None, None), "Conflict: the list of scopes changed while the transaction ran"),
    ],
)
def test_a_conflict_says_what_was_expected_and_found(conflict: Conflict, sentence: str) -> None:
    assert str(conflict) == sentence


def test_an_invalid_value_says_where_and_what() -> None:
    assert str(InvalidValue(".a[0]", "is a set")) == "the value cannot be stored: .a[0] is a set"
    assert str(InvalidValue("", "is a set")) == "the value cannot be stored: it is a set"
