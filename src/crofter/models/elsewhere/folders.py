"""Models in a folder: split ones put together, vision parts given to the model they belong to."""

from collections.abc import Sequence
from pathlib import Path

from crofter.core import CrofterError
from crofter.models.gguf.parts import part_paths
from crofter.models.hub.variants import quantization_of, split_name
from crofter.models.names import derived_name

from .candidates import Candidate, Findings, Program
from .listing import MAXIMUM_DEPTH, real_file, walk

SUFFIX = ".gguf"

_PROJECTOR = "mmproj"
_PROJECTOR_ORDER = ("F16", "BF16", "Q8_0", "F32")
"""Sixteen bits lose nothing that can be seen, and 32 take twice the memory."""


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
    base, label = _base_and_label(path)
    return derived_name(f"{base}:{label}" if base and label else base or label, path)


def _base_and_label(path: Path) -> tuple[str, str]:
    stem = split_name(path.name)[0]
    label = quantization_of(path.name)
    if label and stem.upper().endswith(label):
        return stem[: -len(label)].rstrip("-._ "), label
    return stem, ""


def _add_models(files: Sequence[Path], program: Program, findings: Findings) -> None:
    projectors = [path for path in files if _is_projector(path)]
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
    bases = {_base_and_label(parts[0])[0].casefold() for parts in models}
    given: set[Path | None] = set()
    for parts in models:
        projector = _projector_of(parts[0], bases, projectors)
        given.add(projector)
        findings.add(Candidate(name=name_of(parts[0]), program=program, parts=parts, projector=projector))
    if projectors and not given - {None}:
        findings.remark(
            f"{projectors[0]} is the vision part of a model, and no model that is clearly its own is beside it."
        )


def _is_projector(path: Path) -> bool:
    return _PROJECTOR in path.name.lower()


def _only_projector(path: Path) -> Path | None:
    """The vision part beside a file that was named, if it is clear which."""
    beside = [each for each in sorted(path.parent.glob(f"*{SUFFIX}")) if each.is_file()]
    bases = {_base_and_label(each)[0].casefold() for each in beside if not _is_projector(each)}
    return _projector_of(path, bases, [each for each in beside if _is_projector(each)])


def _projector_of(model: Path, bases: set[str], projectors: Sequence[Path]) -> Path | None:
    """The one named after the model; one named after nothing only where there is a single model, in whatever quantisations."""
    base = _base_and_label(model)[0].casefold()
    named = [
        each for each in projectors if (own := _projector_base(each)) and (base.startswith(own) or own.startswith(base))
    ]
    suitable = named or (
        [each for each in projectors if _projector_base(each) in {"", "model"}] if len(bases) == 1 else []
    )
    ranks = {label: rank for rank, label in enumerate(_PROJECTOR_ORDER)}
    return min(suitable, key=lambda each: (ranks.get(quantization_of(each.name), len(ranks)), each.name), default=None)


def _projector_base(path: Path) -> str:
    return _base_and_label(path)[0].casefold().replace(_PROJECTOR, "").strip("-._ ")
