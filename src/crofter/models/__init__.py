"""Which models there are, and what their files say about themselves."""

from .catalog import Catalog
from .facts import ModelFacts, read_facts
from .header import Array, Header, Tensor, read_header
from .hub import HubPulls, HubSettings, Offer, Origin, Room, Wish, fits_memory, recommended
from .installed import InstalledModel
from .names import is_local

__all__ = [
    "Array",
    "Catalog",
    "Header",
    "HubPulls",
    "HubSettings",
    "InstalledModel",
    "ModelFacts",
    "Offer",
    "Origin",
    "Room",
    "Tensor",
    "Wish",
    "fits_memory",
    "is_local",
    "read_facts",
    "read_header",
    "recommended",
]
