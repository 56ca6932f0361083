"""The store remembers which migrations it stands on, and which versions they have made."""

from collections.abc import Iterator

import pytest

import llmspell
from llmspell.backends.base import Backend
from llmspell.errors import MigrationFileError
from llmspell.migrations import history
from llmspell.migrations.chain import Chain
from llmspell.migrations.migration import Migration
from llmspell.migrations.results import Applied


def applied(start: str, to: str, fingerprint: str = "print") -> Applied:
    return Applied(start, to, f"{to}_x.toml", "words", 1.5, 3, fingerprint)


def chain(*steps: tuple[str, str, str]) -> Chain:
    return Chain(
        Migration(start, to, "", "*", "*", (), (), (), f"{to}_now.toml", fingerprint)
        for start, to, fingerprint in steps
    )


@pytest.fixture
def backend() -> Iterator[Backend]:
    with llmspell.open(backend="memory") as store:
        store.save("scope", "key", 1)
        yield store.backend


def test_what_is_recorded_is_found_until_it_is_erased(backend: Backend) -> None:
    one, other = applied("1.0.0", "2.0.0"), applied("2.0.0", "3.0.0")._replace(forgotten=True)
    backend.revise(0, lambda revision: history.record(revision, one))
    backend.revise(0, lambda revision: history.record(revision, other))
    assert sorted(history.applied(backend)) == [one, other]
    assert history.applied_to(backend, "3.0.0") == other
    backend.revise(0, lambda revision: history.erase(revision, "3.0.0"))
    assert history.applied(backend) == [one]
    assert history.applied_to(backend, "3.0.0") is None


def test_recording_anew_replaces(backend: Backend) -> None:
    one = applied("1.0.0", "2.0.0")
    for record in (one, one._replace(forgotten=True)):
        backend.revise(0, lambda revision, record=record: history.record(revision, record))  # type: ignore[misc]
    assert history.applied(backend) == [one._replace(forgotten=True)]


def test_a_run_is_remembered_by_the_version_that_it_makes(backend: Backend) -> None:
    version = backend.version()
    backend.revise(0, lambda revision: history.record_run(revision, "1.0.0", "2.0.0", 5.0))
    assert history.runs(backend) == {version + 1: "2.0.0"}
    backend.revise(0, history.unclaim_run)
    assert history.runs(backend) == {}
    assert history.schema_version_at(backend, version) == "1.0.0"


def test_of_runs_that_change_no_entry_the_first_tells_the_shape_from_before(backend: Backend) -> None:
    version = backend.version()
    for start, end in (("1.0.0", "2.0.0"), ("2.0.0", "3.0.0")):
        backend.revise(0, lambda revision, start=start, end=end: history.record_run(revision, start, end, 5.0))  # type: ignore[misc]
        backend.revise(0, history.unclaim_run)
    assert backend.version() == version
    assert history.schema_version_at(backend, version) == "1.0.0"
    assert history.runs(backend) == {}
    assert history.migrated_after(backend, version)
    assert not history.migrated_after(backend, version + 1)


def test_a_run_that_changes_entries_after_one_that_did_not_is_a_run(backend: Backend) -> None:
    version = backend.version()
    backend.revise(0, lambda revision: history.record_run(revision, "1.0.0", "2.0.0", 5.0))
    backend.revise(0, history.unclaim_run)
    backend.revise(0, lambda revision: history.record_run(revision, "2.0.0", "3.0.0", 6.0))
    assert history.runs(backend) == {version + 1: "3.0.0"}
    assert history.schema_version_at(backend, version) == "1.0.0"


def test_the_same_migrations_in_other_files_are_accepted() -> None:
    history.refuse_changed([applied("1.0.0", "2.0.0")], chain(("1.0.0", "2.0.0", "print"), ("2.0.0", "3.0.0", "new")))


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ((("1.0.0", "2.0.0", "edited"),), "2.0.0_now.toml was changed after it was applied to this store"),
        ((("0.9.0", "2.0.0", "print"),), "2.0.0_now.toml was changed after it was applied to this store"),
        (
            (("1.0.0", "3.0.0", "print"),),
            "the migration 1.0.0 to 2.0.0 (2.0.0_x.toml) was applied to this store and its",
        ),
        ((), "file is gone; put it back"),
    ],
    ids=["edited", "from another version", "removed", "all removed"],
)
def test_an_applied_migration_that_is_another_now_is_refused(
    known: tuple[tuple[str, str, str], ...], words: str
) -> None:
    with pytest.raises(MigrationFileError) as raised:
        history.refuse_changed([applied("1.0.0", "2.0.0")], chain(*known))
    assert words in str(raised.value)


def test_all_that_changed_is_told() -> None:
    known = chain(("1.0.0", "2.0.0", "edited"), ("2.0.0", "3.0.0", "edited"))
    with pytest.raises(MigrationFileError, match=r"\(and 1 more\)") as raised:
        history.refuse_changed([applied("1.0.0", "2.0.0"), applied("2.0.0", "3.0.0")], known)
    assert len(raised.value.problems) == 2
