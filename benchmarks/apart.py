"""How is something measured in processes of its own? They wait for work, do it beside each other, and end with us.

What they are given to do is a function of a module. Its first argument is its `Bell`: it calls `ready` when everything
is prepared, so that all begin together, and may ask `stopped`.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Concatenate, Generic, NamedTuple, ParamSpec, TypeVar, cast

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Bell(NamedTuple):
    """What a process hears of the one that gave it its work."""

    number: int
    """Which of the processes this is, from 0 on."""
    line: Connection

    def ready(self) -> None:
        """Say that everything is prepared, and wait until all others are; what is garbage is gone then."""
        gc.collect()
        self.line.send("ready")
        self.line.recv()

    def stopped(self) -> bool:
        """Tell whether the work shall end."""
        return self.line.poll()


class Running(Generic[Result]):
    """Work that goes on in other processes."""

    def __init__(self, lines: list[Connection]) -> None:
        self._lines = lines

    def stop(self) -> list[Result]:
        """Ask all to end, for work that goes on until it is asked; give what they gave."""
        for line in self._lines:
            line.send("stop")
        return self.results()

    def results(self) -> list[Result]:
        """Wait until all have ended by themselves, and give what they gave."""
        return [cast("Result", _answer(line)) for line in self._lines]


class Processes:
    """Some processes that wait for work."""

    def __init__(self, lines: list[Connection]) -> None:
        self._lines = lines

    def start(
        self, work: Callable[Concatenate[Bell, Given], Result], *given: Given.args, **named: Given.kwargs
    ) -> Running[Result]:
        """Let every process do the work; gives when all were ready and have been told to go."""
        for line in self._lines:
            line.send((work, given, named))
        for line in self._lines:
            _answer(line)
        for line in self._lines:
            line.send("go")
        return Running(self._lines)


@contextmanager
def processes(number: int) -> Iterator[Processes]:
    """Give so many fresh processes; at the end they are ended, whatever they do."""
    context = multiprocessing.get_context("spawn")
    lines: list[Connection] = []
    started: list[SpawnProcess] = []
    try:
        for each in range(number):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(each, theirs), daemon=True)
            process.start()
            theirs.close()
            started.append(process)
            lines.append(ours)
        yield Processes(lines)
    finally:
        for line in lines:
            line.close()  # a process that waits for work ends of this
        for process in started:
            process.join(0.5)
            if process.is_alive():
                process.kill()
                process.join()


def alone(work: Callable[Concatenate[Bell, Given], Result], *given: Given.args, **named: Given.kwargs) -> Result:
    """Do the work in a fresh process and give what it gives."""
    with processes(1) as one:
        return one.start(work, *given, **named).results()[0]


def resident_bytes() -> int:
    """Give how much memory this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _serve(number: int, line: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that gives the work ends this one
    try:
        while True:
            work, given, named = line.recv()
            line.send(_outcome(work, Bell(number, line), given, named))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # it has ended, or wants no more


def _outcome(work: Callable[..., object], bell: Bell, given: tuple[object, ...], named: dict[str, object]) -> object:
    try:
        result = work(bell, *given, **named)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:  # noqa: BLE001 - raised again by the process that waits for the result
        return error
    if bell.stopped():
        bell.line.recv()
    return result


def _answer(line: Connection) -> object:
    answer = line.recv()
    if isinstance(answer, Exception):
        raise answer
    return answer
