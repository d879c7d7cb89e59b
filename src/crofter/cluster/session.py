"""One session over a route, at its requester: opened everywhere at once, fed step by step, its results taken from the last stage."""

import secrets
from typing import Protocol

import anyio
import msgspec

from crofter.core import CrofterError, ErrorCode, NodeId, Rows

from .faults import ended_early, fault_error
from .links import FrameChannel, Links
from .messages import Attach, Place
from .outgoing import Outgoing
from .route import Route
from .wire import (
    SESSION_ID_BYTES,
    Frame,
    FrameError,
    read_frame,
    row_payload,
    row_values,
    sections_of,
)

_JOURNAL_BYTES = 16 * 2**20
_TICK_SECONDS = 1.0
_REASON_SECONDS = 1.0


class Results(Protocol):
    """Who is told what comes of a session; never blocks."""

    def returned(self, session: int, step: int, values: bytes) -> None:
        """The result rows of a step, float32: empty if none were wanted. Steps come in order."""
        ...

    def failed(self, session: int, error: CrofterError) -> None:
        """The session is over, and nothing more is said of it."""
        ...


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long a requester waits, and how much it lets pile up."""

    open_seconds: float = 60.0
    """For all stages to make room, loading included."""
    step_seconds: float = 120.0
    """For the result of a step, from when it is sent."""
    lease_seconds: float = 60.0
    steps_in_flight: int = 64


class _Pending(msgspec.Struct, frozen=True):
    count: int
    """Rows that the result must have."""
    until: float


class RouteSession:
    """Lives in `run`. `forward` may be called at once: what is sent before all stages are open waits."""

    def __init__(self, number: int, route: Route, links: Links, results: Results, patience: Patience) -> None:
        self._number = number
        self._route = route
        self._links = links
        self._results = results
        self._patience = patience
        self._session_id = secrets.token_bytes(SESSION_ID_BYTES)
        self._epoch = 1
        self._outgoing = Outgoing(_JOURNAL_BYTES, patience.steps_in_flight)
        self._pending: dict[int, _Pending] = {}
        self._next_step = 0
        self._over = anyio.Event()
        self._failure: CrofterError | None = None
        self._renewed_at = 0.0
        self._lease_seconds = patience.lease_seconds
        self._listening: anyio.CancelScope | None = None

    def forward(self, step: int, rows: Rows, *, discard: bool = False) -> None:
        """Send a step on its way. What is wrong with it ends the session, and `failed` says so."""
        if self._over.is_set():
            return
        try:
            self._forward(step, rows, discard=discard)
        except CrofterError as error:
            self.end(error)

    def end(self, failure: CrofterError | None = None) -> None:
        """It is over: given up if nothing is said, else for that reason."""
        if not self._over.is_set():
            self._failure = failure
            self._over.set()
            if self._listening is not None:
                self._listening.cancel()

    async def run(self) -> None:
        """Hold the session until it ends, then tell who wants to know. What the stages hold is the caller's to close. Raises nothing."""
        try:
            await self._open()
            place = Place(session_id=self._session_id, hop=len(self._route.hops))
            with self._links.receiving(place, self._take):
                await self._hold()
        except CrofterError as error:
            self.end(error)
        finally:
            self._outgoing.close()
            self.end()
        if self._failure is not None:
            self._results.failed(self._number, self._failure)

    def places(self) -> list[tuple[NodeId, Place]]:
        """Every stage, to be closed."""
        return [
            (hop.node_id, Place(session_id=self._session_id, hop=index)) for index, hop in enumerate(self._route.hops)
        ]

    def _forward(self, step: int, rows: Rows, *, discard: bool) -> None:
        if step != self._next_step or not 1 <= rows.count <= self._route.rows_at_once:
            message = f"step {step} with {rows.count} rows, where step {self._next_step} with {self._route.rows_at_once} at most is next"
            raise CrofterError(ErrorCode.INTERNAL, message)
        now = anyio.current_time()
        frame = Frame(
            kind="rows",
            session_id=self._session_id,
            epoch=self._epoch,
            step=step,
            position=rows.position,
            count=rows.count,
            wanted=rows.wanted,
            deadline_milliseconds=int(self._patience.step_seconds * 1e3),
            codec=self._route.codec,
            discard=discard,
            mutual=rows.mutual,
            sections=sections_of(rows),
            payload=row_payload(rows.values, self._route.codec, rows.positions),
        )
        if len(self._pending) >= self._patience.steps_in_flight or not self._outgoing.offer(frame):
            raise CrofterError(ErrorCode.OVERLOADED, "too many steps of this session are under way")
        expected = 0 if discard else rows.wanted if self._route.whole else rows.count
        self._pending[step] = _Pending(expected, now + self._patience.step_seconds)
        self._next_step += 1
        self._renewed_at = now

    async def _open(self) -> None:
        """Ask all stages at once. Raises what the first that refuses says."""
        failure: CrofterError | None = None
        granted = [self._lease_seconds]

        async def ask(index: int) -> None:
            nonlocal failure
            request = self._route.opening(
                index, self._session_id, self._epoch, self._links.node_id, self._patience.lease_seconds
            )
            try:
                opened = await self._links.open(
                    self._route.hops[index].node_id, request, timeout_seconds=self._patience.open_seconds
                )
                granted.append(opened.lease_seconds)
            except CrofterError as error:
                failure = failure or error
                tasks.cancel_scope.cancel()

        async def ask_all() -> None:
            async with anyio.create_task_group() as asking:
                for index in range(len(self._route.hops)):
                    asking.start_soon(ask, index, name="opening a stage")
            tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask_all, name="opening all stages")
            await self._over.wait()
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure
        self._lease_seconds = min(granted)
        self._renewed_at = anyio.current_time()

    async def _hold(self) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._send, name="to the first stage")
            tasks.start_soon(self._tick, name="renewals and deadlines")
            await self._over.wait()
            tasks.cancel_scope.cancel()

    async def _send(self) -> None:
        attach = Attach(place=Place(session_id=self._session_id, hop=0), epoch=self._epoch)
        try:
            async with self._links.channel(self._route.hops[0].node_id, attach) as channel:
                self.end(fault_error(await self._outgoing.run(channel)))
        except CrofterError as error:
            self.end(error)

    async def _tick(self) -> None:
        while True:
            await anyio.sleep(min(_TICK_SECONDS, self._lease_seconds / 4))
            now = anyio.current_time()
            oldest = next(iter(self._pending.values()), None)
            if oldest is not None and now >= oldest.until:
                self.end(CrofterError(ErrorCode.TIMED_OUT, "a stage of the route did not answer in time"))
            if now - self._renewed_at >= self._lease_seconds / 3:
                self._renewed_at = now
                self._outgoing.offer(Frame(kind="renew", session_id=self._session_id, epoch=self._epoch))

    async def _take(self, caller: NodeId, attach: Attach, channel: FrameChannel) -> None:
        """The last stage's results. Raises what it did wrong."""
        if caller != self._route.hops[-1].node_id or attach.epoch != self._epoch or self._listening is not None:
            raise CrofterError(
                ErrorCode.PEER_REFUSED, "the results of this session come from another node, or come already"
            )
        try:
            with anyio.CancelScope() as self._listening:
                while not self._over.is_set():
                    data = await channel.receive()
                    if data is None:
                        raise ended_early("the last stage")
                    self._result(read_frame(data))
        except FrameError as error:
            self.end(error)
            raise
        except CrofterError as error:
            # What broke may have been a stage before it: then the reason comes up the route, a little later.
            with anyio.move_on_after(_REASON_SECONDS):
                await self._over.wait()
            self.end(error)
        finally:
            self.end(ended_early("the last stage"))

    def _result(self, frame: Frame) -> None:
        if frame.kind != "result" or frame.session_id != self._session_id or frame.epoch > self._epoch:
            raise FrameError("header", f"a `{frame.kind}` of this or another session came instead of a result")
        if frame.epoch == self._epoch and frame.step >= self._next_step:
            raise FrameError("header", f"the result of step {frame.step} came, which nobody has asked for")
        pending = self._pending.get(frame.step)
        if frame.epoch < self._epoch or pending is None:
            return  # of an older route, or sent again
        if frame.step != next(iter(self._pending)) or frame.count != pending.count or frame.sections:
            raise FrameError(
                "header", f"{frame.count} rows of step {frame.step} came, where {pending.count} were wanted"
            )
        values = row_values(frame, self._route.width)
        del self._pending[frame.step]
        self._results.returned(self._number, frame.step, values)
