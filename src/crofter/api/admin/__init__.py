"""The owner's routes, for the command line and the web pages."""

from .network import NetworkRoutes
from .providers import ProviderRoutes
from .routes import AdminRoutes

__all__ = ["AdminRoutes", "NetworkRoutes", "ProviderRoutes"]
