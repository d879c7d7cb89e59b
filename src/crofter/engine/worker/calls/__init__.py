"""From what a model writes to calls of tools, whatever its family's notation. Pure: the same text gives the same calls however it is cut."""

from .formats import Notation, notation_of
from .reader import CallReader

__all__ = ["CallReader", "Notation", "notation_of"]
