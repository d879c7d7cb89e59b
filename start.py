#!/usr/bin/env python3
"""Sets Crofter up in this checkout and runs it. Needs Python 3.11 with pip, and nothing else.

    python3 start.py             set up, start the node and open a chat (without a terminal: serve until stopped)
    python3 start.py test        set up the development tools and run the whole check (--all: slow tests too)
    python3 start.py ARGS...     the same as `crofter ARGS...`

Everything it makes lies in .tools, .venv and .cache of the checkout; deleting them undoes it. Talk goes to stderr.
This file is one piece, and longer than the others, because it has to run before anything of Crofter can be imported.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # the rest of this file must stay readable for Python 3.8, so that this line is reached
    sys.exit(
        "Crofter needs Python 3.11 or newer; this is Python %d.%d (%s).\nInstall a newer one and run, for example: python3.12 start.py"
        % (sys.version_info[0], sys.version_info[1], sys.executable)
    )

import ast
import contextlib
import hashlib
import os
import platform
import re
import shutil
import subprocess
import threading
import time
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parent
TOOLS = ROOT / ".tools"
CACHE = ROOT / ".cache"
ENVIRONMENT = ROOT / ".venv"
STAMP = ENVIRONMENT / "crofter-setup.txt"
WINDOWS = sys.platform == "win32"
PROGRAMS = ENVIRONMENT / ("Scripts" if WINDOWS else "bin")
PYTHON = PROGRAMS / ("python.exe" if WINDOWS else "python")
CROFTER = PROGRAMS / ("crofter.exe" if WINDOWS else "crofter")

ENGINE_PACKAGE = "llama-cpp-python"
ENGINE_LOCK = ROOT / "requirements" / "engine.txt"
PREBUILT_INDEX = "https://abetlen.github.io/llama-cpp-python/whl"  # kept by the binding's author
PREBUILT_CUDA_VERSIONS = ((13, 2), (13, 0), (12, 5), (12, 4), (12, 3), (12, 2), (12, 1))
PREBUILT_CHECK_TIMEOUT_SECONDS = 5.0
HEARTBEAT_SECONDS = 15.0
BUILD_STEP = re.compile(r"\[(\d+)/(\d+)\]")

# What pip is configured with here, and what uv calls it: uv reads none of pip's settings.
UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
    "trusted-host": "UV_INSECURE_HOST",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
}


class SetupError(Exception):
    """A step that failed. The text says what to do; nothing was marked as done, so running again continues."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Step:
    """One line of progress: a running clock on a terminal, elsewhere a line at the start, every 15 seconds and at the end."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.detail = ""
        self.started = time.monotonic()
        self._done = threading.Event()
        self._live = sys.stderr.isatty()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        if not self._live:
            say(f"      {self.title} ...")
        self._ticker.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        self._done.set()
        self._ticker.join()
        self._write("done" if kind is None else "fail", last=True)

    def _tick(self) -> None:
        while not self._done.wait(0.2 if self._live else HEARTBEAT_SECONDS):
            self._write("|/-\\"[int(time.monotonic() * 5) % 4].center(4) if self._live else "....", last=False)

    def _write(self, mark: str, *, last: bool) -> None:
        text = f"{mark}  {self.title}  {time.monotonic() - self.started:.1f} s  {'' if last else self.detail}".rstrip()
        if self._live:
            sys.stderr.write("\r\033[K" + text[: shutil.get_terminal_size().columns - 1] + ("\n" if last else ""))
            sys.stderr.flush()
        else:
            say(text)


def run_quietly(command: Sequence[str | Path], step: Step, environment: Mapping[str, str]) -> None:
    """Run `command`, keeping what it says in .cache/setup.log. Raises SetupError with the last 30 lines if it fails."""
    last_lines: deque[str] = deque(maxlen=30)
    log_path = CACHE / "setup.log"
    with open(log_path, "a", encoding="utf-8") as log:
        log.write(f"\n$ {' '.join(map(str, command))}\n")
        with subprocess.Popen(
            list(map(str, command)), cwd=ROOT, env=dict(environment), text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            try:
                for line in process.stdout or ():
                    log.write(line)
                    last_lines.append(line)
                    if found := BUILD_STEP.search(line):
                        step.detail = f"compiled {found[1]} of {found[2]}"
            except BaseException:
                process.terminate()  # Ctrl-C: uv stops the compilers it started
                raise
    if process.returncode != 0:
        raise SetupError(
            f"{''.join(last_lines)}\n{step.title}: failed (status {process.returncode}). The whole log: {log_path}"
        )


def output_of(command: Sequence[str]) -> str:
    """What a program prints, or nothing if it is missing, fails or takes more than ten seconds."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def pip_settings(listing: str) -> dict[str, str]:
    """The uv environment that means the same as `pip config list`; PIP_* variables win, folders that do not exist are left out."""
    settings: dict[str, str] = {}
    for line in sorted(listing.splitlines(), key=lambda text: text.startswith(":env:")):
        key, _, quoted = line.partition("=")
        name = UV_NAMES.get(key.rpartition(".")[2])
        if name is None or not quoted:
            continue
        places = [place for place in str(ast.literal_eval(quoted)).split() if _exists(place)]
        if places:
            settings[name] = ("," if name == "UV_FIND_LINKS" else " ").join(places)
    return settings


