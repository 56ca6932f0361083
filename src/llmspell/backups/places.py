"""Which place does a path or a URL name?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.errors import InvalidArgument

if TYPE_CHECKING:
    from llmspell.backups.place import Place


def open_place(path_or_url: str) -> Place:
    """Give the place: an object store where the text has "://" in it, else a folder of this machine.

    Nothing is opened or asked yet, and a folder need not exist. Raises `InvalidArgument` for an empty text, for a
    URL of another scheme than those of `object_store.SCHEMES`, and for one that names no bucket.

    >>> open_place("backups").name
    'backups'
    """
    if not path_or_url:
        raise InvalidArgument(
            "the place for backups is an empty text; name a folder, or a URL such as s3://bucket/prefix"
        )
    if "://" in path_or_url:
        from llmspell.backups.remote import RemotePlace

        return RemotePlace(path_or_url)
    from llmspell.backups.local import LocalPlace

    return LocalPlace(path_or_url)
