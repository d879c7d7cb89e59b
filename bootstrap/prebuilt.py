"""Prebuilt engines, which the binding's author keeps in indexes of his own, one for each kind of accelerator."""

import platform
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bootstrap.engine import ENGINE_PACKAGE, engine_loads
from bootstrap.places import PYTHON
from bootstrap.steps import SetupError, Step, output_of, run_quietly, say

PREBUILT_INDEX = "https://abetlen.github.io/llama-cpp-python/whl"
PREBUILT_CUDA_VERSIONS = ((13, 2), (13, 0), (12, 5), (12, 4), (12, 3), (12, 2), (12, 1))
PREBUILT_CHECK_TIMEOUT_SECONDS = 5.0


def prebuilt_flavours() -> list[str]:
    """Names of the author's wheel indexes that fit the accelerator of this machine, best first; none without an accelerator."""
    if sys.platform == "darwin":
        return ["metal"] if platform.machine() == "arm64" else []
    if cuda := re.search(r"CUDA Version:\s*(\d+)\.(\d+)", output_of(["nvidia-smi"])):
        limit = (int(cuda[1]), int(cuda[2]))
        return [f"cu{major}{minor}" for major, minor in PREBUILT_CUDA_VERSIONS if (major, minor) <= limit]
    if sys.platform == "linux" and "gfx" in output_of(["rocminfo"]):
        return ["rocm72", "vulkan"]
    if re.search(r"PHYSICAL_DEVICE_TYPE_(DISCRETE|INTEGRATED)_GPU", output_of(["vulkaninfo", "--summary"])):
        return ["vulkan"]
    return []


def offers(flavour: str, version: str) -> bool:
    """Whether the author's index has that version for this system. Raises OSError when it cannot be reached."""
    from urllib.error import HTTPError
    from urllib.request import urlopen

    try:
        with urlopen(f"{PREBUILT_INDEX}/{flavour}/{ENGINE_PACKAGE}/", timeout=PREBUILT_CHECK_TIMEOUT_SECONDS) as reply:
            page = reply.read().decode("utf-8", "replace")
    except HTTPError:
        return False
    system = {"linux": "linux", "darwin": "macosx", "win32": "win"}.get(sys.platform, sys.platform)
    machine = platform.machine().lower()
    return bool(re.search(rf"llama_cpp_python-{re.escape(version)}-[^\"<>]*{system}[^\"<>]*{machine}\.whl", page))


def install_prebuilt(uv: Path, flavours: Sequence[str], version: str, environment: Mapping[str, str]) -> bool:
    """Install the first prebuilt wheel that exists and loads here. False if there is none or the index is out of reach."""
    try:
        for flavour in flavours:
            if not offers(flavour, version):
                continue
            with Step(f"Installing llama.cpp, prebuilt for {flavour}") as step:
                plain = {
                    name: value for name, value in environment.items() if name not in ("UV_INDEX", "UV_FIND_LINKS")
                }
                index = f"{PREBUILT_INDEX}/{flavour}"
                command = [
                    uv,
                    "pip",
                    "install",
                    "--python",
                    PYTHON,
                    "--no-deps",
                    "--reinstall",
                    "--only-binary",
                    ENGINE_PACKAGE,
                ]
                run_quietly([*command, "--default-index", index, f"{ENGINE_PACKAGE}=={version}"], step, plain)
            if engine_loads(environment):
                return True
            say(f"      The prebuilt {flavour} library does not load on this machine; trying the next way.")
    except OSError:
        say("      The index of prebuilt engines cannot be reached from here.")
    except SetupError as error:
        say(f"      {str(error).splitlines()[-1]}")
    return False
