"""File systems on which locks cannot be trusted are told by name from Linux's table of mounts."""

from pathlib import Path

import pytest

import llmspell
from llmspell.backends.sqlite import filesystem
from llmspell.backends.sqlite.filesystem import unsafe_type
from llmspell.errors import UnsafeFileSystem

ROOT = "24 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"


def mounted(point: str, kind: str) -> str:
    return f"99 24 0:50 / {point} rw,relatime shared:7 master:2 - {kind} server:/export rw,vers=4.2\n"


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "fuse.sshfs", "fuse.s3fs"])
def test_network_file_systems_are_unsafe(kind: str) -> None:
    assert unsafe_type("/data/state", ROOT + mounted("/data", kind)) == kind


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "zfs", "overlay", "f2fs", "fuseblk", "virtiofs"])
def test_local_file_systems_are_safe(kind: str) -> None:
    assert unsafe_type("/data/state", ROOT + mounted("/data", kind)) is None


def test_only_the_mount_that_holds_the_path_counts() -> None:
    mounts = ROOT + mounted("/data", "nfs") + mounted("/data/local", "ext4")
    assert unsafe_type("/data/state", mounts) == "nfs"
    assert unsafe_type("/data", mounts) == "nfs"
    assert unsafe_type("/data/local/state", mounts) is None
    assert unsafe_type("/database/state", mounts) is None
    assert unsafe_type("/", mounts) is None


def test_the_last_mount_on_a_point_covers_the_earlier_ones() -> None:
    assert unsafe_type("/data/x", ROOT + mounted("/data", "nfs") + mounted("/data", "ext4")) is None
    assert unsafe_type("/data/x", ROOT + mounted("/data", "ext4") + mounted("/data", "nfs")) == "nfs"
    assert unsafe_type("/x", ROOT + mounted("/", "nfs")) == "nfs"


@pytest.mark.parametrize(
    ("written", "point"),
    [
        (r"/my\040data", "/my data"),
        (r"/tab\011here", "/tab\there"),
        (r"/line\012end", "/line\nend"),
        (r"/number\043sign", "/number#sign"),
        (r"/back\134slash", "/back\\slash"),
        (r"/literal\134040", "/literal\\040"),
    ],
)
def test_odd_mount_points_are_read_as_the_kernel_writes_them(written: str, point: str) -> None:
    assert unsafe_type(point + "/state", ROOT + mounted(written, "nfs")) == "nfs"


def test_a_link_leads_to_where_it_points(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "far")
    assert unsafe_type(str(tmp_path / "link" / "state"), ROOT + mounted(f"{tmp_path}/far", "nfs")) == "nfs"


@pytest.mark.parametrize("mounts", ["", "\n", "nonsense\n", "1 2 3\n", "a b c d e f\n", "24 1 254:0 / /data rw - \n"])
def test_a_table_that_says_nothing_makes_nothing_unsafe(mounts: str) -> None:
    assert unsafe_type("/data/state", mounts) is None


def test_a_system_without_the_table_makes_nothing_unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystem, "MOUNTS", "/nonexistent/mountinfo")
    assert unsafe_type("/data/state") is None


def test_the_table_of_this_system_is_read(tmp_path: Path) -> None:
    assert unsafe_type(str(tmp_path)) is None


def test_a_store_on_nfs_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(ROOT + mounted(f"{tmp_path}/share", "nfs4"))
    monkeypatch.setattr(filesystem, "MOUNTS", str(table))
    with pytest.raises(UnsafeFileSystem, match=r"share/state\" would lie on nfs4.*name a folder on a local disk"):
        llmspell.open(tmp_path / "share" / "state")
    assert not (tmp_path / "share").exists()
