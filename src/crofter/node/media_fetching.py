"""Images and sounds that requests name by address, fetched where the owner allows it: from the public internet and from nowhere else.

Whoever may ask this node something could otherwise have it knock at doors that only it can reach: the router's page, another service
on this machine, a cloud's metadata. So the name is looked up once, what it means is checked, and that very address is connected to:
a name that means something else a moment later changes nothing. Redirects are addresses like the first.
"""

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import anyio

from crofter.core import CrofterError, ErrorCode

if TYPE_CHECKING:
    import httpx2

MOST_BYTES = 20_000_000
_MOST_REDIRECTS = 3
_LIMIT_SECONDS = 20.0
_PORT = 443
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KINDS = ("image/", "audio/", "application/octet-stream", "binary/octet-stream")
_TRANSLATED = tuple(map(ipaddress.IPv6Network, ("::/96", "64:ff9b::/32", "2001::/32", "2002::/16", "fec0::/10")))
"""Ranges in which an address of IPv4 hides that nobody has looked at, and one that has gone out of use."""

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""The addresses of a name. Raises OSError."""


async def system_addresses(name: str) -> Sequence[str]:
    """The addresses of a name, as this machine looks them up. Raises OSError."""
    found = await anyio.getaddrinfo(name, _PORT, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def is_public(text: str) -> bool:
    """Whether an address belongs to somebody on the public internet: not to this machine, its networks, or to nobody."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False  # one with a scope, for example
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


class MediaFetcher:
    """Fetches files over https; holds no connection between two."""

    def __init__(
        self, resolve: Resolve = system_addresses, transport: "httpx2.AsyncBaseTransport | None" = None
    ) -> None:
        """`transport` carries the requests; None: the network."""
        self._resolve = resolve
        self._transport = transport

    async def fetch(self, url: str, place: str) -> bytes:
        """The file at an address. Raises FORBIDDEN for one that is not public, INVALID_REQUEST if there is no such file, naming `place`."""
        import httpx2  # Most nodes never fetch.

        try:
            with anyio.fail_after(_LIMIT_SECONDS):
                async with httpx2.AsyncClient(
                    transport=self._transport, trust_env=False, follow_redirects=False, timeout=_LIMIT_SECONDS
                ) as client:
                    for _ in range(_MOST_REDIRECTS + 1):
                        found = await self._ask(client, url, place)
                        if isinstance(found, bytes):
                            return found
                        url = found
        except TimeoutError:
            raise _failed(place, f"took more than {_LIMIT_SECONDS:g} seconds") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise _failed(place, f"failed ({type(error).__name__})") from error
        raise _failed(place, f"led to more than {_MOST_REDIRECTS} other addresses")

    async def _ask(self, client: "httpx2.AsyncClient", url: str, place: str) -> bytes | str:
        """The file, or the address that stands in its place."""
        host = _host(url, place)
        address = await self._public_address(host, place)
        pinned = client.build_request("GET", url, headers={"accept": "image/*, audio/*", "accept-encoding": "identity"})
        # The address that was checked, and the name for whoever answers there: in the header and in the certificate.
        pinned.url = pinned.url.copy_with(host=address)
        pinned.extensions["sni_hostname"] = host
        reply = await client.send(pinned, stream=True)
        try:
            if reply.status_code in _REDIRECTS:
                return urljoin(url, reply.headers.get("location", ""))
            if reply.status_code != 200:
                raise _failed(place, f"was answered with {reply.status_code}")
            if not reply.headers.get("content-type", "").lower().startswith(_KINDS):
                raise _failed(place, "found no image and no sound")
            if reply.headers.get("content-encoding", "identity") != "identity":
                raise _failed(place, "found something packed")
            pieces = bytearray()
            async for piece in reply.aiter_bytes():
                pieces += piece
                if len(pieces) > MOST_BYTES:
                    raise _failed(place, f"found more than {MOST_BYTES:,} bytes")
            return bytes(pieces)
        finally:
            await reply.aclose()

    async def _public_address(self, host: str, place: str) -> str:
        found = await self._resolve(host)
        if not found or not all(map(is_public, found)):
            raise CrofterError(
                ErrorCode.FORBIDDEN,
                f"{place}: {host} is not on the public internet, and nothing else is fetched for a request",
                parameter=place,
            )
        return found[0]


def _host(url: str, place: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _failed(place, "needs an address that can be read") from None
    if parts.scheme != "https" or not host or port not in {None, _PORT} or parts.username or parts.password:
        raise CrofterError(
            ErrorCode.FORBIDDEN,
            f"{place}: only addresses that begin with https://, at the usual port and without a name and password, are fetched",
            parameter=place,
        )
    return host


def _failed(place: str, what: str) -> CrofterError:
    return CrofterError(ErrorCode.INVALID_REQUEST, f"{place}: fetching it {what}", parameter=place)
