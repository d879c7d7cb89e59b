"""Whether parts of a model give what the whole does, and of which tensors a model consists: asked of llama.cpp in processes of their own."""

import subprocess
import sys
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
    context_tokens: int = 256


class CutProof(msgspec.Struct, frozen=True, kw_only=True):
    """One way to cut, compared with the whole model."""

    starts: tuple[int, ...]
    """Where its parts begin."""
    largest: float = 0.0
    """Difference of a logit."""
    sigmas: float = 0.0
    """The same, in standard deviations of the whole model's logits."""
    rollback: Rollback = "none"
    """How wrong rows are taken back so that what follows is as if they had never been."""
    exports: bool = False
    """Whether a state that was exported and taken in by another session continues the same."""
    mixed: bool = False
    """Whether rows of two sessions in one batch come back in its order."""
    error: str = ""
    """Why there is nothing to compare; empty otherwise."""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a job, one entry for each cut."""

    cuts: tuple[CutProof, ...] = ()
    error: str = ""


def blueprint(metadata: Path) -> tuple[TensorShape, ...]:
    """The tensors of a model whose metadata a GGUF without tensors holds. Blocks. Raises MODEL_LOAD_FAILED."""
    output = _answer("blueprint", str(metadata), _BLUEPRINT_SECONDS)
    found = msgspec.json.decode(output, type=Blueprint)
    if found.error is not None:
        raise CrofterError.from_report(found.error)
    return found.tensors


def prove(job: ProofJob, timeout_seconds: float) -> Proof:
    """Run the whole model and its parts on the same random prompt. Blocks. Raises MODEL_LOAD_FAILED if the process dies."""
    return msgspec.json.decode(_answer("proof", msgspec.json.encode(job).decode(), timeout_seconds), type=Proof)


def _answer(module: str, argument: str, timeout_seconds: float) -> bytes:
    command = [sys.executable, "-P", "-m", f"crofter.engine.worker.{module}", argument]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=timeout_seconds, env=worker_environment(), stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise CrofterError(ErrorCode.MODEL_LOAD_FAILED, f"llama.cpp took over {timeout_seconds:g} s") from error
    if done.returncode != 0:
        said = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        asserted = [line for line in said if "GGML_ASSERT" in line or "Error" in line]
        words = (asserted or said or ["it said nothing"])[-1]
        raise CrofterError(ErrorCode.MODEL_LOAD_FAILED, f"llama.cpp died (status {done.returncode}): {words}")
    return done.stdout
