"""Which models there are, and what their files say about themselves."""

from .elsewhere import Found, FoundModel, Places, find_models
from .facts import ModelFacts, read_facts
from .header import Array, Header, Tensor, read_header
from .hub import HubPulls, HubSettings, Offer, Origin, Room, Wish, fits_memory, recommended
from .installed import InstalledModel
from .names import is_local
from .registry import ModelRegistry

__all__ = [
    "Array",
    "Found",
    "FoundModel",
    "Header",
    "HubPulls",
    "HubSettings",
    "InstalledModel",
    "ModelFacts",
    "ModelRegistry",
    "Offer",
    "Origin",
    "Places",
    "Room",
    "Tensor",
    "Wish",
    "find_models",
    "fits_memory",
    "is_local",
    "read_facts",
    "read_header",
    "recommended",
]
