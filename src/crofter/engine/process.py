"""One worker process, as the node sees it: started, spoken to, watched, stopped."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from crofter.core import Chunk, CrofterError, ErrorCode, GenerationRequest

from .calls import Call, Calls
from .messages import Compute, Export, Forget, Returned, TakeIn
from .route import Carrier, RoutePort
from .wire import (
    LENGTH_BYTES,
    MAXIMUM_FRAME_BYTES,
    Cancel,
    Embed,
    Failed,
    FromWorker,
    Generate,
    Loaded,
    LoadPlan,
    Measure,
    Occupancy,
    Rerank,
    Tokenize,
    ToWorker,
    frame,
    from_worker_decoder,
)

Question = Embed | Rerank | Tokenize | Measure | Compute | Forget | Export | TakeIn
"""What has one reply."""
T = TypeVar("T")

_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has only the latter, which there means the former.
_STOP_SECONDS = 5.0
_READ_AHEAD_BYTES = 1 << 20
"""Rows of a long chunk are megabytes."""
_NONSENSE = CrofterError(ErrorCode.INTERNAL, "the worker answered another question")
_IDLE = Occupancy(active_requests=0, queued_requests=0, kv_tokens_used=0, cached_prefixes=0, cached_prefix_bytes=0)


class WorkerProcess:
    """A running worker. `run` must be running in a task for anything else to answer."""

    def __init__(self, process: asyncio.subprocess.Process, loaded: Loaded) -> None:
        self._input, self._output = _pipes(process)
        self.loaded = loaded
        self.process_id = process.pid
        self.occupancy = _IDLE
        self.stopping = False
        self.alive = True
        self._process = process
        self._calls = Calls()

    @classmethod
    async def start(cls, plan: LoadPlan, log_path: Path, timeout_seconds: float) -> "WorkerProcess":
        """Start a worker and wait until the model is loaded. Raises CrofterError; no process is left then."""
        environment = worker_environment()
        with open_log(log_path) as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "crofter.engine.worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=_READ_AHEAD_BYTES,
                env=environment,
                start_new_session=True,  # The terminal's Ctrl-C is the node's to handle.
            )
        try:
            async with asyncio.timeout(timeout_seconds):
                first = await _first_message(process, plan)
        except TimeoutError:
            await _kill(process)
            raise CrofterError(
                ErrorCode.MODEL_LOAD_FAILED, f"the model did not load in {timeout_seconds:.0f} s"
            ) from None
        except BaseException:
            await _kill(process)
            raise
        if isinstance(first, Loaded):
            return cls(process, first)
        await _kill(process)
        if isinstance(first, Failed):
            raise CrofterError.from_report(
                msgspec.structs.replace(first.error, message=f"{first.error.message}; see {log_path}")
            )
        raise CrofterError(ErrorCode.MODEL_LOAD_FAILED, f"the worker died while loading the model; see {log_path}")

    async def run(self) -> None:
        """Dispatch what the worker says until it ends. All outstanding requests then fail with WORKER_DIED."""
        try:
            while (message := await _read(self._output)) is not None:
                if isinstance(message, Occupancy):
                    self.occupancy = message
                self._calls.deliver(message)
        finally:
            self.alive = False
            await _kill(self._process)
            self._calls.fail_all(
                CrofterError(ErrorCode.SHUTTING_DOWN, "the model was unloaded", retry_after_seconds=1.0)
                if self.stopping
                else _died()
            )

    async def stop(self) -> None:
        """End the worker: politely, then not."""
        self.stopping = True
        self._input.close()
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        except TimeoutError:
            await _kill(self._process)

    def hangs(self) -> bool:
        """Whether it should have answered long ago."""
        return self._calls.overdue()

    def kill(self) -> None:
        """End the worker at once; `run` does the rest."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process_id, _KILL)

    async def generate(
        self, request: GenerationRequest, timeout_seconds: float, route: RoutePort | None = None
    ) -> AsyncGenerator[Chunk]:
        """Stream a request's chunks, over a route if the model is but the ends; closing the generator cancels it.

        Raises CrofterError.
        """
        with self._opened(timeout_seconds) as call:
            if route is not None:
                call.carrier = Carrier(call.number, route, self._return, call.put)
            try:
                await self._send(Generate(call=call.number, request=request))
                while not call.finished:
                    reply = await call.reply()
                    if not isinstance(reply, Chunk):
                        raise _NONSENSE
                    call.finished = reply.usage is not None
                    yield reply
            finally:
                if call.carrier is not None:
                    call.carrier.close()
                self._cancel_unfinished(call)

    async def ask(self, message: Question, reply_type: type[T], timeout_seconds: float) -> T:
        """The reply to a message that has one. Raises CrofterError."""
        with self._opened(timeout_seconds) as call:
            # Only texts can hold up the intake.
            call.accepted = not isinstance(message, Embed | Rerank | Tokenize)
            try:
                await self._send(msgspec.structs.replace(message, call=call.number))
                reply = await call.reply()
                if not isinstance(reply, reply_type):
                    raise _NONSENSE
                call.finished = True
                return reply
            finally:
                self._cancel_unfinished(call)

    def _opened(self, timeout_seconds: float) -> Call:
        if not self.alive:
            raise _died()
        return self._calls.open(timeout_seconds)

    def _cancel_unfinished(self, call: Call) -> None:
        if self.alive and not self.stopping and not call.finished:
            self._input.write(frame(Cancel(call=call.number)))

    def _return(self, message: Returned) -> None:
        # Not waiting for the pipe to drain: a worker has no more of these under way than it asked for.
        if self.alive and not self.stopping:
            self._input.write(frame(message))

    async def _send(self, message: ToWorker) -> None:
        try:
            self._input.write(frame(message))
            await self._input.drain()
        except (ConnectionError, RuntimeError):
            raise _died() from None
        except ValueError as error:
            raise CrofterError(ErrorCode.REQUEST_TOO_LARGE, str(error)) from error


