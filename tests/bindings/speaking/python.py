"""How is a case said in Python? By calls on the store, which is what `State` is in a Python script."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NoReturn

from llmspell.errors import Conflict, InvalidArgument
from tests.bindings.comparing import NOTHING, Failure, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import llmspell
    from llmspell import State
    from tests.bindings.reading import Step

CYCLE: list[object] = []
CYCLE.append(CYCLE)

TOO_DEEP: object = 1
for _ in range(129):
    TOO_DEEP = [TOO_DEEP]

ODD: dict[str, object] = {
    "nothing": None,
    "null": None,
    "nan": math.nan,
    "infinity": math.inf,
    "minus_infinity": -math.inf,
    "function": print,
    "cycle": CYCLE,
    "too_deep": TOO_DEEP,
    "bad_text": "a\ud800",
    "tuple": (1, 2),
    "set": {1},
    "bytes": b"x",
    "object": object(),
    "number_as_name": {1: 2},
    "integer_beyond": 2**63,
}


def _raise_boom(*_: object) -> NoReturn:
    raise RuntimeError("boom")


def _add_one(old: Any) -> Any:
    return old + 1


def _save_two(state: State) -> str:
    state.save("s", "a", 1)
    state.save("s", "b", 2)
    return "done"


def _save_two_then_raise(state: State) -> NoReturn:
    _save_two(state)
    _raise_boom()


def _read_what_it_wrote(state: State) -> list[object]:
    state.save("s", "a", 5)
    state.append("s", "list", "x")
    return [state.load("s", "a"), state.exists("s", "a"), state.list_keys("s"), state.increment("s", "a")]


def _versions_inside(state: State) -> list[object]:
    version, entry = state.save("s", "a", 1), state.entry("s", "a")
    return [version, entry and entry.version]


def _transaction_inside(state: State) -> str:
    def inner(state: State) -> str:
        state.save("s", "inner", 1)
        return "inner"

    return state.transaction(inner)


def _conflict_inside(state: State) -> None:
    state.save("s", "b", 2)
    state.save("s", "a", 1, if_version=99)


def _empty_scope_inside(state: State) -> None:
    state.save("s", "b", 2)
    state.save("", "a", 1)


def _wrong_call_caught(state: State) -> str:
    state.save("s", "b", 2)
    try:
        state.save("", "a", 1)
    except InvalidArgument:
        return "went on"
    return "it was taken"


def _conflict_caught(state: State) -> str:
    state.save("s", "b", 2)
    try:
        state.save("s", "a", 1, if_version=99)
    except Conflict:
        return "went on"
    return "it was taken"


def _update_inside_then_raise(state: State) -> NoReturn:
    state.update("s", "n", _add_one)
    raise RuntimeError("boom" if state.load("s", "n") == 2 else "the update is not there")


def _delete_and_clear(state: State) -> list[object]:
    return [state.delete("s", "a"), state.clear("t"), state.exists("s", "a")]


FUNCTIONS: dict[str, Callable[..., object]] = {
    "add_one": _add_one,
    "give_it_back": lambda old: old,
    "give_nothing": lambda _: None,
    "give_function": lambda _: print,
    "raise_boom": _raise_boom,
    "save_two": _save_two,
    "save_two_then_raise": _save_two_then_raise,
    "read_what_it_wrote": _read_what_it_wrote,
    "versions_inside": _versions_inside,
    "transaction_inside": _transaction_inside,
    "conflict_inside": _conflict_inside,
    "empty_scope_inside": _empty_scope_inside,
    "wrong_call_caught": _wrong_call_caught,
    "conflict_caught": _conflict_caught,
    "update_inside_then_raise": _update_inside_then_raise,
    "delete_and_clear": _delete_and_clear,
}
CALLS_INSIDE: dict[str, tuple[str, *tuple[object, ...]]] = {
    "backup_inside": ("create_backup",),
    "migrate_inside": ("migrate", "2.0.0"),
    "restore_inside": ("restore", 1),
}
"""Functions that call the store itself, because what a transaction is given does not have these."""


def outcomes(steps: Sequence[Step], store: llmspell.Store) -> list[Outcome]:
    """Take the steps and give what came of each."""
    given: dict[str, Any] = {}
    return [_outcome(step, store, given) for step in steps]


def copy(values: dict[str, Any], store: llmspell.Store, scope: str) -> None:
    """Save each value in the scope, under its name."""
    for name, value in values.items():
        store.save(scope, name, value)


def write_back(store: llmspell.Store, scope: str) -> None:
    """Load every value of the scope and save what was loaded where it was."""
    for key in store.list_keys(scope):
        store.save(scope, key, store.load(scope, key))


def value_of(value: Any, given: Mapping[str, Any], store: llmspell.Store) -> Any:
    """Give what an argument of a case is in Python."""
    if isinstance(value, list):
        return [value_of(part, given, store) for part in value]
    if not isinstance(value, dict):
        return value
    if "$" not in value:
        return {name: value_of(part, given, store) for name, part in value.items()}
    kind = value["$"]
    if kind == "fn" and value["name"] in CALLS_INSIDE:
        name, *arguments = CALLS_INSIDE[value["name"]]
        return lambda _: getattr(store, name)(*arguments)
    if kind == "fn":
        return FUNCTIONS[value["name"]]
    if kind == "from":
        whole = given[value["step"]]
        return getattr(whole, value["field"]) if "field" in value else whole
    return ODD[kind]


def _outcome(step: Step, store: llmspell.Store, given: dict[str, Any]) -> Outcome:
    arguments = [value_of(argument, given, store) for argument in step.arguments]
    options = {name: value_of(value, given, store) for name, value in step.options.items()}
    try:
        result = getattr(store, step.call)(*arguments, **options)
    except Exception as error:  # noqa: BLE001 - what it is, is what the case asks
        fields = vars(error) if isinstance(error, Conflict) else {}
        return Outcome(None, Failure(type(error).__name__, str(error), fields))
    given[step.name] = result
    return Outcome(NOTHING if result is None else _told(result))


def _told(value: Any) -> Any:
    """Give a result as the other languages tell theirs: named tuples as objects."""
    if isinstance(value, tuple):
        return _told(value._asdict()) if hasattr(value, "_asdict") else [_told(part) for part in value]
    if isinstance(value, list):
        return [_told(part) for part in value]
    if isinstance(value, dict):
        return {name: _told(part) for name, part in value.items()}
    return value
