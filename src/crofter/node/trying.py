"""What nodes need to be set to, so that a model runs over several of them on one machine."""

from pathlib import Path

import msgspec

from crofter.cluster import TrialLimits, trial_limits
from crofter.core import CrofterError, ErrorCode, ModelId, shown_size
from crofter.engine import EngineSettings, machine_now
from crofter.models import facts_of, model_file, read_model_files

_PROCESS_BYTES = 100_000_000
"""A node without a model, and what is not counted."""
_UNKNOWN_ID = ModelId("")


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A model, and nodes that hold it together only."""

    parts: tuple[str, ...]
    """Its files."""
    limits: TrialLimits
    settings: dict[str, str]
    """Of each of the nodes, by dotted key."""
    whole_settings: dict[str, str]
    """Of one that holds the model alone, and computes as the others do."""


def trial(path: Path, name: str, node_count: int) -> Trial:
    """How to try a model that is here. Raises OUT_OF_MEMORY if this machine is too small for all at once, and as `trial_limits`."""
    header = read_model_files(path)
    file = model_file(name, _UNKNOWN_ID, header.path, header.size_bytes, facts_of(header))
    # Memory can be limited on the host only.
    engine = EngineSettings(gpu_layers=0, tune_when_idle=False)
    limits = trial_limits(file, header, engine, node_count)
    needed = limits.whole_bytes + node_count * _PROCESS_BYTES
    free = machine_now().available_bytes
    if needed > free:
        raise CrofterError(
            ErrorCode.OUT_OF_MEMORY,
            f"{node_count} nodes with {name} need about {shown_size(needed)} here, and {shown_size(free)} are free:"
            " choose a smaller model, or fewer --nodes",
        )
    alone = {
        "api.port": "0",
        "hub.offline": "true",
        "engine.context_tokens": str(limits.context_tokens),
        "engine.gpu_layers": str(engine.gpu_layers),
        "engine.tune_when_idle": "false",
    }
    settings = {
        **alone,
        "network.listen": "127.0.0.1:0",
        "network.mode": "private",
        "engine.memory_limit_bytes": str(limits.limit_bytes),
        "share.preset": "most",
        "share.memory_bytes": str(limits.share_bytes),
        "share.on_battery": "true",
    }
    return Trial(parts=tuple(map(str, header.parts)), limits=limits, settings=settings, whole_settings=alone)
