"""Whatever the store and the migrations: what goes up comes down as it was, and what fails leaves no trace."""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import HealthCheck, Phase, assume, event, given, settings
from hypothesis import strategies as st

import llmspell
from llmspell.errors import MigrationError, MigrationFileError
from llmspell.migrations.fields import FieldProblem
from llmspell.migrations.transforms.table import read_steps
from tests.clock import Clock
from tests.unit.migrations.homes import Home, put_step, put_toml_step, without_versions
from tests.unit.migrations.transforms.building import PythonFunctions, environment
from tests.unit.migrations.transforms.documents import any_table, documents, names, planted, table, values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell.entry import Stored

VERSIONS = ["1.0.0", "1.1.0-rc.1", "1.1.0", "2.0.0", "10.0.0"]
CODE = "def wrap(document):\n    return {'was': document}\n\n\ndef forget(document):\n    return 'gone'\n"

HAS_A = "type(this) == map && has(this.a)"
_ENVIRONMENT = environment(code=PythonFunctions(wrap=lambda document: document, forget=lambda document: document))

# Reading an expression for the first time imports what reads it; inside a strategy that would disturb the drawing.
read_steps([{"type": "computed", "field": "a", "expression": "1"}], (), _ENVIRONMENT)

lenient = st.sampled_from(["skip", "skip", "error"])
scopes = st.sampled_from(["users", "users", "system", "a\x01", "é"])
keys = st.sampled_from(["a", "b", "c", "ab", "a\x01", "é", "k" * 100])
globs = st.sampled_from(["*", "*", "a*", "[!b]", "users", "k*"])
name_templates = st.sampled_from(["x:{key}", "{key}~", "{scope}/{key}", "a", "{key}"])
entry_tables = st.one_of(
    table("delete_entry", condition=st.sampled_from([HAS_A, "entry_key == 'b'"])),
    table("rename_key", to=name_templates, condition=st.sampled_from([HAS_A, "true"])),
    table("rename_key", expression=st.sampled_from(["entry_key + '~'", "entry_key == 'b' ? 'a' : entry_key"])),
    table("move_scope", to=st.sampled_from(["{scope}+", "users", "zzz"]), condition=st.sampled_from([HAS_A, "true"])),
)

tried = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)


class World(NamedTuple):
    """The migrations from each of `VERSIONS` to the next, as many as there are, and the entries of a store."""

    chain: list[list[dict[str, Any]]]
    as_toml: list[bool]
    entries: dict[tuple[str, str], tuple[Any, float | None]]

    @property
    def latest(self) -> str:
        return VERSIONS[len(self.chain)]


@st.composite
def steps(draw: st.DrawFn) -> dict[str, Any]:
    """Generate a transform, mostly one that leaves alone what it is not for."""
    drawn = dict(draw(st.one_of(any_table, any_table, any_table, entry_tables)))
    if draw(st.integers(0, 5)):
        _be_lenient(drawn)
    return drawn | draw(st.fixed_dictionaries({}, optional={"scope": globs, "key": globs}))


readable = steps().filter(lambda drawn: _can_be_read(drawn))


fields = st.sampled_from(["a", "b", "c", "d"])
common = st.one_of(
    table("rename", source=fields, to=fields, missing=lenient, existing=st.sampled_from(["error", "replace", "skip"])),
    table("plunge", field=fields, into=fields, missing=lenient, existing=st.sampled_from(["error", "replace"])),
    table("move", source=st.sampled_from(["a", "b.a"]), to=st.sampled_from(["c", "d.b"]), missing=lenient),
    table("remove", field=fields, missing=lenient),
    table("default", field=fields, value=values),
).filter(lambda drawn: _can_be_read(drawn))
"""What most migrations are made of, for every entry: no glob keeps them from the quickest way there is."""


@st.composite
def worlds(draw: st.DrawFn) -> World:
    chain = draw(
        st.lists(
            st.lists(readable, min_size=1, max_size=3) | st.lists(common, min_size=1, max_size=3),
            min_size=1,
            max_size=4,
        )
    )
    entries: dict[tuple[str, str], tuple[Any, float | None]] = {}
    for place in draw(st.lists(st.tuples(scopes, keys), min_size=1, max_size=6, unique=True)):
        document = draw(st.one_of(documents, documents, documents, values.filter(lambda value: value is not None)))
        if draw(st.booleans()):
            document = planted(draw, chain[0][0], document) if chain[0][0]["type"] in _PLANTABLE else document
        entries[place] = (1 if document is None else document, draw(st.sampled_from([None, None, 1000.0])))
    return World(chain, draw(st.lists(st.booleans(), min_size=4, max_size=4)), entries)


