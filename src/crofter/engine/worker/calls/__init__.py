"""From what a model writes to calls of tools, whatever its family's notation. Pure: the same text gives the same calls however cut."""

from .families import GENERIC, notation_of
from .generic import parsed_arguments, told_in_words, written_arguments
from .grammar import Marks, calls_grammar
from .notation import Notation
from .reader import CallReader

__all__ = [
    "GENERIC",
    "CallReader",
    "Marks",
    "Notation",
    "calls_grammar",
    "notation_of",
    "parsed_arguments",
    "told_in_words",
    "written_arguments",
]
