"""What does one save, load, delete or page of keys cost in Python, beside all others?

All contestants are asked for the same keys with the same values in the same round. Before, each holds 1,000 entries
of the same shape; a page is asked of a scope with many more. Saves replace what is there.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from benchmarks.measuring import DISK, MEMORY, PROCESS, Goal, Row, Scene, in_turns
from benchmarks.peer import Entries, Peer
from benchmarks.peers import offers, one_of_each_package, opened
from benchmarks.shapes import SHAPES, SMALL, TEXT, Shape

AREA = "one entry"
KEYS = 1000
PAGE = 1000
_PAGE_ROUNDS = 5
"""Some take a tenth of a second for one page."""

GOALS = (
    *(
        Goal(
            f"a load of {SMALL.name} in Python is at least {times}x faster than {other}",
            row,
            "llmspell",
            other,
            1 / times,
        )
        for row, other, times in (
            (f"{AREA}: load, {SMALL.name}", "diskcache", 1.5),
            (f"{AREA}: load, {SMALL.name}", "Redis", 8),
        )
    ),
    Goal(
        "a save in durability normal is at least 1.5x faster than diskcache",
        *(f"{AREA}: save, {SMALL.name}, {PROCESS}", "llmspell normal", "diskcache", 1 / 1.5),
    ),
    Goal(
        "a save in durability normal is at least 3x faster than Redis without AOF, which promises less",
        *(f"{AREA}: save, {SMALL.name}, {MEMORY}", "llmspell normal", "Redis without AOF", 1 / 3),
    ),
    Goal(
        "a save in durability full is at most 15 % slower than bare SQLite",
        *(f"{AREA}: save, {SMALL.name}, {DISK}", "llmspell full", "bare apsw FULL", 1.15),
    ),
    Goal(
        "a save in durability full is faster than Redis with AOF always",
        *(f"{AREA}: save, {SMALL.name}, {DISK}", "llmspell full", "Redis AOF always", 1.0),
    ),
)


class _Asked(NamedTuple):
    """What one call of a contestant's turn is about: so many entries of a shape."""

    shape: Shape
    many: int


def rows(scene: Scene) -> Iterator[Row]:
    """Measure saves and deletes by promise, loads, and a page of keys."""
    for shape in SHAPES:
        yield from _rows_of(scene, shape)
    yield from _page_row(scene)


def key_name(number: int) -> str:
    """Give the key of a number: "user042:017"; a prefix "user042:" has 1,000 of them."""
    return f"user{number // PAGE:03}:{number % PAGE:03}"


def empty_page_row(area: str, scene: Scene) -> tuple[Row, int]:
    """Give the row of pages, without figures, and how many entries there are when one is asked for."""
    size = 20_000 if scene.quick else 100_000
    return Row(area, f"list {PAGE:,} keys under a prefix, of {size:,}", "", "ms", {}), size


def page_entries(size: int) -> Entries:
    """Give the entries of which pages are asked for."""
    return [(key_name(number), SMALL.make(number)) for number in range(size)]


def entries(shape: Shape, number: int, many: int) -> Entries:
    """Give the entries of a round: keys that are there, in an order of that round, with values never seen before."""
    order = random.Random(number)
    return [(key_name(order.randrange(KEYS)), shape.make(number * KEYS + each)) for each in range(many)]


def _save(peer: Peer, asked: _Asked, number: int) -> float:
    return peer.seconds("save", entries(asked.shape, number, asked.many))


def _load(peer: Peer, asked: _Asked, number: int) -> float:
    return peer.seconds("load", [(key,) for key, _ in entries(asked.shape, number, asked.many)])


def _delete(peer: Peer, asked: _Asked, number: int) -> float:
    there = [(f"gone:{each:03}", asked.shape.make(number * KEYS + each)) for each in range(asked.many)]
    peer.fill(there)
    random.Random(number).shuffle(there)
    return peer.seconds("delete", [(key,) for key, _ in there])


def _page(peer: Peer, asked: _Asked, number: int) -> float:
    prefix = key_name(random.Random(number).randrange(asked.many)).partition(":")[0] + ":"
    if len(peer.page(prefix, PAGE)) != PAGE:
        raise RuntimeError(f"{type(peer).__name__} gave another number of keys under {prefix} than were put there")
    return peer.seconds("page", [(prefix, PAGE)])


def _rows_of(scene: Scene, shape: Shape) -> Iterator[Row]:
    wanted = [row for row in _empty_rows(shape) if scene.wants(row.key)]
    if not wanted:
        return
    place = scene.folder / f"entry-{shape.name.replace(' ', '-')}"
    place.mkdir()
    chosen = offers()
    with opened(place, chosen, scene.say) as peers:
        for peer in peers.values():
            peer.fill([(key_name(number), shape.make(number)) for number in range(KEYS)])
        by_package = {package: offer.name for package, offer in one_of_each_package().items()}
        for row in wanted:
            verb = row.name.partition(",")[0]
            names = {offer.name: offer.name for offer in chosen if offer.kept == row.kept} if row.kept else by_package
            if row.kept == MEMORY:  # it promises more, and is what people have
                names["llmspell normal"] = "llmspell normal"
            yield _measured(
                *(scene, row, {called: peers[name] for called, name in names.items() if name in peers}, scene.rounds),
                *({"save": _save, "load": _load, "delete": _delete}[verb], _Asked(shape, _many(scene, row))),
            )
    shutil.rmtree(place)


def _empty_rows(shape: Shape) -> Iterator[Row]:
    """Give what is measured with a shape. Deletes of both large shapes would be the same."""
    for kept in (DISK, PROCESS, MEMORY):
        yield Row(AREA, f"save, {shape.name}", kept, "us", {})
    yield Row(AREA, f"load, {shape.name}", "", "us", {})
    if shape in (SMALL, TEXT):
        for kept in (DISK, PROCESS):
            yield Row(AREA, f"delete, {shape.name}", kept, "us", {})


def _many(scene: Scene, row: Row) -> int:
    """Give how many calls a figure is the mean of."""
    if row.kept == DISK and scene.disk_calls:
        return scene.disk_calls
    if row.kept == DISK or row.name.startswith("delete"):
        return 30 if scene.quick else 80
    return 150 if scene.quick else 300


def _page_row(scene: Scene) -> Iterator[Row]:
    row, size = empty_page_row(AREA, scene)
    if not scene.wants(row.key):
        return
    place = scene.folder / "entry-page"
    place.mkdir()
    by_package = one_of_each_package()
    with opened(place, by_package.values(), scene.say) as peers:
        listing = {package: peers[offer.name] for package, offer in by_package.items() if offer.name in peers}
        listing = {package: peer for package, peer in listing.items() if peer.lists}
        there = page_entries(size)
        for package, peer in listing.items():
            scene.say(f"{AREA}: {size:,} entries into {package}")
            peer.fill(there)
        yield _measured(scene, row, listing, min(scene.rounds, _PAGE_ROUNDS), _page, _Asked(SMALL, size))
    shutil.rmtree(place)


def _measured(
    scene: Scene,
    row: Row,
    peers: Mapping[str, Peer],
    rounds: int,
    work: Callable[[Peer, _Asked, int], float],
    asked: _Asked,
) -> Row:
    scene.say(row.key)
    return row._replace(figures=in_turns({name: partial(work, peer, asked) for name, peer in peers.items()}, rounds))
