"""Parts of the bench's models, as nodes would cut them: written once, kept beside the models."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from shapes import cache_folder

from crofter.core import ModelFile, ModelId, SliceFile
from crofter.models import (
    legal_cuts,
    make_slice,
    model_file,
    plan_ends,
    plan_slice,
    read_facts,
    read_header,
    slice_file,
)

Cut = tuple[int, int]
IDLE = "idle "
"""What the id of a slice begins with whose stage gives rows back as they came."""


def whole(path: Path, context_tokens: int) -> ModelFile:
    """The model itself, with that context."""
    name = path.stem
    file = model_file(name, ModelId(name), path, path.stat().st_size, read_facts(path))
    return msgspec.structs.replace(file, context_tokens=context_tokens)


def evenly(path: Path, stages: int) -> list[Cut]:
    """The layers of each of so many stages, as even as the model's cuts let it."""
    header = read_header(path)
    count = read_facts(path).layer_count
    inner = [min(legal_cuts(header), key=lambda cut: abs(cut - count * each / stages)) for each in range(1, stages)]
    return list(zip([0, *inner], [*inner, count], strict=True))


def part(path: Path, cut: Cut | None, context_tokens: int) -> SliceFile:
    """Those layers of a model; None: its ends."""
    header, source = read_header(path), whole(path, context_tokens)
    plan = plan_ends(header) if cut is None else plan_slice(header, *cut)
    folder = cache_folder() / "parts" / path.stem
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / ("ends.gguf" if cut is None else f"{cut[0]}-{cut[1]}.gguf")
    # The bench's models are written anew when their shape changes, under the same name.
    fresh = target.exists() and target.stat().st_mtime >= path.stat().st_mtime
    made = slice_file(plan, source, target) if fresh else make_slice(plan, header, source, target)
    return msgspec.structs.replace(made, context_tokens=context_tokens)


def idle(slice_file: SliceFile) -> SliceFile:
    """The same layers at a stage that computes nothing."""
    return msgspec.structs.replace(slice_file, model_id=ModelId(IDLE + slice_file.model_id))


def written(path: Path, stages: Sequence[int]) -> None:
    """Write what routes of so many stages need, before several processes do."""
    part(path, None, 0)
    for count in stages:
        for cut in evenly(path, count):
            part(path, cut, 0)
