"""Runs every check, also when one has failed, and says how each went in one line. pytest comes last and talks itself."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(sys.executable).parent

STEPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("format", ("ruff", "format", "--check", "--quiet", ".")),
    ("lint", ("ruff", "check", "--output-format=concise", "--quiet", ".")),
    ("types", ("basedpyright", "--pythonpath", sys.executable)),
    ("imports", ("lint-imports", "--no-cache", "--no-logo")),
    ("guards", ("python", "-m", "checks.guards", ".")),
)


def run_step(name: str, command: Sequence[str]) -> bool:
    """Run one check silently; what it says is shown only if it fails."""
    started = time.monotonic()
    done = subprocess.run(
        [str(PROGRAMS / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    passed = done.returncode == 0
    if not passed:
        print(f"{done.stdout}{done.stderr}".rstrip())
    print(f"{'ok  ' if passed else 'FAIL'}  {name}  {time.monotonic() - started:.1f} s", flush=True)
    return passed


def pytest_arguments(arguments: Sequence[str]) -> list[str]:
    """The arguments for pytest: without `--all`, tests marked slow are left out."""
    rest = [argument for argument in arguments if argument != "--all"]
    return rest if "--all" in arguments else ["-m", "not slow", *rest]


def main(arguments: Sequence[str]) -> int:
    results = [run_step(name, command) for name, command in STEPS]
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", *pytest_arguments(arguments)], cwd=ROOT, check=False
    ).returncode
    failed = [name for (name, _), passed in zip(STEPS, results, strict=True) if not passed]
    if failed:
        print(f"FAIL  before the tests: {', '.join(failed)} (details above)", flush=True)
    return 1 if failed else tests


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
