"""The two threads of a stage's worker: one takes rows in and looks at them, the other computes and writes what comes out."""

import os
import queue
import threading
import time
import traceback
from collections.abc import Callable
from typing import BinaryIO

from crofter.core import CrofterError, ErrorCode
from crofter.engine.messages import Compute, Export, Forget, SlicePlan, TakeIn
from crofter.engine.wire import (
    Cancel,
    Failed,
    FromWorker,
    Loaded,
    LoadPlan,
    ToWorker,
    frame,
    to_worker_decoder,
)

from .library import Model, start_library
from .stage import Stage
from .stage_session import Step, step_of

_OCCUPANCY_SECONDS = 0.25
_SIGN_OF_LIFE_SECONDS = 2.0

_Inbox = tuple[int, Step] | Forget | Export | TakeIn | Cancel | Failed


class StageLoop:
    """One loaded slice and all that is asked of it."""

    def __init__(
        self,
        load: LoadPlan,
        part: SlicePlan,
        stream: BinaryIO,
        output: BinaryIO,
        read_frame: Callable[[BinaryIO], bytes | None],
    ) -> None:
        """Loads the slice. Raises CrofterError if that fails."""
        started = time.monotonic()
        self._inbox: queue.SimpleQueue[_Inbox] = queue.SimpleQueue()
        self._stream = stream
        self._output = output
        self._read_frame = read_frame
        start_library()
        model = Model(load)
        self._stage = Stage(model, load, part)
        self._last_sent = 0.0
        self._send(
            Loaded(
                context_tokens=load.context_tokens,
                kv_tokens=load.kv_tokens,
                vocabulary_size=model.vocabulary_size,
                gpu_layers=model.gpu_layers,
                threads=load.threads,
                load_seconds=time.monotonic() - started,
            )
        )

    def run(self) -> None:
        """Serve until the process ends."""
        threading.Thread(target=self._take_in, name="intake", daemon=True).start()
        while True:
            self._drain_inbox()
            if self._stage.busy:
                self._stage.step()
            self._send(*self._stage.take_outbox())
            self._report()

    # The computing thread.

    def _drain_inbox(self) -> None:
        try:
            busy = self._stage.busy
            self._handle(self._inbox.get_nowait() if busy else self._inbox.get(timeout=_SIGN_OF_LIFE_SECONDS))
            while True:
                self._handle(self._inbox.get_nowait())
        except queue.Empty:
            return

    def _handle(self, item: _Inbox) -> None:
        match item:
            case (session, step):
                self._stage.submit(session, step)
            case Cancel():
                self._stage.cancel(item.call)
            case Failed():
                self._send(item)
            case _:
                self._stage.manage(item)

    def _report(self) -> None:
        now = time.monotonic()
        if now - self._last_sent >= _OCCUPANCY_SECONDS:
            self._last_sent = now
            self._send(self._stage.occupancy())

    def _send(self, *messages: FromWorker) -> None:
        if messages:
            data = b"".join(map(frame, messages))
            while data:
                data = data[self._output.write(data) :]

    # The intake thread.

    def _take_in(self) -> None:
        while (payload := self._read_frame(self._stream)) is not None:
            message = to_worker_decoder.decode(payload)
            try:
                self._inbox.put(self._taken(message))
            except Exception as error:  # noqa: BLE001 - one surprise must not leave all later requests without an answer
                if not isinstance(error, CrofterError):
                    traceback.print_exception(error)
                    error = CrofterError(ErrorCode.INTERNAL, f"the rows could not be taken in: {error!r}")
                self._inbox.put(Failed(call=message.call, error=error.report()))
        # The node is gone: there is nobody to compute for. Exit even in the middle of a decode.
        os._exit(0)

    def _taken(self, message: ToWorker) -> _Inbox:
        match message:
            case Compute():
                return message.session, step_of(message, self._stage.width, self._stage.sections)
            case Forget() | Export() | TakeIn() | Cancel():
                return message
            case _:
                raise CrofterError(ErrorCode.UNSUPPORTED, "this is a part of a model: it only computes rows")
