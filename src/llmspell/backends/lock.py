"""Whose turn is it to write? Fair locks between processes and between threads.

SQLite's own waiting is a race that one busy writer can win for seconds. `flock` queues its waiters
in the kernel, so everyone gets a turn.
"""

from __future__ import annotations

import fcntl
import os
import threading
import weakref
from collections import deque

from llmspell.quick_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Result = TypeVar("Result")


class _Held(threading.local):
    """How often the calling thread has entered the lock, and through which file description."""

    depth = 0
    descriptor = -1


class FileLock:
    """A fair lock between all threads of all processes on this machine, held in a `with` block.

    The same thread may enter it again. The kernel releases it when its holder dies, however it
    dies. Each waiting thread uses a file description of its own, because `flock` belongs to the
    description: two threads that shared one would both hold it. A file that somebody deleted is
    not the lock any more; the one that is there instead is.

    `refusal` makes the error that is raised when the file cannot be opened or locked. Without `keep_open` nothing stays
    open between two uses, so that nobody has to close it.

    >>> import tempfile; folder = tempfile.TemporaryDirectory()
    >>> lock = FileLock(folder.name + "/state.lock")
    >>> with lock, lock:
    ...     pass
    >>> lock.close(); folder.cleanup()
    """

    def __init__(
        self,
        path: str,
        before_open: Callable[[], None] | None = None,
        refusal: Callable[[OSError], Exception] | None = None,
        *,
        keep_open: bool = True,
    ) -> None:
        self._path = path
        self._before_open = before_open
        self._refusal = refusal
        self._held = _Held()
        self._idle: deque[int] = deque()
        self._open: set[int] = set()
        self._closed = not keep_open
        _locks.add(self)

    def __enter__(self) -> FileLock:
        held = self._held
        if held.depth == 0:
            held.descriptor = self._lock_or_refuse()
        held.depth += 1
        return self

    def run(self, work: Callable[[], Result]) -> Result:
        """Do the work inside, faster than a `with` block; let go even when Ctrl-C comes at the worst moment."""
        held = self._held
        if held.depth:
            return work()
        descriptor = held.descriptor = self._lock_or_refuse()
        held.depth = 1
        try:
            return work()
        finally:
            # Python looks for signals after calls, so none can come between here and the unlocking.
            held.depth = 0
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            self._put_back(descriptor)

    def enter_at_once(self) -> bool:
        """Enter it if nobody else has it, without waiting; tell whether that worked. `__exit__` leaves it."""
        held = self._held
        if held.depth == 0:
            try:
                held.descriptor = self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        held.depth += 1
        return True

    def __exit__(self, *_: object) -> None:
        held = self._held
        if held.depth == 0:
            return  # the process was forked inside the block: the lock stayed with the parent
        held.depth -= 1
        if held.depth:
            return
        fcntl.flock(held.descriptor, fcntl.LOCK_UN)
        self._put_back(held.descriptor)

    def close(self) -> None:
        """Close the descriptors that nobody holds, and each other one when it is let go."""
        self._closed = True
        while self._idle:
            self._discard(self._idle.pop())

    def forget(self) -> None:
        """After a fork, in the child: let go of what the parent holds without unlocking it."""
        for descriptor in self._open:
            os.close(descriptor)
        self._open = set()
        self._idle = deque()
        self._held = _Held()

    def _lock_or_refuse(self) -> int:
        try:
            return self._lock()
        except OSError as error:
            if self._refusal is None:
                raise
            raise self._refusal(error) from error

    def _lock(self, operation: int = fcntl.LOCK_EX) -> int:
        while True:
            try:
                descriptor = self._idle.pop()
            except IndexError:
                descriptor = self._open_file()
            try:
                fcntl.flock(descriptor, operation)
                if os.fstat(descriptor).st_nlink or self._is_current(descriptor):
                    return descriptor
            except BaseException:  # Ctrl-C while waiting, or somebody else has it
                self._discard(descriptor)
                raise
            self._discard(descriptor)

    def _open_file(self) -> int:
        if self._before_open:
            self._before_open()
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._open.add(descriptor)
        return descriptor

    def _is_current(self, descriptor: int) -> bool:
        """Tell whether the file is still the one at the path (some file systems count no links at all)."""
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self._path))
        except FileNotFoundError:
            return False

    def _put_back(self, descriptor: int) -> None:
        if self._closed:
            self._discard(descriptor)
        else:
            self._idle.append(descriptor)

    def _discard(self, descriptor: int) -> None:
        self._open.discard(descriptor)
        os.close(descriptor)


class Entry:
    """One stay inside a lock, for a `with` block.

    Ctrl-C may come at the very moment at which a block ends, before the first step of leaving is done. The lock is
    left then when this object goes.
    """

    def __init__(self, lock: FileLock | ThreadLock) -> None:
        self._lock = lock
        self._inside = False

    def __enter__(self) -> Entry:
        self._inside = True
        try:
            self._lock.__enter__()
        except Exception:
            self._inside = False
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.__exit__()
        self._inside = False

    def __del__(self) -> None:
        if self._inside:
            self.__exit__()


class ThreadLock:
    """A fair lock between the threads of this process; the same thread may enter it again."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._owner: int | None = None
        self._depth = 0
        self._waiting: deque[tuple[int, threading.Lock]] = deque()

    def __enter__(self) -> ThreadLock:
        thread = threading.get_ident()
        if self._owner == thread:
            self._depth += 1
            return self
        with self._guard:
            if self._owner is None:
                self._owner, self._depth = thread, 1
                return self
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append((thread, turn))
        try:
            turn.acquire()
        except BaseException:
            self._give_up(thread, turn)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._owner != threading.get_ident():
            return  # interrupted before it was entered
        self._depth -= 1
        if self._depth == 0:
            with self._guard:
                self._hand_over()

    def run(self, work: Callable[[], Result]) -> Result:
        """Do the work inside."""
        with self:
            return work()

    def _hand_over(self) -> None:
        if self._waiting:
            self._owner, turn = self._waiting.popleft()
            self._depth = 1
            turn.release()
        else:
            self._owner = None

    def _give_up(self, thread: int, turn: threading.Lock) -> None:
        with self._guard:
            if (thread, turn) in self._waiting:
                self._waiting.remove((thread, turn))
            elif self._owner == thread:
                self._hand_over()


_locks: weakref.WeakSet[FileLock] = weakref.WeakSet()
"""All locks of this process. After a fork the child has the parent's descriptions of their files: what one of the two
holds through one, the other holds as well."""


def _after_fork_in_child() -> None:
    for lock in list(_locks):
        lock.forget()


os.register_at_fork(after_in_child=_after_fork_in_child)
