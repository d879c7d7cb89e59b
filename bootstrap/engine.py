"""The engine, llama.cpp: which version is pinned, whether what is installed loads, and the build from its hashed source package."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bootstrap.places import ENVIRONMENT, PYTHON, REQUIREMENTS, ROOT, WINDOWS
from bootstrap.steps import SetupError, Step, run_quietly, say

ENGINE_PACKAGE = "llama-cpp-python"
ENGINE_LOCK = REQUIREMENTS / "engine.txt"


def engine_version() -> str:
    """The version that the lock names."""
    pinned = re.search(rf"^{ENGINE_PACKAGE}==([\w.]+)", ENGINE_LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    if pinned is None:
        raise SetupError("requirements/engine.txt does not name the engine's version; restore the file.")
    return pinned[1]


def engine_is_installed() -> bool:
    pattern = f"[Ll]ib/**/site-packages/llama_cpp_python-{engine_version()}.dist-info"
    return any(ENVIRONMENT.glob(pattern))


def build_arguments(flavours: Sequence[str]) -> str:
    """CMAKE_ARGS for a build here: the user's own, else the accelerator whose compiler is installed, else none (CPU, native)."""
    if "CMAKE_ARGS" in os.environ:
        return os.environ["CMAKE_ARGS"]
    for prefix, compiler, argument in (("cu", "nvcc", "CUDA"), ("rocm", "hipcc", "HIP"), ("vulkan", "glslc", "VULKAN")):
        if any(name.startswith(prefix) for name in flavours) and shutil.which(compiler):
            return f"-DGGML_{argument}=on"
    return ""


def key_of_build(arguments: str) -> list[str]:
    """Options of uv that keep builds with different arguments apart: a define that CMake ignores."""
    digest = hashlib.sha256(arguments.encode()).hexdigest()[:16]
    return ["--config-settings-package", f"{ENGINE_PACKAGE}:cmake.define.CROFTER_ARGUMENTS={digest}"]


def engine_loads(environment: Mapping[str, str]) -> bool:
    """Whether the installed library starts: a wheel for another CPU, CUDA or C library shows itself here and not in the first answer."""
    check = "import llama_cpp as l; l.llama_backend_init(); l.llama_print_system_info()"
    return (
        subprocess.run(
            [PYTHON, "-c", check], env=dict(environment), capture_output=True, check=False, timeout=120
        ).returncode
        == 0
    )


def engine_cache() -> Path:
    """Where compiled engines are kept for other checkouts of this user. uv's common cache forgets a build whenever anybody
    asks it for the same package in another way, so the engine has one of its own."""
    base = os.environ.get("LOCALAPPDATA" if WINDOWS else "XDG_CACHE_HOME")
    return Path(base or Path.home() / ".cache") / "crofter" / "engine"


def build_engine(uv: Path, keyed: Sequence[str], environment: Mapping[str, str]) -> None:
    """Take the engine that was compiled on this machine before, or compile the source package."""
    environment = {**environment, "UV_CACHE_DIR": str(engine_cache())}
    command = [uv, "pip", "install", "--verbose", "--python", PYTHON, "--no-deps", *keyed]
    command += ["--require-hashes", "-r", ENGINE_LOCK]
    remove_engine(uv, environment)
    kept = subprocess.run(
        list(map(str, [*command, "--offline"])), env=environment, cwd=ROOT, capture_output=True, check=False
    )
    if kept.returncode == 0 and engine_loads(environment):
        say("done  Installing llama.cpp, compiled on this machine before")
        return
    compiler = os.environ.get("CXX") or next(filter(shutil.which, ("c++", "g++", "clang++")), None)
    if compiler is None and not WINDOWS:
        raise SetupError(
            "No C++ compiler found, and llama.cpp has to be compiled on this machine. Install one and run this again:\n"
            "  Debian, Ubuntu: apt-get install build-essential    Fedora: dnf install gcc-c++    macOS: xcode-select --install"
        )
    say("      Building llama.cpp from source: 4 to 10 minutes on two cores, once on this machine.")
    remove_engine(uv, environment)
    with Step("Building llama.cpp") as step:
        try:
            # What is kept may come from another processor that shares the home folder.
            run_quietly([*command, "--refresh-package", ENGINE_PACKAGE], step, environment)
        except SetupError as error:
            needs = "It needs a C++17 compiler, about 2 GB of memory, 2 GB of disk and the package index."
            raise SetupError(f"{error}\n{needs}") from None
    # The result stays; the unpacked sources, ten times as large, go.
    subprocess.run([str(uv), "cache", "prune", "--ci"], env=environment, capture_output=True, check=False)
    if not engine_loads(environment):
        raise SetupError(f"llama.cpp was built but does not load. Try: {PYTHON} -c 'import llama_cpp'")


def remove_engine(uv: Path, environment: Mapping[str, str]) -> None:
    """Take out an engine that does not load, since uv would count it as installed."""
    command = [str(uv), "pip", "uninstall", "--quiet", "--python", str(PYTHON), ENGINE_PACKAGE]
    subprocess.run(command, env=dict(environment), capture_output=True, check=False)
