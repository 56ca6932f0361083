"""Do the known migrations do what they promise? Tried on samples, without changing anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from llmspell.errors import MigrationFileError
from llmspell.migrations import history
from llmspell.migrations.documents import Way, fits
from llmspell.migrations.planning import loss_of, notices, refuse_circles
from llmspell.migrations.run import named
from llmspell.migrations.samples import Specimen, evenly, places, written
from llmspell.migrations.transforms.base import LOSSLESS, LOSSY
from llmspell.migrations.trying import try_document

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmspell.backends.base import Reader
    from llmspell.migrations.chain import Chain
    from llmspell.migrations.migration import Migration

OK, UNTRIED, PROBLEM = "ok", "untried", "problem"

SAMPLES = 100
"""Stored entries that each migration is tried on."""
PROBLEMS_TOLD = 10
"""Of one migration; more samples seldom say more."""


class Checked(NamedTuple):
    """What was found out about one migration, tried on so many samples.

    Problems name file, sample and transform. Notices are worth knowing and no fault. `loss` is as in plans.
    """

    file: str
    from_version: str
    to_version: str
    samples: int
    loss: str
    problems: tuple[str, ...]
    notices: tuple[str, ...]

    @property
    def outcome(self) -> str:
        """OK, UNTRIED or PROBLEM."""
        if self.problems:
            return PROBLEM
        return OK if self.samples else UNTRIED


class Report(NamedTuple):
    """Everything that was found; `problems` are those of no migration that is there."""

    migrations: tuple[Checked, ...]
    problems: tuple[str, ...]
    notices: tuple[str, ...]

    @property
    def all_problems(self) -> tuple[str, ...]:
        """Those of all migrations, and the others."""
        return (*(problem for one in self.migrations for problem in one.problems), *self.problems)


def check(
    chain: Chain, reader: Reader | None, samples_folder: str, now: float, max_value_bytes: int, most: int = SAMPLES
) -> Report:
    """Try every migration of the chain; `reader` is None where there is no store.

    Each is tried on up to `most` stored entries that are still to go through it, and on the documents in
    `samples_folder`. Applied migrations must be as they were when they were applied.
    """
    checking = _Checking(chain, now, max_value_bytes)
    checking.look_at_files()
    found, unreadable = written(samples_folder)
    checking.problems += unreadable
    for specimen in found:
        checking.follow_written(specimen)
    if reader is not None:
        checking.compare_applied(reader)
        checking.follow_stored(reader, most)
    return checking.report()


class _Trial:
    """One migration while it is tried."""

    def __init__(self, migration: Migration) -> None:
        self.migration = migration
        self.samples = 0
        self.stored = 0
        self.problems: list[str] = []
        self._untold = 0
        self._ways: dict[str, Way] = {}

    def tell(self, problem: str) -> None:
        """Note a problem that a sample has shown."""
        if len(self.problems) < PROBLEMS_TOLD:
            self.problems.append(problem)
        else:
            self._untold += 1

    def way(self, scope: str, max_value_bytes: int) -> Way:
        """Give the migration as it is for a scope."""
        if scope not in self._ways:
            self._ways[scope] = Way(self.migration, scope, max_value_bytes)
        return self._ways[scope]

    def checked(self) -> Checked:
        """Give what was found out."""
        migration, loss = self.migration, loss_of(self.migration)
        more = (f"{migration.file}: {self._untold} more problems with samples",) if self._untold else ()
        return Checked(
            migration.file,
            migration.from_version,
            migration.to_version,
            self.samples,
            loss,
            (*self.problems, *more),
            tuple(f"{migration.file}: {notice}" for notice in (*notices(migration), *self._remarks(loss))),
        )

    def _remarks(self, loss: str) -> list[str]:
        remarks = []
        if loss != LOSSLESS:
            meaning = "fields made on the way up are dropped on the way down" if loss == LOSSY else "code decides"
            remarks.append(f"{loss}: {meaning}")
        if not self.samples and not self.problems:
            version = self.migration.from_version
            remarks.append(f"untried: no entry and no file in samples/{version}/ is concerned; put documents there")
        return remarks


class _Checking:
    """One check."""

    def __init__(self, chain: Chain, now: float, max_value_bytes: int) -> None:
        self.problems: list[str] = []
        self.notices: list[str] = []
        self._chain = chain
        self._now = now
        self._max_value_bytes = max_value_bytes
        self._trials = [_Trial(migration) for migration in chain.migrations]

    def look_at_files(self) -> None:
        """Find what can be told without any document."""
        for trial in self._trials:
            trial.problems += trial.migration.missing
            try:
                refuse_circles(trial.migration)
            except MigrationFileError as error:
                trial.problems += error.problems

    def compare_applied(self, reader: Reader) -> None:
        """Find migrations that the store stands on and that were edited or removed since."""
        for one in history.applied(reader):
            try:
                history.refuse_changed([one], self._chain)
            except MigrationFileError as error:
                known = self._chain.of(one.to_version)
                told = self.problems if known is None else self._trial_of(known).problems
                told += error.problems

    def follow_written(self, specimen: Specimen) -> None:
        """Take a document of a file through the migrations from its version on."""
        if not self._chain.knows(specimen.version):
            known = ", ".join(self._chain.versions) or "none"
            self.notices.append(
                f"{specimen.name}: no migration leads from or to version {specimen.version}; known versions: {known}"
            )
            return
        trials = self._trials_from(specimen.version)
        if not trials:
            return
        scope, key = specimen.scope, specimen.key
        if scope is None or key is None:
            migration = trials[0].migration
            scope, key = example_of(migration.scope), example_of(migration.key)
            if scope is None or key is None:
                self.notices.append(
                    f"{specimen.name}: no scope or key was found that {migration.file} is for; write the sample as "
                    '{"scope": ..., "key": ..., "value": ...}'
                )
                return
        self._follow(trials, specimen.name, scope, key, specimen.text)

    def follow_stored(self, reader: Reader, most: int) -> None:
        """Take stored entries, some for each migration, through the migrations that the store has not seen yet."""
        version = reader.schema_version()
        if version is None or not self._trials:
            return
        if not self._chain.knows(version):
            self.problems.append(
                f"the store has schema version {version}, and no migration leads from or to it; known versions: "
                f"{', '.join(self._chain.versions)}; add the migration that is missing"
            )
            return
        trials = self._trials_from(version)
        chosen: dict[tuple[str, str], None] = {}
        for trial in trials:
            chosen.update(dict.fromkeys(evenly(places(reader, self._concerned_by(trial), self._now), most)))
        for scope, key in chosen:
            stored = reader.get(scope, key, self._now)
            if stored is not None:
                self._follow(trials, named(scope, key), scope, key, stored.value)

    def report(self) -> Report:
        """Give everything that was found."""
        checked = tuple(trial.checked() for trial in self._trials)
        return Report(checked, tuple(self.problems), tuple(self.notices))

    def _follow(self, trials: Sequence[_Trial], name: str, scope: str, key: str, text: bytes) -> None:
        for trial in trials:
            if trial.migration.missing:
                return
            way = trial.way(scope, self._max_value_bytes)
            if way.leads_nowhere or not way.concerns(key):
                continue
            tried = try_document(trial.migration, way, scope, key, text, self._now)
            trial.samples += 1
            for problem in tried.problems:
                trial.tell(f"{trial.migration.file}: {name}: {problem}")
            if tried.text is None:
                return
            scope, key, text = tried.scope, tried.key, tried.text

    def _concerned_by(self, trial: _Trial) -> Callable[[str], Callable[[str], object] | None]:
        def concerned(scope: str) -> Callable[[str], object] | None:
            way = trial.way(scope, self._max_value_bytes)
            return None if way.leads_nowhere else way.concerns

        return concerned

    def _trials_from(self, version: str) -> list[_Trial]:
        """Give the migrations from a known version on."""
        reached = self._chain.of(version)
        return self._trials if reached is None else self._trials[self._chain.migrations.index(reached) + 1 :]

    def _trial_of(self, migration: Migration) -> _Trial:
        return self._trials[self._chain.migrations.index(migration)]


def example_of(glob: str) -> str | None:
    """Give a name that fits a glob, None when none was found.

    >>> example_of("user:*"), example_of("*"), example_of("v[12]?")
    ('user:', 'sample', 'v1x')
    """
    name = re.sub(r"\[([^]!])[^]]*\]", r"\1", glob).replace("*", "").replace("?", "x") or "sample"
    return name if fits(glob, name) else None
