"""Calls that are ready at once return at once, the others when the library says so, and an unknown binding is left as it is."""

import asyncio
import ctypes
import hashlib
import inspect
import subprocess
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from crofter.network.iroh import awaits

pytestmark = pytest.mark.anyio

CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.c_int8)
READY, WAKE = 0, 1
Called = Callable[[int, int], None]
Poll = Callable[[int, Called, int], None]


class Binding(ModuleType):
    """What `shorten` looks for in the library's module; `_uniffi_rust_call_async` has the source that is called known."""

    _UNIFFI_RUST_FUTURE_CONTINUATION_CALLBACK = CALLBACK
    _UNIFFI_RUST_FUTURE_POLL_READY = READY

    class _UniffiRustCallStatus(ctypes.Structure):
        _fields_ = [("code", ctypes.c_int8)]
        default: Any = staticmethod(lambda: Binding._UniffiRustCallStatus(0))

    def __init__(self) -> None:
        super().__init__("iroh_ffi")
        self.loops_asked_for = 0
        self.freed = list[int]()

        async def shipped() -> None: ...

        self._uniffi_rust_call_async: Any = shipped

    def _uniffi_get_event_loop(self) -> object:
        self.loops_asked_for += 1
        return asyncio.get_running_loop()

    def _uniffi_rust_call_with_error(self, converter: object, complete: Callable[[int], object], future: int) -> object:
        return complete(future)

    async def call(self, poll: Poll) -> object:
        return await self._uniffi_rust_call_async(
            7, poll, lambda future: future, self.freed.append, lambda result: f"lifted {result}", None
        )


@pytest.fixture
def binding(monkeypatch: pytest.MonkeyPatch) -> Binding:
    binding = Binding()
    monkeypatch.setattr(awaits, "_KNOWN", _fingerprint(binding))
    monkeypatch.setattr(awaits, "_TURN_SECONDS", 1e6)
    assert awaits.shorten(binding) == "shortened"
    return binding


def _fingerprint(binding: Binding) -> str:
    return hashlib.sha256(inspect.getsource(binding._uniffi_rust_call_async).encode()).hexdigest()


def test_installed_iroh_is_the_one_that_is_known() -> None:
    """If this fails after an update of iroh, look at how its binding awaits before the fingerprint is changed."""
    code = """
from iroh import iroh_ffi
from crofter.network.iroh.awaits import shorten
shipped = iroh_ffi._uniffi_rust_call_async
print(shorten(iroh_ffi), iroh_ffi._uniffi_rust_call_async is not shipped, shorten(iroh_ffi))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "shortened True as shipped", done.stderr


async def test_what_is_ready_does_not_go_through_the_loop(binding: Binding) -> None:
    def poll(future: int, callback: Called, handle: int) -> None:
        callback(handle, READY)

    call = binding.call(poll)
    with pytest.raises(StopIteration) as done:
        call.__await__().send(None)
    assert (done.value.value, binding.freed) == ("lifted 7", [7])


async def test_calls_that_are_always_ready_let_others_have_their_turn(
    binding: Binding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awaits, "_TURN_SECONDS", 0)
    turns = list[int]()

    async def others() -> None:
        for turn in range(5):
            turns.append(turn)
            await checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(others)
        for _ in range(5):
            await binding.call(lambda future, callback, handle: callback(handle, READY))
        assert turns


async def test_worth_another_poll_is_polled_again(binding: Binding) -> None:
    codes = [WAKE, WAKE, READY]
    assert await binding.call(lambda future, callback, handle: callback(handle, codes.pop(0))) == "lifted 7"
    assert (codes, binding.freed) == ([], [7])


@pytest.mark.parametrize("inside_the_poll", [True, False])
async def test_a_thread_of_the_library_wakes_the_caller(binding: Binding, inside_the_poll: bool) -> None:
    threads = list[threading.Thread]()

    def poll(future: int, callback: Called, handle: int) -> None:
        if threads:
            callback(handle, READY)
            return
        threads.append(threading.Thread(target=callback, args=(handle, WAKE)))
        if inside_the_poll:
            threads[0].start()
            threads[0].join()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(binding.call, poll)
        await checkpoint()
        if not inside_the_poll:
            threads[0].start()
    threads[0].join()
    assert binding.freed == [7]


async def test_a_poll_of_one_call_may_wake_another(binding: Binding) -> None:
    waiting = list[Callable[[], None]]()
    results = list[object]()

    def first(future: int, callback: Called, handle: int) -> None:
        if waiting:
            callback(handle, READY)
        else:
            waiting.append(lambda: callback(handle, WAKE))

    def second(future: int, callback: Called, handle: int) -> None:
        waiting[0]()
        callback(handle, READY)

    async def call(poll: Poll) -> None:
        results.append(await binding.call(poll))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call, first)
        await checkpoint()
        tasks.start_soon(call, second)
    assert results == ["lifted 7"] * 2


async def test_a_cancelled_call_is_freed_and_a_late_callback_does_nothing(binding: Binding) -> None:
    late = list[Callable[[], None]]()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(binding.call, lambda future, callback, handle: late.append(lambda: callback(handle, WAKE)))
        await checkpoint()
        tasks.cancel_scope.cancel()
    assert binding.freed == [7]
    late[0]()
    await checkpoint()


def test_another_way_to_await_is_left_alone() -> None:
    binding = Binding()
    shipped = binding._uniffi_rust_call_async
    assert awaits.shorten(binding) == "as shipped"
    assert binding._uniffi_rust_call_async is shipped


@pytest.mark.parametrize("missing", ["_uniffi_rust_call_async", "_UniffiRustCallStatus", "_uniffi_get_event_loop"])
def test_a_missing_name_is_left_alone(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    binding = Binding()
    monkeypatch.setattr(awaits, "_KNOWN", _fingerprint(binding))
    monkeypatch.delattr(binding if missing in vars(binding) else Binding, missing)
    assert awaits.shorten(binding) == "as shipped"
