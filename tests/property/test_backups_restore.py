"""Whatever happens to a store between its backups: each of them gives back exactly its moment, wherever that goes."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack, closing
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from llmspell.errors import BackupDamaged, BackupError, BackupNotFound, Conflict, LlmspellError
from tests.clock import Clock
from tests.unit.backups.places import Home, Known, seen
from tests.unit.migrations.homes import put_step

VERSIONS = ["1.0.0", "2.0.0", "3.0.0"]
TEXTS = [
    b'{"a":1}',
    b'{"a":1.0}',
    b'{"a":-0.0}',
    b'{"a":1E+05}',
    b'{"a":9223372036854775807}',
    b'{"a":"\\u00e9"}',
    '{"a":"😀"}'.encode(),
    b'{"b":[]}',
    b'{"b":{},"other":null}',
    b"{}",
]
"""Documents, some of which a migration changes and some of which stop it."""

scopes = st.sampled_from(["app", "cache:a", "cache:b", "é"])
keys = st.sampled_from(["k", "é", "e\u0301", '","value":'])
choices = st.sampled_from([{}, {}, {}, {"scopes": "cache:*"}, {"exclude": ["cache:b"]}, {"scopes": ["app", "é"]}])
writes = st.tuples(scopes, keys, st.none() | st.sampled_from(TEXTS), st.none() | st.sampled_from([5.0, 50.0, 500.0]))
actions = st.one_of(
    st.lists(writes, min_size=1, max_size=6, unique_by=lambda write: write[:2]).map(lambda many: ("write", many)),
    st.tuples(st.just("clear"), scopes),
    st.tuples(st.just("pass"), st.sampled_from([1.0, 30.0, 100.0, 86_400.0, -20.0, -200.0])),
    st.tuples(st.just("back_up"), st.booleans(), choices),
    st.tuples(st.just("back_up"), st.just(True), st.just({})),
    st.tuples(st.just("restore"), st.integers(0, 20), choices),
    st.tuples(st.just("migrate"), st.sampled_from(VERSIONS)),
    st.tuples(st.just("lose"), st.integers(0, 20)),
)

Entries = dict[tuple[str, str], Known]
Chosen = dict[str, Any]


class Moment(NamedTuple):
    """What a backup must give back: the entries and the schema version; `chosen` says what part of a store it is of."""

    entries: Entries
    schema_version: str
    chosen: Chosen
    parent_id: str | None


class World:
    """A store, what it should hold (what expired included, for clocks are set back), and the moments of its backups."""

    def __init__(self, root: Path, backend: str, stack: ExitStack) -> None:
        self.root = root
        self.clock = Clock()
        self.stack = stack
        for start, to, old, new in (("1.0.0", "2.0.0", "a", "b"), ("2.0.0", "3.0.0", "b", "c")):
            rename = {"type": "rename", "from": old, "to": new, "missing": "skip"}
            put_step(root / "steps", rename, start=start, to=to)
        self.home = self.another("state", backend)
        self.entries: Entries = {}
        self.moments: dict[str, Moment] = {}
        self.order: list[str] = []
        self.migrated = self.set_back = False
        self.write([("app", "k", TEXTS[0], None)])

    def another(self, name: str, backend: str) -> Home:
        home = Home(self.root, self.clock, name=name, backend=backend, migrations_path=self.root / "steps")
        self.stack.enter_context(closing(home))
        return home

    def do(self, name: str, *details: Any) -> None:
        """Do one thing, and look whether the store is what it should be."""
        version = self.home.store.version()
        getattr(self, name)(*details)
        assert found(self.home) == self.live()
        assert self.home.store.version() >= version

    def live(self) -> Entries:
        return alive(self.entries, self.clock())

    def schema_version(self) -> str:
        return self.home.store.schema_version() or VERSIONS[0]

    def write(self, many: list[tuple[str, str, bytes | None, float | None]]) -> None:
        """Save and delete in one transaction."""
        now, before = self.clock(), self.live()
        with self.home.store.transaction() as state:
            for scope, key, text, ttl in many:
                if text is None:
                    state.delete(scope, key)
                else:
                    state.save_json(scope, key, text, ttl=ttl)
        for scope, key, text, ttl in many:
            known = before.get((scope, key))
            if text is not None:
                created_at = now if known is None else known.created_at
                expires_at = None if ttl is None else now + ttl
                self.entries[scope, key] = Known(scope, key, text, created_at, now, expires_at)
            elif known is not None:
                del self.entries[scope, key]

    def clear(self, scope: str) -> None:
        self.home.store.clear(scope)
        self.entries = {
            place: one for place, one in self.entries.items() if place[0] != scope or place not in self.live()
        }

    def migrate(self, version: str) -> None:
        """Migrate; what that gives is not what this test is about."""
        if self.set_back:
            return  # what lives again was not there to be migrated
        self.migrated = True
        before = self.live()
        try:
            self.home.store.migrations.migrate(version)
        except LlmspellError:
            return
        self.entries = {place: one for place, one in self.entries.items() if place not in before} | found(self.home)

    def back_up(self, incremental: bool, chosen: Chosen) -> None:
        made = self.home.backups.create_backup(incremental, **chosen)
        event(f"a backup was incremental: {made.is_incremental}")
        self.note(made.backup_id, chosen, self.live())

    def note(self, backup_id: str, chosen: Chosen, entries: Entries) -> None:
        """Note what a backup must give back."""
        [made] = [one for one in self.home.backups.list_backups() if one.id == backup_id]
        within = {place: one for place, one in entries.items() if covers(chosen, place)}
        self.moments[backup_id] = Moment(within, self.schema_version(), chosen, made.parent_id)
        self.order.append(backup_id)

    def restore(self, number: int, chosen: Chosen) -> None:
        if self.order:
            self.restore_one(self.order[number % len(self.order)], chosen)

    def restore_one(self, backup_id: str, chosen: Chosen) -> None:
        store, backups, before = self.home.store, self.home.backups, self.live()
        if backup_id not in self.moments:
            with pytest.raises((BackupDamaged, BackupNotFound)):
                backups.restore_backup(backup_id, **chosen)
            return
        moment, stamp = self.moments[backup_id], self.schema_version()
        if (chosen or moment.chosen) and self.is_refused_in_part(backup_id, chosen, stamp):
            assert self.live() == before
            return
        versions = {place: store.entry(*place) for place in before}
        try:
            incoming = self.brought_to(stamp, backup_id, chosen)
        except LlmspellError:
            event("a restore was refused")
            with pytest.raises(BackupError):
                backups.restore_backup(backup_id, **chosen)
            self.note(backups.list_backups()[0].id, {}, before)
            return
        whole = not chosen and not moment.chosen
        left = (
            {}
            if whole
            else {p: one for p, one in before.items() if not (covers(chosen, p) and covers(moment.chosen, p))}
        )
        hidden = {} if whole else {place: one for place, one in self.entries.items() if place not in before}
        told = {tuple(one) for one in backups.restore_backup(backup_id, dry_run=True, **chosen).changes}
        result = backups.restore_backup(backup_id, **chosen)
        event(f"a restore was of everything: {whole}, of another schema version: {stamp != moment.schema_version}")
        self.entries = {**hidden, **left, **incoming}
        assert told == differences(before, self.live())
        assert store.version() == result.version > max((one.version for one in versions.values() if one), default=0)
        assert store.schema_version() == stamp
        for place, entry in versions.items():
            if entry is not None and place not in left:
                with pytest.raises(Conflict):
                    store.save(*place, 1, if_version=entry.version)
        assert result.pre_restore_backup_id is not None
        self.note(result.pre_restore_backup_id, {}, before)

    def is_refused_in_part(self, backup_id: str, chosen: Chosen, stamp: str) -> bool:
        """Tell whether a part is refused because the store was migrated since; of another version it always is."""
        try:
            self.home.backups.restore_backup(backup_id, dry_run=True, **chosen)
        except BackupError as error:
            if "cannot come back alone" not in str(error):
                raise
            event("a part was refused")
            return True
        assert stamp == self.moments[backup_id].schema_version
        return False

    def brought_to(self, version: str, backup_id: str, chosen: Chosen) -> Entries:
        """Give what is chosen of a backup, migrated in a store of its own where it is of another schema version."""
        moment = self.moments[backup_id]
        if moment.schema_version == version:
            return {place: one for place, one in moment.entries.items() if covers(chosen, place)}
        other = self.another("aside", "memory")
        other.backups.restore_backup(backup_id, **chosen)
        other.store.migrations.migrate(version)
        return found(other)

    def lose(self, number: int) -> None:
        """Let a backup vanish; what stands on it cannot be restored any more."""
        if not self.moments or number % 4:
            return
        backup_id = list(self.moments)[number % len(self.moments)]
        shutil.rmtree(self.home.files(backup_id))
        lost = {backup_id}
        while more := {one for one, moment in self.moments.items() if moment.parent_id in lost} - lost:
            lost |= more
        for one in lost:
            del self.moments[one]

    def check(self) -> None:
        """Look whether every backup that is left gives back its moment in new stores and in this one."""
        for number, (backup_id, moment) in enumerate(list(self.moments.items())):
            expected = alive(moment.entries, self.clock())
            for backend in ("memory", "disk") if number % 4 == 0 else ("memory",):
                other = self.another(f"other{number}", backend)
                result = other.backups.restore_backup(backup_id)
                assert found(other) == expected
                assert other.store.schema_version() == moment.schema_version
                assert other.store.version() == result.version > self.home.store.version()
            self.do("restore_one", backup_id, {})


def alive(entries: Entries, now: float) -> Entries:
    return {place: one for place, one in entries.items() if one.expires_at is None or one.expires_at > now}


def found(home: Home) -> Entries:
    return {(one.scope, one.key): one for one in seen(home.store, home.clock()).entries}


def differences(before: Entries, after: Entries) -> set[tuple[str, ...]]:
    changed = {place for place in before.keys() & after.keys() if before[place] != after[place]}
    told = (("added", after.keys() - before.keys()), ("removed", before.keys() - after.keys()), ("changed", changed))
    return {(change, *place) for change, places in told for place in places}


def covers(chosen: Chosen, place: tuple[str, str]) -> bool:
    """Tell whether globs mean a place, decided without the code that is tested."""
    wanted = chosen.get("scopes", ["*"])
    several = [wanted] if isinstance(wanted, str) else wanted
    unwanted = chosen.get("exclude", [])
    return any(fnmatchcase(place[0], glob) for glob in several) and not any(
        fnmatchcase(place[0], glob) for glob in unwanted
    )


def happens(history: list[tuple[Any, ...]], backend: str) -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        world = World(Path(folder), backend, stack)
        for name, *details in history:
            if name == "pass":
                if details[0] > 0 or not world.migrated:
                    world.clock.advance(details[0])
                    world.set_back = world.set_back or details[0] < 0
            else:
                world.do(name, *details)
        world.check()


@settings(max_examples=25)
@given(st.lists(actions, min_size=4, max_size=14), st.sampled_from(["disk", "memory"]))
def test_every_backup_gives_back_its_moment_wherever_it_goes(history: list[tuple[Any, ...]], backend: str) -> None:
    happens(history, backend)


@pytest.mark.soak
@settings(max_examples=400)
@given(st.lists(actions, min_size=4, max_size=40), st.sampled_from(["disk", "memory"]))
def test_every_backup_of_a_long_history_gives_back_its_moment(history: list[tuple[Any, ...]], backend: str) -> None:
    happens(history, backend)
