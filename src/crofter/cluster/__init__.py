"""Models over several nodes."""

from .families import FamilyMatrix, FamilyProof, library_version, prove_families

__all__ = ["FamilyMatrix", "FamilyProof", "library_version", "prove_families"]
