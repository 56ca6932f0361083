"""A program that writes with history until it is killed, and says which versions the store has acknowledged.

It is given a folder and a number to begin with. Every deed leaves its number under `number`, and in the value of
everything else that it writes.
"""

import os
import sys

import llmspell
from llmspell.backends.base import Revision
from llmspell.backends.sqlite import writing

KEYS = tuple(f"key {number}" for number in range(7))


def contents_after(number: int) -> dict[str, int]:
    """Give what the scope holds after the deed with this number."""
    contents: dict[str, int] = {}
    for done in range(1, number + 1):
        if done % 4 == 1:
            contents[KEYS[done % 7]] = done
        elif done % 4 == 2:
            contents.update(dict.fromkeys(KEYS[::2], done))
            contents.pop(KEYS[1], None)
        elif done % 4 == 3:
            contents = {key: done for key in contents if key != "number"}
        else:
            contents = {KEYS[3]: done}
        contents["number"] = done
    return contents


def do(store: llmspell.Store, number: int) -> None:
    """Do the deed with this number, as one atomic step under one version."""
    if number % 4 == 1:
        with store.transaction() as state:
            state.save("scope", KEYS[number % 7], number)
            state.save("scope", "number", number)
    elif number % 4 == 2:
        with store.transaction() as state:
            for key in KEYS[::2]:
                state.save("scope", key, number)
            state.delete("scope", KEYS[1])
            state.save("scope", "number", number)
    else:
        store.backend.revise(1_700_000_000.0 + number, lambda revision: _revise(revision, number))


def _revise(revision: Revision, number: int) -> None:
    value = b"%d" % number
    if number % 4 == 3:
        revision.rewrite("scope", None, 100, lambda key, text, version, created_at: value)
        revision.put_all([("scope", "number", 0, 1.0, 2.0, None, value)])
    else:
        revision.put_all([("scope", key, 0, 1.0, 2.0, None, value) for key in (KEYS[3], "number")])
        revision.remove_rest()


def main(folder: str, first: str) -> None:
    """Write until the end."""
    writing.RECLAIM_EVERY = 3
    number = int(first)
    store = llmspell.open(folder, durability="normal", clock=lambda: 1_700_000_000.0 + number, history_days=30)
    while True:
        do(store, number)
        os.write(1, b"%d\n" % number)
        number += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
