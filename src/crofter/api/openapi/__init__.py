"""What this node answers, said in OpenAPI."""

from .document import Description, described

__all__ = ["Description", "described"]
