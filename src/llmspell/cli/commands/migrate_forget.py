"""How does a person give up the way back over a migration? forget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.cli.asking import agreed, declare_yes
from llmspell.cli.commands.migrate_store import open_migrating
from llmspell.cli.commands.migrate_versions import complete_applied
from llmspell.cli.exit_codes import DONE, INTERRUPTED
from llmspell.cli.units import size
from llmspell.errors import MigrationPathError
from llmspell.schema_range import require_version

if TYPE_CHECKING:
    from argparse import Namespace

    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser
    from llmspell.migrations.results import Applied
    from llmspell.migrations.verbs import Migrations


def declare_forget(parser: Parser) -> None:
    """Add the arguments of `migrate forget`."""
    target = parser.add_argument("target", metavar="VERSION", help="the version that the migration led to")
    complete_applied(target)
    declare_yes(parser)
    parser.set_defaults(execute=_forget)


def _forget(arguments: Namespace, output: Output) -> int:
    version = arguments.target
    require_version(version)
    with open_migrating(arguments, output) as store:
        migrations = store.migrations
        applied = _applied_to(version, migrations)
        way = f"from {applied.to_version} to {applied.from_version}"
        kept = size(migrations.bytes_kept(version))
        question = f"Forget what {applied.file} took away ({kept})? There is no way back {way} then."
        if not agreed(question, f"forgetting the way back {way} cannot be undone", arguments, output):
            return INTERRUPTED.number
        freed = migrations.forget(version)
    if output.as_json:
        output.value({"version": version, "bytes_freed": freed})
    else:
        output.line(f"{size(freed)} freed; there is no way back {way} any more")
    return DONE.number


def _applied_to(version: str, migrations: Migrations) -> Applied:
    """Give the record of the migration, so that nobody is asked about one that was never made."""
    applied = migrations.applied()
    for one in applied:
        if one.to_version == version:
            return one
    known = ", ".join(one.to_version for one in applied) or "none"
    raise MigrationPathError(f"the store stands on no migration to {version}; it stands on: {known}")
