"""What do programs read of what backups answer? The fields of `--json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmspell.backups.results import CleanedUp, Created, Listed, Restored, Validated
    from llmspell.entry import JsonValue


def created_fields(created: Created) -> dict[str, JsonValue]:
    """Give the fields of `create`."""
    return _plain(created._asdict())


def list_fields(listed: Iterable[Listed], problems: dict[str, str]) -> dict[str, JsonValue]:
    """Give the fields of `list`; `problems` are the backups that cannot be read, each with the reason."""
    return {"backups": [listed_fields(one) for one in listed], "problems": cast("JsonValue", problems)}


def listed_fields(one: Listed) -> dict[str, JsonValue]:
    """Give what the list tells of one backup."""
    return _plain(one._asdict())


def restored_fields(result: Restored) -> dict[str, JsonValue]:
    """Give the fields of `restore`; the changes only of a dry run, which is there to show them."""
    fields = _plain(result._asdict())
    if result.dry_run:
        fields["changes"] = [_plain(change._asdict()) for change in result.changes]
    else:
        del fields["changes"]
    return fields


def validated_fields(result: Validated) -> dict[str, JsonValue]:
    """Give what was found in one backup."""
    return _plain(result._asdict())


def cleaned_up_fields(result: CleanedUp) -> dict[str, JsonValue]:
    """Give the fields of `cleanup`."""
    return {**_plain(result._asdict()), "decisions": [_plain(one._asdict()) for one in result.decisions]}


def _plain(fields: dict[str, object]) -> dict[str, JsonValue]:
    return {
        name: cast("JsonValue", list(value) if isinstance(value, tuple) else value) for name, value in fields.items()
    }
