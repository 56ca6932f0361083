"""A manifest is exactly what was written, or it is none; whoever changes a byte of it is found out."""

from __future__ import annotations

import hmac
import json
from typing import Any

import pytest

from llmspell.backups.content import Packing, Part
from llmspell.backups.manifest import (
    Details,
    Manifest,
    checksum_of,
    details_text,
    packing_of,
    parse,
    text_of,
    with_details,
)
from llmspell.errors import BackupDamaged, BackupTooNew
from tests.unit.backups.places import manifest_text

FULL_ID, CHILD_ID = "20261122T190000Z-full-k3vq7a", "20261122T200000Z-incr-aaaaaa"
PART = Part("entries.jsonl.zst", 10, "a" * 64, 20, "b" * 64)
DETAILS = Details("before the großen change 😀\n", ("agent:*",), ("cache*",), {PART.name: "b" * 64})
PLAIN = Manifest(
    FULL_ID, None, None, 3, 1.5, "1.0.0", 0, 9, 2, 0, 2, 14, "zstd", None, (PART,), DETAILS, "llmspell 1.0"
)
CHILD = PLAIN._replace(id=CHILD_ID, parent_id=FULL_ID, parent_checksum="c" * 64, since_version=4, tombstone_count=1)
LOCKED = PLAIN._replace(
    recipient="age1abc", details=None, parts=(PART._replace(name="entries.jsonl.zst.age", content_sha256=None),)
)


def code(secret: bytes) -> Any:
    """Give what makes the code of a manifest, for writing (the text) and for reading (the text, the recipient)."""
    return lambda text, recipient="age1abc": hmac.digest(secret, text + recipient.encode(), "sha256").hex()


def forged(**fields: Any) -> bytes:
    """Give the text of a manifest with other fields and a checksum that fits; a field that is ... is left out."""
    known = {name: value for name, value in (json.loads(text_of(PLAIN, None)) | fields).items() if value is not ...}
    return text_with_checksum(known)


def text_with_checksum(fields: dict[str, Any]) -> bytes:
    import hashlib

    fields.pop("checksum", None)
    return manifest_text({**fields, "checksum": hashlib.sha256(manifest_text(fields)).hexdigest()})


def refusal(text: bytes) -> str:
    with pytest.raises(BackupDamaged, match="its manifest is not readable") as caught:
        parse(text, None)
    return str(caught.value)


@pytest.mark.parametrize(
    "manifest",
    [
        PLAIN,
        CHILD,
        LOCKED,
        PLAIN._replace(total_entries=None, version_sum=None),
        PLAIN._replace(compression="gzip", parts=(PART._replace(name="entries.jsonl.gz"),))._replace(
            details=DETAILS._replace(content_sha256={"entries.jsonl.gz": "b" * 64})
        ),
        PLAIN._replace(
            parts=(PART, PART._replace(name="notes.jsonl.zst")),
            details=DETAILS._replace(content_sha256={PART.name: "b" * 64, "notes.jsonl.zst": "b" * 64}),
        ),
    ],
)
def test_a_manifest_comes_back_as_it_was(manifest: Manifest) -> None:
    assert parse(text_of(manifest, None), None) == manifest


def test_the_checksum_is_the_one_that_anybody_can_make() -> None:
    text = text_of(PLAIN, None)
    assert text_with_checksum(json.loads(text)) == text
    assert checksum_of(text) == json.loads(text)["checksum"]


def test_a_full_backup_is_one_without_a_parent() -> None:
    assert PLAIN.full
    assert not CHILD.full
    assert json.loads(text_of(CHILD, None))["kind"] == "incr"


def test_files_are_found_by_what_they_hold() -> None:
    assert PLAIN.part("entries.jsonl") == PART
    assert PLAIN.part("notes.jsonl") is None
    assert PLAIN.size_bytes == 10


def test_how_files_are_unpacked_is_told_by_the_manifest() -> None:
    assert packing_of(PLAIN, None) == Packing("zstd", 0, None)


