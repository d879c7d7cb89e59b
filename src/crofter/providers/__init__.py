"""Servers of others as backends: attached engines and cloud services, their dialects, their keys, their moods."""

from .address import model_radius, place
from .book import ProviderBook
from .catalogue import KINDS, Kind
from .discovery import FoundServer, found_servers
from .service import Providers
from .settings import ProviderSettings
from .values import Provider, RemoteModel

__all__ = [
    "KINDS",
    "FoundServer",
    "Kind",
    "Provider",
    "ProviderBook",
    "ProviderSettings",
    "Providers",
    "RemoteModel",
    "found_servers",
    "model_radius",
    "place",
]
