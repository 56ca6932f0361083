"""Which backups are there, and what is known of them? list, show and usage."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from llmspell.cli.commands.backup_fields import list_fields, listed_fields
from llmspell.cli.commands.backup_ids import complete_ids
from llmspell.cli.commands.backup_store import backup_settings, chosen, none_there, open_backups
from llmspell.cli.commands.backup_text import age, branches, chain_of, command, kind, kinds, list_lines, notes
from llmspell.cli.exit_codes import DONE
from llmspell.cli.output import Row, printable
from llmspell.cli.table import table
from llmspell.cli.units import moment, size

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from llmspell.backups.results import Listed
    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser

ID_HELP = "the id of a backup, as list shows it; latest is the newest one"


def declare_list(parser: Parser) -> None:
    """Add the arguments of `backup list`: there are none."""
    parser.set_defaults(execute=_list)


def declare_show(parser: Parser) -> None:
    """Add the arguments of `backup show`."""
    declare_id(parser)
    parser.set_defaults(execute=_show)


def declare_usage(parser: Parser) -> None:
    """Add the arguments of `backup usage`: there are none."""
    parser.set_defaults(execute=_usage)


def declare_id(parser: Parser) -> None:
    """Add the argument that names a backup."""
    complete_ids(parser.add_argument("id", metavar="ID", help=ID_HELP))


def _list(arguments: Namespace, output: Output) -> int:
    with open_backups(arguments, output) as store:
        listed = store.backups.list_backups()
        problems = store.backups.problems()
    if output.as_json:
        output.value(list_fields(listed, problems))
        return DONE.number
    for line in _table(listed, output) if output.terminal else table((), map(_tabbed, listed), terminal=False):
        output.line(line)
    for backup_id, problem in problems.items():
        output.say(problem if backup_id in problem else f"{backup_id}: {problem}")
    if not listed:
        output.say(none_there(arguments, max(problems, default="")))
    return DONE.number


def _table(listed: Sequence[Listed], output: Output) -> list[str]:
    import shutil

    return list(list_lines(listed, time.time(), shutil.get_terminal_size().columns)) if listed else []


def _tabbed(one: Listed) -> tuple[str, ...]:
    return (
        one.id,
        str(one.created_at),
        kind(one),
        str(one.size_bytes),
        str(one.entry_count),
        "null" if one.verified_at is None else repr(one.verified_at),
        notes(one),
        one.description or "",
    )


def _show(arguments: Namespace, output: Output) -> int:
    with open_backups(arguments, output) as store:
        backups = store.backups
        backup_id = chosen(arguments.id, backups, arguments, output)
        by_id = {one.id: one for one in backups.list_backups()}
        one = by_id.get(backup_id) or backups.chain_of(backup_id)[-1]
        problems = backups.problems()
    chain = chain_of(one, by_id)
    obstacle = _obstacle(one, chain, problems, arguments)
    if output.as_json:
        output.value(
            {
                **listed_fields(one),
                "restorable": obstacle is None,
                "obstacle": obstacle,
                "chain": [member.id for member in chain],
            }
        )
        return DONE.number
    output.rows(_rows(one, obstacle, arguments))
    if output.terminal:
        _show_chain(chain, output)
    else:
        output.rows([Row("chain", member.id, "") for member in chain])
    return DONE.number


def _obstacle(one: Listed, chain: Sequence[Listed], problems: dict[str, str], arguments: Namespace) -> str | None:
    """Say why a backup cannot be restored, as far as that is known without reading it; None if it can."""
    if one.damage is not None:
        return one.damage
    if not any(member.encrypted for member in chain):
        return None
    key_file = backup_settings(arguments).backup_encryption_key_file
    if key_file is None:
        return "it is encrypted; name the file with its key in [state] backup_encryption_key_file"
    return problems.get(key_file)


def _rows(one: Listed, obstacle: str | None, arguments: Namespace) -> list[Row]:
    rows = []
    for name, field in {**one._asdict(), "restorable": obstacle is None, "obstacle": obstacle}.items():
        if name == "incremental":
            continue  # the same as is_incremental
        plain = _plain(field)
        readable = plain
        if name in ("created_at", "verified_at") and field is not None:
            readable = f"{moment(float(field))} ({age(time.time() - float(field))})"
        elif name == "size_bytes":
            readable = size(one.size_bytes)
        elif name == "restorable" and obstacle is None and one.verified_at is None:
            readable = f"as far as is known; {command(arguments, 'validate', one.id)} reads all of it"
        elif name == "obstacle" and obstacle is not None and obstacle == one.damage:
            readable = "the damage"
        elif isinstance(field, bool) or field is None:
            readable = {True: "yes", False: "no", None: "none"}[field]
        rows.append(Row(name, plain, readable))
    return rows


def _plain(field: object) -> str:
    if field is None or isinstance(field, bool):
        return {True: "true", False: "false", None: "null"}[field]
    if isinstance(field, tuple):
        return printable(", ".join(field))
    return printable(str(field))  # a description with a line break is one row still


def _show_chain(chain: Sequence[Listed], output: Output) -> None:
    output.line("")
    output.line("the chain, from the full one on")
    members = zip(chain, kinds(chain, branches()), strict=True)
    rows = [
        (one.id, moment(one.created_at), word, size(one.size_bytes), str(one.entry_count), notes(one))
        for one, word in members
    ]
    for line in table(("id", "made at", "kind", "size", "entries", "notes"), rows, terminal=True):
        output.line(line)


def _usage(arguments: Namespace, output: Output) -> int:
    with open_backups(arguments, output) as store:
        usage = store.backups.get_storage_usage()
    told = {"place": backup_settings(arguments).backup_path, **usage._asdict()}
    if output.as_json:
        output.value(told)
        return DONE.number
    rows = [Row(name, _plain(field), "none" if field is None else str(field)) for name, field in told.items()]
    output.rows(row._replace(readable=size(usage.total_size)) if row.name == "total_size" else row for row in rows)
    return DONE.number
