"""Installing a model in a thread, with its progress as a stream that can be closed."""

import asyncio
from collections.abc import AsyncGenerator, Callable

import anyio

from crofter.api import ModelSummary, PullProgress
from crofter.core import CrofterError, ErrorCode

REPORT_SECONDS = 0.1

Add = Callable[[Callable[[int, int], None]], ModelSummary]
"""Installs the model, calling back with (done, total) bytes; an exception from the callback stops it and cleans up."""


async def pulled(add: Add) -> AsyncGenerator[PullProgress]:
    """Run `add` and report. Closing the generator stops the work and waits until nothing half done is left."""
    state = _State()
    yield PullProgress(status="checking")
    work = asyncio.get_running_loop().run_in_executor(None, add, state.report)
    try:
        while not (await asyncio.wait({work}, timeout=REPORT_SECONDS))[0]:
            yield PullProgress(status="copying", done_bytes=state.done_bytes, total_bytes=state.total_bytes)
        model = work.result()
    finally:
        state.cancelled = True
        with anyio.CancelScope(shield=True):
            await asyncio.wait({work})
        # Looked at, so that the loop does not report what nobody waits for any more.
        work.exception()
    yield PullProgress(status="done", done_bytes=model.size_bytes, total_bytes=model.size_bytes, model=model)


class _State:
    """Shared with the thread: plain attributes, each written by one side only."""

    def __init__(self) -> None:
        self.cancelled = False
        self.done_bytes = 0
        self.total_bytes = 0

    def report(self, done_bytes: int, total_bytes: int) -> None:
        if self.cancelled:
            raise CrofterError(ErrorCode.CANCELLED, "the installation was cancelled.")
        self.done_bytes, self.total_bytes = done_bytes, total_bytes
