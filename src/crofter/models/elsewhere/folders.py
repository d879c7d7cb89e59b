"""Models in a folder: split ones put together, vision parts given to the model they belong to."""

from collections.abc import Sequence
from pathlib import Path

from crofter.core import CrofterError
from crofter.models.gguf.parts import part_paths
from crofter.models.hub.variants import split_name
from crofter.models.names import derived_name
from crofter.models.projectors import base_and_label, is_projector, projector_of

from .candidates import Candidate, Findings, Program
from .listing import MAXIMUM_DEPTH, real_file, walk

SUFFIX = ".gguf"


def folder_candidates(
    folder: Path, program: Program, findings: Findings, *, inside: Path | None = None, depth: int = MAXIMUM_DEPTH
) -> None:
    """Add every model in `folder` and below; links to files are followed as long as they stay inside `inside` (else the folder)."""
    for place, names in walk(folder, findings.remark, depth):
        files: list[Path] = []
        for name in names:
            if not name.lower().endswith(SUFFIX):
                continue
            try:
                real_file(place / name, inside or folder)
            except CrofterError as error:
                findings.remark(error.message)
            else:
                files.append(place / name)
        _add_models(files, program, findings)


def file_candidate(path: Path) -> Candidate:
    """The model that a file is, or is a part of. Raises as `part_paths`."""
    name = name_of(path) if path.suffix.lower() == SUFFIX else ""
    return Candidate(name=name, program="file", parts=part_paths(path), projector=_only_projector(path))


def name_of(path: Path) -> str:
    """How to call the model in a file of that name: `qwen3-4b:q4_k_m` for Qwen3-4B-Q4_K_M.gguf, whatever its part."""
    base, label = base_and_label(path)
    return derived_name(f"{base}:{label}" if base and label else base or label, path)


def _add_models(files: Sequence[Path], program: Program, findings: Findings) -> None:
    projectors = [path for path in files if is_projector(path)]
    one_each = {split_name(path.name)[::2]: path for path in files if path not in projectors}
    models: list[tuple[Path, ...]] = []
    for path in one_each.values():
        try:
            parts = part_paths(path)
        except CrofterError as error:
            findings.remark(error.message)
        else:
            # A part that is missing here is a link that was not followed, which has been remarked.
            models.extend([parts] if set(parts) <= set(files) else [])
    given: set[Path | None] = set()
    for parts in models:
        projector = projector_of(parts[0], [first for first, *_ in models], projectors)
        given.add(projector)
        findings.add(Candidate(name=name_of(parts[0]), program=program, parts=parts, projector=projector))
    if projectors and not given - {None}:
        findings.remark(
            f"{projectors[0]} is the vision part of a model, and no model that is clearly its own is beside it."
        )


def _only_projector(path: Path) -> Path | None:
    """The vision part beside a file that was named, if it is clear which."""
    beside = [each for each in sorted(path.parent.glob(f"*{SUFFIX}")) if each.is_file()]
    models = [each for each in beside if not is_projector(each)]
    return projector_of(path, models, [each for each in beside if is_projector(each)])
