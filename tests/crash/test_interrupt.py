"""Ctrl-C at any moment: each step is done or not, and the store, the turn and the transaction are as before."""

import pytest

from tests.programs import run

PROGRAM = """
import fcntl, os, random, signal, sys, llmspell

class Interrupted(BaseException):
    pass

def interrupt(number, frame):
    raise Interrupted

def turn_is_free():
    descriptor = os.open(sys.argv[1] + "/state.lock", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)

def move(state):
    number = state.load("scope", "first")
    state.save("scope", "first", number + 1)
    state.save("scope", "second", number + 1)
    store.list_keys("scope")

def work():
    for _ in range(50):
        store.transaction(move)
        store.load("scope", "first")
        store.save("scope", "alone", 1)
        store.save("scope", "alone", None)

store = llmspell.open(sys.argv[1], durability="normal")
other = llmspell.open(sys.argv[1], durability="normal")
for key in ("first", "second"):
    store.save("scope", key, 0)
signal.signal(signal.SIGALRM, interrupt)
chance, interrupted = random.Random(int(sys.argv[2])), 0
for number in range(int(sys.argv[3])):
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.00005, 0.001))
            work()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Interrupted:
        interrupted += 1
    assert turn_is_free(), number
    assert store.load("scope", "first") == other.load("scope", "second"), number
    assert store.save("scope", "after", number) == store.version() == other.version(), number
    assert other.load("scope", "after") == number
assert list(store.backend.problems()) == []
print(interrupted)
"""


def test_an_interruption_leaves_every_step_done_or_undone(folder: str) -> None:
    assert int(run(PROGRAM, folder, "0", "500")) > 250


@pytest.mark.soak
@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_no_interruption_ever_leaves_a_step_half_done(folder: str, seed: str) -> None:
    assert int(run(PROGRAM, folder, seed, "30000")) > 15_000
