"""Which models there are, and what their files say about themselves."""

from .catalog import Catalog
from .facts import ModelFacts, read_facts
from .header import Array, Header, Tensor, read_header
from .installed import InstalledModel

__all__ = [
    "Array",
    "Catalog",
    "Header",
    "InstalledModel",
    "ModelFacts",
    "Tensor",
    "read_facts",
    "read_header",
]
