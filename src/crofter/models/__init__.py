"""Which models there are, and what their files say about themselves."""

from .elsewhere import Found, FoundModel, Places, find_models
from .facts.anatomy import Anatomy, anatomy
from .facts.model_facts import ModelFacts, facts_of, read_facts
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
from .installed import InstalledModel, ModelSettings, model_file
from .names import checked_name, is_local
from .overrides import Overrides, checked_capabilities
from .registry import ModelRegistry
from .slices.files import slice_file, slice_id
from .slices.layers import Layers, covering, legal_cuts, read_layers
from .slices.plan import SlicePlan, plan_ends, plan_slice
from .slices.write import local_data, write_slice
from .storage.installation import free_for_installing
from .storage.manifest import TensorGroup, group_name
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
    "Layers",
    "ModelFacts",
    "ModelRegistry",
    "ModelSettings",
    "Offer",
    "Origin",
    "Overrides",
    "PartialModel",
    "Places",
    "Room",
    "SlicePlan",
    "Tensor",
    "TensorGroup",
    "Wish",
    "anatomy",
    "checked_capabilities",
    "checked_name",
    "covering",
    "facts_of",
    "find_models",
    "fits_memory",
    "free_for_installing",
    "group_name",
    "is_local",
    "legal_cuts",
    "local_data",
    "model_file",
    "needed_memory",
    "plan_ends",
    "plan_slice",
    "read_facts",
    "read_header",
    "read_layers",
    "recommended",
    "slice_file",
    "slice_id",
    "write_slice",
]
