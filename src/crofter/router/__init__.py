"""Where a request runs, and what is known about its way there. Picks a backend and never dials."""

from .plan import Choice, choose
from .router import Resolver, Router
from .settings import RouterSettings
from .turn import Turn

__all__ = ["Choice", "Resolver", "Router", "RouterSettings", "Turn", "choose"]