_PLANTABLE = {"plunge", "move", "rename", "copy", "remove", "convert", "split", "merge", "wrap", "unwrap"}


@tried
@given(worlds())
def test_what_goes_up_comes_down_as_it_was(world: World) -> None:
    with home_of(world) as home:
        before = home.full()
        try:
            done = home.up()
        except MigrationFileError:
            assume(False)
            raise
        except MigrationError:
            event("failed")
            assert home.full() == before
            return
        event("went up and changed entries" if done.items_migrated else "went up")
        _versions_are_given_once(before.entries, home.full().entries, before.version)
        back = home.down(VERSIONS[0])
        assert without_versions(home.full().entries) == without_versions(before.entries)
        assert (home.store.schema_version(), home.migrations.applied()) == (VERSIONS[0], [])
        assert back.version <= done.version + 1
        again = home.up()
        assert again.items_migrated == done.items_migrated


@tried
@given(worlds())
def test_a_dry_run_changes_nothing_and_foretells_the_real_one(world: World) -> None:
    with home_of(world) as home:
        before = home.full()
        home.clock.advance(-1)  # what comes next has the moment of what was foretold
        tried_out = _outcome(home, dry_run=True)
        assert home.full() == before
        home.clock.advance(-2)
        done = _outcome(home)
        if isinstance(tried_out, str) or isinstance(done, str):
            assert tried_out == done
            return
        assert tried_out[:5] == done[:5]
        assert tried_out.version == done.version == home.store.version()
        assert len(tried_out.samples) == min(done.items_migrated, 5)
        for sample in tried_out.samples:
            stored = home.store.stored(sample.to_scope, sample.to_key)
            assert sample.after is None or (stored is not None and stored.value == sample.after)


@tried
@given(worlds())
def test_step_by_step_leads_to_the_same_values_as_one_run(world: World) -> None:
    with home_of(world) as at_once, home_of(world) as by_steps:
        by_steps.clock.now = at_once.clock.now
        done = _outcome(at_once)
        for version in VERSIONS[1 : len(world.chain) + 1]:
            by_steps.clock.now = at_once.clock.now - 2
            if isinstance(result := _outcome(by_steps, target=version), str):
                assert result == done
                return
        assert not isinstance(done, str)
        assert without_versions(by_steps.full().entries) == without_versions(at_once.full().entries)
        for version in reversed(VERSIONS[: len(world.chain)]):
            by_steps.down(version)
        at_once.down(VERSIONS[0])
        assert without_versions(by_steps.full().entries) == without_versions(at_once.full().entries)


@tried
@given(worlds())
def test_with_quarantine_everything_comes_back_too(world: World) -> None:
    with home_of(world) as home:
        before = home.full()
        done = _outcome(home, on_error="quarantine")
        if isinstance(done, str):
            assert home.full() == before
            return
        event("something was put aside" if done.items_quarantined else "nothing was put aside")
        assert len(home.migrations.quarantine()) == done.items_quarantined
        home.down(VERSIONS[0])
        assert home.migrations.quarantine() == []
        assert without_versions(home.full().entries) == without_versions(before.entries)


@settings(tried, max_examples=25)
@given(worlds())
def test_a_store_on_disk_goes_the_same_way_as_one_in_memory(world: World) -> None:
    with tempfile.TemporaryDirectory() as folder, home_of(world) as memory, home_of(world, folder + "/state") as disk:
        for target in (world.latest, VERSIONS[0]):
            results = [_outcome(home, target=target) for home in (memory, disk)]
            assert memory.full() == disk.full()
            if isinstance(results[0], str) or isinstance(results[1], str):
                assert results[0] == results[1]
                return
            assert results[0]._replace(duration_ms=0) == results[1]._replace(duration_ms=0)


# Edits between up and down

FIELDS = ["a", "b", "c", "d"]
kinds = st.sampled_from(["rename", "plunge", "remove", "default", "set"])


