"""A process forks while it has a store open: child and parent go on, and nothing is lost."""

import llmspell
from tests.programs import run

HEAD = """
import os, signal, sys, threading, llmspell
store = llmspell.open(sys.argv[1], durability="normal")
store.save("scope", "before", 1)
store.load("scope", "before")

def fork(child, *, wait=True):
    process = os.fork()
    if process == 0:
        try:
            child()
            status = 0
        except BaseException:
            import traceback
            traceback.print_exc()
            status = 1
        os._exit(status)
    if wait:
        join(process)
    return process

def join(process):
    assert os.waitpid(process, 0)[1] == 0

def count(times):
    for _ in range(times):
        store.increment("scope", "count")
"""


def after(folder: str, program: str) -> dict[str, object]:
    """Run the program and give what it left in the scope, read by somebody else."""
    run(HEAD + program, folder)
    with llmspell.open(folder) as store:
        assert list(store.backend.problems()) == []
        return {key: store.load("scope", key) for key in store.list_keys("scope")}


def test_child_and_parent_write_side_by_side(folder: str) -> None:
    left = after(folder, "child = fork(lambda: count(300), wait=False); count(300); join(child); count(1)")
    assert left["count"] == 601


def test_what_a_child_writes_after_its_parent_has_closed_is_kept(folder: str) -> None:
    left = after(
        folder,
        """
parent_closed, child_wrote = os.pipe(), os.pipe()
def child():
    store.save("scope", "first", 1)
    os.write(child_wrote[1], b".")
    os.read(parent_closed[0], 1)
    store.save("scope", "second", 2)
    store.close()
process = fork(child, wait=False)
os.read(child_wrote[0], 1)
store.close()
with llmspell.open(sys.argv[1]) as other:
    assert other.load("scope", "first") == 1
os.write(parent_closed[1], b".")
join(process)
with llmspell.open(sys.argv[1]) as other:
    assert other.load("scope", "second") == 2
""",
    )
    assert left == {"before": 1, "first": 1, "second": 2}


def test_a_child_may_open_the_store_anew(folder: str) -> None:
    left = after(
        folder,
        """
def child():
    with llmspell.open(sys.argv[1]) as other:
        other.save("scope", "child", 1)
    store.save("scope", "again", 1)
process = fork(child, wait=False)
store.save("scope", "parent", 1)
store.close()
join(process)
""",
    )
    assert left == {"before": 1, "child": 1, "again": 1, "parent": 1}


def test_a_child_that_ends_takes_nothing_from_its_parent(folder: str) -> None:
    left = after(
        folder,
        """
with store.snapshot() as snapshot:
    for _ in range(5):
        fork(lambda: store.load("scope", "before"))
        fork(store.close)
        fork(lambda: None)
        count(3)
    assert snapshot.list_keys("scope") == ["before"]
""",
    )
    assert left["count"] == 15


def test_a_fork_inside_a_transaction_leaves_the_transaction_to_the_parent(folder: str) -> None:
    left = after(
        folder,
        """
with store.transaction() as transaction:
    transaction.save("scope", "inside", 1)
    fork(lambda: None)
    def child():
        assert not llmspell.open(sys.argv[1]).exists("scope", "inside")
    fork(child)
""",
    )
    assert left == {"before": 1, "inside": 1}


def test_a_fork_inside_the_turn_leaves_the_turn_to_the_parent(folder: str) -> None:
    left = after(
        folder,
        """
turn = store.backend.turn()
turn.__enter__()
def child():
    turn.__exit__(None, None, None)  # as the end of a with block does
    count(200)
process = fork(child, wait=False)
for _ in range(100):
    number = store.load("scope", "count", 0)
    store.save("scope", "count", number + 1)
turn.__exit__(None, None, None)
count(200)
join(process)
""",
    )
    assert left["count"] == 500


def test_a_fork_while_threads_use_the_store_loses_nothing(folder: str) -> None:
    left = after(
        folder,
        """
stop = threading.Event()
def work():
    while not stop.is_set():
        store.increment("scope", "threads")
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
told = os.pipe()
def child():
    signal.alarm(10)  # a lock of the system's that another thread had when we forked is never let go
    for _ in range(5):
        try:
            store.increment("scope", "children")
        except llmspell.errors.StoreUnavailable as error:
            assert "forked while another thread was using a store" in str(error), error
            return
        os.write(told[1], b".")
for _ in range(30):
    status = os.waitpid(fork(child, wait=False), 0)[1]
    assert status in (0, signal.SIGALRM), status
stop.set()
for thread in threads:
    thread.join()
os.close(told[1])
store.save("scope", "told", len(os.read(told[0], 1000)))
""",
    )
    assert left.get("children", 0) == left["told"]


def test_a_pool_of_forked_workers_shares_the_store_of_its_parent(folder: str) -> None:
    left = after(
        folder,
        """
import multiprocessing
def work(number):
    return store.increment("scope", "count", number)
with multiprocessing.get_context("fork").Pool(4) as pool:
    pool.map(work, range(101))
count(1)
""",
    )
    assert left["count"] == 5051


def test_a_store_in_memory_is_copied_by_a_fork(folder: str) -> None:
    run(
        HEAD
        + """
with llmspell.open(backend="memory") as memory:
    memory.save("scope", "key", "before")
    def child():
        assert memory.load("scope", "key") == "before"
        memory.save("scope", "key", "child")
    fork(child)
    assert memory.load("scope", "key") == "before"
""",
        folder,
    )
