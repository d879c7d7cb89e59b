"""What llama-server has of its own, for the editors that speak to it."""

from .infill import Infill

__all__ = ["Infill"]
