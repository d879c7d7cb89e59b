"""Each import contract breaks when somebody breaks its rule."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

# One violation for every contract in pyproject.toml, by its id: (file, what it imports).
VIOLATIONS = {
    "rooms": ("core/a.py", "import crofter.store"),
    "library-llama-cpp": ("node/a.py", "import llama_cpp"),
    "library-llguidance": ("models/a.py", "import llguidance"),
    "library-jinja2": ("api/a.py", "import jinja2"),
    "library-pillow": ("api/a.py", "import PIL"),
    "library-starlette": ("node/a.py", "import starlette.applications"),
    "library-prometheus-client": ("router/a.py", "import prometheus_client"),
    "library-mcp": ("node/a.py", "import mcp_types"),
    "library-apsw": ("models/a.py", "import sqlite3"),
    "library-keyring": ("node/a.py", "import keyring"),
    "library-blake3": ("network/a.py", "from blake3 import blake3"),
    "library-cryptography": ("store/a.py", "from cryptography.hazmat.primitives import hashes"),
    "library-spake2": ("store/a.py", "from spake2 import SPAKE2_A"),
    "library-click": ("node/a.py", "import rich.table"),
    "library-httpx2": ("models/a.py", "import httpx2"),
    "library-huggingface-hub": ("node/a.py", "from huggingface_hub import HfApi"),
    "library-platformdirs": ("store/a.py", "import platformdirs"),
    "library-psutil": ("api/a.py", "import psutil"),
    "library-zeroconf": ("node/a.py", "import zeroconf"),
    "library-websockets": ("network/a.py", "import websockets.server"),
    "library-iroh": ("network/a.py", "from iroh import Endpoint"),
    "library-frameworks": ("client/a.py", "import langchain_core.messages"),
}


def broken_contracts(root: Path) -> str:
    """What import-linter says about the copy; empty if every contract is kept."""
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [str(program), "--no-cache", "--no-logo"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr if done.returncode else ""


def contract_names(root: Path) -> dict[str, str]:
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return {contract["id"]: contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]}


def test_every_contract_has_a_planted_violation(checkout: Path) -> None:
    assert contract_names(checkout).keys() == VIOLATIONS.keys()


def test_real_checkout_keeps_every_contract(checkout: Path) -> None:
    assert broken_contracts(checkout) == ""


def test_rooms_may_use_their_own_library(copied_tree: Path, plant: Callable[[str, str], None]) -> None:
    for room, library in (
        ("engine", "llama_cpp"),
        ("api", "starlette"),
        ("trust", "cryptography"),
        ("store", "apsw"),
        ("cli", "click"),
    ):
        plant(f"src/crofter/{room}/__init__.py", f"import {library}\n")
        plant(f"src/crofter/{room}/inner/__init__.py", f"import {library}\n")
        plant(f"src/crofter/{room}/a.py", f"import {library}\n")

    assert broken_contracts(copied_tree) == ""


def test_planted_import_breaks_each_contract(copied_tree: Path, plant: Callable[[str, str], None]) -> None:
    for contract, (path, statement) in VIOLATIONS.items():
        plant(f"src/crofter/{path.replace('a.py', contract.replace('-', '_') + '.py')}", f"{statement}\n")

    report = broken_contracts(copied_tree)

    assert [name for name in contract_names(copied_tree).values() if f"{name} BROKEN" not in report] == []


def test_room_that_the_design_does_not_know_is_refused(copied_tree: Path, plant: Callable[[str, str], None]) -> None:
    plant("src/crofter/annex/__init__.py", "")

    assert "annex" in broken_contracts(copied_tree)
