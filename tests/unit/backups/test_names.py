"""An id says when and what, and nothing that could lead out of the place is one."""

from __future__ import annotations

import pytest

from llmspell.backups.names import FULL, INCREMENTAL, is_id, new_id, require_id
from llmspell.errors import InvalidArgument

SOME_ID = "20261122T190000Z-full-k3vq7a"


@pytest.mark.parametrize(
    ("created_at", "begin"),
    [
        (0.0, "19700101T000000Z-"),
        (1_700_000_000.999, "20231114T221320Z-"),
        (253_402_300_799.0, "99991231T235959Z-"),
    ],
)
@pytest.mark.parametrize("kind", [FULL, INCREMENTAL])
def test_an_id_says_the_second_in_utc_and_the_kind(created_at: float, begin: str, kind: str) -> None:
    made = new_id(created_at, kind)
    assert made.startswith(f"{begin}{kind}-")
    assert is_id(made)


def test_an_id_says_utc_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Pacific/Kiritimati")
        time.tzset()
        assert new_id(0.0, FULL).startswith("19700101T000000Z-")
    time.tzset()


def test_ids_of_one_second_differ() -> None:
    assert len({new_id(0.0, FULL) for _ in range(200)}) == 200


@pytest.mark.parametrize(
    "name",
    [
        "",
        f"../{SOME_ID}",
        f"/{SOME_ID}",
        f"/tmp/{SOME_ID}",
        f"{SOME_ID}/..",
        f"{SOME_ID}/",
        f"./{SOME_ID}",
        f"{SOME_ID}\0",
        f"\0{SOME_ID}",
        f"{SOME_ID}\n",
        f" {SOME_ID}",
        f".new-{SOME_ID}",
        f".gone-{SOME_ID}",
        SOME_ID.upper(),
        SOME_ID.replace("k3vq7a", "K3vq7a"),
        SOME_ID.replace("k3vq7a", "k3vq7"),
        SOME_ID.replace("k3vq7a", "k3vq7ab"),
        SOME_ID.replace("k3vq7a", "k3vq71"),
        SOME_ID.replace("k3vq7a", "k3vq7ä"),
        SOME_ID.replace("full", "other"),
        SOME_ID.replace("2026", "\uff12\uff10\uff12\uff16"),
        SOME_ID.replace("2026", "\u0662\u0660\u0662\u0666"),
        SOME_ID.replace("Z", ""),
        "..",
        "CON",
        "*",
    ],
)
def test_what_is_no_id_is_refused_with_an_example_of_one(name: str) -> None:
    assert not is_id(name)
    with pytest.raises(InvalidArgument, match="is no id of a backup; one looks like"):
        require_id(name)


@pytest.mark.parametrize("thing", [None, 5, b"20261122T190000Z-full-k3vq7a", ["x"], {}])
def test_what_is_no_text_is_no_id(thing: object) -> None:
    with pytest.raises(InvalidArgument, match="is no id of a backup"):
        require_id(thing)  # type: ignore[arg-type]


def test_an_id_is_given_back() -> None:
    assert require_id(SOME_ID) == SOME_ID
