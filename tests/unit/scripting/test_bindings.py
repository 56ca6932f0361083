"""The verbs as every language is given them: plain values in and out, never an exception."""

from pathlib import Path

import pytest

import llmspell
from llmspell.scripting.bindings import NO_MEMORY, Bindings


@pytest.fixture
def stops() -> list[bool]:
    """Whether the script must stop."""
    return [False]


@pytest.fixture
def bindings(store: llmspell.Store, stops: list[bool]) -> Bindings:
    return Bindings(store, lambda: stops[0])


def call(bindings: Bindings, name: str, *arguments: object) -> object:
    return bindings.functions()[name](*arguments)


def test_every_name_of_the_contract_has_its_part(bindings: Bindings) -> None:
    made_by_the_language = {"update", "transaction", "array", "null"}
    assert set(Bindings.NAMES) - made_by_the_language <= set(bindings.functions())


def test_what_is_switched_on_has_its_parts_too(tmp_path: Path) -> None:
    optional = {*Bindings.MIGRATION_NAMES, *Bindings.BACKUP_NAMES, *Bindings.HISTORY_NAMES}
    assert len(optional) == 13
    with llmspell.open(backend="memory") as store:
        assert set(Bindings(store, lambda: False).functions()) & optional == set()
    everything = {"migrations_path": tmp_path / "m", "backup_path": tmp_path / "b", "history_days": 1}
    with llmspell.open(backend="memory", **everything) as store:  # type: ignore[arg-type]
        assert optional <= set(Bindings(store, lambda: False).functions())


def test_a_store_that_cannot_be_read_has_no_history_functions(folder: str) -> None:
    Path(folder).mkdir()
    Path(folder, "state.db").write_text("no store" * 1_000)
    with llmspell.open(folder) as store:
        assert "history" not in Bindings(store, lambda: False).functions()


def test_save_and_load_take_and_give_json_text(bindings: Bindings, store: llmspell.Store) -> None:
    assert call(bindings, "save", b"s", b"k", b'{"a":[1,2.0,null]}', None, None) == 1
    assert call(bindings, "load", b"s", b"k") == b'{"a":[1,2.0,null]}'
    assert call(bindings, "load", b"s", b"none") is None
    assert store.load("s", "k") == {"a": [1, 2.0, None]}


def test_text_may_be_str_as_well(bindings: Bindings) -> None:
    call(bindings, "save", "s", "é", b"1", 60, 0)
    assert call(bindings, "load", b"s", "é".encode()) == b"1"
    assert call(bindings, "list_keys", "s", None, None, None) == ["é"]


def test_lists(bindings: Bindings) -> None:
    for key in (b"a", b"b", b"c"):
        call(bindings, "save", b"s", key, b"1", None, None)
    assert call(bindings, "list_keys", b"s", b"", b"a", 1) == ["b"]
    assert call(bindings, "scopes", None) == call(bindings, "scopes", b"s") == ["s"]
    assert call(bindings, "scopes", b"x") == []


def test_entry_gives_what_stands_behind_scope_and_key(bindings: Bindings) -> None:
    call(bindings, "save", b"s", b"k", b"[]", 10, None)
    now = 1_700_000_000.0
    assert call(bindings, "entry", b"s", b"k") == (b"[]", 1, now, now, now + 10)
    assert call(bindings, "entry", b"s", b"none") is None


