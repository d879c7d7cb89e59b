"""Local inference on llama.cpp: one worker process per loaded model, one scheduler in each."""

from .machine import Machine, library_facts, machine_now, resident_bytes
from .rest import TuningMemory
from .service import Engine
from .settings import EngineSettings
from .values import LibraryFacts, TuneStep, Tuning, WorkerState, WorkerStatus

__all__ = [
    "Engine",
    "EngineSettings",
    "LibraryFacts",
    "Machine",
    "TuneStep",
    "Tuning",
    "TuningMemory",
    "WorkerState",
    "WorkerStatus",
    "library_facts",
    "machine_now",
    "resident_bytes",
]
