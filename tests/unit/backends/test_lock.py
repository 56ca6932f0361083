"""The writer's turn: one at a time, between threads and processes, in the order of asking, whatever dies."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

import pytest

from llmspell.backends.lock import FileLock, ThreadLock
from tests.programs import run

Lock = FileLock | ThreadLock


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "state.lock")


@pytest.fixture(params=["file", "thread"])
def lock(request: pytest.FixtureRequest, path: str) -> Lock:
    return FileLock(path) if request.param == "file" else ThreadLock()


def is_free(path: str) -> bool:
    """Ask as another process would, without waiting."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def test_one_thread_at_a_time_is_inside(lock: Lock) -> None:
    inside: list[int] = []

    def work(number: int) -> None:
        for _ in range(200):
            with lock:
                inside.append(number)
                assert inside == [number]
                inside.remove(number)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(6)))


def test_the_same_thread_may_enter_again(lock: Lock) -> None:
    with lock, lock:
        with lock:
            pass
        with ThreadPoolExecutor(1) as threads:
            entered = threads.submit(lock.__enter__)
            assert not entered.done()
            lock.__exit__()
            lock.__exit__()
            entered.result()
            threads.submit(lock.__exit__).result()
        lock.__enter__()
        lock.__enter__()


def test_an_error_inside_lets_go(lock: Lock) -> None:
    with pytest.raises(LookupError), lock:
        raise LookupError
    with ThreadPoolExecutor(1) as threads:
        threads.submit(lock.__enter__).result()


def test_threads_get_their_turns_in_the_order_of_asking() -> None:
    lock, order = ThreadLock(), []
    lock.__enter__()

    def ask(number: int) -> None:
        with lock:
            order.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for count, thread in enumerate(threads, 1):
        thread.start()
        while len(lock._waiting) < count:
            threading.Event().wait(0.001)
    lock.__exit__()
    for thread in threads:
        thread.join()
    assert order == list(range(8))


class Interrupted(Exception):
    """Raised by the signal of a test."""


@pytest.fixture
def interrupt() -> Iterator[Callable[[], None]]:
    """Give what interrupts the main thread, as Ctrl-C does."""

    def handler(number: int, frame: FrameType | None) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGUSR1, handler)
    yield lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)


def test_whoever_is_interrupted_while_waiting_leaves_the_lock_to_others(
    lock: Lock, interrupt: Callable[[], None]
) -> None:
    held, let_go, waits = threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            waits.wait()
            let_go.wait(0.05)  # time for the main thread to begin to wait, which nothing tells
            interrupt()
            let_go.wait()

    with ThreadPoolExecutor(2) as threads:
        holding = threads.submit(hold)
        held.wait()
        try:
            waits.set()
            with lock:
                pytest.fail("the lock was held by another thread")
        except Interrupted:
            pass
        let_go.set()
        holding.result()
        threads.submit(lock.__enter__).result()
        threads.submit(lock.__exit__)


def test_a_lock_is_free_again_after_its_block(path: str) -> None:
    lock = FileLock(path)
    with lock:
        assert not is_free(path)
        with lock:
            pass
        assert not is_free(path)
    assert is_free(path)
    lock.close()


def test_two_locks_on_one_file_exclude_each_other(path: str) -> None:
    one, other, count = FileLock(path), FileLock(path), [0]

    def work(lock: FileLock) -> None:
        for _ in range(300):
            with lock:
                before = count[0]
                os.stat(path)
                count[0] = before + 1

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, (one, other, one, other)))
    assert count == [1200]
    one.close()
    other.close()


def test_the_kernel_lets_go_when_the_holder_is_killed(path: str) -> None:
    program = (
        "import sys; from llmspell.backends.lock import FileLock\n"
        "with FileLock(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert not is_free(path)
        holder.kill()
        holder.wait()
        with FileLock(path) as lock:
            assert not is_free(path)
    lock.close()


def test_a_deleted_lock_file_is_no_lock_any_more(path: str) -> None:
    lock = FileLock(path)
    with lock:
        pass
    os.unlink(path)
    with lock:
        assert not is_free(path)
    lock.close()


def test_a_replaced_lock_file_is_the_lock_from_then_on(path: str) -> None:
    lock, other = FileLock(path), FileLock(path)
    with lock, ThreadPoolExecutor(1) as threads:
        os.unlink(path)
        assert threads.submit(other.__enter__).result()
        threads.submit(other.__exit__).result()
    with lock:
        assert not is_free(path)
    lock.close()
    other.close()


def test_closing_leaves_no_descriptor_behind(path: str) -> None:
    before = os.listdir("/proc/self/fd")
    lock = FileLock(path)

    def use(number: int) -> None:
        with lock:
            pass

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(use, range(40)))
    with lock:
        lock.close()
        assert not is_free(path)
    assert is_free(path)
    assert os.listdir("/proc/self/fd") == before


def test_a_lock_file_is_for_its_owner_alone(path: str) -> None:
    before = os.umask(0)
    try:
        with FileLock(path) as lock:
            assert os.stat(path).st_mode & 0o777 == 0o600
        lock.close()
    finally:
        os.umask(before)


def test_what_is_to_be_done_before_opening_is_done_once_for_each_descriptor(path: str) -> None:
    done: list[str] = []
    lock = FileLock(path, before_open=lambda: done.append("before"))
    for _ in range(3):
        with lock:
            pass
    assert done == ["before"]
    lock.close()


FORK = """
import os, sys
from llmspell.backends.lock import FileLock
lock = FileLock(sys.argv[1])
with lock:
    pass  # so that there is a description that both would share
(child_reads, parent_writes), (parent_reads, child_writes) = os.pipe(), os.pipe()

def say(end): os.write(end, b".")
def hear(end): assert os.read(end, 1) == b"."

def fork(child):
    process = os.fork()
    for end in (parent_reads, parent_writes) if process == 0 else (child_reads, child_writes):
        os.close(end)  # so that one hears when the other has ended
    if process == 0:
        status = 1
        try:
            child()
            status = 0
        finally:
            os._exit(status)
    return process

def join(process): assert os.waitpid(process, 0)[1] == 0
"""


def test_after_a_fork_parent_and_child_exclude_each_other(path: str) -> None:
    run(
        FORK
        + """
def child():
    with lock:
        say(child_writes)
        hear(child_reads)
    say(child_writes)
    hear(child_reads)  # the parent is inside
    assert not lock.enter_at_once()

process = fork(child)
hear(parent_reads)
assert not lock.enter_at_once()
say(parent_writes)
hear(parent_reads)
with lock:
    say(parent_writes)
    join(process)
""",
        path,
    )


def test_a_lock_that_was_held_at_a_fork_stays_with_the_parent(path: str) -> None:
    run(
        FORK
        + """
def child():
    lock.__exit__()  # as the end of the block that the fork was in
    assert not lock.enter_at_once()
    assert not FileLock(sys.argv[1]).enter_at_once()
    say(child_writes)
    with lock:
        pass

with lock:
    process = fork(child)
    hear(parent_reads)
    assert not FileLock(sys.argv[1]).enter_at_once()
join(process)
""",
        path,
    )
