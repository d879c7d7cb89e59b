"""Loads iroh when a node goes onto the network, and says why it can't where it can't."""

import importlib.util
import logging
import os
import sys
from contextlib import AbstractAsyncContextManager

import msgspec

from crofter.core import CrofterError, ErrorCode
from crofter.network.transport import BindOptions, Endpoint

from .awaits import shorten
from .shim import Copying, speed_up

_logger = logging.getLogger("crofter.network")

_MISSING = (
    "this system has no network to other nodes: iroh is not installed, and has no build for Intel Macs, musl or Windows on ARM. "
    "Everything on this machine works."
)

_copying: Copying | None = None


def missing_network() -> str | None:
    """Why this installation cannot be on the network; None if it can. Loads nothing."""
    return _MISSING if importlib.util.find_spec("iroh") is None else None


def copying_state() -> Copying | None:
    """How payload is copied and calls are awaited, for the diagnostics; None before the first `bind`."""
    return _copying


class IrohTransport:
    """A Transport. It uses no public relay and no public directory.

    It is not silent, though: the library asks the local network's router for a port (UPnP, NAT-PMP, PCP), whatever it is bound to,
    and has no switch for that (decision 19). A node that must not be noticed must not bind.
    """

    def load(self) -> None:
        """Load the library, if it is not there yet: about 0.15 s, in a thread if others wait. Raises UNSUPPORTED."""
        _load()

    def bind(self, secret_key: bytes, options: BindOptions) -> AbstractAsyncContextManager[Endpoint]:
        """See `Transport`. The first call loads the library."""
        _load()
        from .endpoint import IrohEndpoint

        return IrohEndpoint(secret_key, options)


def _load() -> None:
    global _copying  # noqa: PLW0603 - a library is loaded once in a process, and so is what is changed in it
    if _copying is not None:
        return
    if "iroh" not in sys.modules:
        os.environ.pop("RUST_BACKTRACE", None)  # with it the first error costs 50 MB and 0.2 s
    try:
        from iroh import iroh_ffi
    except (ImportError, OSError) as error:
        _logger.warning("iroh does not load", extra={"reason": repr(error)})
        raise CrofterError(ErrorCode.UNSUPPORTED, missing_network() or f"iroh does not load here: {error}") from error
    _copying = msgspec.structs.replace(speed_up(iroh_ffi), awaits=shorten(iroh_ffi))
    _logger.info("calls of iroh", extra=msgspec.structs.asdict(_copying))
