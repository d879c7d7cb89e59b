"""The `[network]` section of the configuration."""

from typing import Annotated

import msgspec

from .plan import Mode


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Whether other nodes can reach this one, and which."""

    mode: Mode = "off"
    """off: not on the network; private: for nodes you trust; lan: the same, and seen on the local network; offline: nothing beyond the
    local network; public: for everybody, within what each kind of message allows."""
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
    peers: tuple[str, ...] = ()
    """Nodes you trust: an id each, with the addresses it is reached at if you know them: ID@ip:port@ip:port."""
