"""Where the bytes of one file come from: the hub sends to a content network, with an address that expires.

The token goes to the hub only. Whatever another host says about where to go next is followed without it.
"""

import threading
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from .connection import Connection
from .faults import TransientError, damaged, host_of, refused
from .variants import RepositoryFile

_MOST_REDIRECTS = 6
_REDIRECTS = {301, 302, 303, 307, 308}
_EXPIRED = {401, 403, 404, 410}
_PLAIN = {"accept-encoding": "identity", "accept": "*/*"}


class Address(NamedTuple):
    """Where to read, and what to send along."""

    url: str
    headers: Mapping[str, str]


class Source:
    """One file on the hub. Safe for several threads; asked once for all of them."""

    def __init__(self, url: str, headers: Mapping[str, str], place: str, file: RepositoryFile) -> None:
        self._url = url
        self._headers = {**_PLAIN, **headers}
        self._place = place
        self._file = file
        self._lock = threading.Lock()
        self._address: Address | None = None

    def address(self, connection: Connection) -> Address:
        """Where the bytes are now. Raises TransientError, or CrofterError for what no second attempt mends."""
        with self._lock:
            if self._address is None:
                self._address = self._resolved(connection)
            return self._address

    def refusal(self, status: int, headers: Mapping[str, str], address: Address) -> Exception:
        """What an answer that is no content means; an expired address is forgotten, to be asked for again."""
        elsewhere = _origin(address.url) != _origin(self._url)
        if status in _REDIRECTS or (elsewhere and status in _EXPIRED):
            with self._lock:
                if self._address == address:
                    self._address = None
            problem = damaged(
                f"{host_of(address.url)} refuses to hand out {self._file.path} ({status}); try again later."
            )
            return TransientError(problem, wait_seconds=None)
        return refused(status, headers, self._place, address.url)

    def _resolved(self, connection: Connection) -> Address:
        url, headers = self._url, self._headers
        for _ in range(_MOST_REDIRECTS):
            reply = connection.ask(url, headers, "HEAD")
            if _origin(url) == _origin(self._url):
                self._check(reply.headers)
            if reply.status not in _REDIRECTS:
                if reply.status >= 400 and _origin(url) == _origin(self._url):
                    raise refused(reply.status, reply.headers, self._place, url)
                # Some content networks sign the method too and refuse HEAD: the first GET shows.
                return Address(url, headers)
            target = urljoin(url, reply.headers.get("location", ""))
            if urlsplit(target).scheme not in {"http", "https"} or (
                url.startswith("https:") and target.startswith("http:")
            ):
                raise damaged(f"{host_of(url)} sends to {target[:120]!r}, which is not safe to follow.")
            if _origin(target) != _origin(self._url):
                # The address holds a signature that is for reading only; asking for its head tells nothing new.
                return Address(target, {**_PLAIN, "user-agent": self._headers.get("user-agent", "crofter")})
            url = target
        raise damaged(f"{host_of(self._url)} sends in circles.")

    def _check(self, headers: Mapping[str, str]) -> None:
        """What the hub says beside the redirect must agree with what it said about the repository."""
        size = headers.get("x-linked-size", "")
        tag = headers.get("x-linked-etag", "").removeprefix("W/").strip('"')
        if (size.isdigit() and int(size) != self._file.size_bytes) or (
            self._file.sha256 and len(tag) == len(self._file.sha256) and tag != self._file.sha256
        ):
            raise damaged(f"{self._file.path} has just changed on {host_of(self._url)}: pull it again.")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
