"""The `[api]` section of the configuration."""

import ipaddress
from typing import Annotated

import msgspec


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The HTTP server: where it listens, whom it answers, and its limits."""

    host: str = "127.0.0.1"
    """The address to listen on. Anything but this computer itself (127.0.0.1, ::1) demands an API key from every client."""
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 7411
    """The port to listen on; 0 takes a free one."""
    allowed_hosts: tuple[str, ...] = ()
    """Further names this node is reached by, as clients write them in the address ("ai.home" or "ai.home:8443")."""
    allowed_origins: tuple[str, ...] = ()
    """Web pages that may call this node from a browser, exact ("https://chat.example")."""
    max_body_bytes: Annotated[int, msgspec.Meta(gt=0)] = 16_000_000
    """The largest request body that is read."""
    request_timeout_seconds: Annotated[float, msgspec.Meta(gt=0)] = 600.0
    """How long one request may take, waiting for a free place included."""
    body_timeout_seconds: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    """How long a client may take to send its request."""
    keep_alive_seconds: Annotated[float, msgspec.Meta(gt=0)] = 15.0
    """How often a waiting stream sends a sign of life."""
    fetch_media_urls: bool = False
    """Fetch images and sounds that requests name by their address; only from public addresses, over https."""
    max_connections: Annotated[int, msgspec.Meta(gt=0)] = 1000
    """Connections served at once; further ones are turned away with 503."""
    shutdown_seconds: Annotated[int, msgspec.Meta(ge=0)] = 5
    """How long open connections may finish when the server stops."""

    @property
    def loopback(self) -> bool:
        """Whether only this computer can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
