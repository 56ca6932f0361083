"""The verbs of the contract, each on disk, in memory and inside a transaction."""

import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, cast

import pytest

import llmspell
from llmspell import Conflict, InvalidArgument, InvalidValue, State, StoreError
from llmspell.entry import JsonValue
from tests.clock import Clock

Calls: TypeAlias = tuple[Callable[[], object], ...]


@pytest.fixture(params=["disk", "memory", "in a transaction"])
def state(request: pytest.FixtureRequest, folder: str, clock: Clock) -> Iterator[State]:
    """Whatever has the verbs."""
    backend = "memory" if request.param == "memory" else "disk"
    with llmspell.open(folder, backend=backend, durability="normal", max_value_bytes=1_000, clock=clock) as store:
        if request.param != "in a transaction":
            yield store
            return
        with store.transaction() as transaction:
            yield transaction


# Scopes and keys


@pytest.mark.parametrize(
    "scope",
    ["global", "system", "agent:a", "workflow:w", "user", "session", "cache", "backup", "tool:t", "custom:c", "другой"],
)
def test_any_scope_works_without_being_declared(state: State, scope: str) -> None:
    state.save(scope, "key", scope)
    assert state.load(scope, "key") == scope
    assert state.scopes() == [scope]


def test_scopes_isolate_completely(state: State) -> None:
    state.save("agent:a", "key", 1)
    assert state.load("agent:b", "key") is None
    assert state.load("agent", "a:key") is None
    assert state.list_keys("agent:") == []
    assert not state.exists("AGENT:A", "key")


def test_scope_and_key_are_never_joined(state: State) -> None:
    state.save("a:b", "c", 1)
    state.save("a", "b:c", 2)
    assert (state.load("a:b", "c"), state.load("a", "b:c")) == (1, 2)


@pytest.mark.parametrize(
    "key", ["../../etc/passwd", "/", "a/b", ".", "..", "~", "C:\\x", "'; DROP TABLE entries; --", "%"]
)
def test_keys_are_data_and_never_paths_or_code(state: State, key: str) -> None:
    state.save("scope", key, "mine")
    state.save("scope", "other", "other")
    assert state.load("scope", key) == "mine"
    assert state.delete("scope", key)
    assert state.list_keys("scope") == ["other"]


def test_names_may_fill_their_bytes(state: State) -> None:
    state.save("s" * 256, "k" * 512, 1)
    state.save("é" * 128, "\U0010ffff" * 128, 2)
    assert state.scopes() == ["s" * 256, "é" * 128]
    assert state.list_keys("é" * 128) == ["\U0010ffff" * 128]


@pytest.mark.parametrize(
    ("scope", "key"),
    [("", "key"), ("scope", ""), ("a\0", "key"), ("scope", "\0"), ("s" * 257, "key"), ("s", "é" * 257)],
)
def test_every_verb_refuses_a_bad_name(state: State, scope: str, key: str) -> None:
    calls: Calls = (
        lambda: state.save(scope, key, 1),
        lambda: state.save(scope, key, None),
        lambda: state.save_json(scope, key, b"1"),
        lambda: state.load(scope, key),
        lambda: state.stored(scope, key),
        lambda: state.delete(scope, key),
        lambda: state.exists(scope, key),
        lambda: state.entry(scope, key),
        lambda: state.increment(scope, key),
        lambda: state.append(scope, key, 1),
        lambda: state.update(scope, key, lambda old: old),
        lambda: state.touch(scope, key, 1),
    )
    for call in calls:
        with pytest.raises(InvalidArgument):
            call()
    assert state.scopes() == []


@pytest.mark.parametrize("scope", ["", "a\0", "s" * 257, "é" * 129])
def test_a_list_or_clear_of_a_bad_scope_is_refused(state: State, scope: str) -> None:
    for call in (state.list_keys, state.clear):
        with pytest.raises(InvalidArgument, match="the scope"):
            call(scope)


# Values


@pytest.mark.parametrize(
    "value",
    [
        *(True, False, 0, 1, 1.0, -0.0, 2**63 - 1, -(2**63), 1e308, "", "\0", "👩\u200d🚀", [], {}, [None, [None]]),
        {"agent": {"name": "Ada", "tags": ["a", None, 1, 1.0, True], "empty": {}}},
    ],
    ids=ascii,
)
def test_a_value_comes_back_exactly(state: State, value: JsonValue) -> None:
    state.save("scope", "key", value)
    assert repr(state.load("scope", "key")) == repr(value)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**63, "\ud800", (1,), {1: 2}, {"a": [print]}, {"deep": [{"x": object()}]}]
)
def test_a_value_that_is_no_json_is_refused_and_nothing_is_stored(state: State, value: object) -> None:
    state.save("scope", "key", "before")
    with pytest.raises(InvalidValue):
        state.save("scope", "key", cast("JsonValue", value))
    assert state.load("scope", "key") == "before"


