"""One step of the set-up after the other: what it runs is kept in a log, and a line says how it goes. Talk goes to stderr."""

import re
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from bootstrap.places import CACHE, ROOT

LOG = CACHE / "setup.log"
HEARTBEAT_SECONDS = 15.0
_BUILD_STEP = re.compile(r"\[(\d+)/(\d+)\]")


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
    with open(LOG, "a", encoding="utf-8") as log:
        log.write(f"\n$ {' '.join(map(str, command))}\n")
        with subprocess.Popen(
            list(map(str, command)), cwd=ROOT, env=dict(environment), text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            try:
                for line in process.stdout or ():
                    log.write(line)
                    last_lines.append(line)
                    if found := _BUILD_STEP.search(line):
                        step.detail = f"compiled {found[1]} of {found[2]}"
            except BaseException:
                process.terminate()  # Ctrl-C: uv stops the compilers it started
                raise
    if process.returncode != 0:
        raise SetupError(
            f"{''.join(last_lines)}\n{step.title}: failed (status {process.returncode}). The whole log: {LOG}"
        )


def output_of(command: Sequence[str]) -> str:
    """What a program prints, or nothing if it is missing, fails or takes more than ten seconds."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
