"""The known migrations are one chain of versions, and every way along it goes through all that lie between."""

import itertools
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.errors import MigrationFileError, MigrationPathError
from llmspell.migrations.chain import Chain
from llmspell.migrations.migration import Migration


def migration(from_version: str, to_version: str, file: str | None = None, missing: tuple[str, ...] = ()) -> Migration:
    name = file or f"{to_version}_x.toml"
    return Migration(from_version, to_version, "", "*", "*", (), (), (), name, "0" * 64, missing)


def chain(*versions: str) -> Chain:
    return Chain(migration(one, other) for one, other in itertools.pairwise(versions))


def refusal(*migrations: Migration) -> tuple[str, ...]:
    with pytest.raises(MigrationFileError) as caught:
        Chain(migrations)
    return caught.value.problems


def test_no_migrations_are_an_empty_chain() -> None:
    empty = Chain([])
    assert (empty.versions, empty.latest, empty.migrations) == ((), None, ())


def test_versions_ascend_whatever_the_order_of_the_files() -> None:
    known = Chain([migration("2.0.0", "10.0.0"), migration("1.0.0", "2.0.0"), migration("10.0.0", "10.0.1")])
    assert known.versions == ("1.0.0", "2.0.0", "10.0.0", "10.0.1")
    assert known.latest == "10.0.1"


def test_pre_releases_come_before_their_release_in_the_order_of_semver_org() -> None:
    ordered = ("1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0")
    pairs = [migration(one, other) for one, other in itertools.pairwise(ordered)]
    random.Random(1).shuffle(pairs)
    assert Chain(pairs).versions == ordered


def test_the_way_up_goes_through_every_version() -> None:
    legs = chain("1.0.0", "1.1.0", "2.0.0", "3.0.0").path("1.0.0", "2.0.0")
    assert [(leg.start, leg.end, leg.down) for leg in legs] == [("1.0.0", "1.1.0", False), ("1.1.0", "2.0.0", False)]


def test_the_way_down_is_the_way_up_backwards() -> None:
    legs = chain("1.0.0", "1.1.0", "2.0.0", "3.0.0").path("3.0.0", "1.1.0")
    assert [(leg.start, leg.end, leg.down) for leg in legs] == [("3.0.0", "2.0.0", True), ("2.0.0", "1.1.0", True)]


def test_nothing_lies_between_equal_versions() -> None:
    assert chain("1.0.0", "2.0.0").path("2.0.0", "2.0.0") == ()


def test_a_store_needs_no_way_to_the_version_that_it_has_though_no_migration_knows_it() -> None:
    assert Chain([]).path("0.3.0", "0.3.0") == ()


def test_build_metadata_in_the_stamp_of_a_store_makes_no_difference() -> None:
    known = chain("1.0.0", "2.0.0")
    assert [leg.end for leg in known.path("1.0.0+build.7", "2.0.0")] == ["2.0.0"]
    assert known.path("2.0.0+mac", "2.0.0") == ()
    assert known.knows("2.0.0+mac")


@pytest.mark.parametrize(("current", "target"), [("0.9.0", "2.0.0"), ("1.0.0", "1.5.0"), ("9.0.0", "1.0.0")])
def test_there_is_no_way_from_or_to_a_version_that_no_migration_knows(current: str, target: str) -> None:
    with pytest.raises(MigrationPathError) as caught:
        chain("1.0.0", "2.0.0").path(current, target)
    assert str(caught.value) == (
        f"no migration path from {current} to {target}; known versions: 1.0.0, 2.0.0; "
        "choose one of them or add the migration that is missing"
    )


def test_an_empty_chain_says_that_it_knows_no_version() -> None:
    with pytest.raises(MigrationPathError, match="known versions: none;"):
        Chain([]).path("1.0.0", "2.0.0")


def test_a_long_chain_does_not_list_all_its_versions() -> None:
    known = chain(*(f"1.{minor}.0" for minor in range(500)))
    with pytest.raises(MigrationPathError, match=re.escape("1.18.0 ... 1.499.0 (500 versions);")):
        known.path("1.0.0", "2.0.0")


def test_a_version_is_known_with_the_migration_that_leads_to_it() -> None:
    known = chain("1.0.0", "2.0.0", "3.0.0")
    found = known.of("2.0.0+any")
    assert found is not None
    assert (found.from_version, found.to_version) == ("1.0.0", "2.0.0")


def test_no_migration_leads_to_the_lowest_version_or_to_an_unknown_one() -> None:
    known = chain("1.0.0", "2.0.0")
    assert known.of("1.0.0") is None
    assert known.of("7.0.0") is None
    assert not known.knows("7.0.0")


