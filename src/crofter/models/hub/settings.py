"""What the owner may decide about the hub."""

from typing import Annotated

import msgspec


class HubSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The Hugging Face hub, from which `crofter pull` gets models. It is asked when the owner pulls something, and for layers that this
    node is to hold for a trusted one, if that one got the model there."""

    offline: bool = False
    """Never ask the hub for anything; CROFTER_OFFLINE=1 and HF_HUB_OFFLINE=1 say the same."""
    endpoint: str = "https://huggingface.co"
    """The hub, or a mirror of it; HF_ENDPOINT says the same."""
    connections: Annotated[int, msgspec.Meta(ge=1, le=32)] = 6
    """How many connections a download uses at once."""
