"""This node as an iroh endpoint: bound where its owner says, and nowhere else; taking in whom its owner admits."""

import contextlib
import gc
import logging
from types import TracebackType
from typing import Self

import anyio
import iroh
from anyio.abc import TaskGroup
from iroh import IrohError

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.network.addresses import host_of
from crofter.network.arrivals import Arrivals
from crofter.network.protocol import protocol_name
from crofter.network.transport import BindOptions, PeerAddress
from crofter.trust import Identity

from .connection import IrohConnection
from .errors import bind_error, dial_error
from .sockets import socket_plans

_logger = logging.getLogger("crofter.network")

_HANDSHAKE_SECONDS = 5.0
_HANDSHAKES_AT_ONCE = 64
_CLOSING_SECONDS = 3.0
_TAKEN_TRIES = 3
_TAKEN_SECONDS = 0.1
_RELAY_SECONDS = 0.1


class IrohEndpoint:
    """See `Endpoint`; is on the network while its context is open."""

    def __init__(self, secret_key: bytes, options: BindOptions) -> None:
        self._secret_key = secret_key
        self._options = options
        self._tasks: TaskGroup = anyio.create_task_group()
        self._arrivals: Arrivals[IrohConnection] = Arrivals(options)
        self._handshakes = 0
        self._announced: tuple[str, ...] = ()

    async def __aenter__(self) -> Self:
        self._endpoint = await _bound_in_time(self._secret_key, self._options)
        self.node_id = NodeId(self._endpoint.id().to_bytes())
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._take_in, name="incoming connections")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._arrivals.close()
        with anyio.move_on_after(_CLOSING_SECONDS, shield=True):
            await self._endpoint.close()
        del self._endpoint  # Closed or not, it keeps its sockets open until nobody holds it.
        self._tasks.cancel_scope.cancel()
        if isinstance(error, anyio.get_cancelled_exc_class()):
            return await self._tasks.__aexit__(kind, error, trace)
        await self._tasks.__aexit__(None, None, None)  # so that the error leaves as it is, not inside a group
        return None

    def addresses(self) -> tuple[str, ...]:
        """The sockets' own addresses, or for those bound to all interfaces the interfaces'."""
        unwanted = {address for address in self._endpoint.bound_sockets() if not self._wanted(address)}
        return tuple(address for address in self._endpoint.addr().direct_addresses() if address not in unwanted)

    async def dial(self, peer: PeerAddress, timeout_seconds: float) -> IrohConnection:
        try:
            node = iroh.EndpointId.from_bytes(peer.node_id)
            address = iroh.EndpointAddr(node, peer.relay_url, list(peer.addresses))
            protocol = protocol_name(self._options.network_secret, peer.node_id)
            with anyio.fail_after(timeout_seconds):
                return IrohConnection(await self._endpoint.connect(address, protocol))
        except TimeoutError as error:
            message = f"the peer did not answer within {timeout_seconds:g} s"
            raise CrofterError(ErrorCode.PEER_UNREACHABLE, message) from error
        except IrohError as error:
            raise dial_error(error) from error

    async def announce(self, addresses: tuple[str, ...]) -> None:
        before, self._announced = self._announced, addresses
        with contextlib.suppress(IrohError):  # closed meanwhile
            for stale in set(before) - set(addresses):
                await self._endpoint.remove_external_addr(stale)
            for new in set(addresses) - set(before):
                await self._endpoint.add_external_addr(new)

    async def relay(self) -> str | None:
        if not self._options.relay_urls:
            return None
        # The address keeps the relay's URL after the relay has died; `online` waits for one that answers.
        with anyio.move_on_after(_RELAY_SECONDS), contextlib.suppress(IrohError):
            await self._endpoint.online()
            return self._endpoint.addr().relay_url()
        return None

    async def accept(self) -> IrohConnection:
        return await self._arrivals.next()

    async def _take_in(self) -> None:
        while (incoming := await self._endpoint.accept_next()) is not None:
            if self._handshakes >= _HANDSHAKES_AT_ONCE:
                with contextlib.suppress(IrohError):
                    await incoming.refuse()
            else:
                self._handshakes += 1
                self._tasks.start_soon(self._shake_hands, incoming, name="handshake")

    async def _shake_hands(self, incoming: iroh.Incoming) -> None:
        """One connection, from the first packet to its end. A slow or broken handshake costs nobody else anything."""
        try:
            with anyio.fail_after(_HANDSHAKE_SECONDS):
                raw = await (await incoming.accept()).connect()
            connection = IrohConnection(raw)
        except (IrohError, TimeoutError) as error:
            reason = error.message() if isinstance(error, IrohError) else "too slow"
            _logger.debug("a handshake failed", extra={"reason": reason})
            return
        finally:
            self._handshakes -= 1
        self._arrivals.offer(connection)
        await connection.wait_closed()
        self._arrivals.forget(connection)

    def _wanted(self, address: str) -> bool:
        return host_of(address) in {host_of(wanted) for wanted in self._options.addresses}


