"""The store on disk keeps every promise of the gate, in each durability."""

from llmspell.backends.base import Backend
from llmspell.backends.registry import BackendOptions, open_backend
from llmspell.testing.conformance import BackendConformance
from llmspell.testing.past import PastConformance


class TestDisk(BackendConformance):
    def open_backend(self, folder: str) -> Backend:
        return open_backend("disk", BackendOptions(folder, "normal", "1.0.0"))


class TestDiskWithFullDurability(BackendConformance):
    def open_backend(self, folder: str) -> Backend:
        return open_backend("disk", BackendOptions(folder, "full", "1.0.0"))


class TestDiskThatIsSettled(BackendConformance):
    def open_backend(self, folder: str) -> Backend:
        return open_backend("disk", BackendOptions(folder, "output", "1.0.0"))


class TestPastOnDisk(PastConformance):
    def open_keeping(self, folder: str, history_days: int) -> Backend:
        return open_backend("disk", BackendOptions(folder, "normal", "1.0.0", history_days=history_days))


class TestDiskWithHistory(BackendConformance):
    """Every other promise holds with history as well."""

    def open_backend(self, folder: str) -> Backend:
        return open_backend("disk", BackendOptions(folder, "normal", "1.0.0", history_days=30))
