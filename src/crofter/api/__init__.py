"""The HTTP door: dialects, the owner's routes, security, the error table. Nothing behind it knows dialects."""

from .administration import (
    Administration,
    Check,
    CreatedKey,
    KeySummary,
    NodeStatus,
    Setting,
)
from .app import create_app
from .installing import (
    CatalogueItem,
    FoundModel,
    FoundModels,
    ImportRequest,
    ModelSearch,
    PullOffer,
    PullProgress,
    PullRequest,
    QuantizeRequest,
)
from .model_values import (
    LoadedModel,
    ModelChange,
    ModelDetails,
    ModelMemory,
    ModelPart,
    ModelSummary,
    TuneProgress,
)
from .providing import (
    KnownProvider,
    NewProvider,
    ProviderAdministration,
    ProviderChange,
    ProviderSummary,
    ProviderTrial,
)
from .server import BoundAddress, Server
from .settings import ApiSettings

__all__ = [
    "Administration",
    "ApiSettings",
    "BoundAddress",
    "CatalogueItem",
    "Check",
    "CreatedKey",
    "FoundModel",
    "FoundModels",
    "ImportRequest",
    "KeySummary",
    "KnownProvider",
    "LoadedModel",
    "ModelChange",
    "ModelDetails",
    "ModelMemory",
    "ModelPart",
    "ModelSearch",
    "ModelSummary",
    "NewProvider",
    "NodeStatus",
    "ProviderAdministration",
    "ProviderChange",
    "ProviderSummary",
    "ProviderTrial",
    "PullOffer",
    "PullProgress",
    "PullRequest",
    "QuantizeRequest",
    "Server",
    "Setting",
    "TuneProgress",
    "create_app",
]
