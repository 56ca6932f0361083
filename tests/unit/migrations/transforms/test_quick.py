"""The quick function does what the transforms do, with the same complements, or gives up."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell import codec
from llmspell.limits import MAX_DEPTH
from llmspell.migrations.paths import PathError
from llmspell.migrations.transforms.base import Draft, Refusal
from llmspell.migrations.transforms.quick import quick_up
from llmspell.migrations.transforms.table import read_steps
from tests.unit.migrations.transforms.building import environment

NAMES = st.sampled_from(["a", "b", "c", "d"])
SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.text(max_size=3)
VALUES = SCALARS | st.dictionaries(NAMES, SCALARS, max_size=3) | st.lists(SCALARS, max_size=2)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=4)
MISSING = st.sampled_from([{}, {"missing": "skip"}])
EXISTING = st.sampled_from([{}, {"existing": "skip"}, {"existing": "replace"}])


def table(kind: str, **fields: object) -> dict[str, object]:
    return {"type": kind, **fields}


MOVES = st.builds(
    lambda source, to, missing, existing: table("move", **{"from": source, "to": to}, **missing, **existing),
    NAMES,
    st.sampled_from(["e", "e.a", "d", "d.a", "c.b"]),
    MISSING,
    EXISTING,
).filter(lambda drawn: str(drawn["from"]) != str(drawn["to"]).partition(".")[0])
REMOVALS = st.builds(lambda field, missing: table("remove", field=field, **missing), NAMES, MISSING)
DEFAULTS = st.builds(lambda field, value: table("default", field=field, value=value), NAMES, SCALARS)


@settings(max_examples=400, deadline=None)
@given(drawn=MOVES | REMOVALS | DEFAULTS, document=DOCUMENTS)
def test_the_function_does_the_same_as_the_transform_or_gives_up(drawn: dict[str, object], document: Any) -> None:
    (step,) = read_steps([drawn], ("transforms",), environment())
    quickly_up = quick_up([step.transform])
    assert quickly_up is not None
    text = codec.encode(document)
    draft = Draft("scope", "key", codec.decode(text), 0.0)
    try:
        expected = step.transform.up(draft)
    except (Refusal, PathError):
        with pytest.raises(ValueError):
            quickly_up(orjson.loads(text))
        return
    quickly = orjson.loads(text)
    try:
        record = quickly_up(quickly)
    except ValueError:
        return
    assert codec.encode([quickly, record]) == codec.encode([draft.value, [expected]])


def test_what_would_become_deeper_is_given_up() -> None:
    deep: Any = 1
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]
    (step,) = read_steps([table("move", **{"from": "a", "to": "e.a"})], ("transforms",), environment())
    quickly_up = quick_up([step.transform])
    assert quickly_up is not None
    with pytest.raises(ValueError):
        quickly_up({"a": deep})


@pytest.mark.parametrize(
    "drawn",
    [
        table("move", **{"from": "a.b", "to": "c"}),
        table("move", **{"from": "a", "to": "b.c.d"}),
        table("move", **{"from": "a", "to": "b[0]"}),
        table("remove", field="a.b"),
        table("default", field="a", value=[]),
        table("default", field="a", value="{{now_iso8601}}"),
        table("set", field="a", value=1),
    ],
    ids=str,
)
def test_other_transforms_have_no_quick_function(drawn: dict[str, object]) -> None:
    (step,) = read_steps([drawn], ("transforms",), environment())
    assert quick_up([step.transform]) is None


@settings(max_examples=200, deadline=None)
@given(drawn=st.lists(MOVES | REMOVALS | DEFAULTS, min_size=1, max_size=4), document=DOCUMENTS)
def test_one_function_does_the_same_as_all_transforms_in_order(drawn: list[dict[str, object]], document: Any) -> None:
    transforms = [step.transform for step in read_steps(drawn, ("transforms",), environment())]
    quickly_up = quick_up(transforms)
    assert quickly_up is not None
    text = codec.encode(document)
    quickly = orjson.loads(text)
    try:
        record = quickly_up(quickly)
    except ValueError:
        return
    draft = Draft("scope", "key", codec.decode(text), 0.0)
    expected = [transform.up(draft) for transform in transforms]
    assert codec.encode([quickly, record]) == codec.encode([draft.value, expected])


@pytest.mark.parametrize("name", ["document", "position", "import os", "\n", '"', "{i}", "'" * 3, "\\", "__import__"])
def test_hostile_names_are_only_names(name: str) -> None:
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    steps = read_steps([table("move", **{"from": pointer, "to": "e"})], ("transforms",), environment())
    quickly_up = quick_up([steps[0].transform])
    assert quickly_up is not None
    document: dict[str, Any] = {name: 1}
    assert (quickly_up(document), document) == ([[0, 0]], {"e": 1})
