"""Which kinds of models can run over several nodes: proven on tiny models, by the llama.cpp and the slicer that are here."""

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Literal

import msgspec

from crofter.core import CrofterError, ModelFile, ModelId, SliceFile
from crofter.engine import CutProof, ProofJob, Rollback, blueprint, prove
from crofter.models import (
    SLICER_VERSION,
    Family,
    Header,
    SlicePlan,
    legal_cuts,
    make_slice,
    plan_ends,
    plan_slice,
    read_header,
    write_family_metadata,
    write_family_model,
)

Status = Literal["exact", "close", "refused"]

CLOSE_SIGMAS = 0.02
"""What a change of the input embeddings by the last bit does to a whole model's logits; more than that is another result."""

_MOST_SINGLE_LAYERS = 8
_PROOF_SECONDS = 300


class FamilyProof(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one kind of model."""

    name: str
    """The architecture, `+variant` after it."""
    status: Status
    """exact: to the last bit in every cut. close: other by less than `CLOSE_SIGMAS`."""
    reason: str = ""
    """Why it is refused."""
    sigmas: float = 0.0
    """The largest difference of a logit in any cut, in standard deviations of the logits."""
    legal_cuts: str = ""
    tried: tuple[str, ...] = ()
    """Layers of each part, such as `3|5`."""
    zero_layers: int = 0
    """The most that a part needed beside its own."""
    rollback: Rollback = "none"
    exports: bool = False
    mixed: bool = False


class FamilyMatrix(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, and what proved it."""

    library: str
    slicer: int
    families: tuple[FamilyProof, ...]

    @property
    def is_current(self) -> bool:
        """Whether the library and the slicer are still those."""
        return (self.library, self.slicer) == (library_version(), SLICER_VERSION)


def library_version() -> str:
    """Of the llama.cpp that is installed."""
    return f"llama-cpp-python {version('llama-cpp-python')}"


def family_matrix_of(families: Sequence[FamilyProof]) -> FamilyMatrix:
    """What was proven with the library and the slicer that are here."""
    return FamilyMatrix(library=library_version(), slicer=SLICER_VERSION, families=tuple(families))


def prove_families(
    families: Sequence[Family], at_once: int, observe: Callable[[FamilyProof], None] = lambda _: None
) -> list[FamilyProof]:
    """Prove each, so many at once. Blocks for seconds a family; `observe` is told of each from a thread of its own."""

    def proof(family: Family) -> FamilyProof:
        with tempfile.TemporaryDirectory(prefix="crofter-family-") as folder:
            found = _proof(family, Path(folder))
        observe(found)
        return found

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(proof, families))


def _proof(family: Family, folder: Path) -> FamilyProof:
    try:
        metadata = folder / "metadata.gguf"
        write_family_metadata(family, metadata)
        legal_cuts(read_header(metadata))  # What is refused by its metadata needs no model.
        whole = folder / "whole.gguf"
        write_family_model(family, blueprint(metadata), whole)
        parts = _Parts(read_header(whole), folder)
        tried = parts.tried()
        job = ProofJob(whole=whole, cuts=tuple(parts.of(cut) for cut in tried), ends=parts.ends)
        proofs = prove(job, _PROOF_SECONDS)
    except CrofterError as error:
        return FamilyProof(name=family.name, status="refused", reason=error.message)
    return _judged(family.name, parts, tried, proofs)


class _Parts:
    """The slices of one model, each written once."""

    def __init__(self, header: Header, folder: Path) -> None:
        """Raises as `legal_cuts` and `make_slice`."""
        self._header = header
        self._folder = folder
        self._written: dict[tuple[int, int], SliceFile] = {}
        self._source = ModelFile(
            model_id=ModelId("tiny"),
            name="tiny",
            path=header.path,
            size_bytes=header.size_bytes,
            architecture=header.text("general.architecture"),
            layer_count=0,
            kv_bytes_per_token=0,
            context_length=0,
        )
        self.legal = legal_cuts(header)
        self.layer_count = plan_slice(header, 0, self.legal[0]).source_layer_count
        self.ends = self._write(plan_ends(header, self.layer_count), "ends")

    def tried(self) -> list[tuple[int, ...]]:
        """Ways to cut it: in halves, off every pattern, one layer at either end, in three, and as finely as can be."""
        count = self.layer_count
        finest = tuple(cut for cut in self.legal if count <= _MOST_SINGLE_LAYERS or cut in {1, 2, 3, count - 1})
        wished = [(count // 2,), (3,), (1,), (count - 1,), (2, 5), finest]
        return [cut for cut in dict.fromkeys(wished) if cut and set(cut) <= set(self.legal)]

    def of(self, cut: Sequence[int]) -> tuple[SliceFile, ...]:
        """The parts between these cuts."""
        ranges = pairwise((0, *cut, self.layer_count))
        return tuple(self._slice(start, stop) for start, stop in ranges)

    def shown(self, cut: Sequence[int]) -> str:
        """Layers of each part."""
        return "|".join(str(stop - start) for start, stop in pairwise((0, *cut, self.layer_count)))

    @property
    def zero_layers(self) -> int:
        """The most that a slice has beside its own."""
        return max(part.layer_count - (part.stop - part.start) for part in self._written.values())

    @property
    def legal_in_words(self) -> str:
        """Where it can be cut."""
        if len(self.legal) == self.layer_count - 1:
            return "anywhere"
        if self.legal == tuple(range(1, len(self.legal) + 1)):
            return f"up to layer {self.legal[-1]} of {self.layer_count}"
        return f"before layers {', '.join(map(str, self.legal))} of {self.layer_count}"

    def _slice(self, start: int, stop: int) -> SliceFile:
        if (start, stop) not in self._written:
            plan = plan_slice(self._header, start, stop)
            self._written[start, stop] = self._write(plan, f"{start}-{stop}")
        return self._written[start, stop]

    def _write(self, plan: SlicePlan, name: str) -> SliceFile:
        return make_slice(plan, self._header, self._source, self._folder / f"{name}.gguf")


def _judged(name: str, parts: _Parts, tried: Sequence[tuple[int, ...]], proofs: Sequence[CutProof]) -> FamilyProof:
    wrong = [
        f"cut as {parts.shown(cut)}: {proof.error or f'logits differ by {proof.sigmas:.2g} standard deviations'}"
        for cut, proof in zip(tried, proofs, strict=True)
        if proof.error or not proof.sigmas < CLOSE_SIGMAS
    ]
    sigmas = max((proof.sigmas for proof in proofs), default=0.0)
    rollbacks: set[Rollback] = {proof.rollback for proof in proofs}
    return FamilyProof(
        name=name,
        status="refused" if wrong or not proofs else "close" if sigmas else "exact",
        reason=" ".join(wrong),
        sigmas=sigmas,
        legal_cuts=parts.legal_in_words,
        tried=tuple(map(parts.shown, tried)),
        zero_layers=parts.zero_layers,
        rollback=rollbacks.pop() if len(rollbacks) == 1 else "none",
        exports=all(proof.exports for proof in proofs),
        mixed=all(proof.mixed for proof in proofs),
    )
