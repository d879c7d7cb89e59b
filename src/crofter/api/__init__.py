"""The HTTP door: dialects, the owner's routes, security, the error table. Nothing behind it knows dialects."""

from .administration import (
    Administration,
    CatalogueItem,
    Check,
    CreatedKey,
    KeySummary,
    LoadedModel,
    ModelChange,
    ModelDetails,
    ModelPart,
    ModelSummary,
    NodeStatus,
    PullOffer,
    PullProgress,
    PullRequest,
    QuantizeRequest,
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
    "ModelChange",
    "ModelDetails",
    "ModelPart",
    "ModelSummary",
    "NodeStatus",
    "PullOffer",
    "PullProgress",
    "PullRequest",
    "QuantizeRequest",
    "Server",
    "Setting",
    "TuneProgress",
    "create_app",
]
