"""The connections of this node: dialled when one is needed, one dial for all who need it, left alone after failures, closed when idle."""

from collections.abc import Awaitable, Callable, Iterator
from random import Random

import anyio
import msgspec
from anyio.abc import TaskGroup

from crofter.core import CrofterError, ErrorCode, NodeId

from .counts import OK, Counts
from .directory import Directory
from .line import Line
from .plan import is_idle, redial_seconds, replaces
from .rules import Rules
from .transport import Connection, Endpoint, PeerAddress

_DIAL_SECONDS = 8.0
_SWEEP_SECONDS = 5.0
_MOST_FAILURES = 1024


class _Failure(msgspec.Struct, frozen=True):
    count: int
    until: float
    error: CrofterError


class _Dial:
    """One that is under way."""

    def __init__(self) -> None:
        self.ended = anyio.Event()
        self.error: CrofterError | None = None


class Lines:
    """Open lines by node. `attend` runs for each in a task of `tasks`, and a line is over when it returns."""

    def __init__(
        self,
        endpoint: Endpoint,
        tasks: TaskGroup,
        attend: Callable[[Line], Awaitable[None]],
        rules: Rules,
        directory: Directory,
        counts: Counts,
    ) -> None:
        self._endpoint = endpoint
        self._tasks = tasks
        self._attend = attend
        self._rules = rules
        self._directory = directory
        self._counts = counts
        self._chance = Random()  # noqa: S311 - spreads dials in time
        self._preferred: dict[NodeId, Line] = {}
        self._all: set[Line] = set()
        self._dials: dict[NodeId, _Dial] = {}
        self._failures: dict[NodeId, _Failure] = {}

    def __iter__(self) -> Iterator[Line]:
        return iter(tuple(self._preferred.values()))

    def find(self, node_id: NodeId) -> Line | None:
        """The open line to ask this node on, if there is one."""
        return self._preferred.get(node_id)

    async def to(self, node_id: NodeId, *, insist: bool) -> Line:
        """That, or a new one; `insist` dials even if that has just failed. The caller bounds the time.

        Raises PEER_UNREACHABLE, PEER_REFUSED, PEER_LOST.
        """
        if (line := self.find(node_id)) is not None:
            return line
        dial = self._dials.get(node_id)
        if dial is None:
            if not insist:
                self._check_recent_failure(node_id)
            dial = self._dials[node_id] = _Dial()
            # A task of its own: who gives up waiting must not take the line from the others who wait.
            self._tasks.start_soon(self._dial, node_id, dial, name="dial")
        await dial.ended.wait()
        if (line := self.find(node_id)) is not None:
            return line
        error = dial.error or CrofterError(ErrorCode.PEER_LOST, "the peer closed the connection at once")
        raise CrofterError(error.code, error.message)

    def hold(self, connection: Connection, *, dialled: bool) -> None:
        """Take up a connection, from now to its end."""
        line = Line(connection, dialled=dialled)
        self._all.add(line)
        self._failures.pop(line.node_id, None)
        old = self.find(line.node_id)
        if old is None or replaces(
            new_is_newer_by_seconds=line.opened_at - old.opened_at,
            old_dialled=old.dialled,
            new_dialled=dialled,
            own_first=self._endpoint.node_id < line.node_id,
        ):
            self._preferred[line.node_id] = line
        self._tasks.start_soon(self._attended, line, name="peer")

    def drop_if_closed(self, line: Line) -> None:
        """Ask nothing more on a line that has just ended: its own task may learn that a little later."""
        if not line.connection.paths() and self._preferred.get(line.node_id) is line:
            del self._preferred[line.node_id]

    def hang_up(self, node_id: NodeId) -> None:
        """Close every connection with this node."""
        for line in [line for line in self._all if line.node_id == node_id]:
            line.connection.close()

    async def sweep(self) -> None:
        """Close what nobody uses, and who is blocked meanwhile; without end."""
        while True:
            await anyio.sleep(_SWEEP_SECONDS)
            now = anyio.current_time()
            for line in list(self._all):
                standing = self._rules.standing(line.node_id)
                if standing == "blocked":
                    line.connection.close(CrofterError(ErrorCode.PEER_REFUSED, "the owner has blocked this node"))
                elif not line.busy and is_idle(now - line.used_at, standing, dialled=line.dialled):
                    line.connection.close()

    async def _attended(self, line: Line) -> None:
        try:
            await self._attend(line)
        finally:
            self._all.discard(line)
            if self._preferred.get(line.node_id) is line:
                del self._preferred[line.node_id]

    async def _dial(self, node_id: NodeId, dial: _Dial) -> None:
        try:
            self.hold(await self._connected(await self._directory.find(node_id)), dialled=True)
            self._counts.dials[OK] += 1
        except CrofterError as error:
            dial.error = error
            self._counts.dials[error.code.code] += 1
            self._remember_failure(node_id, error)
        finally:
            del self._dials[node_id]
            dial.ended.set()

    async def _connected(self, peer: PeerAddress) -> Connection:
        try:
            connection = await self._endpoint.dial(peer, _DIAL_SECONDS)
        except CrofterError as error:
            self._directory.dialled(peer.node_id, reached=error.code is not ErrorCode.PEER_UNREACHABLE)
            raise
        self._directory.dialled(peer.node_id, reached=True)
        return connection

    def _check_recent_failure(self, node_id: NodeId) -> None:
        failure = self._failures.get(node_id)
        if failure is None or (wait := failure.until - anyio.current_time()) <= 0:
            return
        raise CrofterError(failure.error.code, failure.error.message, retry_after_seconds=wait)

    def _remember_failure(self, node_id: NodeId, error: CrofterError) -> None:
        before = self._failures.pop(node_id, None)
        count = before.count + 1 if before else 1
        until = anyio.current_time() + redial_seconds(count, self._chance.random())
        self._failures[node_id] = _Failure(count, until, error)
        if len(self._failures) > _MOST_FAILURES:
            del self._failures[next(iter(self._failures))]
