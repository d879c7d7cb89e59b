"""Servers of others as backends: attached engines and cloud services, their dialects, their keys, their moods."""

from .book import ProviderBook
from .catalogue import KINDS, Kind
from .service import Providers
from .settings import ProviderSettings
from .values import Provider, RemoteModel

__all__ = ["KINDS", "Kind", "Provider", "ProviderBook", "ProviderSettings", "Providers", "RemoteModel"]
