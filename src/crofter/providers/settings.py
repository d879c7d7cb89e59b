"""The `[providers]` section of the configuration."""

from typing import Annotated

import msgspec


class ProviderSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How patient the node is with attached engines and providers."""

    connect_timeout_seconds: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    """How long a connection may take to come about."""
    idle_timeout_seconds: Annotated[float, msgspec.Meta(gt=0)] = 300.0
    """A server that sends nothing for this long is given up; a local one may load its model in that time."""
    attempts: Annotated[int, msgspec.Meta(ge=1, le=10)] = 3
    """How often a request is sent that fails before its answer begins; later it is never sent again."""
