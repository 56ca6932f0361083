"""What does a new migration file say? Every key with what it means, and the transforms that were proposed."""

from __future__ import annotations

import re
from textwrap import wrap
from typing import TYPE_CHECKING

from llmspell.config.table import escaped
from llmspell.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llmspell.entry import JsonValue
    from llmspell.migrations.proposing import Proposal, Proposed

LONGEST_SLUG = 100
LINE_LENGTH = 118

_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

_HEAD = """\
# What changes from schema version {from_version} to {to_version}.
# `llmspell migrate check` tries this file on stored entries and on documents in samples/{from_version}/*.json
# beside it, `llmspell migrate plan` shows what it would do to the store; `llmspell migrate up` does it.

# The versions that entries have before and after. The name of the file begins with the second one.
from_version = {from_text}
to_version = {to_text}

# A sentence for people; plans and the list of applied migrations show it.
description = {description}

# Which entries it is for, as globs such as "user*". A transform may have a scope and a key of its own.
scope = {scope}
key = "*"
"""

_NO_TRANSFORMS = """\
# The transforms go in order over each entry, each seeing what the one before left. There are none yet: take the
# comment signs from the examples that fit and change the names in them, or write others. The way down undoes them.
# A path such as "profile.age" or "items[0].name" leads to a field.
"""

_EXAMPLES = """\
# A field gets another name or place. A document without it is refused, unless missing = "skip" leaves it alone; one
# that has the new field already is refused too, unless existing = "skip" or existing = "replace" is there.
# [[transforms]]
# type = "rename"
# from = "mail"
# to = "email"
# missing = "skip"

# A field gets a value where it is absent. "{{now_iso8601}}" stands for the moment of the migration.
# [[transforms]]
# type = "default"
# field = "active"
# value = true

# A value becomes one of another kind, if it can without a loss: "int", "float", "string", "bool" or "datetime".
# [[transforms]]
# type = "convert"
# field = "age"
# to = "int"

# A value becomes what a table says.
# [[transforms]]
# type = "convert"
# field = "level"
# mapping = { low = 1, high = 3 }

# A field gets what an expression (CEL) gives.
# [[transforms]]
# type = "computed"
# field = "profile.adult"
# expression = "profile.age >= 18"

# A text is taken apart, several become one.
# [[transforms]]
# type = "split"
# from = "name"
# to = ["first_name", "last_name"]
# separator = " "
# [[transforms]]
# type = "merge"
# from = ["city", "country"]
# to = "place"
# separator = ", "

# The same for every element of an array.
# [[transforms]]
# type = "transform_array"
# field = "items"
# element_transforms = [{ type = "rename", from = "qty", to = "quantity" }]

# Only for documents of which something is true.
# [[transforms]]
# type = "conditional"
# condition = "has(this.legacy) && this.legacy"
# transforms = [{ type = "set", field = "source", value = "import" }]

# A field goes; it is kept aside, and comes back on the way down.
# [[transforms]]
# type = "remove"
# field = "legacy"
# missing = "skip"

# The entry as a whole: a new key or scope, or its end.
# [[transforms]]
# type = "rename_key"
# to = "user:{key}"
# [[transforms]]
# type = "delete_entry"
# condition = "has(this.expired) && this.expired"
"""

_VALIDATION = """\
# What must hold for every entry before and after; one that breaks a rule stops the whole migration.
# [validation]
# pre_migration = [{ field = "email", validator = "required" }]
# post_migration = [{ field = "profile.age", validator = "min:0,max:150" }]
"""


def require_slug(slug: str) -> None:
    """Raise `InvalidArgument` unless a file name may hold the words.

    >>> require_slug("add_email")
    """
    if _SLUG.fullmatch(slug) and len(slug) <= LONGEST_SLUG:
        return
    near = re.sub(r"[^a-z0-9_-]+", "_", slug.casefold()).strip("_-")[:LONGEST_SLUG]
    advice = f'; "{near}" would do' if _SLUG.fullmatch(near) else ', as in "add_email"'
    raise InvalidArgument(
        f'the name "{slug}" cannot be used: it takes 1 to {LONGEST_SLUG} lower-case letters, digits, _ and -{advice}'
    )


def migration_text(
    from_version: str, to_version: str, slug: str, scope: str = "*", proposal: Proposal | None = None
) -> str:
    """Give the text of a new file: with examples as comments, or with the steps of a proposal that has some."""
    head = _HEAD.format(
        from_version=from_version,
        to_version=to_version,
        from_text=_text(from_version),
        to_text=_text(to_version),
        description=_text(re.sub(r"[_-]+", " ", slug).strip()),
        scope=_text(scope),
    )
    if proposal is None or not proposal.steps:
        return "\n".join([head, _NO_TRANSFORMS, _EXAMPLES, _VALIDATION])
    return "\n".join([head, *_proposed(proposal), _VALIDATION])


def _proposed(proposal: Proposal) -> Iterator[str]:
    found = f"{proposal.entries} entries were looked at; they have {proposal.shapes} shapes"
    yield (
        f"# {found}, and the most common one has {proposal.common} of them.\n"
        "# What follows would bring the others to it. It was guessed from names and values: read every line.\n"
    )
    for step in proposal.steps:
        yield "\n".join(_lines(step)) + "\n"
    if proposal.left_out:
        yield f"# {proposal.left_out} more differences were found and left out; propose again once these are gone.\n"


def _lines(step: Proposed) -> Iterator[str]:
    for line in wrap(escaped(step.evidence), LINE_LENGTH - 2, break_long_words=False, break_on_hyphens=False):
        yield f"# {line}"
    if not step.fields:
        return
    sign = "" if step.active else "# "
    yield f"{sign}[[transforms]]"
    for name, value in step.fields.items():
        yield f"{sign}{name} = {_toml(value)}"


def _toml(value: JsonValue) -> str:
    """Write a value on one line; null has no TOML and is never asked for."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return _braced([f"{_key(name)} = {_toml(part)}" for name, part in value.items()])
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return repr(value)


def _braced(pieces: Sequence[str]) -> str:
    return f"{{ {', '.join(pieces)} }}" if pieces else "{}"


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
