"""The environment as a whole: what it has to hold, whether it does, and how it comes to."""

import contextlib
import hashlib
import os
import platform
import shutil
import sys
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

from bootstrap.engine import (
    ENGINE_LOCK,
    build_arguments,
    build_engine,
    engine_is_installed,
    engine_loads,
    engine_version,
    key_of_build,
)
from bootstrap.places import CACHE, ENVIRONMENT, PYTHON, REQUIREMENTS, ROOT, WINDOWS
from bootstrap.prebuilt import install_prebuilt, prebuilt_flavours
from bootstrap.steps import LOG, Step, output_of, run_quietly, say
from bootstrap.uv import find_uv, uv_environment

_STAMP = ENVIRONMENT / "crofter-setup.txt"


def fingerprint() -> str:
    """Changes whenever the environment has to be looked at again."""
    digest = hashlib.sha256(f"{sys.version}\n{ROOT}\n{os.environ.get('CMAKE_ARGS', '')}\n".encode())
    for path in (
        *sorted(Path(__file__).parent.glob("*.py")),
        ROOT / "pyproject.toml",
        *sorted(REQUIREMENTS.glob("*.txt")),
    ):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_ready(kind: str) -> bool:
    """Whether the environment is there and current. The development environment serves for running too."""
    if not _STAMP.exists():
        return False
    made_kind, _, made_fingerprint = _STAMP.read_text().partition(" ")
    return made_fingerprint == fingerprint() and made_kind in (kind, "development")


@contextlib.contextmanager
def only_one() -> Generator[None]:
    """Two set-ups in one checkout take turns; the system frees the lock of a process that dies."""
    CACHE.mkdir(exist_ok=True)
    with open(CACHE / "setup.lock", "a+b") as lock:
        if WINDOWS:
            import msvcrt

            lock.seek(0)
            msvcrt.locking(lock.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("      Another set-up is running in this checkout; waiting for it.")
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def set_up(kind: str) -> None:
    """Bring .venv to what the requirements say. The stamp is written last: whatever stops this, the next run continues."""
    with only_one():
        if is_ready(kind):
            return
        if _STAMP.exists() and _STAMP.read_text().startswith("development "):
            kind = "development"
        _STAMP.unlink(missing_ok=True)
        LOG.write_text("")
        say(f"Setting up Crofter in {ROOT} (Python {platform.python_version()})")
        environment = uv_environment()
        uv = find_uv()
        if output_of([str(PYTHON), "-c", "import sys; print(sys.version)"]).strip() != sys.version:
            with Step("Making the environment .venv") as step:
                shutil.rmtree(ENVIRONMENT, ignore_errors=True)
                run_quietly([uv, "venv", "--python", sys.executable, ENVIRONMENT], step, environment)
        flavours = prebuilt_flavours()
        keyed: list[str] = []
        if arguments := build_arguments(flavours):
            environment["CMAKE_ARGS"] = arguments
            keyed = key_of_build(arguments)
        locks = [REQUIREMENTS / f"{kind}.txt", *([ENGINE_LOCK] if engine_is_installed() else [])]
        with Step(f"Installing the {kind} packages") as step:
            command = [uv, "pip", "sync", "--python", PYTHON, *keyed, "--require-hashes", *locks]
            run_quietly(command, step, environment)
        if not (engine_is_installed() and engine_loads(environment)):
            install_engine(uv, flavours, keyed, environment)
        with Step("Installing Crofter itself") as step:
            run_quietly([uv, "pip", "install", "--python", PYTHON, "--no-deps", "--editable", ROOT], step, environment)
        _STAMP.write_text(f"{kind} {fingerprint()}")


def install_engine(uv: Path, flavours: Sequence[str], keyed: Sequence[str], environment: Mapping[str, str]) -> None:
    """Make the pinned engine importable: prebuilt if the user gave no build arguments and there is one, else compiled."""
    if "CMAKE_ARGS" not in os.environ and not os.environ.get("CROFTER_OFFLINE"):
        wanted = list(flavours) if keyed else [*flavours, "cpu"]
        if install_prebuilt(uv, wanted, engine_version(), environment):
            return
    build_engine(uv, keyed, environment)
