"""The owner's routes, for the command line and the web pages."""

from .invites import InviteRoutes
from .network import NetworkRoutes
from .people import PeopleRoutes, PoolRoutes
from .providers import ProviderRoutes
from .routes import AdminRoutes
from .routing import RouteRoutes

__all__ = [
    "AdminRoutes",
    "InviteRoutes",
    "NetworkRoutes",
    "PeopleRoutes",
    "PoolRoutes",
    "ProviderRoutes",
    "RouteRoutes",
]
