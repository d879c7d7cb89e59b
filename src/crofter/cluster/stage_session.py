"""One session at one stage: rows come from one node, are computed, and go on to the next."""

import math
from contextlib import AbstractAsyncContextManager

import anyio

from crofter.core import CrofterError, ErrorCode, NodeId, SliceFile

from .faults import fault_frame, fault_of
from .hosting import Stage
from .links import FrameChannel, Links
from .messages import Attach, Fault, Open, Place
from .outgoing import Outgoing
from .plan import Agreed, Progress, StageLimits, computed, judged, skipped
from .wire import Frame, FrameError, frame_bytes, frame_rows, read_frame, row_payload

_FORGETTING_SECONDS = 10.0


class StageSession:
    """Lives in `run`; `take` is the channel of the hop before. Whatever ends it is told to that one, and frees everything."""

    def __init__(self, opening: Open, opener: NodeId, number: int, slice_file: SliceFile, limits: StageLimits) -> None:
        self.opening = opening
        self.opener = opener
        self.ready = anyio.Event()
        """Rows may come, or it has ended before that."""
        self.refusal: CrofterError | None = None
        """Why the stage could not be had."""
        self.gone = anyio.Event()
        self.attached = False
        self.lease_seconds = min(opening.lease_seconds, limits.lease_seconds)
        self.lease_until = anyio.current_time() + self.lease_seconds
        self._number = number
        self._slice = slice_file
        self._width = slice_file.shape.embedding_length
        self._agreed = Agreed(most_rows=opening.most_rows, context_tokens=opening.context_tokens, last=opening.last)
        self._outgoing = Outgoing(limits.journal_bytes, limits.queued_frames)
        self._progress = Progress()
        self._asked_for = -1
        self._stage: Stage | None = None
        self._begun = anyio.Event()
        self._over = anyio.Event()
        self._fault: Fault | None = None
        self._work: anyio.CancelScope | None = None
        self._computing = False
        self._worth_until = math.inf
        """Until when the result of the step that is computed is of use."""

    async def run(self, host: AbstractAsyncContextManager[Stage], links: Links) -> None:
        """Hold the session until it ends. Raises nothing."""
        try:
            async with host as self._stage:
                try:
                    with links.receiving(self.opening.place, self.take):
                        await self._hold(links)
                finally:
                    with anyio.move_on_after(_FORGETTING_SECONDS, shield=True):
                        await self._stage.forget(self._number)
        except CrofterError as error:
            self.refusal = error
        finally:
            self.end(None)
            self._outgoing.close()
            self.ready.set()
            self.gone.set()

    def end(self, fault: Fault | None) -> None:
        """It is over, because of that; the first reason counts."""
        if not self._over.is_set():
            self._fault = fault
            self._over.set()
            if self._work is not None:
                self._work.cancel()

    def expire(self, now: float) -> None:
        """End it if nobody has shown for so long that he wants it, or its step is not worth waiting for any more."""
        if self._computing and now >= self._worth_until:
            self.end(
                self._fault_of(CrofterError(ErrorCode.TIMED_OUT, "the step took longer than it is worth waiting for"))
            )
        if now >= self.lease_until and not self._computing:
            message = f"nothing came for {self.lease_seconds:g} s, and its time at this stage is over"
            self.end(self._fault_of(CrofterError(ErrorCode.TIMED_OUT, message)))

    async def take(self, caller: NodeId, attach: Attach, channel: FrameChannel) -> None:
        """The frames of the hop before, until the session ends. Raises what that hop did wrong."""
        if caller != self.opening.previous or attach.epoch != self.opening.epoch:
            raise CrofterError(
                ErrorCode.PEER_REFUSED, "the rows of this session come from another node, or another route"
            )
        if self.attached:
            raise CrofterError(ErrorCode.CONFLICT, "the hop before is attached already")
        self.attached = True
        self._begun.set()
        try:
            while not self._over.is_set():
                answer: Frame | None = None
                with anyio.CancelScope() as self._work:
                    while answer is None and not self._over.is_set():
                        answer = await self._step(channel)
                if answer is not None:
                    await channel.send(frame_bytes(answer))
        except CrofterError as error:
            self.end(self._fault_of(error))
            raise
        finally:
            self.end(None)
        if self._fault is not None:
            await channel.send(frame_bytes(fault_frame(self._session_id, self.opening.epoch, self._fault)))

    async def _hold(self, links: Links) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._send_on, links, name="to the next hop")
            self.ready.set()
            await self._over.wait()
            tasks.cancel_scope.cancel()

    async def _send_on(self, links: Links) -> None:
        await self._begun.wait()
        opening = self.opening
        place = Place(session_id=opening.place.session_id, hop=opening.place.hop + 1)
        try:
            async with links.channel(opening.next, Attach(place=place, epoch=opening.epoch)) as channel:
                self.end(await self._outgoing.run(channel))
        except CrofterError as error:
            self.end(self._fault_of(error))

    async def _step(self, channel: FrameChannel) -> Frame | None:
        """One frame of the hop before, and what to answer it at once."""
        data = await channel.receive()
        if data is None:
            self.end(None)
            return None
        frame = read_frame(data)
        if frame.session_id != self._session_id or frame.epoch > self.opening.epoch:
            raise FrameError("header", "a frame of another session, or of an epoch that was not opened")
        if frame.epoch < self.opening.epoch:
            return None
        now = anyio.current_time()
        self.lease_until = now + self.lease_seconds
        if frame.kind == "rows":
            # No scope for the time of each step: whoever looks after the leases looks at it too.
            self._worth_until = now + (frame.deadline_milliseconds / 1e3 or math.inf)
            return await self._rows(frame)
        if frame.kind != "renew":
            raise FrameError("header", f"a `{frame.kind}` came from the hop before")
        if not self.opening.last:
            await self._outgoing.put(frame)
        return None

    async def _rows(self, frame: Frame) -> Frame | None:
        match judged(self._progress, frame, self._agreed):
            case "compute":
                await self._compute(frame)
            case "skip":
                self._progress = skipped(self._progress, frame)
                await self._outgoing.put(self._result(frame, 0, b""))
            case "repeat":
                try:
                    await self._outgoing.repeat(frame.step)
                except CrofterError as error:
                    self.end(self._fault_of(error))
            case "need":
                return self._need()
        return None

    def _need(self) -> Frame | None:
        step = self._progress.next_step
        if self._asked_for == step:
            return None
        self._asked_for = step
        return Frame(
            kind="need",
            session_id=self._session_id,
            epoch=self.opening.epoch,
            step=step,
            position=self._progress.held,
        )

    async def _compute(self, frame: Frame) -> None:
        if frame.codec != self.opening.codec:
            raise FrameError("header", f"rows in {frame.codec}, where {self.opening.codec} was agreed")
        rows = frame_rows(frame, self._width)
        assert self._stage is not None  # noqa: S101 - attached only while it is held
        self._computing = True
        try:
            values = await self._stage.compute(self._number, rows)
            result = self._made(frame, values, rows.positions)
        except CrofterError as error:
            self.end(self._fault_of(error))
        else:
            self._progress = computed(frame)
            await self._outgoing.put(result)
        finally:
            self._computing = False

    def _made(self, frame: Frame, values: bytes, positions: bytes) -> Frame:
        """The frame with the result of that one. Raises WORKER_FAILED."""
        final = self._slice.stop == self._slice.source_layer_count
        count = frame.wanted if final else frame.count
        if len(values) != count * self._width * 4:
            raise CrofterError(ErrorCode.WORKER_FAILED, f"the stage gave {len(values)} bytes for {count} rows")
        if self.opening.last:
            return self._result(frame, count, row_payload(values, self.opening.codec))
        return Frame(
            kind="rows",
            session_id=self._session_id,
            epoch=self.opening.epoch,
            step=frame.step,
            position=frame.position,
            count=frame.count,
            wanted=frame.wanted,
            deadline_milliseconds=self._left_milliseconds if frame.deadline_milliseconds else 0,
            codec=self.opening.codec,
            discard=frame.discard,
            mutual=frame.mutual,
            sections=frame.sections,
            payload=row_payload(values, self.opening.codec, positions),
        )

    @property
    def _left_milliseconds(self) -> int:
        return max(1, int((self._worth_until - anyio.current_time()) * 1e3))

    def _result(self, frame: Frame, count: int, payload: bytes) -> Frame:
        return Frame(
            kind="result",
            session_id=self._session_id,
            epoch=self.opening.epoch,
            step=frame.step,
            position=frame.position + frame.count - count,
            count=count,
            codec=self.opening.codec,
            payload=payload,
        )

    def _fault_of(self, error: CrofterError) -> Fault:
        return fault_of(self.opening.place.hop, error)

    @property
    def _session_id(self) -> bytes:
        return self.opening.place.session_id