async def _bound_in_time(secret_key: bytes, options: BindOptions) -> iroh.Endpoint:
    """The same as `_bound`, also right after this process has closed an endpoint on these addresses."""
    for _ in range(_TAKEN_TRIES):
        try:
            return await _bound(secret_key, options)
        except CrofterError as error:
            if error.code is not ErrorCode.CONFLICT:
                raise
        # Tracebacks of cancelled tasks hold objects of the endpoint before, each of which keeps its sockets open.
        gc.collect()
        await anyio.sleep(_TAKEN_SECONDS)
    return await _bound(secret_key, options)


async def _bound(secret_key: bytes, options: BindOptions) -> iroh.Endpoint:
    """The endpoint on exactly these addresses. Raises CrofterError; nothing is left open then."""
    relay = _relay_mode(options.relay_urls)
    protocol = protocol_name(options.network_secret, Identity(secret_key).node_id)
    failure = CrofterError(ErrorCode.INTERNAL, "no way to listen was tried")
    for plan in socket_plans(options.addresses):
        choice = iroh.EndpointOptions(preset=_Preset(plan, relay), secret_key=secret_key, alpns=[protocol])
        try:
            endpoint = await iroh.Endpoint.bind(choice)
        except IrohError as error:
            failure = bind_error(error)
            if failure.code is ErrorCode.CONFLICT:
                break
            continue
        opened = {host_of(address) for address in endpoint.bound_sockets()}
        if opened <= {host_of(address) for address in plan}:
            return endpoint
        await endpoint.close()
        failure = CrofterError(ErrorCode.INTERNAL, f"the network opened addresses nobody asked for: {sorted(opened)}")
    raise failure


def _relay_mode(urls: tuple[str, ...]) -> iroh.RelayMode:
    if not urls:
        return iroh.RelayMode.disabled()
    relays = iroh.RelayMap.empty()
    try:
        for url in urls:
            # Without a port for QUIC address discovery, which our relays do not have: else 3 s are spent on looking for it.
            relays.insert(iroh.RelayConfig(url=url, quic_port=None))
        return iroh.RelayMode.custom(relays)
    except IrohError as error:
        message = f"the relay's address cannot be used: {error.message().splitlines()[0]}"
        raise CrofterError(ErrorCode.CONFIG_INVALID, message) from error


class _Preset(iroh.Preset):
    """iroh's minimal preset, which contacts nobody, on the planned sockets."""

    def __init__(self, addresses: tuple[str, ...], relay: iroh.RelayMode) -> None:
        self._addresses = addresses
        self._relay = relay

    def apply(self, builder: iroh.EndpointBuilder) -> None:
        builder.apply_minimal()
        builder.relay_mode(self._relay)
        for address in self._addresses:
            builder.bind_addr(address)
