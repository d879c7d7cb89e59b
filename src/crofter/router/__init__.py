"""Where a request runs, and what is known about its way there. Picks a backend and never dials."""

from .plan import Candidate, Choice, choose
from .router import Resolver, Router
from .turn import Turn

__all__ = ["Candidate", "Choice", "Resolver", "Router", "Turn", "choose"]
