"""A machine is named, with the file system that the files are really on."""

from pathlib import Path

from benchmarks.machine import PACKAGES, SYNC, file_system, machine, missing, summary


def test_a_folder_is_on_the_file_system_that_is_mounted_nearest_above_it() -> None:
    assert file_system(Path("/proc/self")) == "proc"
    assert file_system(Path("/")) != "proc"


def test_the_machine_is_told_by_name_and_leaves_nothing_behind(tmp_path: Path) -> None:
    told = machine(tmp_path, (90e-6, 91e-6))
    assert told["processor"] in summary(told)
    assert told["file system"] == file_system(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_installed_is_named() -> None:
    told = {**dict.fromkeys(PACKAGES, "1.0"), "redis-server": "7", "lmdb": ""}
    assert missing(told) == ["lmdb"]


def test_a_disk_that_became_another_one_is_told_with_both_times(tmp_path: Path) -> None:
    steady, changed = machine(tmp_path, (90e-6, 130e-6)), machine(tmp_path, (90e-6, 140e-6))
    assert steady[SYNC] == "90 us"
    assert changed[SYNC] == "90 us at the start, 140 us at the end"
    assert "with 90 us a sync" in summary(steady)
    assert "with 90 us, later 140 us a sync" in summary(changed)
