"""The stages of this node, as others and itself may use them: who gets in, for how long, and what is freed."""

import logging
from itertools import count

import anyio
from anyio.abc import TaskGroup

from crofter.core import CrofterError, ErrorCode, NodeId, SliceFile
from crofter.network import printable

from .hosting import StageHost
from .links import Links
from .messages import Close, Closed, Open, Opened, Place
from .plan import StageLimits, busy_seconds
from .stage_session import StageSession
from .wire import most_rows

_logger = logging.getLogger("crofter.cluster")

_SWEEP_SECONDS = 1.0


class Stages:
    """Answers `stage-open` and `stage-close` while `run` runs."""

    def __init__(self, host: StageHost, links: Links, limits: StageLimits) -> None:
        self._host = host
        self._links = links
        self._limits = limits
        self._sessions: dict[Place, StageSession] = {}
        self._numbers = count(1)
        self._tasks: TaskGroup | None = None
        links.serve(self)

    def __len__(self) -> int:
        return len(self._sessions)

    async def run(self) -> None:
        """Keep sessions until cancelled; all end then."""
        try:
            async with anyio.create_task_group() as self._tasks:
                while True:
                    await anyio.sleep(_SWEEP_SECONDS)
                    for session in list(self._sessions.values()):
                        session.expire(anyio.current_time())
        finally:
            self._tasks = None

    async def open(self, caller: NodeId, request: Open) -> Opened:
        """Make room for a session at a stage. Asked again in the same words, the answer is the same; a higher epoch begins it anew.

        Raises MODEL_NOT_FOUND: other weights; CONFLICT: another build or range, or the place is taken; OVERLOADED: busy, and when to
        ask again; INVALID_REQUEST, SHUTTING_DOWN; and what loading raises.
        """
        while (before := self._sessions.get(request.place)) is not None:
            if before.opener != caller or request.epoch < before.opening.epoch:
                raise CrofterError(ErrorCode.CONFLICT, "this session is at this hop already")
            if request == before.opening and not before.attached:
                return await self._opened(before)
            if request.epoch == before.opening.epoch:
                raise CrofterError(ErrorCode.CONFLICT, "this session is at this hop already, and opened otherwise")
            before.end(None)
            await before.gone.wait()
        slice_file = self._checked(request)
        self._admit(caller)
        return await self._opened(self._begin(caller, request, slice_file))

    async def close(self, caller: NodeId, request: Close) -> Closed:
        """End a session, if it is there. Raises PEER_REFUSED for anybody but who opened it."""
        session = self._sessions.get(request.place)
        if session is not None:
            if session.opener != caller:
                raise CrofterError(ErrorCode.PEER_REFUSED, "another node has opened this session")
            session.end(None)
            await session.gone.wait()
        return Closed()

    def _begin(self, caller: NodeId, request: Open, slice_file: SliceFile) -> StageSession:
        if self._tasks is None:
            raise CrofterError(ErrorCode.SHUTTING_DOWN, "this node's stages are not running")
        session = StageSession(request, caller, next(self._numbers), slice_file, self._limits)
        self._sessions[request.place] = session
        self._tasks.start_soon(self._keep, session, slice_file, name="a session at a stage")
        return session

    async def _keep(self, session: StageSession, slice_file: SliceFile) -> None:
        try:
            await session.run(self._host.stage(slice_file, session.opening, session.opener), self._links)
        except Exception:
            _logger.exception("a session at a stage failed")  # the others go on
        finally:
            del self._sessions[session.opening.place]

    async def _opened(self, session: StageSession) -> Opened:
        try:
            await session.ready.wait()
        except BaseException:
            session.end(None)  # who asked does not know of it
            raise
        if session.gone.is_set():
            raise session.refusal or CrofterError(ErrorCode.INTERNAL, "the stage failed; the log of that node says how")
        return Opened(lease_seconds=session.lease_seconds)

    def _checked(self, request: Open) -> SliceFile:
        slice_file = self._host.find(request.slice_id)
        if slice_file is None:
            message = (
                f"this node does not offer the layers {printable(request.slice_id)[:16]}…; its weights may be others"
            )
            raise CrofterError(ErrorCode.MODEL_NOT_FOUND, message, parameter="slice_id")
        if (slice_file.start, slice_file.stop) != (request.start, request.stop):
            message = f"the slice holds the layers {slice_file.start} to {slice_file.stop}, not {request.start} to {request.stop}"
            raise CrofterError(ErrorCode.CONFLICT, message, parameter="start")
        if request.build != self._host.build:
            message = f"this node computes with llama.cpp {self._host.build}, not {printable(request.build)}"
            raise CrofterError(ErrorCode.CONFLICT, message, parameter="build")
        most = most_rows(slice_file.shape.embedding_length, request.codec)
        if request.most_rows > most:
            message = f"{request.most_rows} rows do not fit into a frame; {most} do"
            raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="most_rows")
        return slice_file

    def _admit(self, caller: NodeId) -> None:
        if caller == self._links.node_id:
            return  # what the owner asks of his own machine does not wait for others
        foreign = [session for session in self._sessions.values() if session.opener != self._links.node_id]
        of_this_one = sum(session.opener == caller for session in foreign)
        leases = [session.lease_until for session in foreign]
        wait = busy_seconds(leases, of_this_one, self._limits, anyio.current_time())
        if wait is not None:
            message = f"this stage has as many sessions as it takes; try again in {wait:.0f} s"
            raise CrofterError(ErrorCode.OVERLOADED, message, retry_after_seconds=wait)