def test_the_refusal_of_a_value_names_the_path_inside_it(state: State) -> None:
    with pytest.raises(InvalidValue, match=r"\.items\[3\]\.callback is a") as raised:
        state.save("scope", "key", {"items": [1, 2, 3, {"callback": cast("JsonValue", print)}]})
    assert raised.value.path == ".items[3].callback"


def test_a_value_larger_than_allowed_is_refused_and_nothing_is_stored(state: State) -> None:
    state.save("scope", "key", "x" * 998)
    calls: Calls = (
        lambda: state.save("scope", "key", "x" * 999),
        lambda: state.save_json("scope", "key", b"1" * 1_001),
        lambda: state.update("scope", "key", lambda old: "x" * 999),
    )
    for call in calls:
        with pytest.raises(InvalidValue, match="1001 bytes as JSON, more than max_value_bytes = 1000"):
            call()
    assert state.load("scope", "key") == "x" * 998


def test_an_array_that_grows_too_large_is_refused_and_stays(state: State) -> None:
    state.save("scope", "key", ["x" * 990])
    with pytest.raises(InvalidValue, match="max_value_bytes"):
        state.append("scope", "key", "x" * 10)
    assert state.load("scope", "key") == ["x" * 990]


def test_a_loaded_value_is_the_callers_own(state: State) -> None:
    value: JsonValue = {"list": [1]}
    state.save("scope", "key", value)
    cast("Any", value)["list"].append(2)
    cast("Any", state.load("scope", "key"))["list"].append(3)
    assert state.load("scope", "key") == {"list": [1]}


# save


def test_save_gives_a_version_that_grows(store: llmspell.Store) -> None:
    versions = [store.save("scope", f"key {number % 2}", number) for number in range(5)]
    assert versions == sorted(set(versions))
    assert store.version() == versions[-1]


def test_save_inside_a_transaction_gives_no_version_yet(store: llmspell.Store) -> None:
    with store.transaction() as transaction:
        assert transaction.save("scope", "key", 1) == 0


def test_saving_none_deletes_the_key(state: State) -> None:
    state.save("scope", "key", 1)
    state.save("scope", "key", None)
    assert not state.exists("scope", "key")
    assert state.list_keys("scope") == []


def test_saving_none_where_nothing_is_keeps_the_version(store: llmspell.Store) -> None:
    version = store.save("scope", "key", 1)
    assert store.save("scope", "absent", None) == version


def test_saving_none_looks_at_its_options_too(state: State) -> None:
    with pytest.raises(InvalidArgument, match="ttl"):
        state.save("scope", "key", None, ttl=-1)
    with pytest.raises(InvalidArgument, match="if_version"):
        state.save("scope", "key", None, if_version=-1)


def test_a_save_without_ttl_removes_the_expiry(state: State) -> None:
    state.save("scope", "key", 1, ttl=10)
    state.save("scope", "key", 2)
    entry = state.entry("scope", "key")
    assert entry is not None
    assert entry.expires_at is None


def test_an_expected_version_that_holds_lets_the_save_happen(store: llmspell.Store) -> None:
    version = store.save("scope", "key", 1, if_version=0)
    later = store.save("scope", "key", 2, if_version=version)
    store.save("scope", "key", None, if_version=later)
    assert not store.exists("scope", "key")


def test_an_expected_version_that_does_not_hold_is_a_conflict_and_nothing_is_written(store: llmspell.Store) -> None:
    version = store.save("scope", "key", 1)
    calls: Calls = (
        lambda: store.save("scope", "key", 2, if_version=0),
        lambda: store.save("scope", "key", 2, if_version=version + 1),
        lambda: store.save("scope", "key", None, if_version=0),
        lambda: store.delete("scope", "key", if_version=version + 1),
    )
    for call in calls:
        with pytest.raises(Conflict) as raised:
            call()
        assert (raised.value.scope, raised.value.key, raised.value.actual) == ("scope", "key", version)
    with pytest.raises(Conflict) as raised:
        store.delete("scope", "absent", if_version=version)
    assert (raised.value.key, raised.value.expected, raised.value.actual) == ("absent", version, 0)
    assert store.load("scope", "key") == 1
    assert store.version() == version


