"""Tiny random models of every architecture, from metadata alone: what the rules of cutting are proven on."""

from .catalogue import Family, known_families
from .tiny import write_family_metadata, write_family_model

__all__ = ["Family", "known_families", "write_family_metadata", "write_family_model"]
