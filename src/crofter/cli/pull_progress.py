"""The progress of a pull on stderr: a bar on a terminal, now and then a line elsewhere."""

import sys
import time
from collections.abc import Callable
from typing import Self

from crofter.api import PullProgress

from .output import say
from .pace import Pace

LINE_SECONDS = 10.0

_WORDS = {
    "checking": "checking",
    "choosing": "asking the hub",
    "copying": "copying",
    "reading": "reading it once",
    "downloading": "downloading",
    "verifying": "checking the hash",
    "joining": "joining the parts",
    "quantizing": "quantising",
    "installing": "installing",
    "done": "done",
}


class PullBar:
    """Shows steps as they come."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._clock = clock
        self._on_terminal = sys.stderr.isatty()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            console=Console(stderr=True),
            disable=not self._on_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("checking", total=None, figures="")
        self._status = ""
        self._pace = Pace()
        self._line_at = 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        """A line above the bar."""
        if self._on_terminal:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            say(text)

    def update(self, step: PullProgress) -> None:
        """Show one step."""
        now = self._clock()
        if step.status != self._status:
            self._status, self._pace, self._line_at = step.status, Pace(), now
        if step.total_bytes:
            self._pace.add(now, step.done_bytes)
        words = _WORDS.get(step.status, step.status)
        figures = self._pace.shown(step.total_bytes)
        self._bar.update(
            self._task, description=words, completed=step.done_bytes, total=step.total_bytes or None, figures=figures
        )
        if not self._on_terminal and figures and now - self._line_at >= LINE_SECONDS:
            self._line_at = now
            say(f"{words}: {figures}")
