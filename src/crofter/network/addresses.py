"""`ip:port` and `[ip]:port`: the one place that reads them, and says how far away they are. Pure."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal
from urllib.parse import urlsplit

from crofter.core import CrofterError, ErrorCode

Ip = IPv4Address | IPv6Address
Reach = Literal["machine", "lan", "internet"]
"""Where a node's packets may go: addresses of this machine only, of its local networks too, or any."""

_FORMS = "192.0.2.1:7412 or [2001:db8::1]:7412"


def split_address(address: str) -> tuple[Ip, int]:
    """Host and port. Raises ValueError for anything else, names of hosts among it."""
    host, _, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    ip = ip_address(host[1:-1] if bracketed else host)
    if bracketed != (ip.version == 6) or not (port.isascii() and port.isdecimal() and int(port) < 1 << 16):
        raise ValueError(address)
    return ip, int(port)


def join_address(ip: Ip, port: int) -> str:
    """The one way to write it."""
    return f"[{ip}]:{port}" if ip.version == 6 else f"{ip}:{port}"


def host_of(address: str) -> Ip:
    """The host alone. Raises ValueError."""
    return split_address(address)[0]


def checked_address(text: str) -> str:
    """Where a node is, as its owner says. Raises INVALID_REQUEST."""
    try:
        ip, port = split_address(text.strip())
        if not port:
            raise ValueError(text)
    except ValueError:
        message = f"{text!r} is not an address; write it as {_FORMS}"
        raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="addresses") from None
    return join_address(ip, port)


def listening_address(text: str, setting: str = "network.listen") -> str:
    """Where this node is to listen by this setting; port 0 is a free one. Raises CONFIG_INVALID."""
    try:
        split_address(text)
    except ValueError:
        message = f"`{text}` is not an address to listen on; write it as {_FORMS}"
        raise CrofterError(ErrorCode.CONFIG_INVALID, message, parameter=setting) from None
    return text


def is_same_host(address: str, addresses: Iterable[str]) -> bool:
    """Whether the host is that of one of `addresses`, whatever the ports; no host is not."""
    try:
        return host_of(address) in map(host_of, addresses)
    except ValueError:
        return False


def is_near(address: str) -> bool:
    """Whether it is of this machine or a local network."""
    try:
        ip = host_of(address)
    except ValueError:
        return False
    return ip.is_private and not ip.is_unspecified


def within_reach(address: str, reach: Reach) -> bool:
    """Whether it is an address where another node can be, and one our packets may go to."""
    if not is_dialable(address):
        return False
    ip = host_of(address)
    if ip.is_loopback or reach == "machine":
        return ip.is_loopback and reach == "machine"
    return reach == "internet" or ip.is_private or ip.is_link_local


def is_dialable(address: str) -> bool:
    """Whether one node can listen on it and others can dial it, and it is written in the one way."""
    try:
        ip, port = split_address(address)
    except ValueError:
        return False
    # An address of version 4 inside one of version 6, and one that means something on a single machine only.
    odd = isinstance(ip, IPv6Address) and (ip.ipv4_mapped is not None or ip.scope_id is not None)
    # Loopback ::1 lies in a block that Python calls reserved.
    reserved = ip.is_reserved and not ip.is_loopback
    return (
        port > 0 and join_address(ip, port) == address and not (odd or reserved or ip.is_unspecified or ip.is_multicast)
    )


_HOME_NAMES = (".local", ".localhost", ".internal", ".lan", ".home.arpa")


def is_relay_of_strangers(url: str) -> bool:
    """Whether a relay that somebody unknown names is one to ask: not a host of this machine or its local networks."""
    name = (urlsplit(url).hostname or "").lower().rstrip(".")
    try:
        return ip_address(name).is_global
    except ValueError:
        return "." in name and not name.endswith(_HOME_NAMES)


def is_relay_url(url: str) -> bool:
    """Whether a relay can be there: http or https, a host, and nothing else but a path."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url
    bare = not (parts.query or parts.fragment or parts.username or parts.password) and port != 0
    return plain and bare and parts.scheme in ("http", "https") and bool(parts.hostname)
