"""Installing a model in a thread, from a file or from the hub, with its progress as a stream that can be closed."""

import asyncio
from collections.abc import AsyncGenerator, Callable

import anyio
import msgspec

from crofter.api import ModelSummary, PullOffer, PullProgress
from crofter.core import CrofterError, ErrorCode
from crofter.models import Offer

REPORT_SECONDS = 0.1


class Report:
    """What the work tells: plain attributes, each written by one side only. Any call raises CANCELLED once nobody waits any more."""

    def __init__(self) -> None:
        self.cancelled = False
        self.now = PullProgress(status="copying")
        self.offer: PullOffer | None = None

    def __call__(self, done_bytes: int, total_bytes: int) -> None:
        """So far in this stage."""
        self._go_on()
        self.now = PullProgress(status=self.now.status, done_bytes=done_bytes, total_bytes=total_bytes)

    def stage(self, name: str) -> None:
        """What comes now."""
        self._go_on()
        self.now = msgspec.convert({"status": name}, PullProgress)

    def offered(self, offer: Offer) -> None:
        """What was chosen."""
        self.offer = msgspec.convert(offer, PullOffer, from_attributes=True)

    def _go_on(self) -> None:
        if self.cancelled:
            raise CrofterError(ErrorCode.CANCELLED, "the installation was cancelled.")


Add = Callable[[Report], ModelSummary]
"""Installs the model and reports; an exception from the report stops it and cleans up."""


async def pulled(add: Add) -> AsyncGenerator[PullProgress]:
    """Run `add` and report. Closing the generator stops the work and waits until nothing half done is left."""
    report = Report()
    yield PullProgress(status="checking")
    work = asyncio.get_running_loop().run_in_executor(None, add, report)
    offer_shown = False
    try:
        while not (await asyncio.wait({work}, timeout=REPORT_SECONDS))[0]:
            step = report.now
            if report.offer is not None and not offer_shown:
                step, offer_shown = msgspec.structs.replace(step, offer=report.offer), True
            yield step
        if report.offer is not None and not offer_shown:
            yield msgspec.structs.replace(report.now, offer=report.offer)
        model = work.result()
    finally:
        report.cancelled = True
        with anyio.CancelScope(shield=True):
            await asyncio.wait({work})
        # Looked at, so that the loop does not report what nobody waits for any more.
        work.exception()
    yield PullProgress(status="done", done_bytes=model.size_bytes, total_bytes=model.size_bytes, model=model)
