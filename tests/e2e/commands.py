"""`crofter` as a user runs it: its own processes, a free port, a home of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


class Commands:
    """Runs `crofter` as a user would, on one home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.program = (sys.executable, "-m", "crofter")
        """What every command line begins with."""
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CROFTER_")},
            "CROFTER_HOME": str(home),
            "CROFTER_API_PORT": "0",
            # Homes of one test are one user's.
            "XDG_STATE_HOME": str(home.parent / "state"),
        }

    def run(self, *arguments: str, text: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run one command to its end and insist on its exit code."""
        done = subprocess.run(
            [*self.program, *arguments],
            input=text,
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: str) -> Any:  # noqa: ANN401 - JSON of any shape
        """What a command prints with --json."""
        return json.loads(self.run(*arguments, "--json").stdout)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            [*self.program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )

    def running(self) -> dict[str, Any]:
        """`run/node.json`."""
        return json.loads((self.home / "run" / "node.json").read_bytes())

    def clean_up(self) -> None:
        """Stop the node if a test left one."""
        subprocess.run(
            [*self.program, "down"],
            env=self.environment,
            check=False,
            timeout=60,
            capture_output=True,
        )