def _exists(place: str) -> bool:
    if place.startswith("file:"):
        from urllib.parse import urlparse
        from urllib.request import url2pathname

        return Path(url2pathname(urlparse(place).path)).exists()
    return not place.startswith("/") or Path(place).exists()


def uv_environment() -> dict[str, str]:
    """The environment for uv: the user's, with pip's configuration added where uv has no setting of its own yet."""
    listing = output_of([sys.executable, "-m", "pip", "config", "list"])
    environment = {**pip_settings(listing), **os.environ}
    environment.setdefault(
        "UV_INDEX_STRATEGY", "unsafe-best-match"
    )  # as pip: all indexes are equal; hashes guard the content
    environment.update(UV_NO_PROGRESS="1", UV_PYTHON_DOWNLOADS="never")
    environment.pop("VIRTUAL_ENV", None)
    return environment


def find_uv() -> Path:
    """uv from PATH or .tools; fetched with pip when there is none."""
    local = [TOOLS / folder / name for folder in ("bin", "Scripts") for name in ("uv", "uv.exe")]
    for candidate in (*local, shutil.which("uv")):
        version = re.match(r"uv (\d+)\.(\d+)", output_of([str(candidate), "--version"])) if candidate else None
        if candidate and version and (int(version[1]), int(version[2])) >= (0, 8):
            return Path(candidate)
    with Step("Fetching uv, the installer") as step:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", TOOLS, "uv>=0.8"]
        try:
            run_quietly(command, step, os.environ)
        except SetupError as error:
            raise SetupError(
                f"{error}\nIf pip is missing: `apt-get install python3-pip`, or install uv yourself; then run this again."
            ) from None
    return next(path for path in local if path.exists())


# The engine: a prebuilt wheel for the accelerator if there is one, otherwise a build from the hashed source package.


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


def build_arguments(flavours: Sequence[str]) -> str:
    """CMAKE_ARGS for a build here: the user's own, else the accelerator whose compiler is installed, else none (CPU, native)."""
    if "CMAKE_ARGS" in os.environ:
        return os.environ["CMAKE_ARGS"]
    for prefix, compiler, argument in (("cu", "nvcc", "CUDA"), ("rocm", "hipcc", "HIP"), ("vulkan", "glslc", "VULKAN")):
        if any(name.startswith(prefix) for name in flavours) and shutil.which(compiler):
            return f"-DGGML_{argument}=on"
    return ""


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