def test_every_flipped_bit_of_a_manifest_is_found() -> None:
    for manifest in (PLAIN, LOCKED):
        text = text_of(manifest, None)
        for at in range(len(text)):
            spoilt = text[:at] + bytes([text[at] ^ 1 << at % 8]) + text[at + 1 :]
            with pytest.raises((BackupDamaged, BackupTooNew)):
                parse(spoilt, None)


def test_every_truncation_and_extension_of_a_manifest_is_found() -> None:
    text = text_of(PLAIN, None)
    for spoilt in [*(text[:at] for at in range(len(text))), text + b"\n", b" " + text, text + text]:
        assert refusal(spoilt)


def test_the_same_fields_spelt_otherwise_are_no_manifest() -> None:
    fields = json.loads(text_of(PLAIN, None))
    assert "checksum does not fit" in refusal(json.dumps(fields).encode())
    assert "checksum does not fit" in refusal(manifest_text(dict(reversed(fields.items()))))
    text = text_of(PLAIN, None)
    assert "checksum does not fit" in refusal(text.replace(b'"kind"', b'"sequence": 99,\n  "kind"'))


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"null", b"5", b'"text"', b"\xff\xfe", b"[" * 100_000, b"NaN"])
def test_what_is_no_manifest_at_all_is_refused(text: bytes) -> None:
    assert refusal(text)


@pytest.mark.parametrize("version", [2, 99, 0, "2", None, 1.5])
def test_a_format_of_another_version_is_refused_by_its_number_before_anything_else_is_looked_at(
    version: object,
) -> None:
    for text in (
        forged(format_version=version),
        manifest_text({"format": "llmspell backup", "format_version": version}),
    ):
        with pytest.raises(
            BackupTooNew, match=f"it has format {version!r} and this llmspell reads format 1; update it"
        ):
            parse(text, None)


def test_what_calls_itself_something_else_is_no_manifest() -> None:
    assert 'no manifest of the format "llmspell backup"' in refusal(forged(format="other backup"))


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "../x"},
        {"id": FULL_ID.upper()},
        {"id": None},
        {"parent_id": "../../etc"},
        {"parent_id": FULL_ID},
        {"parent_id": 5},
        {"kind": "incr"},
        {"parent_checksum": "c"},
        {"sequence": -1},
        {"sequence": 1.0},
        {"sequence": True},
        {"created_at": 1},
        {"created_at": "1.5"},
        {"created_at": None},
        {"schema_version": None},
        {"since_version": -1},
        {"version": 2**62},
        {"version": 2**63 - 1},
        {"version": 10**40},
        {"since_version": 2**62},
        {"version": "9"},
        {"entry_count": None},
        {"tombstone_count": -5},
        {"total_entries": -1},
        {"version_sum": 1.5},
        {"compression": "lzma"},
        {"compression": None},
        {"compression": "gzip"},
        {"encryption": {}},
        {"encryption": {"type": "age", "recipient": 5}},
        {"encryption": {"type": "rot13", "recipient": "age1abc"}},
        {"encryption": "age"},
        {"files": {}},
        {"files": None},
        {"files": {"../entries.jsonl.zst": {"bytes": 1, "sha256": "", "content_bytes": 1}}},
        {"files": {"entries.jsonl.zst": {"bytes": -1, "sha256": "", "content_bytes": 1}}},
        {"files": {"entries.jsonl.zst": {"bytes": 1, "sha256": None, "content_bytes": 1}}},
        {"files": {"entries.jsonl.zst": {"bytes": 1, "sha256": "", "content_bytes": 1, "more": 1}}},
        {"files": {"entries.jsonl.zst": {"bytes": 1, "sha256": ""}}},
        {"files": {"notes.jsonl.zst": {"bytes": 1, "sha256": "", "content_bytes": 1}}},
        {"details": None},
        {"details": {}},
        {"details": {"description": 5, "scopes": [], "exclude": [], "content_sha256": {PART.name: ""}}},
        {"details": {"description": "", "scopes": [5], "exclude": [], "content_sha256": {PART.name: ""}}},
        {"details": {"description": "", "scopes": "app", "exclude": [], "content_sha256": {PART.name: ""}}},
        {"details": {"description": "", "scopes": [], "exclude": [], "content_sha256": {}}},
        {"details": {"description": "", "scopes": [], "exclude": [], "content_sha256": {PART.name: 5}}},
        {"made_by": None},
        {"made_by": ...},
        {"id": ...},
        {"version": ...},
        {"more": 1},
        {"authentication": 5, "more": 1},
    ],
)
def test_fields_that_nobody_writes_are_refused_though_the_checksum_fits(fields: dict[str, Any]) -> None:
    assert refusal(forged(**fields))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"version": 2**62}, "where the version of a store belongs"),
        ({"since_version": 2**62}, "where the version of a store belongs"),
        ({"sequence": 2**63}, "out of bounds"),
        ({"sequence": 10**4_000}, "out of bounds"),
        ({"entry_count": 2**63}, "out of bounds"),
        ({"tombstone_count": 10**4_000}, "out of bounds"),
        ({"schema_version": ""}, "semantic version"),
        ({"schema_version": "1.0"}, "semantic version"),
        ({"schema_version": "\x1b[31m1.0.0"}, "semantic version"),
    ],
)
def test_numbers_and_versions_that_no_store_has_are_refused(fields: dict[str, Any], words: str) -> None:
    told = refusal(forged(**fields))
    assert words in told
    assert told.isprintable()


