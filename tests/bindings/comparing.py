"""Is what came of a call what the case expects, as far as the language can tell?"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from tests.bindings.reading import Step

NOTHING = {"$": "nothing"}


class Failure(NamedTuple):
    """How a call failed: the error's name where the language has one, its sentence, its fields, where it happened."""

    error: str
    sentence: str
    fields: Mapping[str, Any]
    where: str = ""


class Outcome(NamedTuple):
    """What came of one step: what it gave, or its failure."""

    gives: Any
    failure: Failure | None = None


def outcome_of(told: Mapping[str, Any]) -> Outcome:
    """Read the line that a script has printed for a step."""
    if "gives" in told:
        return Outcome(told["gives"])
    fails = told["fails"]
    return Outcome(
        None, Failure(fails.get("error", ""), fails["says"], fails.get("fields", {}), fails.get("where", ""))
    )


def compare(step: Step, outcome: Outcome, language: str, before: Mapping[str, Any]) -> None:
    """Fail unless the outcome is what the step expects; `before` is what earlier steps gave, by their names."""
    expected = step.expected_in(language)
    if "fails" in expected:
        assert outcome.failure is not None, f"{step.call} did not fail, but gave {outcome.gives!r}"
        _compare_failure(step.call, expected["fails"], outcome.failure, language)
        return
    assert outcome.failure is None, f"{step.call} failed: {outcome.failure}"
    if "gives_fields" in expected:
        wanted: Any = {"$": "fields", "of": expected["gives_fields"]}
    elif "gives" in expected:
        wanted = expected["gives"]
    else:
        return
    assert agree(resolved(wanted, before), outcome.gives, language), f"{step.call}: {wanted!r} is not {outcome.gives!r}"


def resolved(value: Any, before: Mapping[str, Any]) -> Any:
    """Put what earlier steps gave in the place of the tags that refer to it."""
    if isinstance(value, list):
        return [resolved(part, before) for part in value]
    if not isinstance(value, dict):
        return value
    if value.get("$") == "from":
        given = before[value["step"]]
        return given[value["field"]] if "field" in value else given
    return {name: resolved(part, before) for name, part in value.items()}


def agree(expected: Any, found: Any, language: str) -> bool:
    """Tell whether a value is the expected one, for a language that may not tell 1 from 1.0 or {} from []."""
    if isinstance(expected, dict) and "$" in expected:
        return _fits(expected, found, language)
    if language == "lua" and expected in ([], {}):
        return found in ([], {})
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(expected) == len(found)
            and all(agree(part, other, language) for part, other in zip(expected, found, strict=True))
        )
    if isinstance(expected, dict):
        if language == "lua":
            expected = {name: part for name, part in expected.items() if part is not None}
        return (
            isinstance(found, dict)
            and expected.keys() == found.keys()
            and all(agree(part, found[name], language) for name, part in expected.items())
        )
    if language == "javascript" and type(expected) in (int, float) and type(found) in (int, float):
        return bool(expected == found)
    return same(expected, found)


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are equal in everything: 1 is not 1.0 or True, and 0.0 is not -0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(part, other[name]) for name, part in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return struct.pack("d", one) == struct.pack("d", other)
    return bool(one == other)


def _fits(tag: Mapping[str, Any], found: Any, language: str) -> bool:
    kind = tag["$"]
    if kind == "nothing":
        return found is None or found == NOTHING
    if kind == "any":
        return found is not None and found != NOTHING
    if kind == "matches":
        return isinstance(found, str) and re.search(tag["text"], found) is not None
    assert kind == "fields", f"nothing is compared with {tag}"
    return isinstance(found, dict) and all(agree(part, found.get(name), language) for name, part in tag["of"].items())


def _compare_failure(call: str, expected: Mapping[str, Any], failure: Failure, language: str) -> None:
    sentences = expected.get("says", [])
    for said in [sentences] if isinstance(sentences, str) else sentences:
        assert re.search(said, failure.sentence), f"{said!r} is not in {failure.sentence!r}"
    if expected.get("own"):  # raised by the script, so nothing of State is in it
        assert not failure.sentence.startswith("State.")
        return
    if language == "python":
        assert failure.error == expected["error"], failure
    else:
        _compare_place(expected.get("call", call), expected["error"], failure, language)
    if language != "lua":
        for name, value in expected.get("fields", {}).items():
            assert agree(value, failure.fields.get(name), language), f"{name} of {failure}"


def _compare_place(call: str, error: str, failure: Failure, language: str) -> None:
    """Both sandboxed languages begin with the call and end with the line of the script."""
    suffix = {"lua": "lua", "javascript": "js"}[language]
    assert failure.sentence.startswith(f"State.{call}: "), failure.sentence
    assert re.search(rf" \(at case\.{suffix}:\d+\)$", failure.sentence), failure.sentence
    if language == "javascript":
        assert failure.error == error, failure
        assert re.search(r"case\.js:\d+", failure.where), failure


def by_names(steps: Sequence[Step], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Give what the named steps gave."""
    return {step.name: outcome.gives for step, outcome in zip(steps, outcomes, strict=True) if step.name}
