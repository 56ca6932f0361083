"""How is the store? stats and check."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from llmspell import codec
from llmspell.cli.exit_codes import DONE
from llmspell.cli.output import Row
from llmspell.cli.progress import Progress
from llmspell.cli.store import open_store, state_settings
from llmspell.cli.units import size
from llmspell.errors import InvalidValue, StoreDamaged
from llmspell.transfer import live_entries

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser
    from llmspell.entry import Stored
    from llmspell.store import Store


def declare_stats(parser: Parser) -> None:
    """Add the arguments of `state stats`: there are none."""
    parser.set_defaults(execute=_stats)


def declare_check(parser: Parser) -> None:
    """Add the arguments of `state check`: there are none."""
    parser.set_defaults(execute=_check)


def _stats(arguments: Namespace, output: Output) -> int:
    settings = state_settings(arguments)
    with open_store(settings, output) as store:
        counted = store.statistics()
    told = {"backend": settings.backend, "path": settings.path, **counted._asdict()}
    if output.as_json:
        output.value(told)
        return DONE.number
    rows = []
    for name, number in told.items():
        plain = "null" if number is None else str(number)
        readable = _bytes(number) if name.endswith("_bytes") else "none yet" if number is None else str(number)
        rows.append(Row(name, plain, readable))
    output.rows(rows)
    return DONE.number


def _bytes(count: int) -> str:
    return size(count) if count < 1_000 else f"{size(count)} ({count} bytes)"


def _check(arguments: Namespace, output: Output) -> int:
    settings = state_settings(arguments)
    problems: list[str] = []
    try:
        with open_store(settings, output) as store, Progress("checking", output) as shown:
            exists = store.schema_version() is not None
            problems.extend(_problems(store, shown))
    finally:  # a store so damaged that looking at it fails may have told something before
        if not output.as_json:
            for problem in problems:
                output.line(problem)
    if output.as_json:
        output.value({"exists": exists, "entries": shown.number, "problems": list(problems)})
    if problems:
        found = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise StoreDamaged(
            f'{found} in the store in "{settings.path}"; keep a copy of the folder, and go back to an export that '
            "is sound"
        )
    if not exists:
        output.say(f'there is no store in "{settings.path}" yet, so there is nothing to check')
    elif not output.as_json:
        output.line(f"no problems; values checked: {shown.number}")
    return DONE.number


def _problems(store: Store, shown: Progress) -> Iterator[str]:
    """Give what the engine finds, then every value that is no JSON text, unless that was told already."""
    told = set()
    for problem in store.backend.problems():
        told.add(problem.partition(" has a value")[0])
        yield problem
    with store.backend.snapshot() as reader:
        for stored in shown.count(live_entries(reader, (), time.time())):
            fault = _fault(stored)
            place = f"scope {stored.scope!r}, key {stored.key!r}"
            if fault is not None and place not in told:
                yield f"{place} has a value that {fault}"


def _fault(stored: Stored) -> str | None:
    """Say what is wrong with a value, None if nothing is."""
    try:
        codec.parse(stored.value)
    except InvalidValue as error:
        return f"at {error.path} {error.reason}" if error.path else error.reason
    return None