def _died() -> CrofterError:
    return CrofterError(
        ErrorCode.WORKER_DIED,
        "the model's worker died; it is being restarted, please retry",
        retry_after_seconds=1.0,
    )


def worker_environment() -> dict[str, str]:
    """The node's environment without its settings and secrets, and with what makes llama.cpp fast and quiet."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CROFTER_")}
    # llama.cpp would start a debugger to print a backtrace when it aborts.
    environment["GGML_NO_BACKTRACE"] = "1"
    # llama.cpp's threads wait for each other some thousand times a token. On a busy machine, waiting awake for milliseconds
    # (GNU OpenMP's default) takes the processor from the very thread that is waited for: see docs/decisions/0004.
    environment.setdefault("GOMP_SPINCOUNT", "1000")
    # Each token reads all weights once: huge pages spare the processor most of its address translation (docs/decisions/0005).
    environment.setdefault("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")
    return environment


def open_log(path: Path) -> BinaryIO:
    """An empty log for a process; the one before it is kept beside it."""
    if path.exists():
        # The last words of the worker before this one may tell why it died.
        path.replace(path.with_suffix(".previous.log"))
    return path.open("wb")


async def _first_message(process: asyncio.subprocess.Process, plan: LoadPlan) -> FromWorker | None:
    to_worker, from_worker = _pipes(process)
    with contextlib.suppress(ConnectionError):  # It died already: reading tells.
        to_worker.write(frame(plan))
        await to_worker.drain()
    return await _read(from_worker)


def _pipes(process: asyncio.subprocess.Process) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
    if process.stdin is None or process.stdout is None:
        raise ValueError("the worker was started without pipes")
    return process.stdin, process.stdout


async def _read(stream: asyncio.StreamReader) -> FromWorker | None:
    """The worker's next message; None when it ended or speaks nonsense."""
    try:
        length = int.from_bytes(await stream.readexactly(LENGTH_BYTES), "big")
        if length > MAXIMUM_FRAME_BYTES:
            return None
        return from_worker_decoder.decode(await stream.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError, ValueError):
        return None


async def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        # Not process.kill(): it polls first, and may so take the exit status away from asyncio's watcher.
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, _KILL)
    await process.wait()
