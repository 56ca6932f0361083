"""Backups in an object store are whole or not there, whoever else works in the bucket and whatever the server does."""

import http.server
import io
import logging
import random
import re
import socket
import sys
import threading
import traceback
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from llmspell.backups import object_store, remote
from llmspell.backups.names import new_id
from llmspell.backups.place import MANIFEST, MARKS, Draft, Place
from llmspell.backups.remote import RemotePlace
from llmspell.errors import BackupDamaged, BackupUnavailable

ENTRIES = "entries.jsonl.zst"
PIECE = 8 * 1024 * 1024
ACCESS, SECRET = "AKIAEXAMPLEACCESS", "example/secret/access"


class Server:
    """An S3 server of this process: its buckets can be looked into and changed from outside."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._buckets = 0

    def bucket(self) -> str:
        self._buckets += 1
        name = f"bucket-{self._buckets}"
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/{name}", method="PUT")) as answer:
            assert answer.status == 200
        return name

    def put(self, bucket: str, key: str, content: bytes = b"x", age: timedelta = timedelta(0)) -> None:
        self._engine().put_object(bucket, key, content)
        self._bucket(bucket).keys[key].last_modified -= age

    def keys(self, bucket: str) -> list[str]:
        return sorted(self._bucket(bucket).keys)

    def unfinished_uploads(self, bucket: str) -> int:
        return len(self._bucket(bucket).multiparts)

    def _bucket(self, name: str) -> Any:
        return self._engine().buckets[name]

    def _engine(self) -> Any:
        from moto.backends import get_backend

        return get_backend("s3")["123456789012"]["aws"]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield Server(f"http://{host}:{port}")
    running.stop()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith(("AWS_", "GOOGLE_", "AZURE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def bucket(server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    return server.bucket()


@pytest.fixture
def place(bucket: str) -> RemotePlace:
    return RemotePlace(f"s3://{bucket}/team/backups")


def an_id(seconds: float = 0) -> str:
    return new_id(1_700_000_000 + seconds, "full")


def write(draft: Draft, name: str, content: bytes) -> None:
    with draft.write(name) as file:
        file.write(content)


def backup(place: Place, backup_id: str, content: bytes = b"entries", manifest: bytes = b"{}") -> str:
    with place.draft(backup_id) as draft:
        write(draft, ENTRIES, content)
        draft.publish(manifest)
    return backup_id


def content_of(place: Place, backup_id: str, name: str = ENTRIES) -> bytes:
    with place.open(backup_id, name) as file:
        return file.read()


def trouble(work: Callable[[], object]) -> str:
    with pytest.raises(BackupUnavailable) as caught:
        work()
    told = "".join(traceback.format_exception(caught.value))
    assert SECRET not in told
    assert ACCESS not in told
    return str(caught.value)


def make(place: Place) -> None:
    backup(place, an_id())


VERBS: list[Callable[[Place], object]] = [
    lambda place: place.listing(),
    lambda place: place.files(an_id()),
    lambda place: place.read(an_id(), MANIFEST, 100),
    lambda place: content_of(place, an_id()),
    make,
    lambda place: place.replace(an_id(), MARKS, b"{}"),
    lambda place: place.remove(an_id()),
    lambda place: place.tidy(),
]


# Writing and reading


def test_a_backup_is_read_back_as_it_was_written(place: RemotePlace) -> None:
    name = backup(place, an_id(), b"all entries", b'{"format": 1}')
    assert content_of(place, name) == b"all entries"
    assert place.read(name, MANIFEST, 100) == b'{"format": 1}'
    assert {file: facts.size_bytes for file, facts in place.files(name).items()} == {ENTRIES: 11, MANIFEST: 13}
    assert place.listing() == {name: place.files(name)}


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 12_345])
def test_a_file_of_every_size_around_a_piece_comes_back(place: RemotePlace, size: int) -> None:
    content = random.Random(size).randbytes(size)
    name = an_id()
    with place.draft(name) as draft:
        with draft.write(ENTRIES) as file:
            source = io.BytesIO(content)
            while part := source.read(1_000_003):
                assert file.write(part) == len(part)
            file.flush()
        with draft.read(ENTRIES) as written:
            found = b"".join(iter(lambda: written.read(777_777), b""))
        draft.publish(b"{}")
    assert found == content
    assert content_of(place, name) == content


def test_a_draft_is_not_there_before_it_is_published(place: RemotePlace) -> None:
    name = an_id()
    with place.draft(name) as draft:
        write(draft, ENTRIES, b"entries")
        assert place.listing() == {}
        assert place.files(name) == {}
        draft.publish(b"{}")
        assert list(place.listing()) == [name]


def test_a_draft_that_is_not_published_leaves_nothing(place: RemotePlace, server: Server, bucket: str) -> None:
    with place.draft(an_id()) as draft:
        write(draft, ENTRIES, b"entries")
        write(draft, "more", bytes(PIECE + 1))
        assert len(server.keys(bucket)) == 2
    assert server.keys(bucket) == []


@pytest.mark.parametrize("size", [0, 1000, PIECE + 1])
def test_a_maker_that_fails_in_a_file_leaves_nothing_and_its_error_is_told(
    place: RemotePlace, server: Server, bucket: str, size: int
) -> None:
    error = OSError(5, "the source cannot be read")

    def fail() -> None:
        with place.draft(an_id()) as draft:
            write(draft, "before", b"whole")
            with draft.write(ENTRIES) as file:
                file.write(bytes(size))
                raise error

    with pytest.raises(OSError, match="source") as caught:
        fail()
    assert caught.value is error
    assert server.keys(bucket) == []
    assert server.unfinished_uploads(bucket) == 0


def test_nothing_is_in_the_bucket_outside_of_the_prefix(place: RemotePlace, server: Server, bucket: str) -> None:
    name = backup(place, an_id())
    assert server.keys(bucket) == [f"team/backups/{name}/{ENTRIES}", f"team/backups/{name}/{MANIFEST}"]


@pytest.mark.parametrize("prefix", ["", "/", "/a", "/a/", "/a b/c", "/träge+x=1@2"])
def test_any_prefix_keeps_backups(bucket: str, prefix: str) -> None:
    place = RemotePlace(f"s3://{bucket}{prefix}")
    name = backup(place, an_id())
    assert list(RemotePlace(f"s3://{bucket}{prefix}").listing()) == [name]
    assert content_of(place, name) == b"entries"


def test_places_whose_names_begin_alike_are_apart(bucket: str) -> None:
    one, other = RemotePlace(f"s3://{bucket}/a"), RemotePlace(f"s3://{bucket}/ab")
    name = backup(one, an_id())
    assert other.listing() == {}
    assert other.files(name) == {}


# Two makers


def test_a_name_that_is_taken_is_not_begun_again(place: RemotePlace) -> None:
    name = backup(place, an_id())
    assert "somebody has begun one of this name already" in trouble(lambda: backup(place, name, b"other", b"[]"))
    assert place.read(name, MANIFEST, 10) == b"{}"
    assert content_of(place, name) == b"entries"


@pytest.mark.parametrize("manifest", [b"[]", b"other"])
def test_a_manifest_is_never_written_over(place: RemotePlace, manifest: bytes) -> None:
    name = an_id()
    with place.draft(name) as first, place.draft(name) as second:
        write(first, ENTRIES, b"entries")
        first.publish(b"{}")
        assert "somebody has begun one of this name already" in trouble(lambda: second.publish(manifest))
    assert place.read(name, MANIFEST, 10) == b"{}"
    assert content_of(place, name) == b"entries"


def test_a_manifest_whose_answer_was_lost_on_the_way_is_published(
    place: RemotePlace, server: Server, bucket: str
) -> None:
    name = an_id()
    with place.draft(name) as draft:
        write(draft, ENTRIES, b"entries")
        server.put(bucket, f"team/backups/{name}/{MANIFEST}", b"{}")
        draft.publish(b"{}")
    assert list(place.files(name)) == [ENTRIES, MANIFEST]


# What is listed


def test_only_folders_that_have_a_manifest_are_listed(place: RemotePlace, server: Server, bucket: str) -> None:
    name = backup(place, an_id())
    for key in (
        f"{an_id(1)}/{ENTRIES}",
        f"{an_id(2)}/deeper/{MANIFEST}",
        f"notes/{MANIFEST}",
        "notes.txt",
        MANIFEST,
        an_id(3),
        f"{name}/deeper/{ENTRIES}",
        f"{an_id(4).upper()}/{MANIFEST}",
    ):
        server.put(bucket, f"team/backups/{key}")
    assert {one: sorted(files) for one, files in place.listing().items()} == {name: [ENTRIES, MANIFEST]}
    assert sorted(place.files(name)) == [ENTRIES, MANIFEST]


def test_more_backups_than_one_answer_holds_are_listed(place: RemotePlace, server: Server, bucket: str) -> None:
    names = {an_id(number) for number in range(1010)}
    for name in names:
        server.put(bucket, f"team/backups/{name}/{MANIFEST}")
    assert set(place.listing()) == names


def test_a_place_that_nobody_has_written_to_is_empty(place: RemotePlace) -> None:
    assert place.listing() == {}
    assert place.files(an_id()) == {}
    assert place.read(an_id(), MANIFEST, 100) is None
    place.tidy()
    place.remove(an_id())


def test_a_stamp_changes_when_the_file_is_written_again(place: RemotePlace) -> None:
    name = backup(place, an_id())
    place.replace(name, MARKS, b'{"held": true}')
    before = place.files(name)
    place.replace(name, MARKS, b'{"held": nope}')
    after = place.files(name)
    assert before[MARKS].stamp != after[MARKS].stamp
    assert before[ENTRIES] == after[ENTRIES]
    assert place.read(name, MARKS, 100) == b'{"held": nope}'


def test_a_missing_file_is_damage_when_opened_and_none_when_read(place: RemotePlace) -> None:
    name = backup(place, an_id())
    assert place.read(name, MARKS, 100) is None
    with pytest.raises(BackupDamaged, match=re.escape("other.zst is missing")):
        content_of(place, name, "other.zst")


def test_a_small_file_that_is_too_large_is_damage(place: RemotePlace) -> None:
    name = backup(place, an_id(), manifest=b"x" * 101)
    assert place.read(name, MANIFEST, 101) == b"x" * 101
    with pytest.raises(BackupDamaged, match="has more than 100 bytes"):
        place.read(name, MANIFEST, 100)


# Removing


def test_a_removed_backup_is_gone_and_no_other(place: RemotePlace, server: Server, bucket: str) -> None:
    gone, kept = backup(place, an_id()), backup(place, an_id(1))
    place.remove(gone)
    assert list(place.listing()) == [kept]
    assert all(kept in key for key in server.keys(bucket))
    place.remove(gone)


def test_what_makers_have_left_is_removed_a_day_later(place: RemotePlace, server: Server, bucket: str) -> None:
    day, more = timedelta(days=1), timedelta(minutes=1)
    kept = backup(place, an_id())
    old, left, young, half = (an_id(number) for number in range(1, 5))
    put = server.put
    put(bucket, f"team/backups/{old}/{MANIFEST}", age=10 * day)
    put(bucket, f"team/backups/{left}/{ENTRIES}", age=day + more)
    put(bucket, f"team/backups/{left}/more", age=10 * day)
    put(bucket, f"team/backups/{young}/{ENTRIES}", age=day - more)
    put(bucket, f"team/backups/{half}/{ENTRIES}", age=10 * day)
    put(bucket, f"team/backups/{half}/more")
    put(bucket, "team/backups/notes/notes.txt", age=10 * day)
    before = server.keys(bucket)
    place.tidy()
    assert [key for key in before if key not in server.keys(bucket)] == [
        f"team/backups/{left}/{ENTRIES}",
        f"team/backups/{left}/more",
    ]
    assert set(place.listing()) == {kept, old}


def test_no_clock_but_the_servers_says_what_is_old(place: RemotePlace, server: Server, bucket: str) -> None:
    for number in range(2):
        server.put(bucket, f"team/backups/{an_id(number)}/{ENTRIES}", age=timedelta(days=400))
    before = server.keys(bucket)
    place.tidy()
    assert server.keys(bucket) == before


def test_a_backup_that_was_published_meanwhile_is_not_tidied(
    place: RemotePlace, server: Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(place, an_id())
    slow = an_id(1)
    server.put(bucket, f"team/backups/{slow}/{ENTRIES}", age=timedelta(days=2))
    listed = place._folders

    def publish_after_the_listing(backup_id: str | None = None) -> Any:
        found = listed(backup_id)
        if backup_id is None:
            server.put(bucket, f"team/backups/{slow}/{MANIFEST}")
        return found

    monkeypatch.setattr(place, "_folders", publish_after_the_listing)
    place.tidy()
    assert sorted(place.files(slow)) == [ENTRIES, MANIFEST]


# Being alone


def test_one_of_this_process_is_alone_in_a_place(bucket: str) -> None:
    one, same = RemotePlace(f"s3://{bucket}/a"), RemotePlace(f"S3://{bucket}/a/")
    inside = threading.Event()

    def enter() -> None:
        with same.alone():
            inside.set()

    other = threading.Thread(target=enter)
    with one.alone(), one.alone():
        other.start()
        with RemotePlace(f"s3://{bucket}/b").alone():
            assert not inside.wait(0.05)
    other.join()
    assert inside.is_set()


# Trouble


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers everything with one status and body, and remembers what was asked."""

    status: ClassVar[int] = 500
    body: ClassVar[bytes] = b""
    asked: ClassVar[list[tuple[str, bytes]]] = []

    def answer(self) -> None:
        self.asked.append((f"{self.command} {self.path}", self.rfile.read(int(self.headers["content-length"] or 0))))
        self.send_response(self.status)
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else self.body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815  # as the base class calls them

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing is told."""


@contextmanager
def answering(monkeypatch: pytest.MonkeyPatch, status: int, body: bytes = b"") -> Iterator[list[tuple[str, bytes]]]:
    monkeypatch.setattr(Answers, "status", status)
    monkeypatch.setattr(Answers, "body", body)
    monkeypatch.setattr(Answers, "asked", [])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{running.server_port}")
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Answers.asked
        finally:
            running.shutdown()
            thread.join()


@pytest.mark.parametrize("verb", VERBS)
def test_a_missing_bucket_is_trouble_whatever_is_asked(
    server: Server, monkeypatch: pytest.MonkeyPatch, verb: Callable[[Place], object]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    told = trouble(lambda: verb(RemotePlace("s3://nowhere/a")))
    assert told.startswith('the backups in "s3://nowhere/a" cannot be used: the server answers NoSuchBucket;')


@pytest.mark.parametrize("verb", VERBS)
def test_a_server_that_refuses_shows_no_secret(
    monkeypatch: pytest.MonkeyPatch, verb: Callable[[Place], object]
) -> None:
    body = f"<Error><Code>InvalidAccessKeyId</Code><AWSAccessKeyId>{ACCESS}</AWSAccessKeyId>{SECRET}</Error>".encode()
    with answering(monkeypatch, 403, body):
        told = trouble(lambda: verb(RemotePlace("s3://bucket/a")))
    assert "the server answers InvalidAccessKeyId" in told or "the server answers 403 Forbidden" in told


@pytest.mark.parametrize("verb", VERBS)
def test_a_server_that_fails_is_asked_a_few_times_and_told(
    monkeypatch: pytest.MonkeyPatch, verb: Callable[[Place], object]
) -> None:
    with answering(monkeypatch, 503) as asked:
        told = trouble(lambda: verb(RemotePlace("s3://bucket/a")))
    assert "the server answers 503 Service Unavailable" in told
    assert len(asked) == 1 + object_store._RETRIES


@pytest.mark.parametrize("verb", VERBS)
def test_a_server_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, verb: Callable[[Place], object]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    assert "its server cannot be reached" in trouble(lambda: verb(RemotePlace("s3://bucket/a")))


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3"])
@pytest.mark.parametrize("endpoint", ["nonsense", "", "http://", "ftp://server", "http://a server"])
def test_an_endpoint_that_is_no_url_is_told(monkeypatch: pytest.MonkeyPatch, variable: str, endpoint: str) -> None:
    monkeypatch.setenv(variable, endpoint)
    for verb in VERBS:
        told = trouble(lambda verb=verb: verb(RemotePlace("s3://bucket/a")))  # type: ignore[misc]
        assert variable in told


@pytest.mark.parametrize("verb", VERBS)
def test_a_server_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch, verb: Callable[[Place], object]) -> None:
    monkeypatch.setattr(object_store, "_SILENCE_SECONDS", 0.05)
    monkeypatch.setattr(object_store, "_RETRY_SECONDS", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert "its server does not answer in time" in trouble(lambda: verb(RemotePlace("s3://bucket/a")))


def test_a_server_that_takes_no_connection_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "_CONNECT_SECONDS", 0.05)
    monkeypatch.setattr(object_store, "_RETRY_SECONDS", 0.01)
    waiting = []
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        for _ in range(3):  # until no more fit into the queue
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(full.getsockname())
            waiting.append(one)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{full.getsockname()[1]}")
        assert "its server does not answer in time" in trouble(RemotePlace("s3://bucket/a").listing)
    for one in waiting:
        one.close()


def test_a_server_that_goes_away_is_told_in_the_file_that_is_written(
    place: RemotePlace, server: Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose() -> None:
        with place.draft(an_id()) as draft, answering(monkeypatch, 500):
            gone = RemotePlace(f"s3://{bucket}/team/backups")
            monkeypatch.setattr(place, "_store", gone._store)
            write(draft, ENTRIES, bytes(PIECE + 1))

    with pytest.raises(BackupUnavailable, match=r"500 Internal Server Error|cannot be reached") as caught:
        lose()
    assert "could not be removed" in caught.value.__notes__[-1]
    assert server.keys(bucket) == []


def test_the_manifest_is_deleted_before_all_else(monkeypatch: pytest.MonkeyPatch) -> None:
    name = an_id()
    files = [
        f"<Contents><Key>a/{name}/{file}</Key><LastModified>2026-11-22T19:17:27.000Z</LastModified>"
        f"<ETag>e</ETag><Size>1</Size></Contents>"
        for file in (ENTRIES, "aaa", MANIFEST, MARKS)
    ]
    body = f"<ListBucketResult><KeyCount>4</KeyCount>{''.join(files)}</ListBucketResult>".encode()
    with answering(monkeypatch, 200, body) as asked:
        trouble(lambda: RemotePlace("s3://bucket/a").remove(name))  # the answer to the deletion makes no sense
    deleted = [content for request, content in asked if "delete" in request]
    assert len(deleted) == 1
    assert MANIFEST.encode() in deleted[0]


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3"])
@pytest.mark.parametrize("allow", ["true", "1", "TRUE"])
def test_the_endpoint_may_stand_in_each_of_the_usual_variables(
    server: Server, monkeypatch: pytest.MonkeyPatch, variable: str, allow: str
) -> None:
    bucket = server.bucket()
    monkeypatch.setenv(variable, server.url)
    monkeypatch.setenv("AWS_ALLOW_HTTP", allow)
    backup(RemotePlace(f"s3://{bucket}/{variable}"), an_id())
    assert len(server.keys(bucket)) == 2


@pytest.mark.parametrize("allow", ["", "false", "0"])
def test_a_server_without_tls_must_be_allowed(place: RemotePlace, monkeypatch: pytest.MonkeyPatch, allow: str) -> None:
    monkeypatch.setenv("AWS_ALLOW_HTTP", allow)
    assert "no TLS, which AWS_ALLOW_HTTP=true would allow" in trouble(place.listing)


def test_an_azure_place_without_an_account_is_told() -> None:
    assert "AZURE_STORAGE_ACCOUNT_NAME is not set" in trouble(RemotePlace("az://container/a").listing)


@pytest.mark.parametrize(
    ("url", "path", "settings"),
    [
        ("gs://bucket/a", "GET /bucket?", {"GOOGLE_BASE_URL": "{}", "GOOGLE_SKIP_SIGNATURE": "true"}),
        (
            "az://bucket/a",
            "GET /bucket?",
            {"AZURE_ENDPOINT": "{}", "AZURE_STORAGE_ACCOUNT_NAME": "me", "AZURE_STORAGE_ACCOUNT_KEY": "c2VjcmV0"},
        ),
    ],
)
def test_the_other_kinds_of_stores_are_asked_as_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, url: str, path: str, settings: dict[str, str]
) -> None:
    with answering(monkeypatch, 404, b"<Error><Code>NoSuchBucket</Code></Error>") as asked:
        import os

        for name, value in settings.items():
            monkeypatch.setenv(name, value.format(os.environ["AWS_ENDPOINT_URL"]))
            monkeypatch.setenv(f"{name.partition('_')[0]}_ALLOW_HTTP", "true")
        assert "the server answers NoSuchBucket" in trouble(RemotePlace(url).listing)
    assert asked[0][0].startswith(path)


@pytest.mark.parametrize("verb", VERBS)
def test_without_the_library_the_error_names_the_command(
    monkeypatch: pytest.MonkeyPatch, verb: Callable[[Place], object]
) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    place = RemotePlace("s3://bucket/a")
    assert trouble(lambda: verb(place)).endswith("run `pip install 'llmspell[remote]'`")


def test_a_remote_place_is_a_place(place: RemotePlace) -> None:
    kept: Place = place  # what the type checker looks at
    assert kept.name.startswith("s3://")
    assert remote.__doc__
