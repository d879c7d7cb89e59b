"""Models from the Hugging Face hub: understood, chosen, put before the owner, fetched, checked, installed."""

from .catalogue import recommended
from .choose import RESERVED_DISK_BYTES, Room, fits_memory, needed_memory
from .offer import Offer, Origin
from .pulls import HubPulls, Wish
from .settings import HubSettings

__all__ = [
    "RESERVED_DISK_BYTES",
    "HubPulls",
    "HubSettings",
    "Offer",
    "Origin",
    "Room",
    "Wish",
    "fits_memory",
    "needed_memory",
    "recommended",
]
