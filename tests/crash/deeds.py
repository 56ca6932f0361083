"""Numbered deeds on a store, each one atomic step, so that what is in the store tells which were done."""

from collections.abc import Iterator
from typing import TypeAlias

from llmspell import JsonValue, State, Store

Contents: TypeAlias = dict[str, JsonValue]


def do(store: Store, scope: str, number: int) -> None:
    """Do the deed with this number. Every one leaves its number under `number`."""
    kind = number % 5
    if kind == 0:
        store.save(scope, "number", number)
    elif kind == 1:
        store.increment(scope, "number")
    elif kind == 2:
        with store.transaction() as transaction:
            for key in ("number", "first", "second"):
                transaction.save(scope, key, number)
    elif kind == 3:
        store.transaction(lambda state: _replace(state, scope, number))
    else:
        store.update(scope, "number", lambda old: number)


def _replace(state: State, scope: str, number: int) -> None:
    for key in state.list_keys(scope, prefix="item "):
        state.delete(scope, key)
    state.save(scope, f"item {number}", _large(number))
    state.append(scope, "item list", number, keep=3)
    state.save(scope, "number", number)


def all_contents() -> Iterator[Contents]:
    """Give what a scope holds after no deed, after deed 1, after deed 2, and so on."""
    contents: Contents = {}
    number = 0
    while True:
        yield dict(contents)
        number += 1
        contents["number"] = number
        if number % 5 == 2:
            contents["first"] = contents["second"] = number
        elif number % 5 == 3:
            contents.pop(f"item {number - 5}", None)
            contents[f"item {number}"] = _large(number)
            contents["item list"] = [number]


def _large(number: int) -> str:
    return f"{number} " * (number * 37 % 1_500)


def contents_of(state: State, scope: str) -> Contents:
    """Give everything that a scope holds."""
    return {key: state.load(scope, key) for key in state.list_keys(scope)}
