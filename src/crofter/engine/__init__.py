"""Local inference on llama.cpp: one worker process per loaded model, one scheduler in each."""

from .machine import Machine, library_facts, machine_now, resident_bytes
from .plan import judge
from .proof import CutProof, ProofJob, Rollback, blueprint, prove
from .quantization import KINDS, Kind, QuantizeWish, checked_kind
from .quantizer import quantize
from .rest import TuningMemory
from .route import RoutePort
from .service import Engine
from .settings import EngineSettings
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
    "prove",
    "quantize",
    "resident_bytes",
]
