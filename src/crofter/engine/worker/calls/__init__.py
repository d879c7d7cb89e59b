"""From what a model writes to calls of tools, whatever its family's notation. Pure: the same text gives the same calls however cut."""

from .formats import Notation, notation_of
from .generic import parsed_arguments, told_in_words, written_arguments
from .reader import CallReader

__all__ = ["CallReader", "Notation", "notation_of", "parsed_arguments", "told_in_words", "written_arguments"]
