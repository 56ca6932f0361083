"""Globs mean what they say: in whole names, with both cases apart, and nothing unusable is taken for one."""

from __future__ import annotations

import pytest

from llmspell.backups.selection import MAX_GLOB_LENGTH, MAX_GLOBS, Selection, globs
from llmspell.errors import InvalidArgument


def chosen(selection: Selection, *places: str) -> list[str]:
    """Give those places, each "scope/key", that are meant."""
    matches = selection.matcher()
    return [place for place in places if matches(*place.split("/"))]


def test_no_globs_mean_everything() -> None:
    assert Selection().everything
    assert chosen(Selection(), "a/b", "c/d") == ["a/b", "c/d"]


@pytest.mark.parametrize("selection", [Selection(("*",)), Selection((), ("x",)), Selection((), (), ("k",))])
def test_any_glob_means_a_part(selection: Selection) -> None:
    assert not selection.everything


def test_scopes_are_chosen_by_any_of_several_globs() -> None:
    places = ["agent:a/k", "agent:b/k", "app/k", "cache/k"]
    assert chosen(Selection(("agent:*", "app")), *places) == ["agent:a/k", "agent:b/k", "app/k"]


def test_overlapping_globs_are_as_good_as_one() -> None:
    assert chosen(Selection(("a*", "ab*", "a*")), "ab/k", "ac/k", "b/k") == ["ab/k", "ac/k"]


def test_what_is_excluded_is_out_even_when_it_is_named() -> None:
    assert chosen(Selection(("cache", "app"), ("cache*",)), "cache/k", "cache2/k", "app/k") == ["app/k"]


def test_keys_are_chosen_within_the_scopes() -> None:
    places = ["a/user:1", "a/other", "b/user:2"]
    assert chosen(Selection(("a",), (), ("user:*",)), *places) == ["a/user:1"]


@pytest.mark.parametrize(
    ("glob", "meant", "not_meant"),
    [
        ("a?c", "abc", "abbc"),
        ("[ab]1", "b1", "c1"),
        ("[!a]1", "b1", "a1"),
        ("a[*]b", "a*b", "axb"),
        ("a.c", "a.c", "abc"),
        ("app", "app", "apps"),
        ("app", "app", "myapp"),
        ("App", "App", "app"),
        ("*", "two\nlines", ""),
        ("é", "é", "e\u0301"),
        ("😀*", "😀x", "😃x"),
        ("[z-a]*", "", "z1"),
        ("a|b", "a|b", "a"),
        ("(", "(", "()"),
    ],
)
def test_a_glob_means(glob: str, meant: str, not_meant: str) -> None:
    matches = Selection((), (), (glob,)).matcher()
    assert not meant or matches("s", meant)
    assert not not_meant or not matches("s", not_meant)


def test_a_scope_that_was_seen_before_is_decided_the_same_way() -> None:
    matches = Selection(("a",)).matcher()
    assert [matches("a", "k"), matches("b", "k"), matches("a", "k"), matches("b", "k")] == [True, False, True, False]


@pytest.mark.parametrize("glob", ["*a" * 100 + "b", "[" * 500, "*" * 500 + "b", "(a+)+$"])
def test_no_glob_takes_long(glob: str) -> None:
    assert not Selection((), (), (glob,)).matcher()("s", "a" * 500)


def test_one_text_counts_as_one_glob() -> None:
    assert globs("agent:*", "scopes") == ("agent:*",)
    assert globs(["a", "b"], "scopes") == globs(("a", "b"), "scopes") == ("a", "b")
    assert globs(None, "scopes") == globs([], "exclude") == ()


@pytest.mark.parametrize("name", ["scopes", "keys"])
@pytest.mark.parametrize("empty", [[], ()])
def test_an_empty_list_of_what_is_meant_does_not_mean_all(name: str, empty: object) -> None:
    with pytest.raises(InvalidArgument, match=rf"^{name} is an empty list, which means nothing; "):
        globs(empty, name)


@pytest.mark.parametrize("given", ["", [""], "a\0b", "\ud800", 5, True, [5], [None], {"a": 1}, "x" * 513, b"a"])
def test_what_is_no_glob_is_refused_by_the_name_of_the_argument(given: object) -> None:
    with pytest.raises(InvalidArgument, match='exclude takes globs such as "agent:\\*"'):
        globs(given, "exclude")


def test_there_are_bounds_on_globs() -> None:
    assert globs("x" * MAX_GLOB_LENGTH, "keys")
    assert globs(["x"] * MAX_GLOBS, "keys")
    with pytest.raises(InvalidArgument, match=f"at most {MAX_GLOBS} globs, not {MAX_GLOBS + 1}"):
        globs(["x"] * (MAX_GLOBS + 1), "keys")
