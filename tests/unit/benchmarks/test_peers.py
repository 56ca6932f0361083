"""Every contestant that is installed here does what is measured of it."""

from pathlib import Path

import pytest
from benchmarks.measuring import DISK, PROCESS
from benchmarks.peer import Peer
from benchmarks.peer_packages import KeyValue
from benchmarks.peers import Offer, offers, one_of_each_package, opened
from benchmarks.shapes import SMALL


def answer(peer: Peer, verb: str, key: str) -> object:
    """Give what a call gives; one contestant has to be awaited."""
    given = getattr(peer, verb)(key)
    return peer.awaited(given) if isinstance(peer, KeyValue) else given


@pytest.mark.parametrize("offer", offers(), ids=lambda offer: offer.name)
def test_a_contestant_keeps_replaces_removes_and_lists(offer: Offer, tmp_path: Path) -> None:
    left_out: list[str] = []
    with opened(tmp_path, [offer], left_out.append) as peers:
        if left_out:
            pytest.skip(left_out[0])
        peer = peers[offer.name]
        peer.fill([(f"user{number // 10:03}:{number % 10:03}", SMALL.make(number)) for number in range(30)])
        peer.seconds("save", [("user001:003", SMALL.make(77))])
        assert answer(peer, "load", "user001:003") == SMALL.make(77)
        assert answer(peer, "load", "user001:004") == SMALL.make(14)
        peer.seconds("delete", [("user001:004",)])
        if peer.lists:
            assert peer.page("user001:", 9) == [f"user001:{number:03}" for number in range(10) if number != 4]


def test_one_that_is_not_installed_is_left_out_by_name(tmp_path: Path) -> None:
    def make(folder: Path) -> Peer:
        raise ModuleNotFoundError("no such package")

    told: list[str] = []
    with opened(tmp_path, [Offer("nobody", "nobody at all", DISK, make)], told.append) as peers:
        assert peers == {}
    assert told == ["nobody at all is left out, because what it needs is not installed"]


def test_of_each_package_one_is_asked_what_depends_on_no_promise() -> None:
    chosen = one_of_each_package()
    assert {offer.package for offer in offers()} == chosen.keys()
    assert (chosen["llmspell"].kept, chosen["LangGraph"].kept) == (PROCESS, DISK)
