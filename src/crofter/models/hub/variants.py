"""The models a repository holds, told by its file names: one for each quantisation, split files put together. Pure."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

import msgspec

_SUFFIX = ".gguf"
_SHARD = re.compile(r"(.*)-(\d{5})-of-(\d{5})", re.DOTALL)
_LABEL = re.compile(
    r"(?<![A-Za-z0-9])((?:UD-)?(?:I?Q[1-8](?:_[0-9A-Z]{1,4}){0,3}|TQ[12]_0|MXFP4(?:_MOE)?|NVFP4|BF16|FP?16|FP?32))(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_COMPANION = re.compile(r"(?<![a-z0-9])(mmproj|imatrix|lora|adapter|tokenizer|vocab)(?![a-z0-9])", re.IGNORECASE)
_SAME_LABELS = {"FP16": "F16", "FP32": "F32", "MXFP4_MOE": "MXFP4"}

_BY_QUALITY = (
    *("IQ1_S", "IQ1_M", "TQ1_0", "TQ2_0", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "Q2_K_S", "Q2_K", "Q2_K_L", "Q2_K_XL"),
    *("IQ3_XXS", "IQ3_XS", "Q3_K_S", "IQ3_S", "IQ3_M", "Q3_K_M", "Q3_K", "Q3_K_L", "Q3_K_XL"),
    *("IQ4_XS", "Q4_0", "IQ4_NL", "Q4_K_S", "Q4_1", "NVFP4", "MXFP4", "Q4_K", "Q4_K_M", "Q4_K_L", "Q4_K_XL"),
    *("Q5_0", "Q5_K_S", "Q5_1", "Q5_K", "Q5_K_M", "Q5_K_L", "Q5_K_XL", "Q6_K", "Q6_K_L", "Q6_K_XL"),
    *("Q8_0", "Q8_K_XL", "BF16", "F16", "F32"),
)
_RANKS = {label: rank for rank, label in enumerate(_BY_QUALITY)}

BALANCED = range(_RANKS["IQ4_XS"], _RANKS["Q4_K_XL"] + 1)
"""The ranks around Q4_K_M, where quality for the size is best."""
BALANCE = _RANKS["Q4_K_M"]
NEARLY_LOSSLESS = _RANKS["Q8_K_XL"]
"""Above this the size doubles and nobody sees a difference."""


class RepositoryFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file on the hub and what its bytes must hash to."""

    path: str
    size_bytes: int
    sha256: str = ""
    """Of its content, for files in large file storage: every real model."""
    blob_id: str = ""
    """git's own hash of the content, for small files kept in git itself."""

    @property
    def content(self) -> str:
        """Names the content, the same wherever it lies."""
        return self.sha256 or f"git-{self.blob_id}"


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One model in one quantisation: a file, or the parts of a split one in order."""

    quantization: str
    """Empty when the name does not tell."""
    files: tuple[RepositoryFile, ...]

    @property
    def size_bytes(self) -> int:
        """Of all parts."""
        return sum(file.size_bytes for file in self.files)

    @property
    def split(self) -> bool:
        """Whether it comes in parts."""
        return len(self.files) > 1

    @property
    def rank(self) -> int:
        """Its place in the order of quality; -1 for a quantisation we do not know."""
        return _RANKS.get(self.quantization.removeprefix("UD-"), -1)

    @property
    def shown(self) -> str:
        """What to call it when people choose."""
        return self.quantization or PurePosixPath(self.files[0].path).name


def quantization_of(path: str) -> str:
    """The quantisation a file name tells, in capitals; empty if it tells none."""
    labels = _LABEL.findall(split_name(path)[0])
    label = labels[-1].upper() if labels else ""
    return _SAME_LABELS.get(label, label)


def is_companion(path: str) -> bool:
    """Whether a GGUF is no model by itself: the vision part of one, an importance matrix, an adapter."""
    return bool(_COMPANION.search(PurePosixPath(path).name))


def variants(files: Iterable[RepositoryFile], *, companions: bool = False) -> list[Variant]:
    """What can be had from these files, smallest first. Split models of which a part is missing are left out."""
    groups: dict[tuple[str, int], dict[int, RepositoryFile]] = {}
    for file in files:
        if not file.path.lower().endswith(_SUFFIX) or (is_companion(file.path) and not companions):
            continue
        stem, number, count = split_name(file.path)
        groups.setdefault((stem, count), {})[number] = file
    found = [
        Variant(quantization=quantization_of(stem + _SUFFIX), files=tuple(parts[number] for number in sorted(parts)))
        for (stem, count), parts in groups.items()
        if sorted(parts) == list(range(1, count + 1))
    ]
    return sorted(found, key=lambda variant: (variant.size_bytes, variant.files[0].path))


def split_name(path: str) -> tuple[str, int, int]:
    """The name without its end, which part it is, and of how many."""
    stem = path[: -len(_SUFFIX)] if path.lower().endswith(_SUFFIX) else path
    shard = _SHARD.fullmatch(stem)
    return (shard[1], int(shard[2]), int(shard[3])) if shard else (stem, 1, 1)
