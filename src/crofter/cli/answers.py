"""One chat turn over the node's OpenAI endpoint, as `ask`, `chat` and `bench` need it."""

import sys
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from crofter.cli.client import NodeClient, raise_for_error_line
from crofter.core import CrofterError, ErrorCode

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


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A finished answer; what `crofter ask --json` prints."""

    text: str
    reasoning: str = ""
    model: str
    finish_reason: str
    usage: dict[str, Any]
    timings: dict[str, float]
    provenance: dict[str, Any]


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None


class _Extension(msgspec.Struct):
    provenance: dict[str, Any] = {}
    timings: dict[str, float] = {}


class _Event(msgspec.Struct):
    model: str = ""
    choices: list[_Choice] = []
    usage: dict[str, Any] | None = None
    crofter: _Extension | None = None


class AnswerReader:
    """Collects a streamed answer; what has arrived stays readable when it is interrupted."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.model = ""
        self.finish_reason = ""
        self.usage: dict[str, Any] = {}
        self.timings: dict[str, float] = {}
        self.provenance: dict[str, Any] = {}

    def read(self, client: NodeClient, question: Question, show: Callable[[str, bool], None]) -> Answer:
        """Ask and read to the end, calling `show(text, is_reasoning)` for each piece.

        Raises CrofterError; an answer that ends without its last event is an error too, never a short answer.
        """
        started = time.monotonic()
        first_at: float | None = None
        complete = False
        with closing(client.lines("/v1/chat/completions", question)) as lines:
            for line in lines:
                if not line.startswith(b"data: "):
                    continue
                data = line[len(b"data: ") :]
                if data == b"[DONE]":
                    complete = True
                    break
                raise_for_error_line(data)
                if self._take(data, show) and first_at is None:
                    first_at = time.monotonic()
        if not complete:
            raise CrofterError(ErrorCode.WORKER_FAILED, "the answer broke off; ask again.")
        self.timings.setdefault("ttft_ms", round(((first_at or time.monotonic()) - started) * 1000, 1))
        return self.answer()

    def answer(self) -> Answer:
        """What has arrived so far."""
        return Answer(
            text="".join(self.text),
            reasoning="".join(self.reasoning),
            model=self.model,
            finish_reason=self.finish_reason,
            usage=self.usage,
            timings=self.timings,
            provenance=self.provenance,
        )

    def _take(self, data: bytes, show: Callable[[str, bool], None]) -> bool:
        event = msgspec.json.decode(data, type=_Event)
        self.model = event.model or self.model
        self.usage = event.usage or self.usage
        if event.crofter is not None:
            self.timings.update(event.crofter.timings)
            self.provenance.update(event.crofter.provenance)
        shown = False
        for choice in event.choices:
            self.finish_reason = choice.finish_reason or self.finish_reason
            for piece, is_reasoning in ((choice.delta.reasoning_content, True), (choice.delta.content, False)):
                if piece:
                    (self.reasoning if is_reasoning else self.text).append(piece)
                    show(piece, is_reasoning)
                    shown = True
        return shown


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
