"""The worker process: `python -m crofter.engine.worker`, started by the node, spoken to over standard input and output."""

import os
import sys
import traceback
from typing import BinaryIO

from crofter.core import CrofterError, ErrorCode
from crofter.engine.wire import LENGTH_BYTES, MAXIMUM_FRAME_BYTES, Failed, frame, plan_decoder

from .loop import WorkerLoop
from .stage_loop import StageLoop

# Seconds a thread may hold the interpreter while another wants it: the intake thread must not delay a decode step.
_SWITCH_INTERVAL_SECONDS = 0.0005

_GIVING_WAY = 10
"""Of 19; see nice(2)."""


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next frame's payload; None at the end of the stream or for a frame that cannot be."""
    head = stream.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        return None
    length = int.from_bytes(head, "big")
    if length > MAXIMUM_FRAME_BYTES:
        return None
    payload = stream.read(length)
    return payload if len(payload) == length else None


def main() -> None:
    """Load the model named in the first frame, then serve until standard input closes."""
    sys.setswitchinterval(_SWITCH_INTERVAL_SECONDS)
    # Whatever prints to standard output must not end up between the frames.
    output = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    first = read_frame(sys.stdin.buffer)
    if first is None:
        return
    try:
        load = plan_decoder.decode(first)
        if load.gives_way and hasattr(os, "nice"):
            os.nice(_GIVING_WAY)
        if load.slice is not None and load.slice.embeddings is None:
            loop = StageLoop(load, load.slice, sys.stdin.buffer, output, read_frame)
        else:
            loop = WorkerLoop(load, sys.stdin.buffer, output, read_frame)
    except Exception as error:  # noqa: BLE001  # The node must hear why, whatever it was.
        traceback.print_exc()
        if not isinstance(error, CrofterError):
            error = CrofterError(ErrorCode.MODEL_LOAD_FAILED, f"{type(error).__name__}: {error}")
        output.write(frame(Failed(call=0, error=error.report())))
        sys.exit(1)
    loop.run()


main()