def test_the_other_verbs(bindings: Bindings) -> None:
    assert call(bindings, "increment", b"s", b"n", 2) == 2
    assert call(bindings, "append", b"s", b"a", b'{"x":null}', None) == 1
    assert call(bindings, "exists", b"s", b"n") is True
    assert call(bindings, "touch", b"s", b"n", 5) is True
    assert call(bindings, "touch", b"s", b"none", 5) is False
    assert call(bindings, "rewrite", b"s", b"n", b"7") is True
    assert call(bindings, "load", b"s", b"n") == b"7"
    assert call(bindings, "save_nothing", b"s", b"n", None) == 5
    assert call(bindings, "delete", b"s", b"n", None) is False
    assert call(bindings, "clear", b"s") == 1
    assert call(bindings, "flush") is True


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("save", (b"", b"k", b"1", None, None), "the scope is empty"),
        ("save", (b"s", b"\xff", b"1", None, None), "no valid UTF-8"),
        ("save", (b"s", b"k", b"1", 0, None), "ttl must be"),
        ("save", (b"s", b"k", b"1", None, 7), "Conflict: "),
        ("load", (b"s", b"x" * 513), "at most 512"),
        ("list_keys", (b"s", b"\xff", None, None), "no valid UTF-8"),
        ("increment", (b"s", b"k", float("nan")), "by must be"),
        ("load", (), "internal error: TypeError"),
        ("load", (1, 2), "internal error: AttributeError"),
    ],
)
def test_failure_is_nothing_and_a_sentence(
    bindings: Bindings, name: str, arguments: tuple[object, ...], reason: str
) -> None:
    result = call(bindings, name, *arguments)
    assert isinstance(result, tuple)
    nothing, sentence = result
    assert nothing is None
    assert isinstance(sentence, str)
    assert reason in sentence


def test_nothing_is_done_once_the_script_must_stop(
    bindings: Bindings, stops: list[bool], store: llmspell.Store
) -> None:
    stops[0] = True
    for name, function in bindings.functions().items():
        if name != "roll_back":
            assert function() == (None, "the script was stopped")
    assert store.version() == 0


def test_a_transaction_is_begun_and_committed(bindings: Bindings, store: llmspell.Store) -> None:
    assert call(bindings, "begin", False) is True
    assert call(bindings, "save", b"s", b"k", b"1", None, None) == 0
    assert call(bindings, "load", b"s", b"k") == b"1"
    assert call(bindings, "commit") is True
    assert store.load("s", "k") == 1


def test_a_transaction_is_begun_and_rolled_back(bindings: Bindings, store: llmspell.Store) -> None:
    call(bindings, "begin", True)
    call(bindings, "save", b"s", b"k", b"1", None, None)
    assert call(bindings, "roll_back") is False
    assert store.load("s", "k") is None
    assert call(bindings, "save", b"s", b"k", b"1", None, None) == 1


def test_an_overtaken_commit_gives_false(bindings: Bindings, store: llmspell.Store) -> None:
    call(bindings, "begin", False)
    call(bindings, "increment", b"s", b"n", 1)
    overtake(store)
    assert call(bindings, "commit") is False
    assert store.load("s", "n") == 100


def test_an_overtaken_rollback_gives_true(bindings: Bindings, store: llmspell.Store) -> None:
    call(bindings, "begin", False)
    call(bindings, "load", b"s", b"n")
    overtake(store)
    result = call(bindings, "load", b"s", b"other")
    assert isinstance(result, tuple)
    assert call(bindings, "roll_back") is True


def overtake(store: llmspell.Store) -> None:
    import threading

    thread = threading.Thread(target=store.increment, args=("s", "n", 100))
    thread.start()
    thread.join()


def test_a_conflict_of_the_script_itself_is_a_failure(bindings: Bindings) -> None:
    call(bindings, "begin", False)
    result = call(bindings, "save", b"s", b"k", b"1", None, 9)
    assert isinstance(result, tuple)
    assert result[1].startswith("Conflict: ")
    assert call(bindings, "commit") is True


def test_a_rollback_works_when_the_script_must_stop(
    bindings: Bindings, stops: list[bool], store: llmspell.Store
) -> None:
    call(bindings, "begin", True)
    call(bindings, "save", b"s", b"k", b"1", None, None)
    stops[0] = True
    assert call(bindings, "commit") == (None, "the script was stopped")
    assert call(bindings, "roll_back") is False
    assert store.scopes() == []


