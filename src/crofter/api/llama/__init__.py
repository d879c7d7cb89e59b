"""What llama-server has of its own, for the editors that speak to it."""

from .infill import Infill
from .tokens import TokenRoutes

__all__ = ["Infill", "TokenRoutes"]
