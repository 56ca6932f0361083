"""What do programs read of what migrations answer? The fields of `--json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from llmspell import codec
from llmspell.migrations.results import ALREADY_CURRENT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmspell.entry import JsonValue
    from llmspell.migrations.chain import Leg
    from llmspell.migrations.results import Applied, Migrated, Plan, Quarantined, Sample, Status


def status_fields(
    status: Status, pending: Iterable[Leg], applied: Iterable[tuple[Applied, int]], quarantined: int
) -> dict[str, JsonValue]:
    """Give the fields of `status`; each applied migration comes with the bytes kept for the way back."""
    return {
        **_plain(status._asdict()),
        "pending": [
            {
                "from_version": leg.start,
                "to_version": leg.end,
                "file": leg.migration.file,
                "description": leg.migration.description,
            }
            for leg in pending
        ],
        "applied": [{**_plain(one._asdict()), "bytes_kept": kept} for one, kept in applied],
        "quarantined": quarantined,
    }


def plan_fields(plan: Plan) -> dict[str, JsonValue]:
    """Give the fields of `plan`."""
    return {
        "from_version": plan.from_version,
        "to_version": plan.to_version,
        "steps": [_plain(step._asdict()) for step in plan.steps],
        "samples": _samples(plan.samples),
    }


def migrated_fields(result: Migrated) -> dict[str, JsonValue]:
    """Give the fields of `up` and `down`; the samples only of a dry run, which is there to show them."""
    fields: dict[str, JsonValue] = {
        "success": True,
        "status": result.status,
        "from_version": result.from_version,
        "to_version": result.to_version,
        "items_migrated": result.items_migrated,
        "items_quarantined": result.items_quarantined,
        "duration_ms": result.duration_ms,
        "warnings": list(result.warnings),
        "dry_run": result.dry_run,
    }
    if result.status == ALREADY_CURRENT:
        fields |= {"current_version": result.from_version, "target_version": result.to_version}
    if result.backup_id is not None:
        fields["backup_id"] = result.backup_id
    if result.dry_run:
        fields["samples"] = _samples(result.samples)
    return fields


def quarantined_fields(one: Quarantined) -> dict[str, JsonValue]:
    """Give the fields of an entry in quarantine, all but its value."""
    fields = _plain(one._asdict())
    del fields["value"]
    return fields


def _samples(samples: Iterable[Sample]) -> list[JsonValue]:
    return [
        {
            "scope": sample.scope,
            "key": sample.key,
            "to_scope": sample.to_scope,
            "to_key": sample.to_key,
            "before": codec.decode(sample.before),
            "after": None if sample.after is None else codec.decode(sample.after),
            "patch": cast("JsonValue", sample.patch()),
        }
        for sample in samples
    ]


def _plain(fields: dict[str, object]) -> dict[str, JsonValue]:
    return {
        name: cast("JsonValue", list(value) if isinstance(value, tuple) else value) for name, value in fields.items()
    }
