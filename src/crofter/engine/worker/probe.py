"""Prints what the llama.cpp library says of itself, as JSON: `python -m crofter.engine.worker.probe`."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (the binding's ctypes functions are only partly typed)

import sys
from importlib.metadata import version

import msgspec
from llama_cpp import llama_cpp as llama

from crofter.engine.values import LibraryFacts

from .devices import devices
from .library import start_library


def main() -> None:
    """Load the library, check its structures, print the facts."""
    start_library()
    found = devices()
    facts = LibraryFacts(
        version=f"llama-cpp-python {version('llama-cpp-python')}",
        system_info=llama.llama_print_system_info().decode(),
        gpu_offload=bool(llama.llama_supports_gpu_offload()),
        devices=tuple(
            f"{device.name} ({device.description}), {device.free_bytes >> 20} of {device.total_bytes >> 20} MiB free"
            for device in found
        ),
        accelerator_free_bytes=tuple(device.free_bytes for device in found),
    )
    sys.stdout.write(msgspec.json.encode(facts).decode())


if __name__ == "__main__":
    main()