def test_abandon_undoes_what_is_open_and_gives_the_turn_back(bindings: Bindings, store: llmspell.Store) -> None:
    call(bindings, "begin", True)
    call(bindings, "save", b"s", b"k", b"1", None, None)
    bindings.abandon()
    bindings.abandon()
    overtake(store)  # another thread gets its turn
    assert store.scopes() == ["s"]
    assert store.list_keys("s") == ["n"]


def test_beginning_again_undoes_what_could_not_be_ended(bindings: Bindings, store: llmspell.Store) -> None:
    call(bindings, "begin", True)
    call(bindings, "save", b"s", b"lost", b"1", None, None)
    call(bindings, "begin", False)
    call(bindings, "save", b"s", b"kept", b"1", None, None)
    assert call(bindings, "commit") is True
    overtake(store)
    assert store.list_keys("s") == ["kept", "n"]


# Memory that a transaction takes ------------------------------------------------------------------------------

LIMIT = 100_000


@pytest.fixture
def limited(store: llmspell.Store) -> Bindings:
    return Bindings(store, lambda: False, LIMIT)


def test_a_transaction_may_write_as_much_as_a_script_may_hold(limited: Bindings, store: llmspell.Store) -> None:
    call(limited, "begin", False)
    assert call(limited, "save", b"s", b"a", b'"%s"' % (b"x" * 60_000), None, None) == 0
    assert call(limited, "save", b"s", b"b", b'"%s"' % (b"x" * 60_000), None, None) == (None, NO_MEMORY)
    call(limited, "roll_back")
    assert call(limited, "save", b"s", b"b", b'"%s"' % (b"x" * 60_000), None, None) == 1


def test_writing_the_same_entry_again_takes_nothing_more(limited: Bindings) -> None:
    call(limited, "begin", False)
    for _ in range(20):
        assert call(limited, "save", b"s", b"a", b'"%s"' % (b"x" * 60_000), None, None) == 0
        assert call(limited, "load", b"s", b"a") is not None
        assert call(limited, "increment", b"s", b"n", 1) is not None
    assert call(limited, "commit") is True


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("delete", (None,)),
        ("increment", (1,)),
        ("exists", ()),
        ("load", ()),
        ("entry", ()),
        ("append", (b"1", None)),
        ("save_nothing", (None,)),
        ("rewrite", (b"1",)),
        ("touch", (None,)),
    ],
)
def test_every_entry_that_a_transaction_looks_at_takes_something(
    limited: Bindings, name: str, arguments: tuple[object, ...]
) -> None:
    call(limited, "begin", False)
    function = limited.functions()[name]
    results = [function(b"s", b"%d" % number, *arguments) for number in range(1000)]
    assert (None, NO_MEMORY) in results
    assert results[0] != (None, NO_MEMORY)


def test_listings_and_clearing_take_something(limited: Bindings, store: llmspell.Store) -> None:
    for number in range(100):
        store.save("s", str(number), number)
    for name, arguments in (("list_keys", (b"s", None, None, None)), ("scopes", (None,))):
        call(limited, "begin", False)
        results = [call(limited, name, *arguments) for _ in range(2000)]
        assert (None, NO_MEMORY) in results
        call(limited, "roll_back")
    call(limited, "begin", False)
    assert call(limited, "clear", b"s") == 100
    assert (None, NO_MEMORY) in [call(limited, "delete", b"s", b"%d" % number, None) for number in range(150)]


def test_outside_of_a_transaction_nothing_is_held(limited: Bindings) -> None:
    for number in range(1000):
        assert call(limited, "save", b"s", b"k%d" % (number % 3), b'"%s"' % (b"x" * 1000), None, None) == number + 1


def test_after_a_transaction_the_next_one_begins_at_nothing(limited: Bindings) -> None:
    for _ in range(5):
        call(limited, "begin", False)
        assert call(limited, "save", b"s", b"a", b'"%s"' % (b"x" * 90_000), None, None) == 0
        assert call(limited, "commit") is True
