"""The store in memory keeps every promise of the gate."""

from llmspell.backends.base import Backend
from llmspell.backends.registry import BackendOptions, open_backend
from llmspell.testing.conformance import BackendConformance
from llmspell.testing.past import PastConformance


class TestMemory(BackendConformance):
    def open_backend(self, folder: str) -> Backend:
        return open_backend("memory", BackendOptions(folder, "full", "1.0.0"))


class TestPastInMemory(PastConformance):
    def open_keeping(self, folder: str, history_days: int) -> Backend:
        return open_backend("memory", BackendOptions(folder, "full", "1.0.0", history_days=history_days))
