"""Who holds a backup and what was found of it is kept beside it; one whose marks cannot be read is held."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from llmspell.backups import marks
from llmspell.backups.local import LocalPlace
from llmspell.backups.marks import Hold, Marks

SOME_ID = "20261122T190000Z-full-k3vq7a"


@pytest.fixture
def place(tmp_path: Path) -> LocalPlace:
    """A place with one backup, of a manifest alone."""
    place = LocalPlace(str(tmp_path))
    with place.draft(SOME_ID) as draft:
        draft.publish(b"manifest\n")
    return place


def put(place: LocalPlace, text: bytes) -> None:
    place.replace(SOME_ID, "marks.json", text)


def found(place: LocalPlace) -> Marks:
    return marks.read(place, SOME_ID, place.files(SOME_ID))


def test_a_backup_without_the_file_has_no_marks(place: LocalPlace) -> None:
    assert found(place) == Marks()
    assert found(place).held(0.0) is None


def test_marks_come_back_as_they_were(place: LocalPlace) -> None:
    holds = (Hold("before 2.0.0"), Hold('until "then" é\n', 5.5))
    marks.write(place, SOME_ID, Marks(holds, 7.25, "flipped bit"))
    assert found(place)[:3] == (holds, 7.25, "flipped bit")


def test_a_hold_ends_at_its_moment() -> None:
    held = Marks((Hold("one", 10.0), Hold("two", 20.0), Hold("three")))
    assert held.held(9.9) == "one; two; three"
    assert held.held(10.0) == "two; three"
    assert held.held(1e12) == "three"
    assert Marks((Hold("one", 10.0),)).held(10.0) is None


def test_a_verdict_counts_until_a_file_is_written_again(place: LocalPlace, tmp_path: Path) -> None:
    marks.write(place, SOME_ID, Marks((Hold("held"),), 7.25, "flipped bit"))
    file = tmp_path / SOME_ID / "manifest.json"
    os.utime(file, ns=(1, 1))
    assert found(place) == Marks((Hold("held"),))


@pytest.mark.parametrize("change", ["longer", "another file", "one more", "gone"])
def test_a_verdict_counts_for_the_files_that_it_was_given_about(place: LocalPlace, tmp_path: Path, change: str) -> None:
    marks.write(place, SOME_ID, Marks((Hold("held"),), 7.25))
    file = tmp_path / SOME_ID / "manifest.json"
    if change == "longer":
        status = file.stat()
        file.write_bytes(b"manifest and more\n")
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "another file":
        status = file.stat()
        copy = file.with_suffix(".copy")
        copy.write_bytes(file.read_bytes())
        os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
        copy.rename(file)
    elif change == "one more":
        (tmp_path / SOME_ID / "extra").write_bytes(b"")
    else:
        file.unlink()
    assert found(place) == Marks((Hold("held"),))


def test_to_hold_a_backup_leaves_its_verdict(place: LocalPlace) -> None:
    marks.write(place, SOME_ID, Marks((), 7.25))
    marks.write(place, SOME_ID, found(place)._replace(holds=(Hold("held"),)))
    assert found(place)[:2] == ((Hold("held"),), 7.25)


def signed(fields: object) -> bytes:
    """Give a file whose checksum is right, whatever else is wrong with it."""
    assert isinstance(fields, dict)
    checksum = hashlib.sha256(json.dumps(fields, indent=2).encode() + b"\n").hexdigest()
    return json.dumps({**fields, "checksum": checksum}, indent=2).encode() + b"\n"


NO_MARKS: dict[str, object] = {"holds": [], "verified_at": None, "damaged": None, "seen": []}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"garbage",
        b"{}",
        b"[]",
        b"[1]",
        b"null",
        b"5",
        b'"text"',
        b"\xff\xfe",
        b"[" * 100_000,
        b"x" * 1_000_001,
        b"9" * 5_000,
        json.dumps(NO_MARKS).encode(),
        signed({**NO_MARKS, "holds": 5}),
        signed({**NO_MARKS, "holds": [5]}),
        signed({**NO_MARKS, "holds": [{"reason": "r"}]}),
        signed({**NO_MARKS, "verified_at": "soon"}),
        signed({**NO_MARKS, "verified_at": 10**400}),
        signed({**NO_MARKS, "verified_at": []}),
        signed({**NO_MARKS, "seen": [[1, 2]]}),
        signed({**NO_MARKS, "verified_at": 5.0, "seen": [["a", float("inf"), "x"]]}),
    ],
)
def test_a_backup_whose_marks_cannot_be_read_is_held_and_not_verified(place: LocalPlace, text: bytes) -> None:
    put(place, text)
    assert found(place).held(0.0) == "its marks cannot be read"
    assert found(place).verified_at is None
    assert found(place).damaged is None
    marks.write(place, SOME_ID, found(place)._replace(holds=(Hold("mended"),)))
    assert found(place).held(0.0) == "mended"


def test_no_flipped_bit_ends_a_hold_or_makes_a_verdict(place: LocalPlace, tmp_path: Path) -> None:
    marks.write(place, SOME_ID, Marks((Hold("audit", 2_000_000_000.0),)))
    file = tmp_path / SOME_ID / "marks.json"
    text = file.read_bytes()
    for position in range(len(text)):
        for bit in range(8):
            file.write_bytes(text[:position] + bytes([text[position] ^ 1 << bit]) + text[position + 1 :])
            read = found(place)
            assert read.held(1.0) is not None
            assert read.verified_at is None


def test_a_verdict_that_somebody_wrote_for_other_files_does_not_count(place: LocalPlace) -> None:
    put(place, signed({**NO_MARKS, "verified_at": 5.0, "damaged": "invented", "seen": [["manifest.json", 9, "1-1"]]}))
    assert found(place) == Marks()
