"""Code changes documents; what was before is kept, whatever the code does."""

from typing import Any

import pytest

from llmspell import codec
from llmspell.migrations.expressions import Functions
from llmspell.migrations.fields import Environment
from llmspell.migrations.transforms.base import ABSENT, Refusal, Transform
from llmspell.migrations.transforms.table import read_steps
from tests.unit.migrations.transforms.building import (
    PythonFunctions,
    down_refusal,
    draft,
    new_refusal,
    new_went_down,
    problem,
    read,
    refusal,
    text,
    went_down,
    went_up,
)


def _rename(document: Any) -> Any:
    document["label"] = document.pop("name")  # changes what it was given, which is no part of the draft
    return document


def _give_back(document: Any) -> Any:
    return {"name": document["label"]}


BOTH = PythonFunctions(up=_rename, down=_give_back)
UP_ONLY = PythonFunctions(up=_rename)
TABLE: dict[str, Any] = {"type": "custom", "function": "code"}


def _custom(code: PythonFunctions, **fields: Any) -> Transform:
    return read({**TABLE, **fields}, code=code)


def test_a_function_changes_the_document_and_the_old_one_comes_back() -> None:
    before: Any = {"z": 1.0, "name": "Ada", "a": -0.0}
    after = went_up(_custom(UP_ONLY), before)
    assert after == {"z": 1.0, "a": -0.0, "label": "Ada"}
    assert text(went_down(_custom(UP_ONLY), before, after)) == text(before)


def test_the_old_document_is_kept_as_it_was_even_if_the_function_changes_its_input() -> None:
    going = draft({"name": "Ada"})
    complement: Any = _custom(UP_ONLY).up(going)
    assert complement[0] == {"name": "Ada"}


def test_a_function_that_is_not_deterministic_goes_down_all_the_same() -> None:
    answers = iter(range(9))
    transform = _custom(PythonFunctions(up=lambda document: next(answers)))
    for _ in range(2):
        going = draft({"a": 1})
        complement = transform.up(going)
        transform.down(going, complement)
        assert going.value == {"a": 1}


def test_an_edited_document_goes_through_the_function_down() -> None:
    assert went_down(_custom(BOTH), {"name": "Ada"}, {"label": "Eva"}) == {"name": "Eva"}


@pytest.mark.parametrize("edit", [{"label": "Eva"}, {"label": "Ada", "n": 1}, 5])
def test_an_edited_document_without_a_function_down_is_refused(edit: Any) -> None:
    assert down_refusal(_custom(UP_ONLY), {"name": "Ada"}, edit) == (
        'the document was edited since it went up, and there is no function down for "code:up"'
    )


def test_an_edit_from_one_to_one_point_nought_is_an_edit() -> None:
    transform = _custom(PythonFunctions(up=lambda document: 1))
    assert "was edited" in down_refusal(transform, {"a": 1}, 1.0)


def test_a_document_of_the_new_version_goes_through_the_function_down() -> None:
    assert new_went_down(_custom(BOTH), {"label": "Eva"}) == {"name": "Eva"}


def test_a_document_of_the_new_version_without_a_function_down_is_refused() -> None:
    assert new_refusal(_custom(UP_ONLY), {"label": "Eva"}) == (
        'the document was made in the newer version, and there is no function down for "code:up"'
    )


def test_functions_are_chosen_by_name() -> None:
    code = PythonFunctions(forth=lambda value: [value], back=lambda value: value[0], up=lambda value: "wrong")
    transform = read({**TABLE, "function": "code:forth", "down": "code:back"}, code=code)
    assert went_up(transform, 1) == [1]
    assert new_went_down(transform, [2]) == 2


def test_a_named_function_has_no_function_down_of_its_own() -> None:
    assert "there is no function down" in new_refusal(read({**TABLE, "function": "code:up"}, code=BOTH), {"label": "x"})


def test_the_function_down_can_stand_in_other_code() -> None:
    transform = read({**TABLE, "down": "other:back"}, code=UP_ONLY, other=PythonFunctions(back=lambda value: "down"))
    assert new_went_down(transform, {"label": "x"}) == "down"


def test_a_function_that_fails_is_a_refusal() -> None:
    def divide(document: Any) -> Any:
        return 1 // 0

    assert "up failed" in refusal(_custom(PythonFunctions(up=divide)), {})


@pytest.mark.parametrize(
    ("result", "fault"),
    [
        (None, 'the function "code:up" gave nothing; it must return the document'),
        (b"", 'what the function "code:up" gave cannot be stored: it is not valid JSON'),
        (b"{'a': 1}", 'what the function "code:up" gave cannot be stored: it is not valid JSON'),
        (b'{"a": NaN}', 'what the function "code:up" gave cannot be stored: .a is nan'),
        (b'{"a": 1, "a": 2}', 'what the function "code:up" gave cannot be stored: it names the field "a" twice'),
        (b"[9223372036854775808]", 'what the function "code:up" gave cannot be stored: [0] is an integer beyond 64'),
        (b"\xff", 'what the function "code:up" gave cannot be stored: it is not valid JSON'),
        (b'"\\ud800"', 'what the function "code:up" gave cannot be stored: it holds text with a lone surrogate'),
    ],
)
def test_a_result_that_is_no_json_is_refused_by_the_name_of_the_function(result: Any, fault: str) -> None:
    assert refusal(_custom(PythonFunctions(up=lambda document: result)), {}).startswith(fault)


def test_the_result_of_the_function_down_is_checked_too() -> None:
    code = PythonFunctions(up=_rename, down=lambda document: b"nonsense")
    assert 'the function "code:down" gave cannot be stored' in new_refusal(_custom(code), {"label": 1})


def test_a_document_goes_down_although_the_code_is_gone() -> None:
    going = draft({"name": "Ada"})
    complement = _custom(BOTH).up(going)
    gone = read(TABLE)
    gone.down(going, codec.decode(codec.encode(complement)))
    assert going.value == {"name": "Ada"}


def test_an_edited_document_says_that_the_code_is_gone() -> None:
    complement = _custom(BOTH).up(draft({"name": "Ada"}))
    with pytest.raises(Refusal, match=r'^there is no code "code"$'):
        read(TABLE).down(draft({"label": "Eva"}), complement)
    with pytest.raises(Refusal, match=r'^there is no code "code"$'):
        read(TABLE).down(draft({"label": "Eva"}), ABSENT)


def test_no_document_goes_up_without_the_code() -> None:
    assert refusal(read(TABLE), {}) == 'there is no code "code"'
    assert refusal(_custom(PythonFunctions(b=len, a=len)), {}) == '"code" has no function "up"; its functions: a, b'


def test_code_needs_somebody_who_runs_it() -> None:
    (step,) = read_steps([TABLE], ("transforms",), Environment(Functions()))
    assert refusal(step.transform, {}) == 'the code "code" cannot be run here'


@pytest.mark.parametrize("function", [":up", "code:", "code:a b", "code:a:b", "code:1"])
@pytest.mark.parametrize("name", ["function", "down"])
def test_a_text_that_names_no_function_is_refused_in_the_file(function: str, name: str) -> None:
    found = problem({**TABLE, name: function})
    assert found.place == ("transforms", 0, name)
    assert found.fault == f'"{function}" names no function; write it like "module:name" or "file.lua:name"'


def test_it_says_what_it_does() -> None:
    transform = _custom(BOTH)
    assert (transform.describe(), transform.writes(), transform.loss) == ("call code:up", (".",), "opaque")
