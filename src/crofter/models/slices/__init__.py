"""Parts of models as files of their own: where a model can be cut, and the slices of it."""

from .adapters import adapter_tensors, slice_adapter
from .files import SLICER_VERSION, make_slice, slice_file, slice_id
from .kept import KeptSlice, Slices
from .plan import SlicePlan, legal_cuts, plan_ends, plan_slice
from .write import TensorData, local_data, write_slice

__all__ = [
    "SLICER_VERSION",
    "KeptSlice",
    "SlicePlan",
    "Slices",
    "TensorData",
    "adapter_tensors",
    "legal_cuts",
    "local_data",
    "make_slice",
    "plan_ends",
    "plan_slice",
    "slice_adapter",
    "slice_file",
    "slice_id",
    "write_slice",
]