def test_two_migrations_to_one_version_are_a_duplicate() -> None:
    problems = refusal(migration("1.0.0", "2.0.0", "2.0.0_a.toml"), migration("1.0.0", "2.0.0", "2.0.0_b.json"))
    assert problems == ("duplicate: 2.0.0_a.toml leads to version 2.0.0 and 2.0.0_b.json to 2.0.0; keep one of them",)


def test_versions_that_differ_in_build_metadata_only_are_a_duplicate() -> None:
    problems = refusal(migration("1.0.0", "2.0.0+a", "one.toml"), migration("1.5.0", "2.0.0+b", "other.toml"))
    assert problems == (
        "duplicate: one.toml leads to version 2.0.0+a and other.toml to 2.0.0+b, which is the same version; "
        "keep one of them",
    )


def test_two_migrations_from_one_version_are_two_heads() -> None:
    problems = refusal(migration("1.0.0", "2.0.0"), migration("1.0.0", "3.0.0"))
    assert problems == (
        "two heads: 1.0.0 leads to both 2.0.0 (2.0.0_x.toml) and 3.0.0 (3.0.0_x.toml); "
        "let one start from where the other ends",
    )


def test_a_migration_that_none_leads_to_is_a_gap() -> None:
    problems = refusal(migration("1.0.0", "2.0.0"), migration("3.0.0", "4.0.0"))
    assert problems == (
        "gap: 4.0.0_x.toml starts from 3.0.0, and no migration leads there (2.0.0_x.toml starts from 1.0.0); "
        "add the migration that is missing",
    )


def test_migrations_that_overlap_without_meeting_are_a_gap() -> None:
    assert "gap: 4.0.0_x.toml starts from 2.0.0" in refusal(migration("1.0.0", "3.0.0"), migration("2.0.0", "4.0.0"))[0]


def test_one_version_in_two_spellings_is_refused_with_both_files() -> None:
    problems = refusal(migration("1.0.0", "2.0.0+a"), migration("2.0.0", "3.0.0"))
    assert problems == (
        "one version in two spellings: 2.0.0+a_x.toml says 2.0.0+a and 3.0.0_x.toml says 2.0.0; "
        "what follows + makes no version of its own: write the same in both",
    )


def test_all_duplicates_and_heads_are_told_together() -> None:
    with pytest.raises(MigrationFileError, match=r"^duplicate: a .* \(and 1 more problem\)$") as caught:
        Chain([migration("1.0.0", "2.0.0", "a"), migration("1.0.0", "2.0.0", "b"), migration("1.0.0", "3.0.0", "c")])
    assert len(caught.value.problems) == 2


def test_a_migration_whose_code_is_missing_cannot_be_made() -> None:
    known = Chain([migration("1.0.0", "2.0.0", missing=("2.0.0_x.toml: there is no module",))])
    with pytest.raises(MigrationFileError, match=r"^2\.0\.0_x\.toml: there is no module$"):
        known.path("1.0.0", "2.0.0")


def test_a_migration_whose_code_is_missing_can_be_undone() -> None:
    known = Chain([migration("1.0.0", "2.0.0", missing=("2.0.0_x.toml: there is no module",))])
    assert [leg.down for leg in known.path("2.0.0", "1.0.0")] == [True]


_versions = st.lists(
    st.builds(
        lambda numbers, label: ".".join(map(str, numbers)) + label,
        st.tuples(*[st.integers(0, 12)] * 3),
        st.sampled_from(["", "", "-rc.1", "-rc.11", "-rc.2", "-alpha", "-0"]),
    ),
    min_size=1,
    max_size=8,
    unique=True,
)


@given(_versions, st.data())
@settings(max_examples=200)
def test_every_way_ends_where_it_should_and_its_legs_meet(versions: list[str], data: st.DataObject) -> None:
    import semver

    ascending = sorted(versions, key=semver.Version.parse)
    pairs = [migration(one, other) for one, other in itertools.pairwise(ascending)]
    known = Chain(data.draw(st.permutations(pairs)))
    current, target = data.draw(st.sampled_from(ascending)), data.draw(st.sampled_from(ascending))
    legs = known.path(current, target)
    stations = [current, *(leg.end for leg in legs)]
    assert stations[-1] == target
    assert [leg.start for leg in legs] == stations[:-1]
    assert len(legs) == abs(ascending.index(current) - ascending.index(target))
    assert [leg.migration for leg in known.path(target, current)] == [leg.migration for leg in reversed(legs)]


@given(_versions.filter(lambda versions: len(versions) > 3), st.data())
@settings(max_examples=200)
def test_a_chain_without_one_of_its_inner_links_is_refused(versions: list[str], data: st.DataObject) -> None:
    import semver

    ascending = sorted(versions, key=semver.Version.parse)
    pairs = [migration(one, other) for one, other in itertools.pairwise(ascending)]
    del pairs[data.draw(st.integers(1, len(pairs) - 2))]
    assert all(problem.startswith("gap: ") for problem in refusal(*data.draw(st.permutations(pairs))))