def test_an_expired_entry_counts_as_none_for_an_expected_version(store: llmspell.Store, clock: Clock) -> None:
    version = store.save("scope", "key", 1, ttl=1)
    clock.advance(1)
    with pytest.raises(Conflict):
        store.save("scope", "key", 2, if_version=version)
    store.save("scope", "key", 2, if_version=0)


def test_json_text_can_be_saved_as_it_is(state: State) -> None:
    state.save_json("scope", "key", b'{"a":[1,1.0]}', ttl=5)
    stored = state.stored("scope", "key")
    assert stored is not None
    assert stored.value == b'{"a":[1,1.0]}'
    assert state.load("scope", "key") == {"a": [1, 1.0]}


def test_json_text_can_replace_a_value_and_keep_its_expiry(state: State, clock: Clock) -> None:
    state.save("scope", "key", 1, ttl=10)
    state.rewrite_json("scope", "key", b"2")
    state.rewrite_json("scope", "new", b"3")
    assert state.load("scope", "key") == 2
    assert expires_at(state, "key") == clock() + 10
    assert expires_at(state, "new") is None


# load, exists, entry


def test_load_of_nothing_gives_the_default(state: State) -> None:
    assert state.load("scope", "key") is None
    assert state.load("scope", "key", "default") == "default"
    default = object()
    assert state.load("scope", "key", default) is default


def test_a_stored_null_is_no_missing_entry(state: State) -> None:
    state.save_json("scope", "key", b"null")
    assert state.load("scope", "key", "default") is None
    assert state.exists("scope", "key")


def test_exists_tells_whether_there_is_an_entry(state: State) -> None:
    assert not state.exists("scope", "key")
    state.save("scope", "key", False)
    assert state.exists("scope", "key")


def test_entry_of_nothing_is_none(state: State) -> None:
    assert state.entry("scope", "key") is None


def test_entry_gives_value_version_and_times(store: llmspell.Store, clock: Clock) -> None:
    store.save("scope", "key", 1)
    created_at = clock()
    clock.advance(2.5)
    version = store.save("scope", "key", {"n": 2}, ttl=7.5)
    assert store.entry("scope", "key") == ("scope", "key", {"n": 2}, version, created_at, clock(), clock() + 7.5)


def test_an_entry_that_the_transaction_has_written_has_version_zero(store: llmspell.Store, clock: Clock) -> None:
    with store.transaction() as transaction:
        transaction.save("scope", "key", 1, ttl=5)
        assert transaction.entry("scope", "key") == ("scope", "key", 1, 0, clock(), clock(), clock() + 5)


# delete


def test_a_delete_gives_true_for_an_entry_that_was_there(state: State) -> None:
    state.save("scope", "key", 1)
    assert state.delete("scope", "key") is True
    assert state.load("scope", "key") is None


def test_a_delete_of_an_absent_key_gives_false(state: State) -> None:
    assert state.delete("scope", "key") is False
    state.save("scope", "key", 1)
    state.delete("scope", "key")
    assert state.delete("scope", "key") is False


def test_a_delete_of_an_expired_key_gives_false(store: llmspell.Store, clock: Clock) -> None:
    store.save("scope", "key", 1, ttl=1)
    clock.advance(1)
    assert store.delete("scope", "key") is False


def test_an_entry_saved_after_its_deletion_is_new(store: llmspell.Store, clock: Clock) -> None:
    store.save("scope", "key", 1)
    clock.advance(1)
    store.delete("scope", "key")
    store.save("scope", "key", 2)
    assert created_at(store, "key") == clock()


def test_an_entry_deleted_and_saved_in_one_transaction_is_new(store: llmspell.Store, clock: Clock) -> None:
    store.save("scope", "key", 1)
    clock.advance(1)
    with store.transaction() as transaction:
        transaction.delete("scope", "key")
        transaction.save("scope", "key", 2)
        assert created_at(transaction, "key") == clock()
        transaction.save("scope", "key", 3)
        assert created_at(transaction, "key") == clock()
    assert created_at(store, "key") == clock()


# list_keys, scopes


def test_keys_are_listed_in_byte_order(state: State) -> None:
    keys = ["é", "a", "Z", "\U00010000", "\uffff", "\ud7ff", "aa", "0"]
    for key in keys:
        state.save("scope", key, 1)
    assert state.list_keys("scope") == sorted(keys, key=str.encode)


