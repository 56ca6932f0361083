"""Who takes part in transactions and where several processes write, and under which promise?

The names are those of the other areas. Two more stand here: diskcache with its setting for syncs, and a Redis whose log
is written before it answers, but synced by nobody. That is what "safe from a crash of the process" means; a Redis that
syncs every second may answer before it writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

from benchmarks import redis_server, shared
from benchmarks.measuring import DISK, MEMORY, PROCESS
from benchmarks.peer import left_out
from benchmarks.shared import Contestant, Shared

_UNSYNCED = ("--appendonly", "yes", "--appendfsync", "no")

_EMBEDDED: tuple[tuple[str, str, str, Callable[[str, str], Shared], str], ...] = (
    ("", DISK, "llmspell full", shared.Llmspell, "full"),
    ("", PROCESS, "llmspell normal", shared.Llmspell, "normal"),
    ("", MEMORY, "llmspell memory", shared.Llmspell, "memory"),
    ("", DISK, "bare apsw FULL", shared.Apsw, "FULL"),
    ("", PROCESS, "bare apsw NORMAL", shared.Apsw, "NORMAL"),
    ("", DISK, "sqlite3 FULL", shared.StandardSqlite, "FULL"),
    ("", PROCESS, "sqlite3 NORMAL", shared.StandardSqlite, "NORMAL"),
    ("lmdb", DISK, "LMDB sync", shared.Lmdb, "sync"),
    ("lmdb", PROCESS, "LMDB nosync", shared.Lmdb, "nosync"),
    ("diskcache", DISK, "diskcache FULL", shared.Diskcache, "FULL"),
    ("diskcache", PROCESS, "diskcache", shared.Diskcache, "NORMAL"),
)
"""By package that has to be installed: promise, name, class, way."""

_SERVED = (
    (DISK, "Redis AOF always", redis_server.ALWAYS),
    (PROCESS, "Redis AOF unsynced", _UNSYNCED),
    (MEMORY, "Redis without AOF", redis_server.NEVER),
)


@contextmanager
def line_up(
    folder: Path, wanted: Callable[[str], bool], say: Callable[[str], None]
) -> Iterator[dict[str, dict[str, Contestant]]]:
    """Give by promise and name those that are wanted and installed; servers run until the block ends."""
    found: dict[str, dict[str, Contestant]] = {DISK: {}, PROCESS: {}, MEMORY: {}}
    for package, kept, name, make, way in _EMBEDDED:
        if not wanted(name):
            continue
        if package and not find_spec(package):
            say(left_out(name))
            continue
        found[kept][name] = Contestant(make, str(folder / name.replace(" ", "-")), way)
    with ExitStack() as servers:
        for kept, name, keeping in _SERVED:
            if not wanted(name):
                continue
            if not (find_spec("redis") and redis_server.installed()):
                say(left_out(name))
                continue
            server = servers.enter_context(redis_server.RedisServer(folder / name.replace(" ", "-"), keeping))
            found[kept][name] = Contestant(shared.Redis, str(server.port), "")
        yield found
