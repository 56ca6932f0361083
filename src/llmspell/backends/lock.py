"""Whose turn is it to write? Fair locks between processes and between threads.

SQLite's own waiting is a race that one busy writer can win for seconds. `flock` queues its waiters
in the kernel, so everyone gets a turn.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class _Held(threading.local):
    """How often the calling thread has entered the lock, and through which file description."""

    depth = 0
    descriptor = -1


class FileLock:
    """A fair lock between all threads of all processes on this machine, held in a `with` block.

    The same thread may enter it again. The kernel releases it when its holder dies, however it
    dies. Each waiting thread uses a file description of its own, because `flock` belongs to the
    description: two threads that shared one would both hold it.

    >>> import tempfile; folder = tempfile.TemporaryDirectory()
    >>> lock = FileLock(folder.name + "/state.lock")
    >>> with lock, lock:
    ...     pass
    >>> lock.close(); folder.cleanup()
    """

    def __init__(self, path: str, before_open: Callable[[], None] | None = None) -> None:
        self._path = path
        self._before_open = before_open
        self._held = _Held()
        self._idle: deque[int] = deque()
        self._open: set[int] = set()

    def __enter__(self) -> FileLock:
        held = self._held
        if held.depth:
            held.depth += 1
            return self
        try:
            descriptor = self._idle.pop()
        except IndexError:
            if self._before_open:
                self._before_open()
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._open.add(descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except BaseException:  # Ctrl-C while waiting
            self._idle.append(descriptor)
            raise
        held.descriptor = descriptor
        held.depth = 1
        return self

    def __exit__(self, *_: object) -> None:
        held = self._held
        held.depth -= 1
        if held.depth == 0:
            fcntl.flock(held.descriptor, fcntl.LOCK_UN)
            self._idle.append(held.descriptor)

    def close(self) -> None:
        """Close the descriptors that nobody holds."""
        while self._idle:
            descriptor = self._idle.pop()
            self._open.discard(descriptor)
            os.close(descriptor)

    def forget(self) -> None:
        """After a fork, in the child: let go of what the parent holds without unlocking it."""
        for descriptor in self._open:
            os.close(descriptor)
        self._open = set()
        self._idle = deque()
        self._held = _Held()


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
        self._depth -= 1
        if self._depth == 0:
            with self._guard:
                self._hand_over()

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