def test_listed_keys_can_be_narrowed(state: State) -> None:
    for key in ("a", "b1", "b2", "b3", "b\U0010ffff", "c"):
        state.save("scope", key, 1)
    assert state.list_keys("scope", prefix="b") == ["b1", "b2", "b3", "b\U0010ffff"]
    assert state.list_keys("scope", after="b2") == ["b3", "b\U0010ffff", "c"]
    assert state.list_keys("scope", limit=2) == ["a", "b1"]
    assert state.list_keys("scope", prefix="b", after="b1", limit=1) == ["b2"]
    assert state.list_keys("scope", prefix="b", after="a", limit=1) == ["b1"]
    assert state.list_keys("scope", prefix="b", after="c") == []
    assert state.list_keys("scope", limit=0) == []
    assert state.list_keys("scope", prefix="x") == []


def test_pages_of_keys_follow_each_other(state: State) -> None:
    keys = [f"{number:03}" for number in range(25)]
    for key in keys:
        state.save("scope", key, 1)
    listed: list[str] = []
    while page := state.list_keys("scope", after=listed[-1] if listed else None, limit=4):
        listed += page
    assert listed == keys


@pytest.mark.parametrize("options", [{"limit": -1}, {"limit": "1"}, {"prefix": 1}, {"after": 1}, {"prefix": "\ud800"}])
def test_a_bad_option_of_a_list_is_refused(state: State, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(options))):
        state.list_keys("scope", **options)


def test_scopes_with_a_live_entry_are_listed_in_byte_order(state: State) -> None:
    for scope in ("user", "agent:b", "agent:a", "é", "\U00010000", "\uffff", "gone"):
        state.save(scope, "key", 1)
    state.delete("gone", "key")
    assert state.scopes() == ["agent:a", "agent:b", "user", "é", "\uffff", "\U00010000"]
    assert state.scopes("agent:") == ["agent:a", "agent:b"]
    assert state.scopes("agent:c") == []


# clear


def test_clear_gives_how_many_entries_it_removed(state: State) -> None:
    for key in "abc":
        state.save("scope", key, 1)
        state.save("other", key, 1)
    state.delete("scope", "b")
    assert state.clear("scope") == 2
    assert state.clear("scope") == 0
    assert state.scopes() == ["other"]


def test_clear_does_not_count_what_has_expired(store: llmspell.Store, clock: Clock) -> None:
    store.save("scope", "expired", 1, ttl=1)
    store.save("scope", "key", 1)
    clock.advance(1)
    assert store.clear("scope") == 1


def test_clear_is_one_step(store: llmspell.Store) -> None:
    for number in range(50):
        store.save("scope", f"{number}", 1)
    before = store.version()
    store.clear("scope")
    assert {change.version for change in store.changes(before)} == {store.version()}


# increment


def test_increment_starts_at_zero_and_gives_the_new_number(state: State) -> None:
    assert state.increment("scope", "key") == 1
    assert state.increment("scope", "key", 10) == 11
    assert state.increment("scope", "key", -12) == -1
    assert state.load("scope", "key") == -1


def test_increment_keeps_integers_and_floats_apart(state: State) -> None:
    assert repr(state.increment("scope", "key", 1)) == "1"
    assert repr(state.increment("scope", "key", 1.0)) == "2.0"
    assert repr(state.increment("scope", "key", 1)) == "3.0"
    assert repr(state.load("scope", "key")) == "3.0"


def test_increment_is_exact_beyond_what_floats_hold(state: State) -> None:
    state.save("scope", "key", 2**62)
    assert state.increment("scope", "key") == 2**62 + 1


@pytest.mark.parametrize(("start", "by"), [(2**63 - 1, 1), (-(2**63), -1), (1e308, 1e308)])
def test_a_sum_beyond_all_bounds_is_refused_and_the_number_stays(state: State, start: float, by: float) -> None:
    state.save("scope", "key", start)
    with pytest.raises(InvalidValue):
        state.increment("scope", "key", by)
    assert state.load("scope", "key") == start


@pytest.mark.parametrize("value", ["1", True, [], {}, "", [1]])
def test_increment_of_what_is_no_number_is_refused(state: State, value: JsonValue) -> None:
    state.save("scope", "key", value)
    with pytest.raises(InvalidArgument, match='scope "scope", key "key" holds no number'):
        state.increment("scope", "key")
    assert state.load("scope", "key") == value


