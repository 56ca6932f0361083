"""How is an object store spoken to? Through the library obstore, within bounds of time, and with secrets left unsaid.

Who may do so is never in the URL, but in the environment:

- `s3://bucket/prefix`: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`; `AWS_REGION` or
  `AWS_DEFAULT_REGION` (us-east-1 unless given); `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT` for
  another server than Amazon's; `AWS_ALLOW_HTTP=true` for one without TLS; `AWS_VIRTUAL_HOSTED_STYLE_REQUEST=true` when
  the bucket is in the endpoint's name; `AWS_SKIP_SIGNATURE=true` for none of it; `AWS_DISABLE_BULK_DELETE=true` for
  servers that delete only one by one. Without keys the roles of the machine are asked for (web identity, ECS, EC2).
  The files in `~/.aws` and `AWS_PROFILE` are not read.
- `gs://bucket/prefix`: `GOOGLE_SERVICE_ACCOUNT` (a path), `GOOGLE_SERVICE_ACCOUNT_KEY` (its content) or
  `GOOGLE_APPLICATION_CREDENTIALS`; `GOOGLE_BASE_URL`, `GOOGLE_SKIP_SIGNATURE=true` and `GOOGLE_ALLOW_HTTP=true`.
- `az://container/prefix`: `AZURE_STORAGE_ACCOUNT_NAME` with `AZURE_STORAGE_ACCOUNT_KEY` or `AZURE_STORAGE_SAS_TOKEN`;
  `AZURE_ENDPOINT` and `AZURE_ALLOW_HTTP=true`.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from llmspell.errors import BackupUnavailable, InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

    from obstore.store import AzureStore, ClientConfig, GCSStore, RetryConfig, S3Store

    Store = S3Store | GCSStore | AzureStore

SCHEMES = {"s3": "AWS_ALLOW_HTTP", "gs": "GOOGLE_ALLOW_HTTP", "az": "AZURE_ALLOW_HTTP"}
"""The known schemes, each with the variable that allows plain HTTP."""

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_ENDPOINT = re.compile(r"https?://[A-Za-z0-9._~\[\]:-]+(/[^\s]*)?", re.ASCII)
_FOLDER = re.compile(r"(?!\.{1,2}$)[\w .+=@:,-]+")
_CODE = re.compile(r"<Code>(\w{1,64})</Code>", re.ASCII)
_STATUS = re.compile(r"status code: ([0-9]{3}[A-Za-z ]{0,40})", re.ASCII)

_CONNECT_SECONDS = 4
_SILENCE_SECONDS = 8  # how long an answer may be awaited
_TRANSFER_SECONDS = 120  # for one piece of a file
_RETRIES = 3
_RETRY_SECONDS = 8  # from the first try on; later no other one is begun


class ObjectStore:
    """A prefix in a bucket; nothing is asked before the first use. Safe in many threads.

    `url` is "s3://bucket/prefix", or the same with gs or az. Raises `InvalidArgument` for another one; the message
    does not repeat what was refused, for it may hold a password.
    """

    def __init__(self, url: str) -> None:
        self.name = url
        self._scheme, self._bucket, self._prefix = _parts(url)
        self._stores: tuple[Store, Store] | None = None

    @property
    def address(self) -> str:
        """The same text for all URLs that name this prefix."""
        return f"{self._scheme}://{self._bucket}/{self._prefix}"

    @property
    def reading(self) -> Store:
        """For everything but large files that are written."""
        return self._connected()[0]

    @property
    def writing(self) -> Store:
        """For large files that are written: no answer is due before all bytes of a piece were sent."""
        return self._connected()[1]

    @contextmanager
    def asking(self) -> Iterator[ModuleType]:
        """Give the library; what it finds wrong in this block is `BackupUnavailable`.

        The library's own words are left out, even from the traceback: they quote what was sent and answered.
        """
        obstore, base_error = _obstore()
        try:
            yield obstore
        except (base_error, OSError, ValueError) as error:
            raise BackupUnavailable(
                f'the backups in "{self.name}" cannot be used: {_reason(error, SCHEMES[self._scheme])}; '
                "check the bucket, and the endpoint and the credentials in the environment"
            ) from None

    def _connected(self) -> tuple[Store, Store]:
        if self._stores is None:
            self._stores = self._connect({"read_timeout": _duration(_SILENCE_SECONDS)}), self._connect({})
        return self._stores

    def _connect(self, options: ClientConfig) -> Store:
        import os
        from datetime import timedelta

        from obstore.store import AzureStore, GCSStore, S3Store

        _require_endpoint(os.environ)
        options["connect_timeout"] = _duration(_CONNECT_SECONDS)
        options["timeout"] = _duration(_TRANSFER_SECONDS)
        # The library reads this one only where no options are given.
        options["allow_http"] = os.environ.get(SCHEMES[self._scheme], "").lower() in ("1", "true", "on", "yes", "y")
        retry: RetryConfig = {
            "max_retries": _RETRIES,
            "retry_timeout": timedelta(seconds=_RETRY_SECONDS),
            "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=1), "base": 2},
        }
        kinds: dict[str, type[S3Store] | type[GCSStore] | type[AzureStore]]
        kinds = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
        return kinds[self._scheme](
            self._bucket, prefix=self._prefix or None, client_options=options, retry_config=retry
        )


def _require_endpoint(environment: Mapping[str, str]) -> None:
    """Refuse an endpoint that is no URL, which the library does not survive."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3"):
        value = environment.get(name)
        if value is not None and not _ENDPOINT.fullmatch(value):
            raise BackupUnavailable(
                f"the environment variable {name} is no URL of a server; write it like https://storage.example.org"
            )


