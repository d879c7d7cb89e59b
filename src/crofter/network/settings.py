"""The `[network]` section of the configuration."""

import msgspec

from .addresses import listening_address
from .plan import Mode


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Whether other nodes can reach this one, and which."""

    mode: Mode = "off"
    """off: not on the network; private: for nodes you trust; lan: the same, and seen on the local network; offline: nothing beyond the
    local network; public: for everybody, within what each kind of message allows. A running node follows at once."""
    listen: tuple[str, ...] = ("0.0.0.0:7412", "[::]:7412")
    """UDP addresses other nodes reach this one at, as ip:port or [ip]:port."""

    def __post_init__(self) -> None:
        """Raises CONFIG_INVALID."""
        for address in self.listen:
            listening_address(address)
