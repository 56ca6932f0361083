"""What are stores filled with? Entries of about 200 bytes, written in large batches."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator
from itertools import islice

import orjson

from llmspell import JsonValue, Store
from llmspell.batch import Batch, Put

SCOPE = "user"
_BATCH = 10_000


def key_of(number: int) -> str:
    """Give a key; those of a thousand neighbours have all but the last three digits in common."""
    return f"key{number:07}"


def value_of(number: int, chance: random.Random) -> JsonValue:
    """Give a value of about 200 bytes of text; half of it is made by chance, so nothing shortens it much."""
    return {
        "name": f"user {number}",
        "email": f"user{number}@example.org",
        "about": chance.randbytes(60).hex(),
        "score": number,
    }


def texts(entries: int, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """Give keys, in order, and values as JSON text."""
    chance = random.Random(seed)
    for number in range(entries):
        yield key_of(number), orjson.dumps(value_of(number, chance))


def fill(store: Store, entries: int) -> None:
    """Write so many entries into `SCOPE`."""
    fill_with(store, texts(entries))


def fill_with(store: Store, pairs: Iterable[tuple[str, bytes]]) -> None:
    """Write these keys and values into `SCOPE`, in commits of ten thousand."""
    pairs = iter(pairs)
    while puts := tuple(Put(SCOPE, key, text) for key, text in islice(pairs, _BATCH)):
        store.backend.commit(Batch(time.time(), puts))
