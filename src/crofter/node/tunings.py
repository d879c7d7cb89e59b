"""What the tuner found on this machine, between the engine that measures and the store that remembers."""

import time
from typing import Literal

from crofter.core import ModelId
from crofter.store import TuningRecord, TuningRecords

Workload = Literal["chat", "reading"]
Settings = dict[str, str | int | bool]


class Tunings:
    """Findings for one machine; a change of processor, accelerator or library makes the old ones invisible."""

    def __init__(self, records: TuningRecords, machine: str, workload: Workload) -> None:
        self._records = records
        self._machine = machine
        self._workload = workload

    def settings(self, model_id: ModelId) -> Settings | None:
        """What to load a model with, for the configured workload; None when it was never measured."""
        record = self._records.find(self._machine, model_id, self._workload)
        return record.settings if record else None

    def keep(self, model_id: ModelId, workload: Workload, settings: Settings, measured: dict[str, float]) -> None:
        """Remember a choice for the next load."""
        self._records.save(
            TuningRecord(
                machine=self._machine,
                model_id=model_id,
                workload=workload,
                settings=settings,
                measured=measured,
                measured_at=time.time(),
            )
        )