def engine_version() -> str:
    """The version that the lock names."""
    pinned = re.search(rf"^{ENGINE_PACKAGE}==([\w.]+)", ENGINE_LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    if pinned is None:
        raise SetupError("requirements/engine.txt does not name the engine's version; restore the file.")
    return pinned[1]


def engine_is_installed() -> bool:
    pattern = f"[Ll]ib/**/site-packages/llama_cpp_python-{engine_version()}.dist-info"
    return any(ENVIRONMENT.glob(pattern))


def install_engine(uv: Path, flavours: Sequence[str], keyed: Sequence[str], environment: Mapping[str, str]) -> None:
    """Make the pinned engine importable: prebuilt if the user gave no build arguments and there is one, else compiled."""
    if "CMAKE_ARGS" not in os.environ and not os.environ.get("CROFTER_OFFLINE"):
        wanted = list(flavours) if keyed else [*flavours, "cpu"]
        if install_prebuilt(uv, wanted, engine_version(), environment):
            return
    build_engine(uv, keyed, environment)


# The environment as a whole.


def fingerprint() -> str:
    """Changes whenever the environment has to be looked at again."""
    digest = hashlib.sha256(f"{sys.version}\n{ROOT}\n{os.environ.get('CMAKE_ARGS', '')}\n".encode())
    for path in (Path(__file__), ROOT / "pyproject.toml", *sorted((ROOT / "requirements").glob("*.txt"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_ready(kind: str) -> bool:
    """Whether the environment is there and current. The development environment serves for running too."""
    if not STAMP.exists():
        return False
    made_kind, _, made_fingerprint = STAMP.read_text().partition(" ")
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
        if STAMP.exists() and STAMP.read_text().startswith("development "):
            kind = "development"
        STAMP.unlink(missing_ok=True)
        (CACHE / "setup.log").write_text("")
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
            digest = hashlib.sha256(arguments.encode()).hexdigest()[:16]
            # A define that CMake ignores, so that uv keeps builds with different arguments apart.
            keyed = ["--config-settings-package", f"{ENGINE_PACKAGE}:cmake.define.CROFTER_ARGUMENTS={digest}"]
        locks = [ROOT / "requirements" / f"{kind}.txt", *([ENGINE_LOCK] if engine_is_installed() else [])]
        with Step(f"Installing the {kind} packages") as step:
            command = [uv, "pip", "sync", "--python", PYTHON, *keyed, "--require-hashes", *locks]
            run_quietly(command, step, environment)
        if not (engine_is_installed() and engine_loads(environment)):
            install_engine(uv, flavours, keyed, environment)
        with Step("Installing Crofter itself") as step:
            run_quietly([uv, "pip", "install", "--python", PYTHON, "--no-deps", "--editable", ROOT], step, environment)
        STAMP.write_text(f"{kind} {fingerprint()}")


def become(command: Sequence[str | Path]) -> int:
    """Turn into `command`, so that signals, the terminal and the exit status are its own; Windows can only wait for it."""
    arguments = list(map(str, command))
    if not WINDOWS:
        os.execv(arguments[0], arguments)
    return subprocess.run(arguments, check=False).returncode


def serve() -> int:
    """Start the node; with a terminal to talk through, start it in the background if need be and open a chat."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return become([CROFTER, "up"])
    if subprocess.run([CROFTER, "status", "--json"], capture_output=True, check=False).returncode != 0:
        started = subprocess.run([CROFTER, "up", "--detach"], check=False)
        if started.returncode != 0:
            return started.returncode
    return become([CROFTER, "chat"])


def main(arguments: list[str]) -> int:
    testing = arguments[:1] == ["test"]
    kind = "development" if testing else "runtime"
    try:
        if not is_ready(kind):
            set_up(kind)
    except SetupError as error:
        say(f"\n{error}")
        return 1
    except KeyboardInterrupt:
        say("\nStopped. Run it again to continue where it was.")
        return 130
    if testing:
        os.chdir(ROOT)
        return become([PYTHON, "-m", "checks", *arguments[1:]])
    return become([CROFTER, *arguments]) if arguments else serve()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
