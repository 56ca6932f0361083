"""A program that migrates a store up and down, and records everything that reaches the files, in order."""

from pathlib import Path

import llmspell
from llmspell.backends.sqlite import connections
from tests.crash.migrating import NOW, fill
from tests.crash.recorder import Did, Flushed, events, record

TARGETS = ["3.0.0", "1.0.0", "2.5.0", "3.0.0", "2.0.0", "1.0.0"]
PEOPLE, ORDERS = 1_100, 40


def main(folder: str, durability: str, checkpoint_pages: str, cache_kib: str, recording: str) -> None:
    """Deed 0 fills the store, and each other one migrates it to the next target."""
    connections._CACHE_KIB = int(cache_kib)

    def work() -> None:
        migrations = Path(folder).parent / "migrations"
        store = llmspell.open(folder, migrations_path=migrations, durability=durability, clock=lambda: NOW)
        fill(store, PEOPLE, ORDERS)
        store.flush()
        events.append(Flushed(0))
        for number, target in enumerate(TARGETS, 1):
            store.migrations.migrate(target)
            events.append(Did(number))
            if number % 3 == 0:
                store.flush()
                events.append(Flushed(number))

    record(work, int(checkpoint_pages), recording)
