"""An answer on a terminal or in a pipe, as `ask`, `chat` and `bench` need it."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from crofter.client import Reply, Stream

if TYPE_CHECKING:
    from rich.status import Status


def read(stream: Stream, show: Callable[[str, bool], None]) -> Reply:
    """Read an answer to its end, calling `show(text, is_reasoning)` for each piece. Raises CrofterError."""
    for delta in stream:
        for piece, is_reasoning in ((delta.reasoning, True), (delta.text, False)):
            if piece:
                show(piece, is_reasoning)
    return stream.reply


class PlainWriter:
    """Writes an answer to stdout as it comes, its reasoning dimmed on stderr; until then a terminal shows that it waits."""

    def __init__(self) -> None:
        self._reasoning_open = False
        self._waiting: Status | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console

            text = "waiting for the answer (a model that is not in memory yet is loaded first)"
            self._waiting = Console(stderr=True).status(text)
            self._waiting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wait_no_more()

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.stop()
            self._waiting = None

    def __call__(self, piece: str, is_reasoning: bool) -> None:
        self._wait_no_more()
        if is_reasoning:
            dim = sys.stderr.isatty()
            sys.stderr.write(f"\x1b[2m{piece}\x1b[0m" if dim else piece)
            sys.stderr.flush()
        else:
            if self._reasoning_open:
                sys.stderr.write("\n")
                sys.stderr.flush()
            sys.stdout.write(piece)
            sys.stdout.flush()
        self._reasoning_open = is_reasoning
