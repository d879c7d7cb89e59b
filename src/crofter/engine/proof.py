"""Asks llama.cpp, in processes of their own, of which tensors a model consists, and whether parts of it give what the whole does."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from crofter.core import CrofterError, ErrorCode, ErrorReport, SliceFile

from .process import worker_environment

TensorShape = tuple[str, tuple[int, ...]]
"""A tensor's name and its shape, the length of a row first."""

Rollback = Literal["truncation", "checkpoint", "none"]

_BLUEPRINT_SECONDS = 60


class Blueprint(msgspec.Struct, frozen=True):
    """The tensors that llama.cpp looks for, or why it does not take the metadata."""

    tensors: tuple[TensorShape, ...] = ()
    error: ErrorReport | None = None


class ProofJob(msgspec.Struct, frozen=True, kw_only=True):
    """A model and ways to cut it. All files are this machine's own."""

    whole: Path
    cuts: tuple[tuple[SliceFile, ...], ...]
    """Each from the first layer to the last."""
    ends: SliceFile
    prompt_rows: int = 24
    decode_rows: int = 8


def _path(kind: type[Path], text: str) -> Path:
    return kind(text)


job_decoder: msgspec.json.Decoder[ProofJob] = msgspec.json.Decoder(ProofJob, dec_hook=_path)


class CutProof(msgspec.Struct, frozen=True, kw_only=True):
    """One way to cut, compared with the whole model."""

    largest: float = 0.0
    """Difference of a logit."""
    sigmas: float = 0.0
    """The same, in standard deviations of the whole model's logits."""
    rollback: Rollback = "none"
    """How wrong rows are taken back so that what follows is as if they had never been."""
    exports: bool = False
    """Whether a state that was exported and taken in by another session continues the same."""
    mixed: bool = False
    """Whether rows of two sessions that wait together get the results that each gets alone."""
    error: str = ""
    """Why there is nothing to compare; empty otherwise."""


def blueprint(metadata: Path) -> tuple[TensorShape, ...]:
    """The tensors of a model whose metadata a GGUF without tensors holds. Blocks. Raises MODEL_LOAD_FAILED."""
    output, died = _answer("blueprint", str(metadata).encode(), _BLUEPRINT_SECONDS)
    if died:
        raise CrofterError(ErrorCode.MODEL_LOAD_FAILED, died)
    found = msgspec.json.decode(output, type=Blueprint)
    if found.error is not None:
        raise CrofterError.from_report(found.error)
    return found.tensors


def prove(job: ProofJob, timeout_seconds: float) -> list[CutProof]:
    """Run the whole model and each cut of it on the same random prompt, an entry for each cut. Blocks.

    Where llama.cpp ends its process, that cut has failed, and another process goes on with the next.
    """
    proofs: list[CutProof] = []
    while len(proofs) < len(job.cuts):
        rest = msgspec.structs.replace(job, cuts=job.cuts[len(proofs) :])
        output, died = _answer("proof", msgspec.json.encode(rest, enc_hook=str), timeout_seconds)
        proofs += [msgspec.json.decode(line, type=CutProof) for line in output.splitlines()]
        if died:
            proofs.append(CutProof(error=died))
    return proofs


def _answer(module: str, job: bytes, timeout_seconds: float) -> tuple[bytes, str]:
    """What the process said, and why it ended early; empty if it did not."""
    command = [sys.executable, "-P", "-m", f"crofter.engine.worker.{module}"]
    environment = worker_environment()
    try:
        done = subprocess.run(
            command, input=job, capture_output=True, timeout=timeout_seconds, env=environment, check=False
        )
    except subprocess.TimeoutExpired as error:
        return error.stdout or b"", f"llama.cpp took more than {timeout_seconds:g} seconds"
    if done.returncode == 0:
        return done.stdout, ""
    return done.stdout, f"llama.cpp ended its process: {_last_words(done.stderr.decode(errors='replace').splitlines())}"


def _last_words(lines: Sequence[str]) -> str:
    telling = [line for line in lines if "GGML_ASSERT" in line or "Error" in line]
    last = (telling or [line for line in lines if line.strip()] or ["it said nothing"])[-1]
    return last.rpartition("llama.cpp/")[2].strip()  # Where it was built is of no interest.