@pytest.mark.parametrize("by", [float("nan"), True, "1", None, 10**400])
def test_increment_by_what_is_no_number_is_refused(state: State, by: object) -> None:
    state.save("scope", "key", 1.5)
    with pytest.raises(InvalidArgument, match="by must be"):
        state.increment("scope", "key", cast("int", by))
    assert state.load("scope", "key") == 1.5


# append


def test_append_starts_an_array_and_gives_its_length(state: State) -> None:
    assert state.append("scope", "key", "a") == 1
    assert state.append("scope", "key", None) == 2
    assert state.append("scope", "key", [1]) == 3
    assert state.load("scope", "key") == ["a", None, [1]]


def test_append_keeps_only_the_last_items_if_asked(state: State) -> None:
    for number in range(5):
        assert state.append("scope", "key", number, keep=3) == min(number + 1, 3)
    assert state.load("scope", "key") == [2, 3, 4]
    assert state.append("scope", "key", 5, keep=1) == 1
    assert state.load("scope", "key") == [5]


@pytest.mark.parametrize("value", ["text", 1, {"0": 1}, False])
def test_append_to_what_is_no_array_is_refused(state: State, value: JsonValue) -> None:
    state.save("scope", "key", value)
    with pytest.raises(InvalidArgument, match='scope "scope", key "key" holds no array'):
        state.append("scope", "key", 1)
    assert state.load("scope", "key") == value


def test_append_of_what_is_no_json_names_the_path_inside_the_item(state: State) -> None:
    with pytest.raises(InvalidValue) as raised:
        state.append("scope", "key", {"a": cast("JsonValue", print)})
    assert raised.value.path == ".a"
    assert not state.exists("scope", "key")


@pytest.mark.parametrize("keep", [0, -1, "1", 1.5])
def test_append_with_a_bad_keep_is_refused(state: State, keep: Any) -> None:
    with pytest.raises(InvalidArgument, match="keep"):
        state.append("scope", "key", 1, keep=keep)
    assert not state.exists("scope", "key")


# update


def test_update_saves_and_gives_what_the_function_returns(state: State) -> None:
    state.save("scope", "key", [1])
    assert state.update("scope", "key", lambda old: [*cast("list[JsonValue]", old), 2]) == [1, 2]
    assert state.load("scope", "key") == [1, 2]


def test_update_begins_with_the_default_where_nothing_is(state: State) -> None:
    assert state.update("scope", "key", lambda old: [old], "default") == ["default"]
    assert state.update("scope", "other", lambda old: [old]) == [None]


def test_update_leaves_the_callers_default_alone(state: State) -> None:
    default: list[JsonValue] = []

    def add(old: JsonValue) -> JsonValue:
        cast("list[JsonValue]", old).append(1)
        return old

    assert state.update("scope", "key", add, default) == [1]
    assert default == []


def test_update_to_none_deletes(state: State) -> None:
    state.save("scope", "key", 1)
    assert state.update("scope", "key", lambda old: None) is None
    assert not state.exists("scope", "key")
    assert state.update("scope", "absent", lambda old: None) is None
    assert not state.exists("scope", "absent")


def test_an_error_in_the_function_of_an_update_changes_nothing(state: State) -> None:
    state.save("scope", "key", 1)
    error = RuntimeError("in fn")

    def fail(old: JsonValue) -> JsonValue:
        raise error

    with pytest.raises(RuntimeError) as raised:
        state.update("scope", "key", fail)
    assert raised.value is error
    assert state.load("scope", "key") == 1


def test_an_update_runs_again_when_the_value_changed_meanwhile(store: llmspell.Store) -> None:
    store.save("scope", "key", [])
    seen: list[JsonValue] = []

    def add(old: JsonValue) -> JsonValue:
        seen.append(old)
        if len(seen) == 1:
            in_another_thread(lambda: store.save("scope", "key", ["theirs"]))
        return [*cast("list[JsonValue]", old), "ours"]

    assert store.update("scope", "key", add) == ["theirs", "ours"]
    assert seen == [[], ["theirs"]]
    assert store.load("scope", "key") == ["theirs", "ours"]


def test_each_run_of_an_update_gets_a_fresh_default(store: llmspell.Store) -> None:
    runs: list[int] = []

    def add(old: JsonValue) -> JsonValue:
        items = cast("list[JsonValue]", old)
        items.append("ours")
        runs.append(len(items))
        if len(runs) == 1:
            in_another_thread(lambda: (store.save("scope", "key", 1), store.delete("scope", "key")))
            in_another_thread(lambda: store.save("scope", "key", ["theirs"]))
            in_another_thread(lambda: store.delete("scope", "key"))
        return items

    store.transaction(lambda state: (state.load("scope", "read"), state.update("scope", "key", add, []))[1])
    assert store.load("scope", "key") == ["ours"]


