"""The owner's routes, for the command line and the web pages."""

from .network import NetworkRoutes
from .people import PeopleRoutes, PoolRoutes
from .providers import ProviderRoutes
from .routes import AdminRoutes

__all__ = ["AdminRoutes", "NetworkRoutes", "PeopleRoutes", "PoolRoutes", "ProviderRoutes"]
