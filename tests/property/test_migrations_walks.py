"""Whatever is done between migrations, in whatever order: each run is whole or nothing, and nothing is lost."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from llmspell.errors import LlmspellError
from tests.property.test_migrations_there_and_back import VERSIONS, World, home_of, keys, scopes, tried, worlds
from tests.unit.migrations.homes import Home
from tests.unit.migrations.transforms.documents import documents, values

actions = st.one_of(
    st.tuples(st.just("migrate"), st.integers(0, 4), st.sampled_from(["fail", "quarantine"]), st.booleans()),
    st.tuples(st.just("migrate"), st.integers(0, 4), st.sampled_from(["fail", "quarantine"]), st.just(False)),
    st.tuples(st.just("edit"), st.integers(0, 9), documents | values),
    st.tuples(st.just("make"), scopes, keys, documents | values),
    st.tuples(st.just("delete"), st.integers(0, 9)),
    st.tuples(st.just("retry")),
    st.tuples(st.just("discard")),
    st.tuples(st.just("forget"), st.integers(0, 4)),
    st.tuples(st.just("plan"), st.integers(0, 4)),
)


@settings(tried, max_examples=200)
@given(worlds(), st.lists(actions, min_size=3, max_size=10))
def test_every_run_is_whole_or_nothing_and_no_entry_is_lost(world: World, walk: list[tuple[Any, ...]]) -> None:
    with home_of(world) as home:
        for action in walk:
            before, everything = home.full(), _everything(home)
            try:
                _do(home, world, action)
            except LlmspellError:
                assert home.full() == before
                event(f"{action[0]} was refused")
            else:
                event(f"{action[0]} was done")
                if action[0] == "plan" or (action[0] == "migrate" and action[3]):
                    assert home.full() == before
                elif action[0] in ("migrate", "retry"):
                    assert _everything(home) == everything
            at = VERSIONS.index(home.store.schema_version() or VERSIONS[0])
            assert [one.to_version for one in home.migrations.applied()] == VERSIONS[1 : at + 1]
            assert list(home.store.backend.problems()) == []


def _do(home: Home, world: World, action: tuple[Any, ...]) -> Any:
    name, *details = action
    target = VERSIONS[min(details[0], len(world.chain))] if details and isinstance(details[0], int) else ""
    home.clock.advance(1)
    if name == "migrate":
        return home.up(target, on_error=details[1], dry_run=details[2])
    if name == "plan":
        return home.migrations.plan(target)
    if name == "forget":
        return home.migrations.forget(target)
    if name == "retry":
        return home.migrations.retry()
    if name == "discard":
        return home.migrations.discard([one.number for one in home.migrations.quarantine()[:1]])
    if name == "make":
        return home.store.save(*details)
    found = home.full().entries
    if not found:
        return None
    place = found[details[0] % len(found)]
    if name == "delete":
        return home.store.delete(place.scope, place.key)
    return home.store.save(place.scope, place.key, details[1])


def _everything(home: Home) -> int:
    """Count entries, those put aside and those that migrations have deleted for the time being."""
    deleted = sum(len(home.store.backend.notes(f"deleted {version}")) for version in VERSIONS)
    return len(home.full().entries) + len(home.migrations.quarantine()) + deleted
