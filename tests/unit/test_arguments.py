"""Arguments outside the contract are refused before anything happens, in a sentence that quotes them."""

from collections.abc import Callable

import pytest

from llmspell import arguments
from llmspell.errors import InvalidArgument, InvalidValue
from llmspell.limits import MAX_TTL_SECONDS

NAMES = [(arguments.scope_name, "scope", 256), (arguments.key_name, "key", 512)]

NameCheck = Callable[[object], str]


@pytest.mark.parametrize(("check", "what", "most"), NAMES)
def test_a_name_may_fill_its_bytes_to_the_last(check: NameCheck, what: str, most: int) -> None:
    for character in ("a", "é", "\U0010ffff"):
        name = character * (most // len(character.encode()))
        assert check(name) == name
        with pytest.raises(InvalidArgument, match=rf"the {what} .* at most {most} are allowed"):
            check(name + character)


@pytest.mark.parametrize(("check", "what", "most"), NAMES)
def test_an_empty_name_is_refused(check: NameCheck, what: str, most: int) -> None:
    with pytest.raises(InvalidArgument, match=f"the {what} is empty"):
        check("")


@pytest.mark.parametrize(("check", "what", "most"), NAMES)
@pytest.mark.parametrize("name", ["\0", "a\0", "\0b", "é\0"])
def test_a_name_with_nul_is_refused(check: NameCheck, what: str, most: int, name: str) -> None:
    with pytest.raises(InvalidArgument, match=f"the {what} .*NUL"):
        check(name)


@pytest.mark.parametrize(("check", "what", "most"), NAMES)
@pytest.mark.parametrize("name", [None, 1, 1.5, True, b"bytes", ["a"], {}])
def test_a_name_that_is_no_text_is_refused(check: NameCheck, what: str, most: int, name: object) -> None:
    with pytest.raises(InvalidArgument, match=f"the {what} must be text, not "):
        check(name)


@pytest.mark.parametrize(("check", "what", "most"), NAMES)
def test_a_name_with_a_lone_surrogate_is_refused(check: NameCheck, what: str, most: int) -> None:
    with pytest.raises(InvalidArgument, match=f"the {what} .*lone surrogate"):
        check("a\ud800")


@pytest.mark.parametrize(("given", "text"), [(None, ""), ("", ""), ("é\0", "é\0")])
def test_an_optional_text_may_be_empty_or_absent(given: object, text: str) -> None:
    assert arguments.optional_text(given, "prefix") == text


@pytest.mark.parametrize("given", [1, b"a", ["a"], "\udfff"])
def test_an_optional_text_must_be_text(given: object) -> None:
    with pytest.raises(InvalidArgument, match="prefix"):
        arguments.optional_text(given, "prefix")


@pytest.mark.parametrize("limit", [None, 0, 1, 10**6])
def test_a_limit_is_a_count_or_absent(limit: int | None) -> None:
    assert arguments.limit_count(limit) == limit


def test_an_enormous_limit_is_as_good_as_none() -> None:
    limited = arguments.limit_count(10**100)
    assert limited is not None
    assert 2**60 < limited < 2**63


@pytest.mark.parametrize("limit", [-1, 1.0, True, "1"])
def test_a_limit_that_is_no_count_is_refused(limit: object) -> None:
    with pytest.raises(InvalidArgument, match="limit must be a whole number from 0 up"):
        arguments.limit_count(limit)


@pytest.mark.parametrize("keep", [0, -1, 1.0, True, "1"])
def test_keep_must_be_a_count_from_one_up(keep: object) -> None:
    assert arguments.keep_count(None) is None
    assert arguments.keep_count(1) == 1
    with pytest.raises(InvalidArgument, match="keep must be a whole number from 1 up"):
        arguments.keep_count(keep)


@pytest.mark.parametrize("version", [-1, 1.0, True, "1"])
def test_an_expected_version_must_be_a_count(version: object) -> None:
    assert arguments.version_number(None) is None
    assert arguments.version_number(0) == 0
    with pytest.raises(InvalidArgument, match="if_version must be a whole number from 0 up"):
        arguments.version_number(version)


@pytest.mark.parametrize(
    ("ttl", "expires_at"), [(None, None), (1, 101.0), (0.25, 100.25), (MAX_TTL_SECONDS, 1e10 + 100)]
)
def test_a_ttl_in_seconds_becomes_a_moment(ttl: float | None, expires_at: float | None) -> None:
    assert arguments.expiry(ttl, 100.0) == expires_at


@pytest.mark.parametrize("ttl", [0, -1, -0.5, float("nan"), float("inf"), MAX_TTL_SECONDS * 1.01, True, "60", [60]])
def test_a_ttl_that_is_no_number_of_seconds_is_refused(ttl: object) -> None:
    with pytest.raises(InvalidArgument, match="ttl must be a number of seconds"):
        arguments.expiry(ttl, 100.0)


@pytest.mark.parametrize("by", [0, -5, 2**63 - 1, -(2**63), 0.5, -0.0])
def test_an_amount_is_a_number(by: int | float) -> None:
    assert repr(arguments.amount(by)) == repr(by)


@pytest.mark.parametrize("by", [float("nan"), float("inf"), True, "1", None, 2**63, -(10**400)])
def test_an_amount_that_cannot_be_added_is_refused(by: object) -> None:
    with pytest.raises(InvalidArgument, match="by must be"):
        arguments.amount(by)


@pytest.mark.parametrize("check", [arguments.amount, arguments.limit_count, arguments.keep_count])
def test_an_integer_that_python_will_not_write_out_is_refused_like_any_other(check: NameCheck) -> None:
    with pytest.raises(InvalidArgument, match="an integer beyond 64 bits"):
        check(-(10**5000))


def test_a_value_may_be_as_large_as_allowed_and_no_larger() -> None:
    assert arguments.value_text(b"12345", 5) == b"12345"
    with pytest.raises(InvalidValue, match="takes 6 bytes as JSON, more than max_value_bytes = 5"):
        arguments.value_text(b"123456", 5)


def test_a_refusal_quotes_what_it_found_and_cuts_it_short() -> None:
    with pytest.raises(InvalidArgument) as raised:
        arguments.scope_name(["x" * 10_000])
    assert "list" in str(raised.value)
    assert len(str(raised.value)) < 120
