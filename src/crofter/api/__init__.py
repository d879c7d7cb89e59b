"""The HTTP door: dialects, the owner's routes, security, the error table. Nothing behind it knows dialects."""

from .administration import (
    Administration,
    CatalogueItem,
    Check,
    CreatedKey,
    KeySummary,
    LoadedModel,
    ModelDetails,
    ModelMemory,
    ModelSummary,
    NodeStatus,
    PullOffer,
    PullProgress,
    PullRequest,
    Setting,
    TuneProgress,
)
from .app import create_app
from .server import BoundAddress, Server
from .settings import ApiSettings

__all__ = [
    "Administration",
    "ApiSettings",
    "BoundAddress",
    "CatalogueItem",
    "Check",
    "CreatedKey",
    "KeySummary",
    "LoadedModel",
    "ModelDetails",
    "ModelMemory",
    "ModelSummary",
    "NodeStatus",
    "PullOffer",
    "PullProgress",
    "PullRequest",
    "Server",
    "Setting",
    "TuneProgress",
    "create_app",
]
