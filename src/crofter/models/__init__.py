"""Which models there are, and what their files say about themselves."""

from .facts import ModelFacts, read_facts
from .header import Array, Header, Tensor, read_header
from .hub import HubPulls, HubSettings, Offer, Origin, Room, Wish, fits_memory, needed_memory, recommended
from .installed import InstalledModel
from .names import is_local
from .registry import ModelRegistry

__all__ = [
    "Array",
    "Header",
    "HubPulls",
    "HubSettings",
    "InstalledModel",
    "ModelFacts",
    "ModelRegistry",
    "Offer",
    "Origin",
    "Room",
    "Tensor",
    "Wish",
    "fits_memory",
    "is_local",
    "needed_memory",
    "read_facts",
    "read_header",
    "recommended",
]
