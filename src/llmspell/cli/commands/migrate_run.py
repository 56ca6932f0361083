"""How does a person take the store to another schema version? up and down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.cli.asking import agreed, declare_yes
from llmspell.cli.commands.migrate_fields import migrated_fields
from llmspell.cli.commands.migrate_store import open_migrating
from llmspell.cli.commands.migrate_text import command, look_of, outcome, sample_lines, show
from llmspell.cli.commands.migrate_versions import complete_newer, complete_older
from llmspell.cli.exit_codes import DONE, INTERRUPTED
from llmspell.cli.progress import Progress
from llmspell.cli.store import state_settings
from llmspell.cli.units import counted
from llmspell.errors import InvalidArgument
from llmspell.migrations.results import ALREADY_CURRENT
from llmspell.schema_range import order, require_version, satisfies

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    import semver

    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser
    from llmspell.migrations.results import Migrated
    from llmspell.migrations.verbs import Migrations


def declare_up(parser: Parser) -> None:
    """Add the arguments of `migrate up`."""
    target = parser.add_argument(
        "target", metavar="TO", nargs="?", help="the schema version to reach; the latest unless given"
    )
    complete_newer(target)
    _declare_dry_run(parser)
    _declare_on_error(parser)
    parser.set_defaults(execute=_up)


def declare_down(parser: Parser) -> None:
    """Add the arguments of `migrate down`."""
    target = parser.add_argument("target", metavar="TO", help="the schema version to go back to")
    complete_older(target)
    _declare_dry_run(parser)
    declare_yes(parser)
    parser.set_defaults(execute=_down)


def _declare_dry_run(parser: Parser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="do all of it, show what it did, and undo it")
    parser.set_defaults(on_error="fail")


def _declare_on_error(parser: Parser) -> None:
    parser.add_argument(
        "--on-error",
        choices=("fail", "quarantine"),
        default="fail",
        help="what happens when an entry cannot go through: fail (unless given) changes nothing at all, "
        "quarantine puts that entry aside, whole, and goes on",
    )


def _up(arguments: Namespace, output: Output) -> int:
    target = arguments.target
    with open_migrating(arguments, output) as store:
        migrations = store.migrations
        current = migrations.current_version()
        if target is not None and _position(target) < order(current):
            raise InvalidArgument(
                f"{target} is below the store's schema version {current}; to go back, use "
                f"{command(arguments, 'down', target)}"
            )
        result = _migrate(migrations, arguments, output, _leads_up)
        known = migrations.schema_versions() if result.status == ALREADY_CURRENT else (current,)
    _tell(result, arguments, output)
    if not known:
        folder = state_settings(arguments).migrations_path
        output.say(f'there are no migrations in "{folder}"; the setting migrations_path names another folder')
    return DONE.number


def _down(arguments: Namespace, output: Output) -> int:
    target = arguments.target
    with open_migrating(arguments, output) as store:
        migrations = store.migrations
        current = migrations.current_version()
        if _position(target) > order(current):
            raise InvalidArgument(
                f"{target} is above the store's schema version {current}; to go there, use "
                f"{command(arguments, 'up', target)}"
            )
        if not arguments.dry_run and not _agreed_to_go_down(migrations, arguments, output):
            return INTERRUPTED.number
        result = _migrate(migrations, arguments, output, _leads_down)
    _tell(result, arguments, output)
    return DONE.number


def _position(version: str) -> semver.Version:
    require_version(version)
    return order(version)


def _leads_up(result: Migrated) -> bool:
    return order(result.from_version) <= order(result.to_version)


def _leads_down(result: Migrated) -> bool:
    return order(result.from_version) >= order(result.to_version)


def _agreed_to_go_down(migrations: Migrations, arguments: Namespace, output: Output) -> bool:
    plan = migrations.plan(arguments.target)
    if not plan.steps:
        return True
    way = f"from {plan.from_version} down to {plan.to_version}"
    steps = counted(len(plan.steps), "migration", "migrations")
    return agreed(
        f"Take the store {way}, back over {steps}? Fields that only the newer versions have are dropped.",
        f"taking the store {way} drops fields that only the newer versions have",
        arguments,
        output,
    )


def _migrate(
    migrations: Migrations, arguments: Namespace, output: Output, wanted_way: Callable[[Migrated], bool]
) -> Migrated:
    """Run it and show how far it is.

    Another program may move the store after we have looked where it stands; `wanted_way` keeps the run from
    leading the other way then.
    """
    with Progress("migrating", output) as shown:
        migrations.listen(lambda event: shown.reach(event.done, event.total))
        return migrations.migrate(
            arguments.target, dry_run=arguments.dry_run, on_error=arguments.on_error, confirm=wanted_way
        )


def _tell(result: Migrated, arguments: Namespace, output: Output) -> None:
    if output.as_json:
        output.value(migrated_fields(result))
        return
    if result.status == ALREADY_CURRENT:
        output.line(f"the store has schema version {result.from_version} already; nothing is to be done")
        return
    output.line(outcome(result))
    show(sample_lines(result.samples, look_of(output)), output)
    for warning in result.warnings:
        output.say(warning)
    if result.backup_id is not None:
        output.say(f"backed up first, as {result.backup_id}")
    output.say(_next(result, arguments))
    required = state_settings(arguments).required_schema
    if not result.dry_run and required is not None and not satisfies(result.to_version, required):
        output.say(f"the configuration requires {required}, so other commands refuse this store now")


def _next(result: Migrated, arguments: Namespace) -> str:
    """Say what can be done next."""
    forth, back = ("up", "down") if _leads_up(result) else ("down", "up")
    if result.dry_run:
        return f"dry run: nothing was changed; do it with {command(arguments, forth, result.to_version)}"
    return f"to go back: {command(arguments, back, result.from_version)}"
