"""What does the same cost in Lua and JavaScript, beside Python and the bare engine?

Each contestant has a store of its own with the same entries; a script runs in this process as `llmspell run` runs it,
and is timed inside. Its values are made before, and differ from save to save by a number. In durability "output" the
sync before the script's next output is in the figure, shared by all calls before it.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks.measuring import DISK, PROCESS, Goal, Row, Scene, in_turns
from benchmarks.operations import KEYS, PAGE, empty_page_row, key_name, page_entries
from benchmarks.peer import Peer
from benchmarks.peer_engines import Apsw, Llmspell
from benchmarks.shapes import MESSAGES, SHAPES, SMALL, TEXT, Shape
from benchmarks.timed_scripts import PATTERN, seconds_in

AREA = "languages"

BARE = "bare apsw"
PYTHON, LUA, JAVASCRIPT = "llmspell, Python", "llmspell, Lua", "llmspell, JavaScript"
MANY_LARGE = 300
"""Calls that a script makes with values of 10 KB; of 200 bytes, one for each key."""
_LANGUAGES = {PYTHON: "", LUA: "lua", JAVASCRIPT: "javascript"}

GOALS = (
    Goal(
        "a save in Lua with durability output takes at most 1.3x one with normal",
        *(f"{AREA}: save, {SMALL.name}, {PROCESS}", f"{LUA}, output", f"{LUA}, normal", 1.3),
    ),
    Goal(
        f"a load of {SMALL.name} in Lua takes at most 2x one in Python, plus 5 us",
        *(f"{AREA}: load, {SMALL.name}", LUA, PYTHON, 2.0, 5e-6),
    ),
    *(
        Goal(
            f"a save of {shape.name} in Lua takes at most 3x one of the bare engine with a codec",
            *(f"{AREA}: save, {shape.name}, {PROCESS}", f"{LUA}, normal", f"{BARE} NORMAL", 3.0),
        )
        for shape in (TEXT, MESSAGES)
    ),
    *(
        Goal(
            f"a load of {shape.name} in Lua takes at most 3x one of the bare engine with a codec",
            *(f"{AREA}: load, {shape.name}", LUA, BARE, 3.0),
        )
        for shape in (TEXT, MESSAGES)
    ),
)


def rows(scene: Scene) -> Iterator[Row]:
    """Measure saves by promise and loads of all shapes, and deletes and pages of the small one."""
    for shape in SHAPES:
        yield from _rows_of(scene, shape)
    yield from _page_row(scene)


def _rows_of(scene: Scene, shape: Shape) -> Iterator[Row]:
    wanted = [row for row in _empty_rows(shape) if scene.wants(row.key)]
    if not wanted:
        return
    place = scene.folder / f"languages-{shape.name.replace(' ', '-')}"
    place.mkdir()
    with ExitStack() as open_ones:
        peers = _open(place, open_ones, shape)
        for row in wanted:
            verb = row.name.partition(",")[0]
            yield _measured(
                *(scene, row, scene.rounds, _contestants(peers, row.kept)),
                *({"save": _save, "load": _load, "delete": _delete}[verb], shape, _many(scene, row)),
            )
    shutil.rmtree(place)


def _empty_rows(shape: Shape) -> Iterator[Row]:
    for kept in (DISK, PROCESS):
        yield Row(AREA, f"save, {shape.name}", kept, "us", {})
    yield Row(AREA, f"load, {shape.name}", "", "us", {})
    if shape is SMALL:
        for kept in (DISK, PROCESS):
            yield Row(AREA, f"delete, {shape.name}", kept, "us", {})


def _many(scene: Scene, row: Row) -> int:
    """Give how many calls a script makes. The sync of durability output is shared by so many."""
    if row.kept == DISK:
        return 30 if scene.quick else 100
    return KEYS if SMALL.name in row.name else MANY_LARGE


def _open(place: Path, open_ones: ExitStack, shape: Shape) -> dict[str, Peer]:
    """Open what takes part, by its name with the durability, each with 1,000 entries of the shape."""
    peers: dict[str, Peer] = {}
    for durability in ("full", "normal", "output"):
        for name in _LANGUAGES:
            if (name, durability) != (PYTHON, "output"):  # to a Python program it is the same as normal
                peers[f"{name}, {durability}"] = Llmspell(place / f"{len(peers)}", durability)
    for synchronous in ("FULL", "NORMAL"):
        peers[f"{BARE} {synchronous}"] = Apsw(place / f"bare-{synchronous}", synchronous)
    for peer in peers.values():
        open_ones.callback(peer.close)
        peer.fill([(key_name(number), shape.make(number)) for number in range(KEYS)])
        peer.fill([(PATTERN, shape.make(0))])
    return peers


def _contestants(peers: dict[str, Peer], kept: str) -> dict[str, Peer]:
    """Give those of a promise; for reads one of each, under the name without a durability."""
    if not kept:
        reading = {**{name: f"{name}, normal" for name in _LANGUAGES}, BARE: f"{BARE} NORMAL"}
        return {called: peers[name] for called, name in reading.items()}
    promises = ("full", "FULL") if kept == DISK else ("normal", "output", "NORMAL")
    return {name: peer for name, peer in peers.items() if name.endswith(promises)}


Work = Callable[[str, Peer, Shape, int, int], float]


def _ask(name: str, peer: Peer, verb: str, names: list[str], shape: Shape, first: int) -> float:
    """Give the seconds of one call, made by a script when the contestant's name says a language."""
    language = _LANGUAGES.get(", ".join(name.split(", ")[:2]), "")
    if language:
        assert isinstance(peer, Llmspell)
        return seconds_in(language, peer.store, verb, names, 1_000_000 + first)
    if verb == "save":
        return peer.seconds(verb, [(key, shape.make(first + each)) for each, key in enumerate(names, 1)])
    if verb == "page":
        return peer.seconds(verb, [(prefix, PAGE) for prefix in names])
    return peer.seconds(verb, [(key,) for key in names])


