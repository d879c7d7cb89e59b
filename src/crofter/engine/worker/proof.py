"""Compares parts of a model with the whole: `python -m crofter.engine.worker.proof`, a ProofJob in, a line of JSON for each cut out."""

import os
import sys
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from crofter.core import CrofterError, ErrorCode
from crofter.engine.proof import CutProof, ProofJob, Rollback, job_decoder
from crofter.engine.values import MissingRowsError

from .library import start_library
from .proof_route import ROUNDING_SIGMAS, Cut, Values, Whole

_SEED = 24
_WRONG_ROWS = 3
_SESSION, _HEIR = 0, 1


def _right(whole: Whole, job: ProofJob) -> tuple[list[int], list[Values]]:
    """A random prompt with the most likely tokens after it; and the logits of the prompt and of each of those."""
    tokens = np.random.default_rng(_SEED).integers(0, whole.vocabulary_size, job.prompt_rows).tolist()
    logits = [whole.logits(tokens)]
    for _ in range(job.decode_rows + 1):
        tokens.append(int(logits[-1].argmax()))
        logits.append(whole.logits(tokens[-1:]))
    return tokens, logits


def _compare(cut: Cut, tokens: Sequence[int], right: Sequence[Values], job: ProofJob) -> CutProof:
    """One more token than is compared is for what comes after going back and after a hand-over."""
    given = [cut.logits(_SESSION, tokens[: job.prompt_rows], 0)]
    given += [cut.logits(_SESSION, [tokens[at]], at) for at in range(job.prompt_rows, len(tokens) - 1)]
    sigma = float(np.stack(right).std())
    largest = float(np.abs(np.stack(given) - np.stack(right[:-1])).max())
    if not np.isfinite(largest):
        raise CrofterError(ErrorCode.WORKER_FAILED, "the parts give no numbers")
    allowed = ROUNDING_SIGMAS * sigma if largest else 0.0
    end = len(tokens) - 1

    def same(session: int) -> bool:
        return bool(np.abs(cut.logits(session, tokens[end:], end) - right[-1]).max() <= allowed)

    def goes_back() -> bool:
        cut.logits(_SESSION, [(token + 1) % len(right[0]) for token in tokens[:_WRONG_ROWS]], end)
        return same(_SESSION)

    rollback: Rollback = "checkpoint" if cut.recurrent else "truncation"
    return CutProof(
        largest=largest,
        sigmas=largest / sigma,
        exports=_holds(lambda: cut.hand_over(_SESSION, _HEIR) and same(_HEIR)),
        rollback=rollback if _holds(goes_back) else "none",
        mixed=_holds(lambda: cut.mixed(tokens)),
    )


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except MissingRowsError:
        return False


def main() -> None:
    """Do the job; the process dies where llama.cpp does not expect what it gets."""
    output = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # Whatever prints must not end up between the lines.
    job = job_decoder.decode(sys.stdin.buffer.read())
    start_library()
    tokens, right = _right(Whole(job.whole), job)
    for files in job.cuts:
        try:
            if not np.isfinite(np.stack(right)).all():
                raise CrofterError(ErrorCode.MODEL_INVALID, "the whole model gives no numbers")
            proof = _compare(Cut(files, job.ends), tokens, right, job)
        except CrofterError as error:
            proof = CutProof(error=str(error))
        output.write(msgspec.json.encode(proof) + b"\n")


if __name__ == "__main__":
    main()
