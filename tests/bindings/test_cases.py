"""Every case is answered alike in every language."""

from pathlib import Path

import pytest

from tests.bindings.comparing import by_names, compare, same
from tests.bindings.reading import Case, open_store, read_cases
from tests.bindings.speaking import LANGUAGES, SPEAKERS
from tests.clock import Clock

CASES = read_cases()


def spoken() -> list[object]:
    return [
        pytest.param(case, language, id=f"{language}: {case.name}")
        for case in CASES
        for language in case.languages or LANGUAGES
    ]


@pytest.mark.parametrize(("case", "language"), spoken())
def test_a_case_is_answered(case: Case, language: str, tmp_path: Path, clock: Clock) -> None:
    with open_store(case.config, tmp_path, clock) as store:
        for outcome in SPEAKERS["python"].outcomes(case.given, store):
            assert outcome.failure is None
        clock.advance(case.later)
        outcomes = SPEAKERS[language].outcomes(case.steps, store)
        before = by_names(case.steps, outcomes)
        for step, outcome in zip(case.steps, outcomes, strict=True):
            compare(step, outcome, language, before)
        if case.leaves is not None:
            held = {scope: {key: store.load(scope, key) for key in store.list_keys(scope)} for scope in store.scopes()}
            assert same(held, case.leaves)