def _duration(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


def _parts(url: str) -> tuple[str, str, str]:
    """Give scheme, bucket and prefix."""
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    bucket, _, prefix = rest.partition("/")
    prefix = prefix.strip("/")
    if not separator or scheme not in SCHEMES:
        known = ", ".join(f"{one}://" for one in SCHEMES)
        raise InvalidArgument(
            f"the URL of the place for backups has none of the known schemes; it must begin with {known}, or be the "
            "path of a folder"
        )
    if not _BUCKET.fullmatch(bucket) or not all(_FOLDER.fullmatch(one) for one in prefix.split("/") if prefix):
        raise InvalidArgument(
            f'the URL of the place for backups is not of the form "{scheme}://bucket/prefix"; leave out user, '
            "password, port, query, percent signs and empty folders, and put credentials into the environment"
        )
    return scheme, bucket, prefix


def _reason(error: Exception, allow_http: str) -> str:
    """Say what is wrong in words of our own; codes and statuses are all that is taken from the server's answer."""
    text = str(error)
    if "169.254.169.254" in text or "169.254.170.2" in text or "metadata.google.internal" in text:
        return "there are no credentials for it in the environment, and this machine has no role that gives some"
    if answered := _CODE.search(text) or _STATUS.search(text):
        return f"the server answers {answered[1].strip()}"
    if "Account must be specified" in text:
        return "AZURE_STORAGE_ACCOUNT_NAME is not set"
    if "BadScheme" in text:
        return f"its endpoint has no TLS, which {allow_http}=true would allow"
    if "dns error" in text:
        return "the name of its server cannot be found"
    if "TimedOut" in text or "timed out" in text:
        return "its server does not answer in time"
    if "Connect" in text:
        return "its server cannot be reached"
    if "error sending request" in text:
        return "its server cannot be reached or does not answer in time"
    return f"the request failed ({type(error).__name__})"


def _obstore() -> tuple[ModuleType, type[Exception]]:
    try:
        import obstore
        from obstore.exceptions import BaseError
    except ImportError:
        raise BackupUnavailable(
            "backups in an object store need the package obstore, which is not installed; "
            "run `pip install 'llmspell[remote]'`"
        ) from None
    return obstore, BaseError
