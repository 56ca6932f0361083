"""How does a person write migrations, and know that they are right? new and check."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from llmspell.cli import values
from llmspell.cli.commands.migrate_store import migrating_settings
from llmspell.cli.commands.migrate_text import command, show
from llmspell.cli.exit_codes import DONE
from llmspell.cli.output import printable
from llmspell.cli.table import table
from llmspell.cli.units import counted
from llmspell.errors import InvalidArgument, MigrationError, MigrationFileError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator
    from io import BufferedWriter

    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser
    from llmspell.config import StateSettings
    from llmspell.entry import JsonValue
    from llmspell.migrations.checking import Report
    from llmspell.migrations.proposing import Proposal
    from llmspell.store import Store

_PROPOSED_FROM = 1_000
"""Stored entries that a proposal is made from."""


def declare_new(parser: Parser) -> None:
    """Add the arguments of `migrate new`."""
    parser.add_argument("slug", metavar="NAME", help="a few words for the file name, such as add_email")
    parser.add_argument(
        "--from", metavar="VERSION", dest="from_version", help="the version before; the latest known one unless given"
    )
    parser.add_argument(
        "--to", metavar="VERSION", dest="to_version", help="the version after; the next minor one unless given"
    )
    scopes = parser.add_mutually_exclusive_group()
    scopes.add_argument("--scope", metavar="GLOB", default="*", help="the scopes that it is for; all unless given")
    scopes.add_argument(
        "--from-samples",
        metavar="GLOB",
        help="look at stored entries of these scopes, and propose what brings them to one shape",
    )
    parser.set_defaults(execute=_new)


def declare_check(parser: Parser) -> None:
    """Add the arguments of `migrate check`."""
    parser.add_argument(
        "--samples", metavar="N", help="stored entries to try each migration on; 100 unless given, 0 for none"
    )
    parser.set_defaults(execute=_check)


def _new(arguments: Namespace, output: Output) -> int:
    from llmspell.arguments import scope_name
    from llmspell.migrations.files import versions_by_name
    from llmspell.migrations.numbering import numbers_for_new
    from llmspell.migrations.writing import migration_text, require_slug

    require_slug(arguments.slug)
    scope = scope_name(arguments.scope if arguments.from_samples is None else arguments.from_samples)
    settings = migrating_settings(arguments)
    known = versions_by_name(settings.migrations_path)
    with _open(settings) as store:
        stamp = store.schema_version()
        first = stamp or settings.schema_version
        numbers = numbers_for_new(known, first, arguments.from_version, arguments.to_version)
        path = os.path.join(settings.migrations_path, f"{numbers.to_version}_{arguments.slug}.toml")
        proposal = None
        if arguments.from_samples is not None:
            _require_shape(stamp, numbers.from_version)
            proposal = _proposal(store, scope)
    _create(path, migration_text(*numbers, arguments.slug, scope, proposal))
    active = proposal.active if proposal else 0
    if output.as_json:
        output.value({"path": path, **numbers._asdict(), "transforms": active})
        return DONE.number
    output.line(path)
    if proposal is not None:
        output.say(_told(proposal, scope))
    todo = "read every line of it" if active else "it has no transforms yet: write some"
    output.say(f"{todo}, then try it with {command(arguments, 'check')} and see {command(arguments, 'plan')}")
    return DONE.number


def _require_shape(stamp: str | None, from_version: str) -> None:
    from llmspell.schema_range import order

    if stamp is not None and order(stamp) != order(from_version):
        raise InvalidArgument(
            f"the stored entries have the shape of schema version {stamp}, and the new migration would start from "
            f"{from_version}; migrate the store there first, or write the migration without --from-samples"
        )


def _proposal(store: Store, glob: str) -> Proposal:
    from llmspell import codec
    from llmspell.migrations.documents import fits
    from llmspell.migrations.proposing import propose
    from llmspell.migrations.samples import evenly, places

    now = time.time()
    with store.backend.snapshot() as reader:
        chosen = evenly(places(reader, lambda scope: _every if fits(glob, scope) else None, now), _PROPOSED_FROM)
        entries = [reader.get(scope, key, now) for scope, key in chosen]
    return propose([codec.decode(stored.value) for stored in entries if stored is not None])


def _every(key: str) -> bool:
    return True


def _told(proposal: Proposal, glob: str) -> str:
    if not proposal.entries:
        return f'nothing is stored in scopes like "{glob}", so nothing could be proposed'
    entries = counted(proposal.entries, "entry", "entries")
    if proposal.shapes == 1:
        return f"{entries} looked at: all have one shape, so there is nothing to propose"
    comments = len(proposal.steps) - proposal.active
    return (
        f"{entries} looked at: they have {proposal.shapes} shapes; "
        f"{counted(proposal.active, 'transform was', 'transforms were')} proposed, and {comments} more as comments"
    )


def _create(path: str, text: str) -> None:
    """Write a new file, never over one that is there, and its folder if that is missing."""
    folder = os.path.dirname(path) or os.curdir
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
    except OSError as error:
        raise InvalidArgument(f'the folder "{folder}" cannot be made: {error.strerror}; correct it') from error
    try:
        with open(path, "xb") as file:
            _fill(file, text)
    except FileExistsError as error:
        raise InvalidArgument(f'"{path}" is there already and was left alone; choose another name') from error
    except OSError as error:
        raise InvalidArgument(f'"{path}" cannot be written: {error.strerror}; correct migrations_path') from error


def _fill(file: BufferedWriter, text: str) -> None:
    """Write the whole text, or leave no file behind."""
    try:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    except BaseException:
        os.unlink(file.name)
        raise


def _check(arguments: Namespace, output: Output) -> int:
    from llmspell.migrations.checking import SAMPLES

    most = values.whole(arguments.samples, "--samples")
    settings = migrating_settings(arguments)
    report = _report(arguments, settings, SAMPLES if most is None else most)
    if output.as_json:
        output.value(_fields(report))
    else:
        show(_lines(report, terminal=output.terminal), output)
    problems = len(report.all_problems)
    if problems:
        raise MigrationError(
            f'{counted(problems, "problem", "problems")} with the migrations in "{settings.migrations_path}"; '
            f"correct what is told above and run {command(arguments, 'check')} again"
        )
    if not report.migrations and not output.as_json:
        output.say(f'there are no migrations in "{settings.migrations_path}"; write one with {_new_one(arguments)}')
    return DONE.number


def _report(arguments: Namespace, settings: StateSettings, most: int) -> Report:
    from llmspell.config import load_settings
    from llmspell.migrations.checking import Report, check
    from llmspell.migrations.load import load_folder
    from llmspell.migrations.samples import FOLDER
    from llmspell.scripting.code import open_code

    script = load_settings(arguments.config).script
    folder = settings.migrations_path
    try:
        chain = load_folder(
            folder,
            allow_python=settings.allow_python_migrations,
            open_script=lambda path, source: open_code(path, source, script),
        )
    except MigrationFileError as error:
        return Report((), error.problems, ())
    samples, now, limit = os.path.join(folder, FOLDER), time.time(), settings.max_value_bytes
    with _open(settings) as store:
        if store.schema_version() is None:
            return check(chain, None, samples, now, limit, most)
        with store.backend.snapshot() as reader:
            return check(chain, reader, samples, now, limit, most)


def _lines(report: Report, *, terminal: bool) -> Iterator[str]:
    rows = [(one.file, one.from_version, one.to_version, one.outcome, str(one.samples)) for one in report.migrations]
    yield from table(("file", "from", "to", "result", "samples"), rows, terminal=terminal)
    notices = [notice for one in report.migrations for notice in one.notices]
    for kind, sentences in (("notice", (*notices, *report.notices)), ("problem", report.all_problems)):
        for sentence in sentences:
            yield printable(f"{kind}: {sentence}") if terminal else f"{kind}\t{printable(sentence)}"


def _fields(report: Report) -> JsonValue:
    return {
        "migrations": [{**one._asdict(), "result": one.outcome} for one in report.migrations],
        "problems": list(report.problems),
        "notices": list(report.notices),
    }


def _new_one(arguments: Namespace) -> str:
    return command(arguments, "new", "NAME")


def _open(settings: StateSettings) -> Store:
    """Open the store for reading, whatever its schema version is: these commands are about the files."""
    from llmspell.opening import open_settings

    return open_settings(settings._replace(migration_enabled=False))
