"""What is a migration, once its file has been read?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from llmspell.migrations.transforms.table import Step
    from llmspell.migrations.validators import Rule


class Migration(NamedTuple):
    """The change from one schema version to the next.

    `scope` and `key` are globs of the entries that it touches; a step may narrow them. `pre` and `post` are the
    rules that every such entry fulfils before and after. `file` is the name inside the folder.
    `fingerprint` stands for what the migration means: it is the same as long as nothing but the description,
    comments or the spelling of the file has changed. `missing` says why it cannot be made now, a sentence for each
    Python module that is not installed; to undo it they may not be needed.
    """

    from_version: str
    to_version: str
    description: str
    scope: str
    key: str
    steps: tuple[Step, ...]
    pre: tuple[Rule, ...]
    post: tuple[Rule, ...]
    file: str
    fingerprint: str
    missing: tuple[str, ...] = ()
