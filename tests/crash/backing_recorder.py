"""A program that restores backups into a store, and records everything that reaches the store's files, in order."""

from pathlib import Path

from llmspell.backends.sqlite import connections
from tests.crash.backing import fill, opened
from tests.crash.recorder import Did, Flushed, events, record

DEEDS = [0, 1, 2, 0, 2, 1]
"""Which backup each deed restores."""


def main(root: str, durability: str, checkpoint_pages: str, cache_kib: str, recording: str) -> None:
    """Deed 0 fills the store and makes backups, and each other one restores the next of them."""
    connections._CACHE_KIB = int(cache_kib)

    def work() -> None:
        store = opened(root, durability=durability)
        ids = []
        for number in range(3):
            fill(store, number * 100, number * 100 + 300)
            ids.append(store.backups.create_backup(number == 1).backup_id)
        (Path(root) / "ids").write_text("\n".join(ids))
        store.flush()
        events.append(Flushed(0))
        for number, deed in enumerate(DEEDS, 1):
            store.backups.restore_backup(ids[deed], force=True)
            events.append(Did(number))
            if number % 3 == 0:
                store.flush()
                events.append(Flushed(number))

    record(work, int(checkpoint_pages), recording)
