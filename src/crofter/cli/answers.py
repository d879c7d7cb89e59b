"""One chat turn over the node's OpenAI endpoint, as `ask`, `chat` and `bench` need it."""

import sys
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from crofter.cli.client import NodeClient
from crofter.client import Reply, ReplyReader

if TYPE_CHECKING:
    from rich.status import Status


class Turn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message of the conversation."""

    role: str
    content: str | tuple[dict[str, Any], ...]
    """Text, or text and images in parts."""

    @property
    def text(self) -> str:
        """Its words."""
        return self.content if isinstance(self.content, str) else self.content[-1]["text"]


def user_turn(text: str, images: Sequence[str] = ()) -> Turn:
    """What a user says, with images as `data:` addresses."""
    if not images:
        return Turn(role="user", content=text)
    shown = tuple({"type": "image_url", "image_url": {"url": url}} for url in images)
    return Turn(role="user", content=(*shown, {"type": "text", "text": text}))


def image_url(path: Path) -> str:
    """A file as a `data:` address: what it is, the node sees for itself. Raises OSError."""
    return f"data:application/octet-stream;base64,{b64encode(path.read_bytes()).decode()}"


class Question(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is sent; a field left out is the node's choice."""

    model: str
    messages: tuple[Turn, ...]
    max_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None
    stream: bool = msgspec.field(default_factory=lambda: True)
    stream_options: dict[str, bool] = msgspec.field(default_factory=lambda: {"include_usage": True})


class AnswerReader:
    """Collects a streamed answer; what has arrived stays readable when it is interrupted."""

    def __init__(self) -> None:
        self._reader = ReplyReader()

    def read(self, client: NodeClient, question: Question, show: Callable[[str, bool], None]) -> Reply:
        """Ask and read to the end, calling `show(text, is_reasoning)` for each piece.

        Raises CrofterError; an answer that ends without its last event is an error too, never a short answer.
        """
        with closing(client.lines("/v1/chat/completions", question)) as lines:
            for line in lines:
                delta = self._reader.feed(line)
                if self._reader.complete:
                    break
                for piece, is_reasoning in ((delta.reasoning, True), (delta.text, False)) if delta else ():
                    if piece:
                        show(piece, is_reasoning)
        self._reader.require_complete()
        return self.answer()

    def answer(self) -> Reply:
        """What has arrived so far."""
        return self._reader.reply()


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


def conversation(system: str | None, turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """The turns, led by the system message if there is one."""
    return ((Turn(role="system", content=system),) if system else ()) + tuple(turns)
