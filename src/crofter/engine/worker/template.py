"""Chat templates: the model's own Jinja source, run in a sandbox with bounds on output and time.

A template comes with the model file, so it is as trustworthy as a stranger's program: no attribute of Python objects beyond the
sandbox's list, no large multiplications, bounded output. A template that loops without output is stopped by the node, which
gives up on a worker that does not answer.
"""

import json
import time
from datetime import datetime
from typing import Any, Never

import jinja2
import msgspec
from jinja2.exceptions import SecurityError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from crofter.core import ChatPrompt, CrofterError, ErrorCode, Message

_MAXIMUM_OUTPUT_CHARACTERS = 16 * 1024 * 1024
_MAXIMUM_REPEAT = 100_000
_MAXIMUM_SECONDS = 5.0


class _RefusedError(Exception):
    """The template itself called `raise_exception`."""


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: jinja2.runtime.Context, operator: str, left: object, right: object) -> object:
        """Refuse products that would fill the memory: `'a' * 10**10`."""
        if operator == "**" or not all(isinstance(side, int | float) for side in (left, right)):
            factor = right if isinstance(right, int) else left
            if not isinstance(factor, int) or abs(factor) > _MAXIMUM_REPEAT:
                raise SecurityError(f"{operator} with such operands is not allowed in a chat template")
        return super().call_binop(context, operator, left, right)


def _raise_exception(message: str) -> Never:
    raise _RefusedError(message)


def _strftime_now(layout: str) -> str:
    return datetime.now().astimezone().strftime(layout)


def _to_json(value: object, indent: int | None = None, ensure_ascii: bool = False, **_ignored: object) -> str:
    # Jinja's own filter escapes < and > for HTML, which a model must not see.
    return json.dumps(value, indent=indent, ensure_ascii=ensure_ascii)


class ChatTemplate:
    """A compiled chat template."""

    def __init__(self, source: str | None, *, bos_token: str, eos_token: str) -> None:
        """`source` is the Jinja text from the model file; None if the model brings none."""
        self._markers = {"bos_token": bos_token, "eos_token": eos_token}
        self._broken: str | None = None
        self.source = source or ""
        environment = _Environment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        environment.filters["tojson"] = _to_json
        try:
            self._template = environment.from_string(
                self.source, globals={"raise_exception": _raise_exception, "strftime_now": _strftime_now}
            )
        except (jinja2.TemplateError, RecursionError) as error:
            self._broken = str(error)

    def render(self, prompt: ChatPrompt) -> str:
        """The text the model continues. Raises CrofterError: UNSUPPORTED without a template, MODEL_INVALID or INVALID_REQUEST."""
        if self._broken is not None:
            raise CrofterError(ErrorCode.MODEL_INVALID, f"the model's chat template is broken: {self._broken}")
        if not self.source:
            raise CrofterError(
                ErrorCode.UNSUPPORTED, "this model has no chat template; use /v1/completions", parameter="model"
            )
        try:
            text = self._render(prompt.messages, prompt)
        except _RefusedError as refusal:
            merged = _merge_system(prompt.messages)
            if merged is None:
                raise CrofterError(
                    ErrorCode.INVALID_REQUEST, f"the chat template refused: {refusal}", parameter="messages"
                ) from None
            try:
                text = self._render(merged, prompt)
            except _RefusedError as again:
                raise CrofterError(
                    ErrorCode.INVALID_REQUEST, f"the chat template refused: {again}", parameter="messages"
                ) from None
        last = prompt.messages[-1] if prompt.messages else None
        if last is not None and last.role == "user" and (last.content or "").strip() not in text:
            raise CrofterError(
                ErrorCode.MODEL_INVALID, "the model's chat template lost the last message; it is not usable"
            )
        return text

    def _render(self, messages: tuple[Message, ...], prompt: ChatPrompt) -> str:
        deadline = time.monotonic() + _MAXIMUM_SECONDS
        pieces: list[str] = []
        size = 0
        try:
            for piece in self._template.generate(
                messages=[_as_template_value(message) for message in messages],
                tools=list(prompt.tools) or None,
                add_generation_prompt=True,
                **self._markers,
                **prompt.template_arguments,
            ):
                pieces.append(piece)
                size += len(piece)
                if size > _MAXIMUM_OUTPUT_CHARACTERS or time.monotonic() > deadline:
                    raise CrofterError(
                        ErrorCode.MODEL_INVALID, "the model's chat template writes too much or takes too long"
                    )
        except (CrofterError, _RefusedError):
            raise
        except Exception as error:  # A template is foreign code: whatever it raises is its failure, not the worker's.
            raise CrofterError(ErrorCode.MODEL_INVALID, f"the model's chat template failed: {error}") from error
        return "".join(pieces)


def _as_template_value(message: Message) -> dict[str, Any]:
    value: dict[str, Any] = msgspec.to_builtins(message)
    if value.get("content") is None and not message.tool_calls:
        value["content"] = ""
    return value


def _merge_system(messages: tuple[Message, ...]) -> tuple[Message, ...] | None:
    """System text moved into the first user message, for templates without a system role; None if there is nothing to move."""
    system = "\n\n".join(message.content or "" for message in messages if message.role == "system")
    rest = [message for message in messages if message.role != "system"]
    position = next((index for index, message in enumerate(rest) if message.role == "user"), None)
    if not system or position is None:
        return None
    first = rest[position]
    rest[position] = msgspec.structs.replace(first, content=f"{system}\n\n{first.content or ''}")
    return tuple(rest)
