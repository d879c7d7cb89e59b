"""The section of the configuration about what others may use of this machine."""

from typing import Annotated, Literal

import msgspec

Preset = Literal["off", "light", "half", "most"]

_HOURS = r"^$|^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$"
_Limit = Annotated[int, msgspec.Meta(ge=-1)]


class ShareSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What nodes that you trust may use of this machine. Your own requests always come first."""

    preset: Preset = "half"
    """How much: `off` nothing; `light` an eighth of the memory, at most 4 GB on disk and 1 MB/s; `half` of the memory, a quarter of
    the free disk; `most` four fifths of the memory, half of the free disk. The settings below decide one by one what a preset says."""
    answers: bool = True
    """Answer whole prompts of nodes you trust with models that are here. They are read here, by whoever owns this machine."""
    from_hub: bool = False
    """Fetch layers that trusted nodes ask for from the hub as well as from them: it learns of this machine then, though never of a
    prompt. `hub.offline` forbids it in any case."""
    memory_bytes: _Limit = -1
    """For layers of others' models; -1: as the preset says."""
    disk_bytes: _Limit = -1
    """For layers fetched for others; -1: as the preset says."""
    upload_bytes_per_second: _Limit = -1
    """For giving others layers of models; 0: as fast as it goes; -1: as the preset says."""
    download_bytes_per_second: _Limit = -1
    """For fetching layers to serve; 0: as fast as it goes; -1: as the preset says."""
    hours: Annotated[str, msgspec.Meta(pattern=_HOURS)] = ""
    """When, by this machine's clock, for example `22:00-07:00`; empty: always."""
    on_battery: bool = False
    """Also while the machine runs on its battery."""


class RouteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Models that run over several machines."""

    wire: Literal["f32", "fp16"] = "f32"
    """How hidden states travel: `f32` gives exactly the answer of one machine; `fp16` needs half the bandwidth and rounds."""
    private_layers: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0
    """So many of a model's first and of its last layers stay on this machine. Other nodes then see hidden states from further inside,
    which are harder to turn back into words, but no secret to whoever makes the effort."""
    thin: bool = False
    """Ask a trusted node that can to form the route and read the prompt, instead of keeping tokeniser, embeddings and head here. A
    node whose memory cannot hold those does so anyway."""
    keep_seconds: Annotated[float, msgspec.Meta(gt=0)] = 900.0
    """How long a route lasts that nobody uses."""
