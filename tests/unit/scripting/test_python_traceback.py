"""A traceback shows the frames of whoever wrote the script, and no others."""

import threading
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

import llmspell
from llmspell.scripting.python_traceback import described, trim


def raised(body: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as caught:
        body()
    return caught.value


def in_another_thread(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def names(error: BaseException | None) -> list[str]:
    assert error is not None
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


def test_it_ends_with_the_call_that_failed_in_llmspell() -> None:
    store = llmspell.open(backend="memory")

    def script() -> None:
        store.save("", "key", 1)

    error = raised(script)
    assert names(error)[-1] != "script"
    trim(error)
    assert names(error) == ["raised", "script"]


def test_a_function_that_llmspell_calls_stays_and_what_is_between_goes() -> None:
    store = llmspell.open(backend="memory")

    def fail(old: object) -> int:
        raise ValueError("boom")

    def script() -> None:
        store.update("scope", "key", fail)

    error = raised(script)
    trim(error)
    assert names(error) == ["raised", "script", "fail"]


def test_a_with_block_over_the_store_is_the_last_frame() -> None:
    store = llmspell.open(backend="memory")

    def enter() -> None:
        with closed.snapshot():
            raise AssertionError("it is closed")

    def leave() -> None:
        with store.transaction() as tx:
            tx.load("scope", "key")
            in_another_thread(lambda: store.save("scope", "key", 1))
            tx.save("scope", "other", 1)

    closed = llmspell.open(backend="memory")
    closed.close()
    for block in (enter, leave):
        error = raised(block)
        assert names(error)[2] in ("__enter__", "__exit__")
        trim(error)
        assert names(error) == ["raised", block.__name__]


def test_what_llmspell_calls_of_the_standard_library_goes_and_what_the_script_calls_of_it_stays(tmp_path: Path) -> None:
    import json

    store = llmspell.open(backend="memory")
    (tmp_path / "bad.toml").write_text("[")

    def script() -> None:
        llmspell.open(config=str(tmp_path / "bad.toml"))

    def parse() -> object:
        return json.loads("[")

    error = raised(script)
    assert "loads" in names(error.__cause__)
    trim(error)
    assert (names(error), names(error.__cause__)) == (["raised", "script"], [])
    error = raised(parse)
    trim(error)
    assert names(error)[:3] == ["raised", "parse", "loads"]
    error = raised(lambda: store.update("scope", "key", lambda old: parse()))  # type: ignore[return-value, arg-type]
    trim(error)
    assert names(error)[:5] == ["raised", "<lambda>", "<lambda>", "parse", "loads"]


def test_chained_exceptions_and_members_of_groups_are_trimmed_too() -> None:
    store = llmspell.open(backend="memory")

    def refuse() -> None:
        store.save("", "key", 1)

    def cause() -> None:
        try:
            refuse()
        except ValueError as error:
            raise KeyError("outer") from error

    def context() -> None:
        try:
            refuse()
        except ValueError:
            raise KeyError("outer")  # noqa: B904 - the context is what is looked at

    def group() -> None:
        raise BaseExceptionGroup("many", [raised(refuse), TypeError("x")])

    caused, chained, many = raised(cause), raised(context), raised(group)
    for error in (caused, chained, many):
        trim(error)
    assert names(caused.__cause__) == ["cause", "refuse"]
    assert names(chained.__context__) == ["context", "refuse"]
    assert isinstance(many, BaseExceptionGroup)
    assert names(many.exceptions[0]) == ["raised", "refuse"]


def test_exceptions_that_lead_to_each_other_come_to_an_end() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__context__, other.__context__ = other, one
    trim(one)
    assert one.__context__ is other


def test_the_description_begins_with_the_line_of_the_script_and_changes_nothing() -> None:
    store = llmspell.open(backend="memory")

    def script() -> None:
        store.save("", "key", 1)

    error = raised(script)
    before = names(error)
    line = script.__code__.co_firstlineno + 1
    assert described(error) == (
        f"{__file__}:{line}: llmspell.errors.InvalidArgument: the scope is empty; give it at least one character"
    )
    assert names(error) == before


def test_the_description_of_a_syntax_error_names_its_own_place() -> None:
    error = raised(lambda: compile("x = 1\ny = = 2", "/there/x.py", "exec"))
    assert described(error) == "/there/x.py:2: SyntaxError: invalid syntax"


def test_the_description_holds_the_notes() -> None:
    noted = ValueError("boom")
    noted.add_note("a note")
    assert described(noted) == "ValueError: boom; a note"
