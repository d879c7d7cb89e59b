"""Local inference on llama.cpp: one worker process per loaded model, one scheduler in each."""

from .machine import Machine, library_facts, machine_now, resident_bytes
from .plan import judge
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
    "Engine",
    "EngineSettings",
    "Fit",
    "Kind",
    "LibraryFacts",
    "Machine",
    "MissingRowsError",
    "QuantizeWish",
    "RoutePort",
    "Stage",
    "TuneStep",
    "Tuning",
    "TuningMemory",
    "WorkerState",
    "WorkerStatus",
    "checked_kind",
    "judge",
    "library_facts",
    "machine_now",
    "quantize",
    "resident_bytes",
]
