"""Local inference on llama.cpp: one worker process per loaded model, one scheduler in each."""

from .fit import LoadChoice, memory_need, part_shape, with_projector
from .machine import Machine, library_facts, machine_now, memory_bytes_per_second, on_battery, resident_bytes
from .plan import judge
from .proof import CutProof, ProofJob, Rollback, blueprint, prove
from .quantization import KINDS, Kind, QuantizeWish, checked_kind
from .quantizer import quantize
from .rest import TuningMemory
from .route import RoutePort
from .service import Engine
from .settings import EngineSettings
from .slices import stage_kv_tokens
from .stage import Stage
from .values import LibraryFacts, MissingRowsError, TuneStep, Tuning, WorkerState, WorkerStatus
from .verdict import Fit

__all__ = [
    "KINDS",
    "CutProof",
    "Engine",
    "EngineSettings",
    "Fit",
    "Kind",
    "LibraryFacts",
    "LoadChoice",
    "Machine",
    "MissingRowsError",
    "ProofJob",
    "QuantizeWish",
    "Rollback",
    "RoutePort",
    "Stage",
    "TuneStep",
    "Tuning",
    "TuningMemory",
    "WorkerState",
    "WorkerStatus",
    "blueprint",
    "checked_kind",
    "judge",
    "library_facts",
    "machine_now",
    "memory_bytes_per_second",
    "memory_need",
    "on_battery",
    "part_shape",
    "prove",
    "quantize",
    "resident_bytes",
    "stage_kv_tokens",
    "with_projector",
]
