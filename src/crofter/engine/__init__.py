"""Local inference on llama.cpp: one worker process per loaded model, one scheduler in each."""

from .machine import Machine, library_facts, machine_now, resident_bytes
from .plan import judge
from .rest import TuningMemory
from .service import Engine
from .settings import EngineSettings
from .values import LibraryFacts, TuneStep, Tuning, WorkerState, WorkerStatus
from .verdict import Fit

__all__ = [
    "Engine",
    "EngineSettings",
    "Fit",
    "LibraryFacts",
    "Machine",
    "TuneStep",
    "Tuning",
    "TuningMemory",
    "WorkerState",
    "WorkerStatus",
    "judge",
    "library_facts",
    "machine_now",
    "resident_bytes",
]
