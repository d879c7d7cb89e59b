"""Where to ask what address others see this node under: beside each relay answers the node that serves it.

A relay speaks HTTP, but only a packet from the endpoint that serves peers shows where peers can reach it. So `GET /observer` says no
more than whom to ask and at which UDP port of the same host, and the question is an ordinary ping.
"""

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import msgspec

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.network.addresses import Ip, join_address, split_address
from crofter.network.transport import PeerAddress
from crofter.trust import parse_node_id, readable_id

_SECONDS = 4.0
_MOST_BYTES = 1_000
_MOST_PORTS = 4

_Port = Annotated[int, msgspec.Meta(gt=0, lt=1 << 16)]


class Observer(msgspec.Struct, frozen=True, kw_only=True):
    """What `GET /observer` says."""

    id: Annotated[str, msgspec.Meta(max_length=128)]
    ports: Annotated[tuple[_Port, ...], msgspec.Meta(max_length=_MOST_PORTS)]


def observer_text(node_id: NodeId, addresses: Iterable[str]) -> bytes:
    """What this node says there; `addresses` are its endpoint's own, of which only the ports are for everybody."""
    ports = tuple(dict.fromkeys(split_address(address)[1] for address in addresses))[:_MOST_PORTS]
    return msgspec.json.encode(Observer(id=readable_id(node_id), ports=ports))


async def find_observer(relay_url: str) -> PeerAddress:
    """The node beside a relay. Raises PEER_UNREACHABLE, PEER_FAILED."""
    import http.client  # Here, so that only a node that uses relays loads it.

    try:
        with anyio.fail_after(2 * _SECONDS):
            host, content = await anyio.to_thread.run_sync(_fetch, relay_url, abandon_on_cancel=True)
    except (OSError, ValueError, http.client.HTTPException) as error:
        message = f"the relay {relay_url} does not answer: {error or 'too slow'}"
        raise CrofterError(ErrorCode.PEER_UNREACHABLE, message) from error
    try:
        said = msgspec.json.decode(content, type=Observer)
        node_id = parse_node_id(said.id)
    except (msgspec.MsgspecError, CrofterError) as error:
        message = f"the relay {relay_url} does not say who serves it"
        raise CrofterError(ErrorCode.PEER_FAILED, message) from error
    return PeerAddress(node_id=node_id, addresses=tuple(join_address(host, port) for port in said.ports))


def _fetch(relay_url: str) -> tuple[Ip, bytes]:
    """The address that answered, and what it said."""
    import http.client

    parts = urlsplit(relay_url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_SECONDS)
    try:
        connection.connect()
        host = ip_address(connection.sock.getpeername()[0])
        connection.request("GET", "/observer")
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise http.client.HTTPException(f"it answers with {response.status}")
        return host, response.read(_MOST_BYTES)
    finally:
        connection.close()
