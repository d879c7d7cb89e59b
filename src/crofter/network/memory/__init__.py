"""Several nodes in one process, with links as good or bad as a test wants them. The same promises as the real network."""

from .link import Conditions
from .network import MemoryNetwork

__all__ = ["Conditions", "MemoryNetwork"]
