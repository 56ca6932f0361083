"""A text names a folder or an object store, and what it cannot name is refused without being repeated."""

import sys
from pathlib import Path

import pytest

from llmspell.backups.local import LocalPlace
from llmspell.backups.places import open_place
from llmspell.backups.remote import RemotePlace
from llmspell.errors import InvalidArgument


def refusal(text: str) -> str:
    with pytest.raises(InvalidArgument) as caught:
        open_place(text)
    return str(caught.value)


@pytest.mark.parametrize("path", ["backups", "/var/backups", "./s3:/bucket", "a:b", "s3:bucket"])
def test_a_path_is_a_folder_of_this_machine(path: str) -> None:
    place = open_place(path)
    assert isinstance(place, LocalPlace)
    assert place.name == path


def test_nothing_is_made_by_naming_a_folder(tmp_path: Path) -> None:
    open_place(str(tmp_path / "backups"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket",
        "s3://bucket/",
        "s3://my.bucket-1/a/b c/d_e",
        "S3://bucket/prefix/",
        "gs://bucket/prefix",
        "az://container/prefix",
        "s3://bucket/trägheit",
        "s3://bucket/..a/b@c=d",
    ],
)
def test_a_url_of_a_known_scheme_is_an_object_store(url: str) -> None:
    place = open_place(url)
    assert isinstance(place, RemotePlace)
    assert place.name == url


def test_naming_an_object_store_loads_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    assert open_place("s3://bucket/prefix").name == "s3://bucket/prefix"


@pytest.mark.parametrize(
    "url", ["http://secret/b", "https://secret/b", "file:///secret", "memory://", "://", "s3a://b"]
)
def test_another_scheme_is_refused_with_the_known_ones(url: str) -> None:
    told = refusal(url)
    assert "it must begin with s3://, gs://, az://, or be the path of a folder" in told
    assert "secret" not in told


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3:///prefix",
        "s3://user:secret@bucket/prefix",
        "s3://secret@bucket",
        "s3://bucket:9000/secret",
        "s3://bucket?key=secret",
        "s3://bucket/prefix?key=secret",
        "s3://bucket/prefix#secret",
        "s3://bucket/%73ecret",
        "s3://bucket/a//secret",
        "s3://bucket/../secret",
        "s3://bucket/./secret",
        "s3://bucket/secret\n",
        "s3://bucket/secret\0",
        "s3://-bucket/secret",
        "s3://bücket/secret",
    ],
)
def test_a_url_that_is_no_bucket_and_prefix_is_refused_without_being_repeated(url: str) -> None:
    told = refusal(url)
    assert 'not of the form "s3://bucket/prefix"' in told
    assert "secret" not in told


def test_an_empty_text_is_no_place() -> None:
    assert "is an empty text" in refusal("")
