"""Which sockets iroh is told to open. It opens all interfaces of every address family it is told nothing about. Pure."""

from collections.abc import Iterator

from crofter.core import CrofterError, ErrorCode
from crofter.network.addresses import host_of, listening_address

_LOOPBACK = {4: "127.0.0.1:0", 6: "[::1]:0"}


def socket_plans(addresses: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """What to try, best first: all addresses, with loopback in the place of a family that was not asked for; then, for machines
    that lack a family, without that one's loopback and wildcard. An address that somebody chose is never dropped."""
    if not addresses:
        raise CrofterError(ErrorCode.CONFIG_INVALID, "the node has no address to listen on")
    missing = {4, 6} - {host_of(listening_address(address)).version for address in addresses}
    yield (*addresses, *(_LOOPBACK[family] for family in sorted(missing)))
    for family in (6, 4):
        rest = tuple(address for address in addresses if not _needs_only(family, address))
        if rest and (rest != addresses or family in missing):
            yield rest


def _needs_only(family: int, address: str) -> bool:
    """Whether every machine with this family has the address."""
    host = host_of(address)
    return host.version == family and (host.is_loopback or host.is_unspecified)
