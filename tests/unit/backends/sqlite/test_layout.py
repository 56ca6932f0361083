"""A store is recognised, another program's database is left alone, and versions follow every write."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from llmspell.backends.sqlite import layout
from llmspell.errors import ForeignStore, LayoutTooNew


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "state.db")


@pytest.fixture
def connection(file: str) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(file)
    yield connection
    connection.close()


def test_nothing_at_all_is_no_store_yet(connection: apsw.Connection) -> None:
    assert not layout.recognise(connection, "state.db")


def test_a_made_store_is_recognised(connection: apsw.Connection) -> None:
    layout.create(connection, "1.2.3")
    assert layout.recognise(connection, "state.db")
    assert connection.execute("SELECT version, forgotten_version, schema_version FROM store").get == (0, 0, "1.2.3")


def test_a_database_of_another_program_is_foreign(connection: apsw.Connection) -> None:
    connection.execute("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")
    with pytest.raises(ForeignStore, match=r'"state\.db" is a database of another program.*nothing was changed'):
        layout.recognise(connection, "state.db")


def test_an_empty_database_with_another_owner_is_foreign(connection: apsw.Connection) -> None:
    connection.pragma("application_id", 12345)
    with pytest.raises(ForeignStore):
        layout.recognise(connection, "state.db")


def test_a_newer_layout_is_refused_with_both_numbers(connection: apsw.Connection) -> None:
    layout.create(connection, "1.0.0")
    connection.pragma("user_version", layout.LAYOUT + 1)
    with pytest.raises(LayoutTooNew, match=r'"state\.db" has layout 4, this llmspell knows layouts up to 3'):
        layout.recognise(connection, "state.db")


def test_a_store_that_is_made_while_it_is_looked_at_is_never_foreign(file: str, connection: apsw.Connection) -> None:
    maker = apsw.Connection(file)
    looked: list[str] = []

    def make_before_the_second_look(cursor: apsw.Cursor, statement: str, bindings: object) -> bool:
        looked.append(statement)
        if len(looked) == 2:
            layout.create(maker, "1.0.0")
        return True

    connection.exec_trace = make_before_the_second_look
    assert layout.recognise(connection, "state.db")
    assert len(looked) >= 2
    maker.close()


def test_a_store_is_made_whole_or_not_at_all(connection: apsw.Connection) -> None:
    connection.execute("CREATE TABLE store (something INTEGER)")
    with pytest.raises(apsw.SQLError):
        layout.create(connection, "1.0.0")
    assert not connection.in_transaction
    assert [name for (name,) in connection.execute("SELECT name FROM sqlite_schema")] == ["store"]


def test_the_version_of_the_store_follows_every_write_to_an_entry(connection: apsw.Connection) -> None:
    def version() -> object:
        return connection.execute("SELECT version FROM store").get

    layout.create(connection, "1.0.0")
    row = "INSERT INTO entries (scope, key, version, created_at, updated_at, value) VALUES ('s', ?, ?, 0, 0, '1')"
    connection.execute(row, ("a", 7))
    assert version() == 7
    connection.execute(row, ("b", 3))
    assert version() == 7
    connection.execute("UPDATE entries SET version = 9 WHERE key = 'b'")
    assert version() == 9
    connection.execute("DELETE FROM entries")
    assert version() == 9
