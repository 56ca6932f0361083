"""Work on backups fails, is interrupted, or is given up: the same process goes on at once, and nothing is half done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.backing import Makers, World, contents, fast_room, leftovers, opened, restored
from tests.crash.test_backup_kill import REMOVING, SEEN, UNSEEN, listed, strike
from tests.programs import run

IN_A_FILE = {"backup.writing", "backup.writing@2", "backup.written", "backup.written@2", "backup.written@3"}
"""Where an error of the system is one of the place, and told so."""
IN_THE_PLACE = {*IN_A_FILE, "backup.publishing", "backup.published"}
RESTORING = ["turn_taken", "putting", "written", "committing"]


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


def check(root: Path, world: World, new: str, count: int) -> None:
    """Check that all is whole after the failure, a save and the backup `new`, and how many backups there are."""
    with opened(root) as store:
        assert list(store.backend.problems()) == []
        now = contents(store)
    found = listed(root)
    assert found[0] == new
    assert len(found) == count
    assert leftovers(root / "backups") == []
    assert restored(root / "backups", new) == now
    for one in found[1:]:
        assert restored(root / "backups", one) == world.states.get(one, world.now)


@pytest.mark.parametrize("action", ["raise", "interrupt"])
@pytest.mark.parametrize("point", [*UNSEEN, *SEEN])
def test_after_a_backup_failed_the_same_process_makes_the_next_one(
    makers: Makers, world: World, room: Path, point: str, action: str
) -> None:
    root = world.copy(room / "world")
    code, answer = makers.run("survive", root, "create", True, fail_point=strike(point, action))
    assert code == 0
    failure, new, problems = answer
    if action == "interrupt":
        assert failure == "KeyboardInterrupt"
    elif point.startswith("marks"):
        assert failure is None  # the backup is made, and a warning tells that its verdict is not noted
    else:
        assert failure == ("BackupUnavailable" if point in IN_THE_PLACE else "OSError")
    assert problems == []
    # Who was told of an error after the rename has a backup all the same, whole and proven.
    check(root, world, new, 5 + (point in SEEN))


@pytest.mark.parametrize("action", ["raise", "interrupt"])
@pytest.mark.parametrize("point", RESTORING)
@pytest.mark.parametrize("number", [0, 3])
def test_after_a_restore_failed_the_same_process_goes_on_with_the_store_as_it_was(
    makers: Makers, world: World, room: Path, point: str, action: str, number: int
) -> None:
    root = world.copy(room / "world")
    strike_at = strike(f"restore.{point}", action)
    code, answer = makers.run("survive", root, "restore", world.ids[number], fail_point=strike_at)
    assert code == 0
    assert answer[0] == ("KeyboardInterrupt" if action == "interrupt" else "StoreUnavailable")
    with opened(root) as store:
        store.delete("after", "key")
        assert contents(store) == world.now
        store.save("after", "key", "saved")
    check(root, world, answer[1], 6)


@pytest.mark.parametrize("action", ["raise", "interrupt"])
@pytest.mark.parametrize("point", REMOVING)
def test_after_a_cleanup_failed_the_same_process_goes_on(
    makers: Makers, world: World, room: Path, point: str, action: str
) -> None:
    root = world.copy(room / "world")
    code, answer = makers.run("survive_cleanup", root, 2, fail_point=strike(point, action))
    assert code == 0
    assert answer[0] in ("KeyboardInterrupt", "OSError", "BackupUnavailable")
    check(root, world, answer[1], 5 - REMOVING[point])


@pytest.mark.parametrize("action", ["raise", "interrupt"])
@pytest.mark.parametrize("point", ["validate.noting", "marks.written", "marks.replacing", "marks.replaced"])
@pytest.mark.parametrize("work", ["validate", "hold"])
def test_after_marks_could_not_be_written_the_same_process_goes_on(
    makers: Makers, world: World, room: Path, work: str, point: str, action: str
) -> None:
    root = world.copy(room / "world")
    code, answer = makers.run("survive", root, work, world.ids[1], fail_point=strike(point, action))
    assert code == 0
    never = work == "hold" and point == "validate.noting"
    told = work == "validate" and point.startswith("marks")
    kind = "OSError" if point == "validate.noting" else "BackupUnavailable"
    failures = {"interrupt": "KeyboardInterrupt", "raise": None if told else kind}
    assert answer[0] == (None if never else failures[action])
    check(root, world, answer[1], 5)


def test_a_progress_that_raises_ends_a_backup_and_a_restore_with_nothing_done(world: World, room: Path) -> None:
    root = world.copy(room / "world")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with opened(root) as store:
        version = store.version()
        with pytest.raises(KeyboardInterrupt):
            store.backups.create_backup(True, progress=stop)
        assert leftovers(root / "backups") == []
        with pytest.raises(KeyboardInterrupt):
            store.backups.restore_backup(world.ids[2], progress=stop)
        assert store.version() == version
        assert contents(store) == world.now
        made = store.backups.create_backup(True)
    assert len(listed(root)) == 6  # and the one that the restore has made first
    assert restored(root / "backups", made.backup_id) == world.now


def test_a_restore_inside_a_transaction_is_refused_and_so_is_a_backup(world: World, room: Path) -> None:
    root = world.copy(room / "world")
    with opened(root) as store, store.transaction() as state:
        state.save("scope 0", "0000", "changed")
        with pytest.raises(ValueError, match="end the transaction first"):
            store.backups.create_backup()
        with pytest.raises(ValueError, match="end the transaction first"):
            store.backups.restore_backup(world.ids[0])
    assert listed(root) == world.ids[::-1]


# At any moment

PROGRAM = """
import fcntl, os, random, signal, sys
sys.path.insert(0, sys.argv[4])
from tests.crash.backing import contents, leftovers, opened, restored