def _names(number: int, many: int) -> list[str]:
    order = random.Random(number)
    return [key_name(order.randrange(KEYS)) for _ in range(many)]


def _save(name: str, peer: Peer, shape: Shape, many: int, number: int) -> float:
    return _ask(name, peer, "save", _names(number, many), shape, number * many)


def _load(name: str, peer: Peer, shape: Shape, many: int, number: int) -> float:
    return _ask(name, peer, "load", _names(number, many), shape, 0)


def _delete(name: str, peer: Peer, shape: Shape, many: int, number: int) -> float:
    there = [f"gone:{each:04}" for each in range(many)]
    peer.fill([(key, shape.make(number)) for key in there])
    random.Random(number).shuffle(there)
    return _ask(name, peer, "delete", there, shape, 0)


def _page(name: str, peer: Peer, shape: Shape, many: int, number: int) -> float:
    first = random.Random(number).randrange(many)
    return _ask(name, peer, "page", [key_name(first).partition(":")[0] + ":"], shape, 0)


def _page_row(scene: Scene) -> Iterator[Row]:
    row, size = empty_page_row(AREA, scene)
    if not scene.wants(row.key):
        return
    place = scene.folder / "languages-page"
    place.mkdir()
    there = [*page_entries(size), (PATTERN, SMALL.make(0))]
    store, bare = Llmspell(place / "store", "normal"), Apsw(place / "bare", "NORMAL")
    with ExitStack() as open_ones:
        peers: dict[str, Peer] = {**dict.fromkeys(_LANGUAGES, store), BARE: bare}
        for peer in (store, bare):
            open_ones.callback(peer.close)
            peer.fill(there)
        yield _measured(scene, row, scene.rounds, peers, _page, SMALL, size)
    shutil.rmtree(place)


def _measured(scene: Scene, row: Row, rounds: int, peers: dict[str, Peer], work: Work, shape: Shape, many: int) -> Row:
    scene.say(row.key)
    calls = {name: partial(work, name, peer, shape, many) for name, peer in peers.items()}
    return row._replace(figures=in_turns(calls, rounds))
