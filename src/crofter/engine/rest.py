"""What happens to a model that nobody uses any more: it is measured once, if it never was, and unloaded."""

from pathlib import Path
from typing import Literal, Protocol

import anyio

from crofter.core import CrofterError, ModelId

from . import tuner
from .slot import Slot
from .values import TuneStep
from .wire import LoadPlan

_LOOK_SECONDS = 0.05


class TuningMemory(Protocol):
    """Remembers what the tuner chose on this machine."""

    def settings(self, model_id: ModelId) -> dict[str, str | int | bool] | None:
        """The choice for a model under the configured workload; None if it was never measured."""
        ...

    def keep(
        self,
        model_id: ModelId,
        workload: Literal["chat", "reading"],
        settings: dict[str, str | int | bool],
        measured: dict[str, float],
    ) -> None:
        """Remember a choice."""
        ...


def keep_choice(memory: TuningMemory, model_id: ModelId, workload: Literal["chat", "reading"], step: TuneStep) -> None:
    """Remember the choice of the tuner's last step; other steps are nothing to remember."""
    if step.chosen is not None:
        measured = {
            "prefill_tokens_per_second": step.prefill_tokens_per_second,
            "decode_tokens_per_second": step.decode_tokens_per_second,
        }
        memory.keep(model_id, workload, step.chosen, measured)


async def tune_unless_wanted(
    slot: Slot, base: LoadPlan, cores: int, workload: Literal["chat", "reading"], log_path: Path, memory: TuningMemory
) -> None:
    """Measure an unloaded model, and give up at once when a request wants it."""
    async with slot.loading:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_cancel_when_wanted, slot, scope, name="give way to requests")
                try:
                    async for step in tuner.tune(base, cores, workload, log_path):
                        keep_choice(memory, slot.model.model_id, workload, step)
                except CrofterError:
                    pass  # It does not load now; whoever asks for it next is told why.
                tasks.cancel_scope.cancel()


async def _cancel_when_wanted(slot: Slot, scope: anyio.CancelScope) -> None:
    while not slot.in_use:  # noqa: ASYNC110 - nobody who takes a slot should have to know about measurements
        await anyio.sleep(_LOOK_SECONDS)
    scope.cancel()
