"""Quantises a model file in a process of its own: llama.cpp ends the process where it meets what it did not expect."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from crofter.core import CrofterError, ErrorCode, ModelFile

from .machine import machine_now
from .process import open_log, worker_environment
from .quantization import KINDS, Finished, QuantizeJob, QuantizeWish, Refused, Working, from_quantizer_decoder

_SMALLEST_BUFFER_BYTES = 256 << 20
_BUFFER_SHARE = 4
"""A quarter of what is free: the node goes on answering meanwhile."""

Progress = Callable[[int, int], None]
"""Told (done bytes, total bytes) of the source several times a second; an exception from it ends the work."""


def quantize(model: ModelFile, wish: QuantizeWish, log_path: Path, progress: Progress) -> None:
    """Write `model` as wished to the target. Blocks for minutes; the process is gone when this returns or raises.

    What is at the target then is complete only if this returned. Raises DISK_FULL, before anything is written if there is too
    little room; INVALID_REQUEST for a result larger than the source, and for quantised tensors unless those are wished for;
    WORKER_FAILED; and what `progress` raises.
    """
    machine = machine_now()
    job = QuantizeJob(
        source=str(model.path),
        source_bytes=model.size_bytes,
        target=str(wish.target),
        number=KINDS[wish.kind].number,
        requantize=wish.requantize,
        most_bytes=wish.most_bytes,
        threads=machine.physical_cores,
        buffer_bytes=max(machine.available_bytes // _BUFFER_SHARE, _SMALLEST_BUFFER_BYTES),
    )
    command = [sys.executable, "-P", "-m", "crofter.engine.worker.quantize", msgspec.json.encode(job).decode()]
    with (
        open_log(log_path) as log,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=worker_environment(),
            start_new_session=True,  # The terminal's Ctrl-C is the node's to handle.
        ) as process,
    ):
        try:
            _follow(process, log_path, progress)
        finally:
            process.kill()


def _follow(process: subprocess.Popen[bytes], log_path: Path, progress: Progress) -> None:
    assert process.stdout is not None  # noqa: S101 - asked for above
    for line in process.stdout:
        message = from_quantizer_decoder.decode(line)
        match message:
            case Working():
                progress(message.done_bytes, message.total_bytes)
            case Finished():
                return
            case Refused():
                raise CrofterError.from_report(message.error)
    raise CrofterError(
        ErrorCode.WORKER_FAILED, f"llama.cpp died while it quantised (status {process.wait()}); see {log_path}"
    )
