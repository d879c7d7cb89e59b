"""What may be a model on this machine, as far as names tell; and what it turns out to be."""

from pathlib import Path
from typing import Literal

import msgspec

from crofter.core import CrofterError, ErrorCode
from crofter.models.facts.model_facts import facts_of
from crofter.models.gguf.header import Header
from crofter.models.gguf.parts import read_model
from crofter.models.names import derived_name

from .listing import printable, unreadable

Program = Literal["ollama", "lm-studio", "hugging-face", "file"]

_MAXIMUM_REMARKS = 20
_REMARK_CHARACTERS = 600


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """Files that may be a model. Nothing of them has been read."""

    name: str
    """How to call it; empty where only the file itself can tell."""
    program: Program
    parts: tuple[Path, ...]
    """All files of a split model in order, or the one file."""
    projector: Path | None = None


class FoundModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that Crofter could use, told by its header."""

    name: str
    program: Program
    parts: tuple[Path, ...]
    projector: Path | None
    size_bytes: int
    """Of all parts; the projector comes on top."""
    own_name: str
    """What the file calls itself; may be empty."""
    architecture: str
    quantization: str
    parameter_count: int


class Findings:
    """Candidates, and what was left out. Whatever is in here can be printed."""

    def __init__(self) -> None:
        self.candidates: list[Candidate] = []
        self.remarks: list[str] = []
        self._unsaid = 0

    def remark(self, text: str) -> None:
        """Something was left out, said in a sentence. After many, only how many more."""
        text = printable(text, _REMARK_CHARACTERS)
        if text in self.remarks:
            return
        if len(self.remarks) < _MAXIMUM_REMARKS:
            self.remarks.append(text)
            return
        self._unsaid += 1
        self.remarks[_MAXIMUM_REMARKS:] = [f"{self._unsaid} more were left out."]

    def add(self, candidate: Candidate) -> None:
        """Take it in, unless its path could not be printed or is there already under this name."""
        if not all(str(part).isprintable() for part in candidate.parts):
            self.remark(f"{candidate.parts[0]} was left out: its name has control characters.")
        elif candidate not in self.candidates:
            self.candidates.append(candidate)


def look(candidate: Candidate) -> FoundModel:
    """What the headers say. Raises MODEL_INVALID for what is no whole model, MODEL_NOT_FOUND for what cannot be read."""
    header = _header(candidate.parts)
    facts = facts_of(header)
    projector = candidate.projector
    if projector is not None and _header((projector,)).text("general.architecture") != "clip":
        raise CrofterError(ErrorCode.MODEL_INVALID, f"{projector.name} is not the vision part that it should be.")
    return FoundModel(
        name=candidate.name or derived_name(facts.name, candidate.parts[0]),
        program=candidate.program,
        parts=candidate.parts,
        projector=projector,
        size_bytes=header.size_bytes,
        own_name=facts.name,
        architecture=facts.architecture,
        quantization=facts.quantization,
        parameter_count=facts.parameter_count,
    )


def _header(parts: tuple[Path, ...]) -> Header:
    try:
        return read_model(parts)
    except CrofterError as error:
        cause = error.__cause__
        if isinstance(cause, PermissionError):
            raise CrofterError(error.code, unreadable(Path(cause.filename or parts[0]), cause)) from error
        raise
