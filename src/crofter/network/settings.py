"""The `[network]` section of the configuration."""

from typing import Annotated

import msgspec

from crofter.core import CrofterError, ErrorCode

from .addresses import is_relay_url, listening_address
from .plan import Mode


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Whether other nodes can reach this one, and which."""

    mode: Mode = "off"
    """off: not on the network; private: for nodes you trust; lan: the same, and seen on the local network; offline: nothing beyond the
    local network; public: for everybody, within what each kind of message allows. A running node follows at once."""
    listen: tuple[str, ...] = ("0.0.0.0:7412", "[::]:7412")
    """UDP addresses other nodes reach this one at, as ip:port or [ip]:port."""
    relays: tuple[str, ...] = ()
    """Relays to be reached through where nothing direct is possible, and to learn beside which address others see this node under, as
    http://ip:port. Whoever serves one sees which nodes talk and how much, never what."""
    relay_listen: tuple[str, ...] = ()
    """TCP addresses to serve a relay at for the nodes you trust, as ip:port or [ip]:port; none: it serves none."""
    relay_for_everyone: bool = False
    """Whether nodes you do not trust may use the relay too; only in mode public."""
    relay_bytes_per_second: Annotated[int, msgspec.Meta(ge=65_536)] = 12_500_000
    """What the relay carries at most; one node may use half of it."""

    def __post_init__(self) -> None:
        """Raises CONFIG_INVALID."""
        for address in self.listen:
            listening_address(address)
        for address in self.relay_listen:
            listening_address(address, "network.relay_listen")
        for url in self.relays:
            if not is_relay_url(url):
                message = f"`{url}` is not a relay; write it as http://192.0.2.1:7412"
                raise CrofterError(ErrorCode.CONFIG_INVALID, message, parameter="network.relays")
