"""Where to ask what address others see this node under: beside each relay answers the node that serves it.

A relay speaks HTTP, but only a packet from the endpoint that serves peers shows where peers can reach it. So `GET /observer` says no
more than whom to ask, and the question is an ordinary ping.
"""

from typing import Annotated
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import msgspec

from crofter.core import CrofterError, ErrorCode
from crofter.network.iroh.sockets import host_of
from crofter.network.transport import PeerAddress
from crofter.trust import parse_node_id

_SECONDS = 4.0
_MOST_BYTES = 4_000
_MOST_ADDRESSES = 8

_Address = Annotated[str, msgspec.Meta(max_length=64)]


class Observer(msgspec.Struct, frozen=True, kw_only=True):
    """What `GET /observer` says."""

    id: Annotated[str, msgspec.Meta(max_length=128)]
    addresses: Annotated[tuple[_Address, ...], msgspec.Meta(max_length=16)] = ()


async def find_observer(relay_url: str) -> PeerAddress:
    """The node beside a relay, and where it may be: the relay's own host first. Raises PEER_UNREACHABLE, PEER_FAILED."""
    import http.client  # Here, so that only a node that uses relays loads it.

    try:
        with anyio.fail_after(2 * _SECONDS):
            host, content = await anyio.to_thread.run_sync(_fetch, relay_url, abandon_on_cancel=True)
        said = msgspec.json.decode(content, type=Observer)
        node_id = parse_node_id(said.id)
        ports = dict.fromkeys(address.rpartition(":")[2] for address in said.addresses)
        beside = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for port in ports)
        addresses = tuple(dict.fromkeys((*beside, *said.addresses)))[:_MOST_ADDRESSES]
        for address in addresses:
            host_of(address)
    except (OSError, http.client.HTTPException, TimeoutError) as error:
        message = f"the relay {relay_url} does not answer: {error or 'too slow'}"
        raise CrofterError(ErrorCode.PEER_UNREACHABLE, message) from error
    except (msgspec.MsgspecError, CrofterError) as error:
        message = f"the relay {relay_url} does not say who serves it"
        raise CrofterError(ErrorCode.PEER_FAILED, message) from error
    return PeerAddress(node_id=node_id, addresses=addresses)


def _fetch(relay_url: str) -> tuple[str, bytes]:
    """The address that answered, and what it said."""
    import http.client

    parts = urlsplit(relay_url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_SECONDS)
    try:
        connection.connect()
        host = str(connection.sock.getpeername()[0])
        connection.request("GET", "/observer")
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise http.client.HTTPException(f"it answers with {response.status}")
        return host, response.read(_MOST_BYTES)
    finally:
        connection.close()
