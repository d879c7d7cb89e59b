"""Calls of iroh that are ready at once return at once, where its binding sends each through the event loop.

Most calls (a write with room, a finish, a read of what has come) are ready when they are first polled. The binding makes a future for each
all the same, wakes the loop through a system call and waits for its next round. Here only what has to be waited for does that.
Nobody keeps the loop to himself by calls that are always ready: after a while of them the others have their turn.
As in `shim.py`: if the binding is not, to the letter, the one that is known, nothing is touched.
"""

import hashlib
import inspect
from asyncio import sleep
from itertools import count
from threading import get_ident
from time import perf_counter
from types import ModuleType
from typing import Any

from .shim import Awaits

_KNOWN = "1fa6d2e8b917543dc5c99228f82669b57b387012de1c514b5b5294d58f906fbd"
"""SHA-256 of the source of `_uniffi_rust_call_async` as uniffi 0.31 writes it, and iroh 1.2 has it."""

_TURN_SECONDS = 0.0005
"""Calls that are ready at once go on for so long without the loop; what one of them costs is a tenth of it."""


class _Wait:
    """One poll. Its callback comes from inside the poll or later, from this thread or one of the library's."""

    __slots__ = ("code", "future", "loop", "polled_by")

    def __init__(self, loop: Any) -> None:
        self.loop = loop
        self.future: Any = loop.create_future()
        self.polled_by: int | None = get_ident()
        self.code: int | None = None

    def called(self, code: int) -> None:
        """What the library says: ready, or worth another poll."""
        if self.polled_by == get_ident():
            self.code = code
        else:
            self.loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


def shorten(ffi: ModuleType) -> Awaits:
    """Replace how this module (`iroh.iroh_ffi`) awaits, if it is the one that is known."""
    # The names are private and untyped; every one is looked for before anything is replaced.
    try:
        status: Any = ffi._UniffiRustCallStatus
        known = hashlib.sha256(inspect.getsource(ffi._uniffi_rust_call_async).encode()).hexdigest() == _KNOWN
        if not known or bytes(status.default()) != bytes(status()):
            return "as shipped"
        replacement = _replacement(
            ffi._UNIFFI_RUST_FUTURE_CONTINUATION_CALLBACK,
            ffi._UNIFFI_RUST_FUTURE_POLL_READY,
            ffi._uniffi_get_event_loop,
            ffi._uniffi_rust_call_with_error,
        )
    except (AttributeError, OSError, TypeError):
        return "as shipped"
    vars(ffi)["_uniffi_rust_call_async"] = replacement
    status.default = status  # all zeros, without being put together field by field for each call
    return "shortened"


def _replacement(callback_type: Any, ready: int, event_loop: Any, complete_with: Any) -> Any:
    waits: dict[int, _Wait] = {}
    turned_at = 0.0
    new_handle = count(1).__next__

    # Runs on the library's threads too: a pop and a call, each of which Python does as one.
    @callback_type
    def called(handle: int, code: int) -> None:
        waits.pop(handle).called(code)

    async def call(
        rust_future: Any, ffi_poll: Any, ffi_complete: Any, ffi_free: Any, lift_func: Any, error_ffi_converter: Any
    ) -> Any:
        nonlocal turned_at
        try:
            if perf_counter() > turned_at + _TURN_SECONDS:
                await sleep(0)
                turned_at = perf_counter()
            while True:
                handle, wait = new_handle(), _Wait(event_loop())
                waits[handle] = wait
                ffi_poll(rust_future, called, handle)
                wait.polled_by = None
                if wait.code == ready:
                    break
                await (wait.future if wait.code is None else sleep(0))
                turned_at = perf_counter()
            return lift_func(complete_with(error_ffi_converter, ffi_complete, rust_future))
        finally:
            ffi_free(rust_future)  # calls back for a poll that was cancelled

    return call
