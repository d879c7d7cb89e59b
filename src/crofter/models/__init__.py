"""Which models there are, and what their files say about themselves."""

from .elsewhere import Found, FoundModel, Places, find_models
from .facts.anatomy import Anatomy, anatomy
from .facts.model_facts import ModelFacts, facts_of, read_facts
from .families import Family, known_families, write_family_metadata, write_family_model
from .gguf.header import Array, Header, Tensor, read_header
from .gguf.parts import read_model_files
from .hub import (
    RESERVED_DISK_BYTES,
    HubPlace,
    HubPulls,
    HubSettings,
    HubTensors,
    Offer,
    Origin,
    RemoteLine,
    RemoteModel,
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
from .slices import (
    SLICER_VERSION,
    KeptSlice,
    SlicePlan,
    Slices,
    TensorData,
    adapter_tensors,
    legal_cuts,
    local_data,
    make_slice,
    plan_ends,
    plan_slice,
    slice_adapter,
    slice_file,
    slice_id,
    write_slice,
)
from .slices.layers import covering, read_layers
from .storage.installation import free_for_installing
from .storage.manifest import TensorGroup, group_name
from .storage.partial import Description, PartialModel

__all__ = [
    "RESERVED_DISK_BYTES",
    "SLICER_VERSION",
    "Anatomy",
    "Array",
    "Description",
    "Family",
    "Found",
    "FoundModel",
    "Header",
    "HubPlace",
    "HubPulls",
    "HubSettings",
    "HubTensors",
    "InstalledModel",
    "KeptSlice",
    "ModelFacts",
    "ModelRegistry",
    "ModelSettings",
    "Offer",
    "Origin",
    "Overrides",
    "PartialModel",
    "Places",
    "RemoteLine",
    "RemoteModel",
    "Room",
    "SlicePlan",
    "Slices",
    "Tensor",
    "TensorData",
    "TensorGroup",
    "Wish",
    "adapter_tensors",
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
    "known_families",
    "legal_cuts",
    "local_data",
    "make_slice",
    "model_file",
    "needed_memory",
    "plan_ends",
    "plan_slice",
    "read_facts",
    "read_header",
    "read_layers",
    "read_model_files",
    "recommended",
    "slice_adapter",
    "slice_file",
    "slice_id",
    "write_family_metadata",
    "write_family_model",
    "write_slice",
]
