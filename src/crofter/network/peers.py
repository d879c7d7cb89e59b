"""The other nodes, as the rest of Crofter asks and answers them: `serve` what they may ask, `call` and `stream` what they are asked."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
import msgspec

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.trust import fingerprint

from .answering import Answering
from .asking import Question
from .counts import Counts
from .directory import AddressSource, Directory, Seeker
from .kinds import Caller, Kind, Reply, Request, StreamKind
from .line import Line
from .lines import Lines
from .rules import Rules
from .transport import BindOptions, Endpoint, Stream, Transport
from .wire import KINDS

DEFAULT_SECONDS = 10.0
_MOST_STRANGERS = 64
"""Connections of nodes that are not trusted; those that are have the transport's limit."""


class Peers:
    """Is on the network while `run` runs. Handlers are registered before."""

    def __init__(
        self,
        rules: Rules,
        sources: Sequence[AddressSource],
        kinds: tuple[Kind[Any, Any], ...] = KINDS,
        *,
        relay: Callable[[str | None], str | None] = lambda url: url,
    ) -> None:
        """`sources` are asked where a node is; `relay` is told the relay of one, if known, and says which to use.

        `kinds` is the table of messages; only tests have another.
        """
        self._rules = rules
        self._directory = Directory(rules, sources, relay)
        self.counts = Counts()
        self._answering = Answering(kinds, rules, self.counts)
        self._endpoint: Endpoint | None = None
        self._lines: Lines | None = None

    def serve(
        self,
        kind: Kind[Request, Reply],
        handler: Callable[[Caller, Request], Awaitable[Reply] | AsyncGenerator[Reply]],
    ) -> None:
        """Answer this kind of request. A StreamKind's handler is an async generator; it is closed when its caller leaves.

        What a handler raises goes to the caller: CrofterErrors as they are, all else as INTERNAL, with the reason in this node's log
        only. Raises ValueError if the kind is not in the table or has a handler.
        """
        self._answering.serve(kind, handler)

    def seek_with(self, seeker: Seeker) -> None:
        """Discovery, which needs this object before this one can need it."""
        self._directory.seek_with(seeker)

    async def run(
        self,
        transport: Transport,
        secret_key: bytes,
        options: BindOptions,
        *,
        ready: Callable[[], object] = lambda: None,
        beside: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        """Be on the network until cancelled; when others can reach this node, `ready` is called and `beside` begins to run too.

        Raises what `Transport.bind` raises.

        Whom to admit is decided here; the rest of `options` is the caller's.
        """
        options = msgspec.structs.replace(options, admit=self._admits)
        async with transport.bind(secret_key, options) as endpoint, anyio.create_task_group() as tasks:
            self._endpoint = endpoint
            self._lines = Lines(endpoint, tasks, self._attend, self._rules, self._directory, self.counts)
            tasks.start_soon(self._lines.sweep, name="idle connections")
            ready()
            if beside is not None:
                tasks.start_soon(beside, name="beside the network")
            try:
                while True:
                    connection = await endpoint.accept()
                    # Asked again: many may have been admitted at once, before any of them was counted.
                    if self._admits(connection.remote_id):
                        self._lines.hold(connection, dialled=False)
                    else:
                        connection.close(CrofterError(ErrorCode.PEER_REFUSED, "there are too many strangers here"))
            finally:
                self._endpoint = self._lines = None

    async def call(
        self,
        node_id: NodeId,
        kind: Kind[Request, Reply],
        request: Request,
        *,
        timeout_seconds: float = DEFAULT_SECONDS,
        insist: bool = False,
    ) -> Reply:
        """Ask a node, dialled if need be. Cancelled, it cancels the work there. `insist`: dial even if that has just failed.

        A connection from before may be dead, as after a change of networks: what is repeatable is then asked once more, on a new one.

        Raises OFFLINE while this node is not on the network; PEER_UNREACHABLE, PEER_REFUSED, PEER_LOST, PEER_TOO_SLOW, PEER_FAILED,
        TIMED_OUT; INVALID_REQUEST; and what the peer answers with.
        """
        deadline = anyio.current_time() + timeout_seconds
        may_be_dead = kind.repeatable and self._lines is not None and self._lines.find(node_id) is not None
        try:
            async with self._asked(node_id, kind, timeout_seconds, insist=insist) as question:
                return await question.reply(request)
        except CrofterError as error:
            if error.code is not ErrorCode.PEER_LOST or not may_be_dead:
                raise
            lost = error
        try:
            async with self._asked(node_id, kind, deadline - anyio.current_time(), insist=True) as question:
                return await question.reply(request)
        except CrofterError as error:
            raise lost if error.code is ErrorCode.PEER_UNREACHABLE else error from error

    async def stream(
        self,
        node_id: NodeId,
        kind: StreamKind[Request, Reply],
        request: Request,
        *,
        timeout_seconds: float,
        insist: bool = False,
    ) -> AsyncGenerator[Reply]:
        """The same for many replies, as they come. Close it (aclosing) to end the work there.

        `timeout_seconds` is for all of it, and no more than an hour.
        """
        async with (
            self._asked(node_id, kind, timeout_seconds, insist=insist) as question,
            aclosing(question.replies(request)) as replies,
        ):
            async for reply in replies:
                yield reply

    @property
    def node_id(self) -> NodeId:
        """This node's own id, while it is on the network; else empty."""
        return self._endpoint.node_id if self._endpoint else NodeId(b"")

    def lines(self) -> tuple[Line, ...]:
        """The open connections, one for each node."""
        return tuple(self._lines or ())

    def addresses(self) -> tuple[str, ...]:
        """Where this node can be dialled, as far as it knows; none while it is not on the network."""
        return self._endpoint.addresses() if self._endpoint else ()

    async def announce(self, addresses: tuple[str, ...]) -> None:
        """Let peers try exactly these addresses too; nothing while it is not on the network."""
        if self._endpoint is not None:
            await self._endpoint.announce(addresses)

    async def relay(self) -> str | None:
        """The relay that this node can be reached through now, if any."""
        return await self._endpoint.relay() if self._endpoint is not None else None

    def hang_up(self, node_id: NodeId) -> None:
        """Close every connection with this node, for instance because it is not trusted any more."""
        if self._lines is not None:
            self._lines.hang_up(node_id)

    @asynccontextmanager
    async def _asked(
        self, node_id: NodeId, kind: Kind[Request, Reply], timeout_seconds: float, *, insist: bool
    ) -> AsyncGenerator[Question[Request, Reply]]:
        lines = self._lines
        if lines is None:
            off = "`crofter config set network.mode private` puts it there."
            message = off if self._rules.mode == "off" else "`crofter network status` says why."
            raise CrofterError(ErrorCode.OFFLINE, f"this node is not on the network: {message}")
        deadline = anyio.current_time() + timeout_seconds
        failure: CrofterError | None = None

        def count_bytes(size_bytes: int) -> None:
            self.counts.bytes[kind.name, "out"] += size_bytes

        try:
            self._rules.check(kind, node_id)
            line = await self._line(lines, node_id, deadline, insist=insist)
            self._rules.check(kind, node_id, near=line.near)
            try:
                with line.asked():
                    yield Question(await _stream(line, deadline), kind, deadline, count_bytes)
            except CrofterError:
                lines.drop_if_closed(line)
                raise
        except CrofterError as error:
            failure = error
            raise _naming(error, node_id) from error
        except BaseException:
            failure = CrofterError(ErrorCode.CANCELLED, "nobody waits for it any more")
            raise
        finally:
            self.counts.ended(kind.name, "out", failure)

    async def _line(self, lines: Lines, node_id: NodeId, deadline: float, *, insist: bool) -> Line:
        if node_id == self.node_id:
            raise CrofterError(ErrorCode.INVALID_REQUEST, "that is this node itself", parameter="id")
        if (line := lines.find(node_id)) is not None:
            return line
        try:
            with anyio.fail_after(deadline - anyio.current_time()):
                return await lines.to(node_id, insist=insist)
        except TimeoutError:
            raise CrofterError(ErrorCode.PEER_UNREACHABLE, "the peer could not be reached in time") from None

    def _admits(self, node_id: NodeId) -> bool:
        standing = self._rules.standing(node_id)
        if standing in {"trusted", "blocked"}:
            return standing == "trusted"
        if self._answering.is_tiresome(node_id):
            return False
        others = {line.node_id for line in self.lines() if self._rules.standing(line.node_id) != "trusted"}
        return node_id in others or len(others) < _MOST_STRANGERS

    async def _attend(self, line: Line) -> None:
        """Answer what a peer asks on one connection, until it ends."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(line.liveness.run, name="liveness")
            try:
                while True:
                    stream = await line.connection.accept_stream()
                    if self._answering.full(line):
                        await self._answering.turn_away(stream, line)
                    else:
                        line.answering += 1
                        tasks.start_soon(self._answer, stream, line, name="request")
            except CrofterError:
                tasks.cancel_scope.cancel()  # the connection has ended

    async def _answer(self, stream: Stream, line: Line) -> None:
        try:
            await self._answering.answer(stream, line)
        finally:
            line.answering -= 1
            line.used_at = anyio.current_time()


async def _stream(line: Line, deadline: float) -> Stream:
    try:
        with anyio.fail_after(deadline - anyio.current_time()):
            return await line.connection.open_stream()
    except TimeoutError:
        raise CrofterError(ErrorCode.TIMED_OUT, "too much is asked of this peer at once") from None


def _naming(error: CrofterError, node_id: NodeId) -> CrofterError:
    """The same, saying which peer."""
    return CrofterError(
        error.code,
        f"{fingerprint(node_id)}: {error.message}",
        parameter=error.parameter,
        retry_after_seconds=error.retry_after_seconds,
    )
