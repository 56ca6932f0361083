"""What should a reader of the table know of a contestant or a row, beside its name?"""

from __future__ import annotations

from benchmarks import languages, operations, peers, transactions


def notes(quick: bool) -> dict[str, str]:
    """Give the notes of a run by the names of contestants and rows; some say how many calls a quick run makes."""
    written = transactions.transactions_of(quick) * transactions.WRITES
    return {
        **peers.notes(),
        "diskcache FULL": "diskcache with its setting sqlite_synchronous=2",
        "Redis AOF unsynced": "on loopback; its log is written before it answers, and synced by nobody",
        f"{languages.LUA}, output": (
            f"one sync before the next output, shared by {operations.KEYS:,} calls "
            f"(of 10 KB {languages.MANY_LARGE}, in transactions {written:,})"
        ),
        f"{languages.JAVASCRIPT}, output": f"as {languages.LUA}, output",
        "count all": "llmspell leaves out what has expired, the others count whatever is there",
    }
