"""Models from the Hugging Face hub: understood, chosen, put before the owner, fetched, checked, installed."""

from .catalogue import recommended
from .choose import RESERVED_DISK_BYTES, Room, fits_memory, needed_memory
from .offer import Offer, Origin
from .pulls import HubPulls, Wish
from .remote import HubPlace, RemoteLine, RemoteModel
from .settings import HubSettings
from .tensors import HubTensors

__all__ = [
    "RESERVED_DISK_BYTES",
    "HubPlace",
    "HubPulls",
    "HubSettings",
    "HubTensors",
    "Offer",
    "Origin",
    "RemoteLine",
    "RemoteModel",
    "Room",
    "Wish",
    "fits_memory",
    "needed_memory",
    "recommended",
]
