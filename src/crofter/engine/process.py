"""One worker process, as the node sees it: started, spoken to, watched, stopped."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import msgspec

from crofter.core import Chunk, CrofterError, ErrorCode, GenerationRequest

from .wire import (
    LENGTH_BYTES,
    MAXIMUM_FRAME_BYTES,
    Accepted,
    Cancel,
    Chunks,
    Embed,
    Embedded,
    Failed,
    FromWorker,
    Generate,
    Loaded,
    LoadPlan,
    Measure,
    Measured,
    Occupancy,
    Tokenize,
    Tokenized,
    ToWorker,
    frame,
    from_worker_decoder,
)

_Reply = Chunk | CrofterError | Embedded | Tokenized | Measured

_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has only the latter, which there means the former.
_STOP_SECONDS = 5.0
_ACCEPT_SECONDS = 60.0
"""A request not even tokenised after this long: its template or text holds the worker up."""
_SILENCE_SECONDS = 180.0
"""No step of any model takes this long: the worker hangs."""
_NONSENSE = CrofterError(ErrorCode.INTERNAL, "the worker answered another question")
_IDLE = Occupancy(active_requests=0, queued_requests=0, kv_tokens_used=0, cached_prefixes=0, cached_prefix_bytes=0)


class _Call:
    """One outstanding request. Its queue is bounded by the request itself: a chunk a token at most."""

    def __init__(self) -> None:
        self.replies: asyncio.Queue[_Reply] = asyncio.Queue()
        self.sent_at = time.monotonic()
        self.accepted = False
        self.finished = False


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
        self._calls: dict[int, _Call] = {}
        self._next_call = 1
        self._last_heard = time.monotonic()

    @classmethod
    async def start(cls, plan: LoadPlan, log_path: Path, timeout_seconds: float) -> "WorkerProcess":
        """Start a worker and wait until the model is loaded. Raises CrofterError; no process is left then."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CROFTER_")}
        # llama.cpp would start a debugger to print a backtrace when it aborts.
        environment["GGML_NO_BACKTRACE"] = "1"
        with log_path.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "crofter.engine.worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
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
                self._last_heard = time.monotonic()
                self._dispatch(message)
        finally:
            self.alive = False
            await _kill(self._process)
            error = CrofterError(
                ErrorCode.SHUTTING_DOWN if self.stopping else ErrorCode.WORKER_DIED,
                "the model was unloaded"
                if self.stopping
                else "the model's worker died; it is being restarted, please retry",
                retry_after_seconds=1.0,
            )
            for call in self._calls.values():
                call.replies.put_nowait(error)

    async def stop(self) -> None:
        """End the worker: politely, then not."""
        self.stopping = True
        self._input.close()
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        except TimeoutError:
            await _kill(self._process)

    def hangs(self) -> bool:
        """Whether something asked of the worker has gone unanswered for longer than can be."""
        now = time.monotonic()
        if self._calls and now - self._last_heard > _SILENCE_SECONDS:
            return True
        return any(not call.accepted and now - call.sent_at > _ACCEPT_SECONDS for call in self._calls.values())

    def kill(self) -> None:
        """End the worker at once; `run` does the rest."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process_id, _KILL)

    @property
    def outstanding(self) -> int:
        """Requests not finished yet."""
        return len(self._calls)

    async def generate(self, request: GenerationRequest, timeout_seconds: float) -> AsyncGenerator[Chunk]:
        """Stream a request's chunks; closing the generator cancels it. Raises CrofterError."""
        with self._open(timeout_seconds) as (number, call):
            await self._send(Generate(call=number, request=request))
            while True:
                reply = await call.replies.get()
                if isinstance(reply, CrofterError):
                    raise reply
                if not isinstance(reply, Chunk):
                    raise _NONSENSE
                call.finished = reply.usage is not None
                yield reply
                if call.finished:
                    return

    async def embed(self, message: Embed, timeout_seconds: float) -> Embedded:
        """Vectors for the message's inputs. Raises CrofterError."""
        reply = await self._ask(message, timeout_seconds)
        if not isinstance(reply, Embedded):
            raise _NONSENSE
        return reply

    async def tokenize(self, message: Tokenize, timeout_seconds: float) -> Tokenized:
        """Token ids of the message's prompt. Raises CrofterError."""
        reply = await self._ask(message, timeout_seconds)
        if not isinstance(reply, Tokenized):
            raise _NONSENSE
        return reply

    async def measure(self, message: Measure, timeout_seconds: float) -> Measured:
        """Speeds of the idle model. Raises CrofterError."""
        reply = await self._ask(message, timeout_seconds)
        if not isinstance(reply, Measured):
            raise _NONSENSE
        return reply

    async def _ask(self, message: Embed | Tokenize | Measure, timeout_seconds: float) -> _Reply:
        with self._open(timeout_seconds) as (number, call):
            # Measuring and tokenising are not queued behind a template, so there is nothing to accept.
            call.accepted = isinstance(message, Measure)
            await self._send(msgspec.structs.replace(message, call=number))
            reply = await call.replies.get()
            if isinstance(reply, CrofterError):
                raise reply
            call.finished = True
            return reply

    @contextlib.contextmanager
    def _open(self, timeout_seconds: float) -> Generator[tuple[int, _Call]]:
        if not self.alive:
            raise CrofterError(ErrorCode.WORKER_DIED, "the model's worker died; please retry", retry_after_seconds=1.0)
        number, self._next_call = self._next_call, self._next_call + 1
        call = self._calls[number] = _Call()
        late = CrofterError(ErrorCode.TIMED_OUT, f"not finished after {timeout_seconds:.0f} s", retry_after_seconds=1.0)
        # A timer instead of a time-out around each wait: chunks are many, requests few.
        timer = asyncio.get_running_loop().call_later(timeout_seconds, call.replies.put_nowait, late)
        try:
            yield number, call
        finally:
            timer.cancel()
            del self._calls[number]
            if self.alive and not self.stopping and not call.finished:
                self._input.write(frame(Cancel(call=number)))

    async def _send(self, message: ToWorker) -> None:
        try:
            self._input.write(frame(message))
            await self._input.drain()
        except (ConnectionError, RuntimeError):
            raise CrofterError(
                ErrorCode.WORKER_DIED, "the model's worker died; please retry", retry_after_seconds=1.0
            ) from None
        except ValueError as error:
            raise CrofterError(ErrorCode.REQUEST_TOO_LARGE, str(error)) from error

    def _dispatch(self, message: FromWorker) -> None:
        match message:
            case Chunks():
                for number, chunk in message.chunks:
                    if (call := self._calls.get(number)) is not None:
                        call.replies.put_nowait(chunk)
            case Occupancy():
                self.occupancy = message
            case Accepted():
                if (call := self._calls.get(message.call)) is not None:
                    call.accepted = True
            case Failed():
                if (call := self._calls.get(message.call)) is not None:
                    call.replies.put_nowait(CrofterError.from_report(message.error))
            case Embedded() | Tokenized() | Measured():
                if (call := self._calls.get(message.call)) is not None:
                    call.replies.put_nowait(message)
            case Loaded():
                pass


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
