"""Which sockets iroh is told to open. It opens all interfaces of every address family it is told nothing about. Pure."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

from crofter.core import CrofterError, ErrorCode

_LOOPBACK = {4: "127.0.0.1:0", 6: "[::1]:0"}


def host_of(address: str) -> IPv4Address | IPv6Address:
    """The IP of `ip:port` or `[ip]:port`. Raises CONFIG_INVALID."""
    host, colon, port = address.rpartition(":")
    try:
        if not colon or not 0 <= int(port) <= 65535:
            raise ValueError(port)
        return ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        message = f"`{address}` is not an address to listen on; write it as 192.0.2.1:4433 or [2001:db8::1]:4433"
        raise CrofterError(ErrorCode.CONFIG_INVALID, message) from None


def socket_plans(addresses: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """What to try, best first: all addresses, with loopback in the place of a family that was not asked for; then, for machines
    without that family, the addresses alone; then those of each family, for machines without the other."""
    families = {host_of(address).version for address in addresses}
    missing = tuple(_LOOPBACK[family] for family in sorted({4, 6} - families))
    yield (*addresses, *missing)
    if missing:
        yield addresses
        return
    for family in sorted(families):
        yield tuple(address for address in addresses if host_of(address).version == family)