# touch


def test_touch_changes_only_the_expiry(store: llmspell.Store, clock: Clock) -> None:
    store.save("scope", "key", {"n": 1})
    before = store.entry("scope", "key")
    assert before is not None
    clock.advance(5)
    assert store.touch("scope", "key", 10) is True
    after = store.entry("scope", "key")
    assert after is not None
    assert after == before._replace(expires_at=clock() + 10, version=after.version)
    assert after.version > before.version


def test_touch_without_ttl_removes_the_expiry(state: State) -> None:
    state.save("scope", "key", 1, ttl=10)
    assert state.touch("scope", "key") is True
    assert expires_at(state, "key") is None


def test_touch_of_an_absent_key_gives_false(state: State) -> None:
    assert state.touch("scope", "key", 10) is False
    assert not state.exists("scope", "key")


def test_touch_of_an_expired_key_gives_false(store: llmspell.Store, clock: Clock) -> None:
    store.save("scope", "key", 1, ttl=1)
    clock.advance(1)
    assert store.touch("scope", "key", 10) is False
    assert not store.exists("scope", "key")


def test_touch_inside_a_transaction_changes_only_the_expiry(store: llmspell.Store, clock: Clock) -> None:
    store.save("scope", "key", 1)
    before = store.entry("scope", "key")
    assert before is not None
    clock.advance(5)
    with store.transaction() as transaction:
        transaction.touch("scope", "key", 10)
    after = store.entry("scope", "key")
    assert after is not None
    assert after == before._replace(expires_at=clock() + 10, version=after.version)


@pytest.mark.parametrize("ttl", [0, -1, "1", True, float("nan")])
def test_a_bad_ttl_is_refused(state: State, ttl: Any) -> None:
    calls: Calls = (lambda: state.save("scope", "key", 1, ttl=ttl), lambda: state.touch("scope", "key", ttl))
    for call in calls:
        with pytest.raises(InvalidArgument, match="ttl"):
            call()
    assert not state.exists("scope", "key")


# Expiry


def test_an_expired_entry_is_never_returned_listed_or_counted(store: llmspell.Store, clock: Clock) -> None:
    store.save("scope", "key", 1, ttl=1.5)
    clock.advance(1.4999)
    assert store.load("scope", "key") == 1
    clock.advance(0.0002)
    assert store.load("scope", "key", "gone") == "gone"
    assert not store.exists("scope", "key")
    assert store.entry("scope", "key") is None
    assert store.list_keys("scope") == []
    assert store.scopes() == []
    assert store.statistics().entries == 0
    assert [change.stored for change in store.changes()] == [None]
    with store.snapshot() as snapshot:
        assert snapshot.load("scope", "key") is None
    with store.transaction() as transaction:
        assert transaction.load("scope", "key") is None
        assert transaction.list_keys("scope") == []


@pytest.mark.parametrize("verb", ["increment", "append", "update", "rewrite_json"])
def test_a_verb_that_rewrites_a_value_keeps_its_expiry(store: llmspell.Store, clock: Clock, verb: str) -> None:
    calls: dict[str, Callable[[], object]] = {
        "increment": lambda: store.increment("scope", "key"),
        "append": lambda: store.append("scope", "key", 1),
        "update": lambda: store.update("scope", "key", lambda old: "new"),
        "rewrite_json": lambda: store.rewrite_json("scope", "key", b"2"),
    }
    store.save("scope", "key", [] if verb == "append" else 1, ttl=10)
    moment = clock() + 10
    clock.advance(3)
    calls[verb]()
    assert expires_at(store, "key") == moment
    clock.advance(7)
    calls[verb]()
    assert expires_at(store, "key") is None
    assert created_at(store, "key") == clock()


def expires_at(state: State, key: str) -> float | None:
    entry = state.entry("scope", key)
    assert entry is not None
    return entry.expires_at


def created_at(state: State, key: str) -> float:
    entry = state.entry("scope", key)
    assert entry is not None
    return entry.created_at


def in_another_thread(call: Callable[[], object]) -> None:
    """Run the call where no transaction of this thread is seen."""
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def test_every_error_of_the_store_is_a_store_error() -> None:
    store = llmspell.open(backend="memory")
    store.close()
    with pytest.raises(StoreError):
        store.load("scope", "key")