@settings(tried, max_examples=100)
@given(
    st.lists(st.lists(st.tuples(kinds, st.sampled_from(FIELDS)), min_size=1, max_size=3), min_size=1, max_size=4),
    st.dictionaries(names, st.integers(0, 9), min_size=1),
    st.data(),
)
def test_edited_fields_stay_edited_and_all_others_come_back(
    chain: list[list[tuple[str, str]]], document: dict[str, int], data: st.DataObject
) -> None:
    places = {name: ["/" + name] for name in document}
    number = 0
    written: list[list[dict[str, Any]]] = []
    for migration in chain:
        written.append([])
        for kind, name in migration:
            number += 1
            path = places.get(name, ["/" + name])[-1]
            made: dict[str, Any] = {"type": kind, "field": path, "missing": "skip"}
            if kind == "rename":
                made = {"type": kind, "from": path, "to": f"/new{number}", "missing": "skip"}
                places.get(name, []).append(f"/new{number}")
            elif kind == "plunge":
                made["into"] = f"/box{number}"
                places.get(name, []).append(f"/box{number}/{path.rpartition('/')[2]}")
            elif kind == "remove":
                places.pop(name, None)
            else:
                made = {"type": kind, "field": f"/made{number}", "value": number}
            written[-1].append(made)
    edits = data.draw(st.dictionaries(st.sampled_from(sorted(places)), st.integers(10, 19)) if places else st.just({}))
    with home_of(World(written, [False] * 4, {("users", "x"): (document, None)})) as home:
        home.up()
        now: Any = home.store.load("users", "x")
        for name, value in edits.items():
            *above, last = places[name][-1].split("/")[1:]
            parent = now
            for step in above:
                parent = parent[step]
            assert parent[last] == document[name]
            parent[last] = value
        now["extra"] = True
        home.store.save("users", "x", now)
        home.down(VERSIONS[0])
        found = home.store.stored("users", "x")
        assert found is not None
        assert json.loads(found.value) == {**document, **edits, "extra": True}
        assert list(json.loads(found.value)) == [*document, "extra"]


# ---


def _outcome(home: Home, target: str | None = None, **options: Any) -> Any:
    """Give the result of a run, or what it failed with; files that cannot be used are no examples."""
    try:
        return home.up(target, **options)
    except MigrationFileError:
        assume(False)
        raise
    except MigrationError as error:
        return str(error)


def _versions_are_given_once(before: list[Stored], after: list[Stored], version: int) -> None:
    was = {(one.scope, one.key): one for one in before}
    for one in after:
        assert one.version == version + 1 or was[one.scope, one.key] == one


def _can_be_read(drawn: dict[str, Any]) -> bool:
    try:
        read_steps([drawn], ("transforms",), _ENVIRONMENT)
    except FieldProblem:
        return False
    return True


def _be_lenient(drawn: dict[str, Any]) -> None:
    if "missing" in drawn:
        drawn["missing"] = "skip"
    if drawn.get("existing") == "error":
        drawn["existing"] = "replace"
    if drawn["type"] in ("conditional", "transform_array"):
        for name in ("transforms", "otherwise", "element_transforms"):
            for inner in drawn.get(name, []):
                _be_lenient(inner)


def _has_null(value: Any) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value is None or any(map(_has_null, parts))


@contextmanager
def home_of(world: World, folder: str | None = None) -> Iterator[Home]:
    """Give a home with the migrations of a world and its entries."""
    clock = Clock()
    backend = "memory" if folder is None else "disk"
    with tempfile.TemporaryDirectory() as files:
        for index, transforms in enumerate(world.chain):
            put = put_toml_step if world.as_toml[index] and not _has_null(transforms) else put_step
            put(Path(files), *transforms, start=VERSIONS[index], to=VERSIONS[index + 1])
        (Path(files) / "code.py").write_text(CODE)
        with llmspell.open(
            folder,
            backend=backend,
            durability="normal",
            migrations_path=files,
            allow_python_migrations=True,
            clock=clock,
        ) as store:
            for (scope, key), (document, ttl) in world.entries.items():
                store.save(scope, key, document, ttl=ttl)
                clock.advance(1)
            yield Home(Path(files), store, clock)
