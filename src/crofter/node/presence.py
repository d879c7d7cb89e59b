"""This node on the network while it runs, in the way its settings say; a change of them is followed at once."""

import logging
import math
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import anyio.to_thread

from crofter.api import NetworkState
from crofter.core import CrofterError
from crofter.network import BindOptions, IrohTransport, NetworkSettings, OwnRecord, Peers, Relays, Rules

_logger = logging.getLogger("crofter.node")

_START_SECONDS = 15.0
_REBIND_SECONDS = 20.0


class Presence:
    """Binds, and binds anew when the settings change. What goes wrong is kept in `problem`; the rest of the node works without."""

    def __init__(
        self,
        peers: Peers,
        rules: Rules,
        own: OwnRecord,
        relays: Relays,
        settings: NetworkSettings,
        beside: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        """`beside` runs while the node is on the network."""
        self._peers = peers
        self._rules = rules
        self._own = own
        self._relays = relays
        self._beside = beside
        self._changed = anyio.Event()
        self._settled = anyio.Event()
        self._begin(settings)

    def follow(self, settings: NetworkSettings) -> None:
        """What the owner wants from now on; what the new mode forbids is refused before this returns."""
        if settings != self.settings:
            self._begin(settings)
            self._changed.set()

    async def rebind(self) -> None:
        """Bind anew, as the network is another one; returns when it is clear whether others can reach this node there."""
        self._begin(self.settings)
        self._changed.set()
        self._settled = anyio.Event()
        if self.state == "starting":
            with anyio.move_on_after(_REBIND_SECONDS):
                await self._settled.wait()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._changed = anyio.Event()
            async with anyio.create_task_group() as tasks:
                if self.settings.mode != "off":
                    tasks.start_soon(self._be_there, self.settings, name="on the network")
                await self._changed.wait()
                tasks.cancel_scope.cancel()

    def _begin(self, settings: NetworkSettings) -> None:
        self.settings = settings
        self._rules.mode = settings.mode
        self._relays.follow(settings)
        self.state: NetworkState = "off" if settings.mode == "off" else "starting"
        self.problem = ""
        """Why it is not on the network though it should be; empty: it is, or should not."""

    async def _be_there(self, settings: NetworkSettings) -> None:
        transport = IrohTransport()
        try:
            await anyio.to_thread.run_sync(transport.load)
            with anyio.fail_after(_START_SECONDS) as limit:
                await self._peers.run(
                    transport,
                    self._own.identity.seed,
                    BindOptions(
                        addresses=settings.listen,
                        relay_urls=self._relays.urls,
                        network_secret=self._own.network.secret,
                    ),
                    ready=lambda: self._ready(limit),
                    beside=self._beside,
                )
        except CrofterError as error:
            self._failed(error.message)
        except TimeoutError:
            self._failed(f"it was not ready after {_START_SECONDS:g} s")
        except Exception:
            _logger.exception("the network failed")
            self._failed("something went wrong; `crofter logs` says what")

    def _ready(self, limit: anyio.CancelScope) -> None:
        limit.deadline = math.inf
        self.state = "ready"
        extra = {"mode": self.settings.mode, "addresses": self._peers.addresses()}
        _logger.info("on the network", extra=extra)
        self._settled.set()

    def _failed(self, problem: str) -> None:
        self.state, self.problem = "failed", problem
        self._settled.set()
        _logger.warning("this node is not on the network", extra={"reason": problem})