class Interrupted(BaseException):
    pass

def interrupt(number, frame):
    raise Interrupted

def is_free(path):
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)

root = sys.argv[1]
store, other = opened(root, 5), opened(root, 5)
states = {one.id: restored(root + "/backups", one.id) for one in store.backups.list_backups()}
state = contents(other)
signal.signal(signal.SIGALRM, interrupt)
chance, interrupted, until = random.Random(int(sys.argv[2])), 0, 0.02
for number in range(int(sys.argv[3])):
    backups = store.backups
    before = [one.id for one in backups.list_backups()]
    target = chance.choice(before)
    work, arguments = chance.choice([
        (backups.create_backup, [chance.random() < 0.7]), (backups.restore_backup, [target]),
        (backups.cleanup_backups, []), (backups.validate_backup, [target]),
    ])
    came_through = False
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0001, until))
            work(*arguments)
            came_through = True
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Interrupted:
        interrupted += 1
    until *= 0.95 if came_through else 1.05
    assert is_free(root + "/state/state.lock") and is_free(root + "/backups/.lock"), number
    now = contents(other)
    assert now == contents(store)
    assert now in ([state, states[target]] if work == backups.restore_backup else [state]), number
    found = other.backups.list_backups()
    assert other.backups.problems() == {} and not any(one.damage for one in found), number
    after = [one.id for one in found]
    new = [one for one in after if one not in before]
    assert after == [*new, *(one for one in before if one in after)] and len(new) <= 1, number
    states.update({one: state for one in new})
    state = now
    if number % 10 == 0:
        for one in after:
            assert restored(root + "/backups", one) == states[one], number
        store.save("scope 0", "turn", number)
        state = contents(other)
        made = store.backups.create_backup(True).backup_id
        states[made] = state
        assert leftovers(root + "/backups") == [], number
assert list(store.backend.problems()) == []
print(interrupted)
"""


def interrupt_again_and_again(root: Path, rounds: int, seed: int) -> None:
    tests = str(Path(__file__).parents[2])
    interrupted = int(run(PROGRAM, str(root), str(seed), str(rounds), tests))
    assert rounds / 8 < interrupted < rounds * 7 / 8


def test_work_that_is_interrupted_at_any_moment_is_done_or_undone_and_hinders_nothing(world: World, room: Path) -> None:
    interrupt_again_and_again(world.copy(room / "world"), 50, 0)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 11))
def test_no_interruption_ever_leaves_half_a_backup_or_half_a_restore(world: World, room: Path, seed: int) -> None:
    interrupt_again_and_again(world.copy(room / "world"), 300, seed)
