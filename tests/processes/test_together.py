"""Many processes use one store at once, and each of them sees only whole steps."""

from itertools import chain

import pytest

import llmspell
from tests.processes.crew import Member, begin, run
from tests.processes.work import ACCOUNTS


def loaded(folder: str, key: str) -> object:
    with llmspell.open(folder) as store:
        assert list(store.backend.problems()) == []
        return store.load("scope", key)


def test_eight_processes_with_a_thousand_increments_each_end_at_eight_thousand(folder: str) -> None:
    run(8, "increment", folder, 1_000)
    assert loaded(folder, "count") == 8_000


def test_threads_of_several_processes_count_together(folder: str) -> None:
    run(3, "increment_in_threads", folder, 100)
    assert loaded(folder, "count") == 1_200


def test_processes_that_open_and_close_all_the_time_lose_nothing(folder: str) -> None:
    run(6, "open_increment_close", folder, 40)
    assert loaded(folder, "count") == 240


def test_versions_are_never_given_twice_and_grow_in_every_process(folder: str) -> None:
    versions = run(4, "save_and_collect_versions", folder, 200)
    assert all(mine == sorted(mine) for mine in versions)
    assert sorted(chain(*versions)) == list(range(1, 801))


def test_sixteen_processes_make_the_store_at_once(folder: str) -> None:
    told = run(16, "create", folder)
    assert sorted(version for version, *_ in told) == list(range(1, 17))
    assert all(seen == [None, []] for _, *seen in told)
    with llmspell.open(folder) as store:
        assert store.list_keys("scope") == [f"{number:02}" for number in range(16)]
        assert list(store.backend.problems()) == []


def test_amounts_move_between_accounts_and_every_reader_sees_the_same_sum(folder: str) -> None:
    with llmspell.open(folder) as store:
        for account in ACCOUNTS:
            store.save("bank", account, 1_000)
    writers = [Member("transfer", folder, 150, number) for number in range(3)]
    readers = [Member("audit", folder, 3, number) for number in range(2)]
    begin(*writers, *readers)
    for writer in writers:
        writer.result()
    for reader in readers:
        looked, *sums = reader.result()
        assert looked > 0
        assert sums == [8_000]


def test_updates_and_appends_of_several_processes_are_all_there(folder: str) -> None:
    lengths = run(4, "update_and_append", folder, 60)
    assert loaded(folder, "counts") == {str(number): 60 for number in range(4)}
    items = loaded(folder, "list")
    assert isinstance(items, list)
    assert sorted(items) == [[number, turn] for number in range(4) for turn in range(60)]
    assert sorted(chain(*lengths)) == list(range(1, 241))
    last = loaded(folder, "last")
    assert isinstance(last, list)
    assert len(last) == 5


def test_nobody_slips_in_between_a_list_and_the_write_that_follows_from_it(folder: str) -> None:
    keys = run(4, "number_the_keys", folder, 40)
    assert sorted(chain(*keys)) == [f"{number:05}" for number in range(160)]


@pytest.mark.parametrize(("durability", "until"), [("full", 4_000), ("normal", 8_000)])
def test_four_busy_writers_share_the_turns_fairly(folder: str, durability: str, until: int) -> None:
    shares = run(4, "share", folder, durability, until)
    assert min(shares) > until / 40


def test_transactions_that_overtake_each_other_share_the_turns_fairly(folder: str) -> None:
    shares = run(4, "share_by_transactions", folder, 2_000)
    assert min(shares) > 50


def test_readers_never_wait_for_a_writer_and_see_nothing_of_what_it_has_not_committed(folder: str) -> None:
    with llmspell.open(folder) as store:
        store.save("scope", "key", "old")
    writer, reader = Member("hold_the_turn", folder), Member("read_everything", folder)
    begin(writer)
    writer.hear("waiting")
    begin(reader)
    assert reader.result() == ["old", ["key"], "old", ["old", ["scope"]], ["key"]]
    writer.tell()
    writer.result()
    assert loaded(folder, "other") == "new"