@pytest.mark.parametrize("moment", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_moment_that_is_no_number_is_refused(moment: str) -> None:
    assert refusal(text_of(PLAIN, None).replace(b'"created_at": 1.5', f'"created_at": {moment}'.encode()))


def test_deep_nesting_in_a_manifest_is_refused() -> None:
    assert refusal(text_of(PLAIN, None).replace(b'"cache*"', b"[" * 200 + b"]" * 200))
    assert refusal(text_of(PLAIN, None).replace(b'"cache*"', b"[" * 100_000 + b"]" * 100_000))


# With a key


def test_a_manifest_with_a_key_shows_nothing_of_the_details() -> None:
    text = text_of(PLAIN._replace(recipient="age1abc"), code(b"secret"))
    for word in ("before", "agent", "cache", "b" * 64):
        assert word.encode() not in text


def test_a_manifest_is_authentic_for_the_key_that_wrote_it() -> None:
    text = text_of(LOCKED, code(b"secret"))
    assert parse(text, code(b"secret")) == LOCKED
    assert parse(text, None) == LOCKED
    with pytest.raises(BackupDamaged, match="not written with the key that it names"):
        parse(text, code(b"other"))


@pytest.mark.parametrize("fields", [{"sequence": 99}, {"authentication": "0" * 64}, {"authentication": None}])
def test_a_manifest_that_was_changed_without_the_key_is_found(fields: dict[str, Any]) -> None:
    known = json.loads(text_of(LOCKED, code(b"secret"))) | fields
    with pytest.raises(BackupDamaged, match="somebody has changed it"):
        parse(text_with_checksum(known), code(b"secret"))


def test_a_manifest_whose_code_was_taken_away_is_found() -> None:
    with pytest.raises(BackupDamaged, match="somebody has changed it"):
        parse(text_of(LOCKED, None), code(b"secret"))


def test_details_come_back_with_the_checksums_of_the_files() -> None:
    details = DETAILS._replace(content_sha256={"entries.jsonl.zst.age": "d" * 64})
    found = with_details(LOCKED, details_text(details))
    assert found.details == details
    assert found.parts[0].content_sha256 == "d" * 64


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"null", b"\xff", details_text(DETAILS) + b" ", b"[" * 100_000])
def test_details_that_are_not_as_they_were_written_are_refused(text: bytes) -> None:
    with pytest.raises(BackupDamaged, match="the encrypted details are not readable"):
        with_details(LOCKED, text)


@pytest.mark.parametrize("name", ["../entries.jsonl.zst.age", "entries.jsonl.zst", "marks.json", "notes.jsonl.gz.age"])
def test_an_encrypted_backup_names_no_other_files_either(name: str) -> None:
    known = json.loads(text_of(LOCKED, None))
    known["files"][name] = {"bytes": 1, "sha256": "", "content_bytes": 1}
    assert f"it names the file '{name}', which no backup has" in refusal(text_with_checksum(known))
