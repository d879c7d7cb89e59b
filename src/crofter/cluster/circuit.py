"""Routes in use: sessions over them come and go, and they last across requests."""

import anyio
from anyio.abc import TaskGroup

from crofter.core import CrofterError, ErrorCode, NodeId, Rows

from .links import Links
from .messages import Close, Place
from .route import Route
from .session import Patience, Results, RouteSession

_CLOSING_SECONDS = 6.0


class Circuits:
    """The sessions of this node over routes, while `run` runs."""

    def __init__(self, links: Links, patience: Patience | None = None) -> None:
        self.links = links
        self.patience = patience or Patience()
        self.tasks: TaskGroup | None = None

    async def run(self) -> None:
        """Hold sessions until cancelled; then all end, and are closed at every stage that can be reached."""
        try:
            async with anyio.create_task_group() as self.tasks:
                await anyio.sleep_forever()
        finally:
            self.tasks = None

    def over(self, route: Route, results: Results) -> "Circuit":
        """A route to send rows over; nobody is asked before the first session."""
        return Circuit(self, route, results)


class Circuit:
    """What an engine's ends send rows to, by the numbers that they give their sessions."""

    def __init__(self, circuits: Circuits, route: Route, results: Results) -> None:
        self.route = route
        self._circuits = circuits
        self._results = results
        self._sessions: dict[int, RouteSession] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def forward(self, session: int, step: int, rows: Rows, *, discard: bool = False) -> None:
        """Send a step on its way; step 0 begins the session. Never blocks and never raises: see `Results`.

        `discard`: nobody will want the result, which comes empty; the next step begins no later than these rows do.
        """
        running = self._sessions.get(session) or self._begun(session, step)
        if running is not None:
            running.forward(step, rows, discard=discard)

    def release(self, session: int) -> None:
        """The session is not needed any more: every stage frees what it holds. Never blocks."""
        running = self._sessions.pop(session, None)
        if running is not None:
            running.end()

    def close(self) -> None:
        """Release all sessions."""
        for session in list(self._sessions):
            self.release(session)

    def _begun(self, number: int, step: int) -> RouteSession | None:
        circuits = self._circuits
        if circuits.tasks is None:
            error = CrofterError(ErrorCode.SHUTTING_DOWN, "this node sends nothing over routes now")
        elif step:
            error = CrofterError(ErrorCode.CONFLICT, "this session has ended; begin it again with step 0")
        else:
            return self._started(number, circuits.tasks)
        self._results.failed(number, error)
        return None

    def _started(self, number: int, tasks: TaskGroup) -> RouteSession:
        circuits = self._circuits
        session = RouteSession(number, self.route, circuits.links, self._results, circuits.patience)
        self._sessions[number] = session
        tasks.start_soon(self._run, number, session, name="a session over a route")
        return session

    async def _run(self, number: int, session: RouteSession) -> None:
        try:
            await session.run()
        finally:
            if self._sessions.get(number) is session:
                del self._sessions[number]
            with anyio.move_on_after(_CLOSING_SECONDS, shield=True):
                async with anyio.create_task_group() as tasks:
                    for node_id, place in session.places():
                        tasks.start_soon(self._close, node_id, place, name="closing a stage")

    async def _close(self, node_id: NodeId, place: Place) -> None:
        try:
            await self._circuits.links.close(node_id, Close(place=place))
        except CrofterError:
            return  # its lease, or the channel that broke, frees it
