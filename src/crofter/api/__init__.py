"""The HTTP door: dialects, the owner's routes, security, the error table. Nothing behind it knows dialects."""

from .access import Account, LimitPeriod, LimitUnit, Room
from .administration import Administration, Check, NodeIdentity, NodeStatus, Setting
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
from .keys import CreatedKey, DayUsage, KeyChange, KeyPolicy, KeyRequest, KeyScope, KeySummary, KeyUsage
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
    "Account",
    "Administration",
    "ApiSettings",
    "BoundAddress",
    "CatalogueItem",
    "Check",
    "CreatedKey",
    "DayUsage",
    "FoundModel",
    "FoundModels",
    "ImportRequest",
    "KeyChange",
    "KeyPolicy",
    "KeyRequest",
    "KeyScope",
    "KeySummary",
    "KeyUsage",
    "KnownProvider",
    "LimitPeriod",
    "LimitUnit",
    "LoadedModel",
    "ModelChange",
    "ModelDetails",
    "ModelMemory",
    "ModelPart",
    "ModelSearch",
    "ModelSummary",
    "NewProvider",
    "NodeIdentity",
    "NodeStatus",
    "ProviderAdministration",
    "ProviderChange",
    "ProviderSummary",
    "ProviderTrial",
    "PullOffer",
    "PullProgress",
    "PullRequest",
    "QuantizeRequest",
    "Room",
    "Server",
    "Setting",
    "TuneProgress",
    "create_app",
]
