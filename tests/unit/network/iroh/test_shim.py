"""Payload is copied at once and byte for byte, or the library is left as it is."""

import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest

from crofter.network.iroh.shim import Copying, speed_up

# In a process of its own, because what is changed in the library is changed for everybody.
_IN_A_FRESH_PROCESS = """
import msgspec
from iroh import iroh_ffi
from crofter.network.iroh.shim import speed_up

def functions():
    builder, converter = iroh_ffi._UniffiRustBufferBuilder, iroh_ffi._UniffiFfiConverterBytes
    return [builder.write, builder._pack_into, converter.lower, converter.lift]

before = functions()
{prepare}
copying = speed_up(iroh_ffi)
{restore}
same = functions() == before
"""


def in_a_fresh_process(after: str, prepare: str = "", restore: str = "") -> str:
    code = _IN_A_FRESH_PROCESS.format(prepare=prepare, restore=restore) + after
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_installed_iroh_copies_at_once() -> None:
    """If this fails after an update of iroh, look at its binding: it may have been mended ("not needed") or changed."""
    assert in_a_fresh_process("print(copying.state, same)") in {"shimmed False", "not needed True"}


@pytest.mark.parametrize("size_bytes", [0, 1, 16 * 1024, 1024 * 1024, 8 * 1024 * 1024])
def test_bytes_survive_the_way_there_and_back(size_bytes: int) -> None:
    after = f"""
import random
for kind in bytes, bytearray, memoryview:
    data = random.Random(7).randbytes({size_bytes})
    assert iroh_ffi._UniffiFfiConverterBytes.lift(iroh_ffi._UniffiFfiConverterBytes.lower(kind(data))) == data
print("equal")
"""
    assert in_a_fresh_process(after) == "equal"


def test_a_second_time_changes_nothing() -> None:
    after = "kept = functions(); speed_up(iroh_ffi); print(functions() == kept)"
    assert in_a_fresh_process(after) == "True"


def test_failing_self_test_puts_everything_back() -> None:
    prepare = """
text = iroh_ffi._UniffiFfiConverterString.lift
iroh_ffi._UniffiFfiConverterString.lift = staticmethod(lambda buffer: text(buffer) + "?")
"""
    restore = "iroh_ffi._UniffiFfiConverterString.lift = staticmethod(text)"
    after = """
converter = iroh_ffi._UniffiFfiConverterBytes
print(copying.state, same, converter.lift(converter.lower(b"works")))
"""
    assert in_a_fresh_process(after, prepare, restore) == "self-test failed True b'works'"


class _Builder:
    def write(self, value: bytes) -> None:
        self.memmove(value)

    def memmove(self, value: bytes) -> None: ...
    def _pack_into(self) -> None: ...
    def _reserve(self) -> None: ...


class _Converter:
    def lower(self) -> None: ...
    def lift(self) -> None: ...


class _RustBuffer:
    def alloc(self) -> None: ...
    def free(self) -> None: ...


def binding(**parts: object) -> ModuleType:
    module: Any = ModuleType("iroh_ffi")
    for name, part in parts.items():
        setattr(module, f"_Uniffi{name}", part)
    return module


def test_mended_binding_is_left_alone() -> None:
    module = binding(RustBufferBuilder=_Builder, FfiConverterBytes=_Converter, RustBuffer=_RustBuffer)
    write = _Builder.write
    assert speed_up(module) == Copying("not needed")
    assert _Builder.write is write


@pytest.mark.parametrize("missing", ["RustBufferBuilder", "FfiConverterBytes", "RustBuffer"])
def test_unknown_binding_is_left_alone(missing: str) -> None:
    parts = {"RustBufferBuilder": _Builder, "FfiConverterBytes": _Converter, "RustBuffer": _RustBuffer}
    del parts[missing]
    copying = speed_up(binding(**parts))
    assert copying.state == "unknown binding"
    assert missing in copying.detail
