"""Models over several nodes."""

from .families import FamilyMatrix, FamilyProof, family_matrix_of, library_version, prove_families

__all__ = ["FamilyMatrix", "FamilyProof", "family_matrix_of", "library_version", "prove_families"]
