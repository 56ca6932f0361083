"""Work on backups is killed at every point and at any moment: what is listed restores, and the store is as promised."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.backing import Contents, Makers, World, contents, fast_room, leftovers, opened, restored

UNSEEN = [
    "backup.begun",
    "backup.writing",
    "backup.writing@2",
    "backup.written",
    "backup.written@2",
    "backup.written@3",
    "backup.proving",
    "backup.publishing",
]
"""Points of a creation before which nobody can see the backup."""
SEEN = [
    "backup.published",
    "backup.noting",
    "backup.remembered",
    "marks.written",
    "marks.replacing",
    "marks.replaced",
]
REMOVING = {
    "cleanup.removing": 0,
    "backup.unlisted": 1,
    "backup.removing": 1,
    "backup.removing@4": 1,
    "cleanup.removing@2": 1,
    "backup.unlisted@2": 2,
    "backup.removing@6": 2,
}
"""Points of a cleanup that lets two backups go, and how many are not listed any more then."""
NOT_RESTORED = [
    "restore.verified",
    "restore.backed_up",
    "restore.turn_taken",
    "restore.putting",
    "restore.putting@2",
    "restore.written",
    "restore.committing",
]
DONE = "restore.committed"
MARKS = ["marks.written", "marks.replacing", "marks.replaced"]
LIMIT = 3
"""With it a creation lets the first two of the four go."""


@pytest.fixture
def room() -> Iterator[Path]:
    with fast_room() as folder:
        yield folder


@pytest.fixture(scope="module")
def makers() -> Iterator[Makers]:
    makers = Makers()
    yield makers
    makers.close()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with fast_room() as folder:
        yield World(folder / "plain")


@pytest.fixture(scope="module")
def secret() -> Iterator[World]:
    with fast_room() as folder:
        yield World(folder / "secret", encrypted=True)


def strike(point: str, action: str = "kill") -> str:
    name, _, count = point.partition("@")
    return f"{name}={action}@{count or 1}"


def listed(root: Path) -> list[str]:
    """Give the ids of the backups, after a look at the place: nothing that is listed is half made or half gone."""
    with opened(root) as store:
        assert store.backups.problems() == {}
        found = store.backups.list_backups()
    assert [one.damage for one in found] == [None] * len(found)
    return [one.id for one in found]


def look(root: Path, world: World, state: Contents) -> list[str]:
    """Check that the store is sound and in a state, and that what is listed restores; give the ids of it."""
    with opened(root) as store:
        assert list(store.backend.problems()) == []
        assert contents(store) == state
    ids = listed(root)
    for backup_id in ids:
        others = {"backup_encryption_key_file": f"{root}/key"} if (root / "key").exists() else {}
        assert restored(root / "backups", backup_id, **others) == world.states.get(backup_id, world.now), backup_id
    return ids


def go_on(root: Path, world: World, state: Contents) -> None:
    """Check that the next backup works, tidies up, and restores."""
    before = listed(root)
    with opened(root) as store:
        made = store.backups.create_backup(True)
        assert store.backups.validate_backup(made.backup_id).is_valid
    assert leftovers(root / "backups") == []
    after = listed(root)
    assert [one for one in after if one != made.backup_id] == before
    others = {"backup_encryption_key_file": f"{root}/key"} if (root / "key").exists() else {}
    assert restored(root / "backups", made.backup_id, **others) == state
    for one in before:
        if one in world.states:
            assert restored(root / "backups", one, **others) == world.states[one]


@pytest.mark.parametrize("incremental", [False, True], ids=["full", "incremental"])
@pytest.mark.parametrize("point", UNSEEN)
def test_a_backup_that_is_killed_before_it_is_shown_was_never_there(
    makers: Makers, world: World, room: Path, point: str, incremental: bool
) -> None:
    root = world.copy(room / "world")
    assert makers.run("create", root, incremental, LIMIT, fail_point=strike(point)) == (-signal.SIGKILL, None)
    assert leftovers(root / "backups")
    assert look(root, world, world.now) == world.ids[::-1]
    go_on(root, world, world.now)


@pytest.mark.parametrize("incremental", [False, True], ids=["full", "incremental"])
@pytest.mark.parametrize("point", SEEN)
def test_a_backup_that_is_killed_after_it_was_shown_is_whole_and_held(
    makers: Makers, world: World, room: Path, point: str, incremental: bool
) -> None:
    root = world.copy(room / "world")
    assert makers.run("create", root, incremental, LIMIT, fail_point=strike(point)) == (-signal.SIGKILL, None)
    new, *others = look(root, world, world.now)
    assert others == world.ids[::-1]
    with opened(root) as store:
        assert store.backups.list_backups()[0].held == "held"
        assert store.backups.validate_backup(new).is_valid
        assert store.backups.list_backups()[0].verified_at is not None
    go_on(root, world, world.now)


@pytest.mark.parametrize("point", ["backup.writing@3", "backup.written@4", "backup.publishing", "backup.published"])
def test_an_encrypted_backup_that_is_killed_is_there_whole_or_not_at_all(
    makers: Makers, secret: World, room: Path, point: str
) -> None:
    root = secret.copy(room / "world")
    assert makers.run("create", root, True, None, fail_point=strike(point)) == (-signal.SIGKILL, None)
    found = look(root, secret, secret.now)
    assert found[-4:] == secret.ids[::-1]
    assert len(found) == 4 + (point == "backup.published")
    go_on(root, secret, secret.now)


@pytest.mark.parametrize("work", ["create", "cleanup"])
@pytest.mark.parametrize("point", REMOVING)
def test_a_cleanup_that_is_killed_leaves_no_backup_without_what_it_stands_on(
    makers: Makers, world: World, room: Path, point: str, work: str
) -> None:
    root = world.copy(room / "world")
    arguments: list[object] = [root, LIMIT - 1] if work == "cleanup" else [root, True, LIMIT]
    assert makers.run(work, *arguments, fail_point=strike(point)) == (-signal.SIGKILL, None)
    found = look(root, world, world.now)
    gone = [world.ids[1], world.ids[0]][: REMOVING[point]]  # children before their parents
    assert found[-4 + len(gone) :] == [one for one in reversed(world.ids) if one not in gone]
    go_on(root, world, world.now)
    assert makers.run("cleanup", root, LIMIT - 1)[0] == 0
    look(root, world, world.now)
    assert leftovers(root / "backups") == []


@pytest.mark.parametrize("number", [0, 3])
@pytest.mark.parametrize("point", [*NOT_RESTORED, DONE])
def test_a_restore_that_is_killed_leaves_the_old_state_or_the_new_one(
    makers: Makers, world: World, room: Path, point: str, number: int
) -> None:
    root, backup_id = world.copy(room / "world"), world.ids[number]
    with opened(root) as store:
        before = store.version()
    code, answer = makers.run("restore", root, backup_id, fail_point=strike(point))
    if (code, point) == (0, "restore.putting@2"):  # everything came back in one go
        assert number == 0
    else:
        assert (code, answer) == (-signal.SIGKILL, None)
    done = point == DONE or code == 0
    state = world.states[backup_id] if done else world.now
    found = look(root, world, state)
    assert found[-4:] == world.ids[::-1]
    assert len(found) == 4 + (point != "restore.verified")
    with opened(root) as store:
        assert (store.version() > before) == done
    go_on(root, world, state)
    assert makers.run("restore", root, backup_id)[0] == 0
    with opened(root) as store:
        assert contents(store) == world.states[backup_id]
    if len(found) == 5:  # and the backup that was made first undoes it
        assert makers.run("restore", root, found[0])[0] == 0
        with opened(root) as store:
            assert contents(store) == world.now


@pytest.mark.parametrize("point", ["restore.verified", "restore.turn_taken", "restore.putting", "restore.written"])
def test_a_dry_run_that_is_killed_leaves_no_trace(makers: Makers, world: World, room: Path, point: str) -> None:
    root = world.copy(room / "world")
    assert makers.run("dry_run", root, world.ids[3], fail_point=strike(point)) == (-signal.SIGKILL, None)
    assert look(root, world, world.now) == world.ids[::-1]
    go_on(root, world, world.now)


@pytest.mark.parametrize("point", [*UNSEEN, *SEEN])
def test_a_restore_that_is_killed_while_it_makes_its_own_backup_has_done_nothing(
    makers: Makers, world: World, room: Path, point: str
) -> None:
    root = world.copy(room / "world")
    assert makers.run("restore", root, world.ids[0], fail_point=strike(point)) == (-signal.SIGKILL, None)
    found = look(root, world, world.now)
    assert len(found) == 4 + (point in SEEN)
    go_on(root, world, world.now)


@pytest.mark.parametrize("point", ["validate.noting", "validate.noting@2", *MARKS])
def test_a_validation_that_is_killed_has_lost_at_most_its_verdict(
    makers: Makers, world: World, room: Path, point: str
) -> None:
    root = world.copy(room / "world")
    assert makers.run("validate", root, world.ids[1], fail_point=strike(point)) == (-signal.SIGKILL, None)
    assert look(root, world, world.now) == world.ids[::-1]
    assert makers.run("validate", root, world.ids[1]) == (0, True)
    with opened(root) as store:
        verified = [one.verified_at is not None for one in store.backups.list_backups()]
        assert verified == [False, False, True, True]  # the others were copied since
        assert store.backups.validate_backup(world.ids[1]).warnings == ()
    go_on(root, world, world.now)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("point", MARKS)
def test_a_hold_that_is_killed_is_there_or_not_and_takes_no_other_one_away(
    makers: Makers, world: World, room: Path, point: str, count: int
) -> None:
    root = world.copy(room / "world")
    with opened(root) as store:
        store.backups.hold_backup(world.ids[0], "zeroth")
    point = f"{point}@{count}"
    assert makers.run("hold", root, world.ids[0], fail_point=strike(point)) == (-signal.SIGKILL, None)
    holds = ["zeroth", "zeroth; first", "zeroth; first; second", "zeroth; second"]
    with opened(root) as store:
        assert store.backups.list_backups()[-1].held == holds[count if "replaced" in point else count - 1]
    assert look(root, world, world.now) == world.ids[::-1]
    assert makers.run("hold", root, world.ids[0]) == (0, True)
    with opened(root) as store:
        assert store.backups.list_backups()[-1].held == holds[3]
    go_on(root, world, world.now)


def test_a_maker_that_is_killed_again_and_again_leaves_one_backup_of_each_that_was_shown(
    makers: Makers, world: World, room: Path
) -> None:
    root = world.copy(room / "world")
    for point in ("backup.writing", "backup.publishing", "backup.published", "marks.replacing", "backup.begun"):
        makers.run("create", root, True, 100, fail_point=strike(point))
    assert look(root, world, world.now)[-4:] == world.ids[::-1]
    go_on(root, world, world.now)


# At any moment


def kill_again_and_again(makers: Makers, world: World, root: Path, rounds: int, seed: int) -> None:
    """Kill backups, restores and cleanups at random moments; about half of them come through."""
    chance = random.Random(seed)
    world.copy(root)
    state, states = world.now, dict(world.states)
    until, came_through = 0.05, 0
    for number in range(rounds):
        before = listed(root)
        work = chance.choice(["create", "create", "restore", "restore", "cleanup", "validate"])
        target = chance.choice(before)
        choices: dict[str, list[object]] = {
            "create": [chance.random() < 0.7, None],
            "restore": [target],
            "cleanup": [6],
            "validate": [target],
        }
        code, _ = makers.run(work, root, *choices[work], kill_after=chance.uniform(0, until))
        came_through += code == 0
        until *= 0.93 if code == 0 else 1.07
        with opened(root) as store:
            assert list(store.backend.problems()) == []
            now = contents(store)
        after = listed(root)
        if work == "restore":
            assert now in (state, states[target])
            assert now == states[target] or code != 0
        else:
            assert now == state
        new = [one for one in after if one not in before]
        assert len(new) <= (work in ("create", "restore"))
        assert after == [*new, *(one for one in before if one in after)]
        assert after == [*new, *before] or work == "cleanup"
        states.update(dict.fromkeys(new, state))  # made of what was there before
        state = now
        if number % 10 == 9:
            with opened(root) as store:
                for backup_id in after:
                    assert store.backups.validate_backup(backup_id).is_valid
                store.save("scope 2", "turn", number)
                state = contents(store)
            for backup_id in after:
                assert restored(root / "backups", backup_id) == states[backup_id]
            makers.run("cleanup", root, 8)
            assert leftovers(root / "backups") == []
    assert rounds / 8 < came_through < rounds * 7 / 8


def test_work_that_is_killed_at_any_moment_leaves_whole_backups_and_a_whole_store(
    makers: Makers, world: World, room: Path
) -> None:
    kill_again_and_again(makers, world, room / "world", 40, 0)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_hundreds_of_kills_leave_whole_backups_and_a_whole_store(
    makers: Makers, world: World, room: Path, seed: int
) -> None:
    kill_again_and_again(makers, world, room / "world", 600, seed)
