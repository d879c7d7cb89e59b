"""Which models there are, and what their files say about themselves."""

from .elsewhere import Found, FoundModel, Places, find_models
from .facts.anatomy import Anatomy, anatomy
from .facts.model_facts import ModelFacts, read_facts
from .gguf.header import Array, Header, Tensor, read_header
from .hub import (
    RESERVED_DISK_BYTES,
    HubPulls,
    HubSettings,
    Offer,
    Origin,
    Room,
    Wish,
    fits_memory,
    needed_memory,
    recommended,
)
from .installed import InstalledModel, ModelSettings
from .names import checked_name, is_local
from .overrides import Overrides, checked_capabilities
from .registry import ModelRegistry
from .storage.installation import free_for_installing
from .storage.manifest import TensorGroup
from .storage.partial import Description, PartialModel

__all__ = [
    "RESERVED_DISK_BYTES",
    "Anatomy",
    "Array",
    "Description",
    "Found",
    "FoundModel",
    "Header",
    "HubPulls",
    "HubSettings",
    "InstalledModel",
    "ModelFacts",
    "ModelRegistry",
    "ModelSettings",
    "Offer",
    "Origin",
    "Overrides",
    "PartialModel",
    "Places",
    "Room",
    "Tensor",
    "TensorGroup",
    "Wish",
    "anatomy",
    "checked_capabilities",
    "checked_name",
    "find_models",
    "fits_memory",
    "free_for_installing",
    "is_local",
    "needed_memory",
    "read_facts",
    "read_header",
    "recommended",
]
