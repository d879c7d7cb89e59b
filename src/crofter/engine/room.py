"""Room for models: what memory there is, what each loaded one takes of it, and who goes when another needs it."""

from collections.abc import Mapping, Sequence

import msgspec

from crofter.core import ModelFile, ModelId

from . import plan
from .machine import Machine, machine_now, private_bytes
from .rest import TuningMemory
from .settings import EngineSettings
from .slot import Slot
from .values import Tuning
from .verdict import Fit
from .wire import LoadPlan

_USABLE_SHARE = 0.9
"""Of the machine's free memory, where the owner set no limit."""


class Room:
    """Reads the machine and the slots; `plan` decides."""

    def __init__(self, settings: EngineSettings, slots: Mapping[ModelId, Slot], tunings: TuningMemory) -> None:
        self._settings = settings
        self._slots = slots
        self._tunings = tunings
        self.accelerators: tuple[int, ...] = ()
        """Free bytes of each, with none of our models loaded."""

    def fit(self, model: ModelFile) -> Fit:
        """What a model would be loaded with if every idle one made room for it, and what that takes."""
        loaded = self._loaded()
        others = [slot for slot in loaded if slot.model.model_id != model.model_id]
        staying = sum(_taken_bytes(slot) for slot in others if not slot.makes_room)
        machine = self._machine(self._limit_bytes(loaded) - staying, others)
        return plan.judge(model, machine, self._settings, self._tuning(model))

    def plan_beside(self, model: ModelFile) -> LoadPlan:
        """How to load a model without unloading any, untuned. Raises CrofterError(OUT_OF_MEMORY)."""
        machine = self._machine(machine_now().available_bytes, self._loaded())
        return plan.plan_load(model, machine, self._settings, None)

    async def make(self, slot: Slot) -> LoadPlan:
        """Unload what must go for a slot's model. Raises CrofterError(OUT_OF_MEMORY)."""
        limit = self._limit_bytes(self._others(slot))
        machine = self._machine(limit, self._others(slot))
        load = plan.plan_load(slot.model, machine, self._settings, self._tuning(slot.model))
        # Judged anew after each: one that was idle may have got a request while another was ending.
        while going := plan.evictions(
            [_size(other, slot) for other in self._others(slot)], load.estimated_bytes, limit
        ):
            await self._slots[going[0]].stop()
        return load

    def _loaded(self) -> list[Slot]:
        return [slot for slot in tuple(self._slots.values()) if slot.estimated_bytes]

    def _others(self, slot: Slot) -> list[Slot]:
        return [other for other in self._loaded() if other is not slot]

    def _limit_bytes(self, loaded: Sequence[Slot]) -> int:
        """What all models together may take, those that are loaded now included."""
        if self._settings.memory_limit_bytes:
            return self._settings.memory_limit_bytes
        held = sum(private_bytes(slot.worker.process_id) for slot in loaded if slot.worker is not None)
        return int(_USABLE_SHARE * (machine_now().available_bytes + held))

    def _machine(self, available_bytes: int, beside: Sequence[Slot]) -> Machine:
        """The machine with so much memory for models, and its accelerators less what is on them: room is made on the host only."""
        free = [
            bytes_free - sum(slot.accelerator_bytes[index] for slot in beside if slot.accelerator_bytes)
            for index, bytes_free in enumerate(self.accelerators)
        ]
        return msgspec.structs.replace(
            machine_now(),
            available_bytes=max(0, available_bytes),
            accelerator_free_bytes=tuple(max(0, each) for each in free),
        )

    def _tuning(self, model: ModelFile) -> Tuning | None:
        tuned = self._tunings.settings(model.model_id)
        return None if tuned is None else msgspec.convert(tuned, Tuning)


def _taken_bytes(slot: Slot) -> int:
    """What unloading frees: as `fit` said, or what the worker has grown to, by prompts kept for reuse or by embedding."""
    private = private_bytes(slot.worker.process_id) if slot.worker is not None else 0
    return max(slot.estimated_bytes, private)


def _size(slot: Slot, wanted: Slot) -> plan.LoadedSize:
    """As it counts when room is made for another, which takes what is computed for other nodes only, if it is not such a thing itself."""
    model = slot.model
    # One that is being loaded has no worker to stop yet.
    guest = slot.for_others and not wanted.for_others
    busy = (slot.in_use and not guest) or slot.worker is None
    return plan.LoadedSize(model.model_id, model.name, _taken_bytes(slot), slot.last_used, busy, model.pinned)
