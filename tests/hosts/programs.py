"""Programs that run in a machine and talk in lines; nobody waits for a line for ever."""

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

from tests.hosts.namespaces import Namespace

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 30.0


class Program:
    """A Python file of this folder, running in a machine until the context ends."""

    def __init__(self, machine: Namespace, file: str, *arguments: str) -> None:
        self._name = f"{file} in {machine.name}"
        self._process = subprocess.Popen(
            [*machine.entry, sys.executable, str(Path(__file__).with_name(file)), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._read = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._input.close()
        self._output.close()

    def line(self, seconds: float = PATIENCE_SECONDS) -> str:
        """The next line it prints."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._read:
            left = deadline - time.monotonic()
            assert left > 0, f"{self._name} has said nothing for {seconds:g} s"
            if select.select([self._output], [], [], left)[0]:
                piece = os.read(self._output.fileno(), 65_536)
                assert piece, f"{self._name} has ended with status {self._process.wait()}"
                self._read += piece
        line, _, self._read = self._read.partition(b"\n")
        return line.decode()

    def json(self, seconds: float = PATIENCE_SECONDS) -> Any:  # noqa: ANN401 - JSON of any shape
        """The same, read as JSON."""
        return json.loads(self.line(seconds))

    def say(self, text: str) -> None:
        """Give it a line to read."""
        self._input.write(f"{text}\n".encode())
        self._input.flush()
