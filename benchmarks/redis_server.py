"""Where does a Redis for the time of a measurement come from? A server of our own, on loopback, in its own folder."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

BINARY = "redis-server"

ALWAYS = ("--appendonly", "yes", "--appendfsync", "always")
"""Every write is on the disk before the answer: Redis's own `appendfsync always`."""
NEVER = ("--appendonly", "no")
"""What is written is in the server's memory and nowhere else."""


def installed() -> bool:
    """Tell whether there is a server to start."""
    return shutil.which(BINARY) is not None


class RedisServer:
    """A server on a free port of 127.0.0.1; it ends with `close`, and leaves files in `folder` only.

    Raises `RuntimeError` when it does not answer within ten seconds.
    """

    def __init__(self, folder: Path, keeping: tuple[str, ...]) -> None:
        folder.mkdir(parents=True)
        self.port = _free_port()
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        self._process = subprocess.Popen(
            [BINARY, *arguments, *keeping], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the server, without what it would save at its end."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> RedisServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wait(self) -> None:
        until = time.monotonic() + 10
        while time.monotonic() < until and self._process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(7) == b"+PONG\r\n":
                        return
            except ConnectionRefusedError:
                time.sleep(0.02)
        raise RuntimeError(f"{BINARY} on port {self.port} did not answer; start it by hand to see why")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
