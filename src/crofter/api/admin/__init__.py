"""The owner's routes, for the command line and the web pages."""

from .people import PeopleRoutes, PoolRoutes
from .providers import ProviderRoutes
from .routes import AdminRoutes

__all__ = ["AdminRoutes", "PeopleRoutes", "PoolRoutes", "ProviderRoutes"]
