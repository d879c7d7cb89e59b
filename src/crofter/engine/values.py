"""What the engine tells about itself."""

from typing import Literal

import msgspec

from crofter.core import CrofterError, ErrorCode, ModelId

WorkerState = Literal["loading", "ready", "restarting", "stopping"]


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One loaded model and what it takes."""

    name: str
    model_id: ModelId
    state: WorkerState
    process_id: int
    resident_bytes: int
    context_tokens: int
    kv_tokens: int
    kv_tokens_used: int
    active_requests: int
    queued_requests: int
    gpu_layers: int
    threads: int
    restarts: int
    idle_seconds: float
    expires_in_seconds: float | None
    """None: kept until stopped."""
    pinned: bool = False


class MissingRowsError(CrofterError):
    """A stage holds fewer rows of a session than come before those it was given; nothing was computed."""

    def __init__(self, held: int) -> None:
        super().__init__(
            ErrorCode.CONFLICT, f"the stage holds {held} rows of the session, and those after them are missing"
        )
        self.held = held


class LibraryFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The llama.cpp build in use."""

    version: str
    system_info: str
    gpu_offload: bool
    devices: tuple[str, ...]
    """Accelerators it can use, with their memory."""
    accelerator_free_bytes: tuple[int, ...] = ()


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """What llama.cpp leaves to defaults, as measured best for one model on one machine."""

    threads: int
    batch_threads: int
    micro_batch_rows: int
    flash_attention: Literal["auto", "on", "off"]
    repack: bool


class TuneStep(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement of the tuner; the last step carries the settings chosen."""

    step: int
    steps: int
    description: str
    prefill_tokens_per_second: float = 0.0
    decode_tokens_per_second: float = 0.0
    chosen: dict[str, str | int | bool] | None = None
