"""Making a smaller model of an installed one: names and room checked, llama.cpp run, the result installed. Blocking."""

import os
import time
from pathlib import Path

from crofter.api import QuantizeRequest
from crofter.core import CrofterError, ErrorCode
from crofter.engine import QuantizeWish, checked_kind, quantize
from crofter.models import RESERVED_DISK_BYTES, InstalledModel, Origin, checked_name, free_for_installing
from crofter.store import incoming_path

from .parts import Parts
from .pulling import Report
from .release import library_version


def quantized(parts: Parts, request: QuantizeRequest, report: Report) -> InstalledModel:
    """The model that `request` asks for, installed under its own name.

    Raises MODEL_NOT_FOUND, MODEL_INVALID, CONFLICT if the name is taken, and what `checked_kind`, `quantize` and `report` raise;
    nothing is left behind then.
    """
    kind = checked_kind(request.quantization)
    source = parts.registry.resolve(request.model)
    name = _free_name(parts, request.name or usual_name(source, kind))
    target = incoming_path(parts.home.models_folder)
    report.stage("quantizing")
    try:
        room = free_for_installing(target.parent) - RESERVED_DISK_BYTES
        wish = QuantizeWish(kind, target, request.requantize, most_bytes=max(0, room))
        quantize(source.file, wish, parts.home.logs_folder / "quantize.log", report)
        _flush(target)
        report.stage("installing")
        origin = _origin(source, kind)
        return parts.registry.adopt([target], name, name, report, lambda model_id: parts.hub.remember(model_id, origin))
    finally:
        target.unlink(missing_ok=True)


def usual_name(source: InstalledModel, kind: str) -> str:
    """`qwen3-f16` and `qwen3` become `qwen3-q4_k_m`."""
    base = source.name
    for separator in "-:.":
        base = base.removesuffix(f"{separator}{source.facts.quantization.lower()}")
    return f"{base}-{kind.lower()}"


def _free_name(parts: Parts, wanted: str) -> str:
    """Checked before hours of work, not after."""
    name = checked_name(wanted)
    if name in {model.name for model in parts.registry.installed()}:
        raise CrofterError(
            ErrorCode.CONFLICT,
            f"there is a model called {name!r} already: choose another name (`--name`), or remove that one (`crofter rm {name}`)",
            parameter="name",
        )
    return name


def _origin(source: InstalledModel, kind: str) -> Origin:
    made_from = f"{source.name} ({source.file.model_id[:12]}), quantised as {kind} by llama.cpp ({library_version()})"
    return Origin(
        repository="",
        revision="",
        files=(),
        sha256=(),
        quantization=kind,
        license=source.facts.license,
        endpoint="",
        pulled_at=time.time(),
        made_from=made_from,
    )


def _flush(path: Path) -> None:
    """What llama.cpp wrote survives a power cut, and is readable by its owner alone, like every model here."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    path.chmod(0o600)
