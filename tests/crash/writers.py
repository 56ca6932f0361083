"""A program that starts writers, each a process of its own that does deeds until it is killed.

It reads commands: `start NAME FOLDER DURABILITY` forks a writer (much faster than a new Python), and
`wait NAME` waits for its end. It and the writers write lines to one pipe, unbuffered: `started NAME
PID`, `did NAME NUMBER` for every deed that the store has acknowledged, `ended NAME STATUS`.
"""

import os
import sys
import traceback

import llmspell
from tests.crash.deeds import do


def tell(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def write(name: str, folder: str, durability: str) -> None:
    store = llmspell.open(folder, durability=durability)
    number = store.load(name, "number", 0)
    assert isinstance(number, int)
    while True:
        number += 1
        do(store, name, number)
        tell("did", name, number)


def main() -> None:
    with llmspell.open(backend="memory") as warm:  # imports what every writer needs
        do(warm, "warm", 3)
    processes: dict[str, int] = {}
    for line in sys.stdin:
        command, name, *rest = line.rstrip("\n").split("\t")
        if command == "wait":
            _, status = os.waitpid(processes.pop(name), 0)
            tell("ended", name, status)
            continue
        process = os.fork()
        if process == 0:
            try:
                write(name, *rest)
            except BaseException:  # noqa: BLE001 - told to the test through the exit status
                traceback.print_exc()
                os._exit(1)
        processes[name] = process
        tell("started", name, process)


if __name__ == "__main__":
    main()
