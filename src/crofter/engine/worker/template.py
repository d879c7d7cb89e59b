"""Chat templates: the model's own Jinja source, given what it expects; it runs in a process with limits (`sandbox.py`)."""

import hashlib
from typing import Any

import msgspec

from crofter.core import ChatPrompt, CrofterError, ErrorCode, Message

from .calls import parsed_arguments, told_in_words, written_arguments
from .renderer import Rendered, Renderer

_SHORT_ID_CHARACTERS = 9


class ChatTemplate:
    """A model's chat template."""

    def __init__(self, renderer: Renderer, source: str | None, *, bos_token: str, eos_token: str) -> None:
        """`source` is the Jinja text from the model file; None if the model brings none, and the renderer is closed then."""
        self._renderer = renderer
        self._markers = {"bos_token": bos_token, "eos_token": eos_token}
        self.source = source or ""
        self._knows_tools = "tools" in self.source
        self._short_ids = "length != 9" in self.source
        if self.source:
            renderer.load(self.source)
        else:
            renderer.close()

    def render(self, prompt: ChatPrompt) -> str:
        """The text the model continues. Raises CrofterError: UNSUPPORTED without a template, MODEL_INVALID or INVALID_REQUEST."""
        if not self.source:
            raise CrofterError(
                ErrorCode.UNSUPPORTED, "this model has no chat template; use /v1/completions", parameter="model"
            )
        if prompt.tools and not self._knows_tools:
            prompt = told_in_words(prompt)
        prompt = msgspec.structs.replace(prompt, messages=_one_system_message(prompt.messages))
        rendered = self._render(prompt.messages, prompt)
        if rendered.outcome != "done" and any(message.tool_calls for message in prompt.messages):
            # Some families join the arguments to a text, and fail on the object that others ask for.
            as_text = self._render(prompt.messages, prompt, arguments_as_text=True)
            rendered = as_text if as_text.outcome == "done" else rendered
        if prompt.media and not (
            rendered.outcome == "done" and all(part.marker in rendered.text for part in prompt.media)
        ):
            # Templates of models that see may ask for contents in parts.
            in_parts = self._render(prompt.messages, prompt, content_in_parts=True)
            rendered = in_parts if in_parts.outcome == "done" else rendered
        if rendered.outcome == "refused" and (merged := _merge_system(prompt.messages)) is not None:
            rendered = self._render(merged, prompt)
        if rendered.outcome == "refused":
            raise CrofterError(
                ErrorCode.INVALID_REQUEST, f"the chat template refused: {rendered.text}", parameter="messages"
            )
        if rendered.outcome == "failed":
            raise CrofterError(ErrorCode.MODEL_INVALID, f"the model's chat template failed: {rendered.text}")
        last = prompt.messages[-1] if prompt.messages else None
        if last is not None and last.role == "user" and (last.content or "").strip() not in rendered.text:
            raise CrofterError(
                ErrorCode.MODEL_INVALID, "the model's chat template lost the last message; it is not usable"
            )
        return rendered.text

    def _render(
        self,
        messages: tuple[Message, ...],
        prompt: ChatPrompt,
        *,
        arguments_as_text: bool = False,
        content_in_parts: bool = False,
    ) -> Rendered:
        values = [self._as_value(message, arguments_as_text=arguments_as_text) for message in messages]
        if content_in_parts:
            for value in values:
                value["content"] = [{"type": "text", "text": value.get("content") or ""}]
        own: dict[str, Any] = {
            "messages": values,
            "tools": list(prompt.tools) or None,
            "add_generation_prompt": True,
            **self._markers,
        }
        if taken := own.keys() & prompt.template_arguments.keys():
            message = f"{min(taken)!r} is set by the node and cannot be an argument for the chat template"
            raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="chat_template_kwargs")
        return self._renderer.render(own | prompt.template_arguments)

    def _as_value(self, message: Message, *, arguments_as_text: bool) -> dict[str, Any]:
        value: dict[str, Any] = msgspec.to_builtins(message)
        if value.get("content") is None and not message.tool_calls:
            value["content"] = ""
        for call in value.get("tool_calls") or ():
            function: dict[str, Any] = call.get("function") or {}
            arguments = function.get("arguments")
            function["arguments"] = written_arguments(arguments) if arguments_as_text else parsed_arguments(arguments)
            if self._short_ids:
                call["id"] = _short(str(call.get("id", "")))
        if self._short_ids and message.tool_call_id:
            value["tool_call_id"] = _short(message.tool_call_id)
        return value


def _short(call_id: str) -> str:
    """Nine letters or digits, the same for the same id: what Mistral's templates ask for."""
    if len(call_id) == _SHORT_ID_CHARACTERS and call_id.isalnum():
        return call_id
    return hashlib.sha256(call_id.encode()).hexdigest()[:_SHORT_ID_CHARACTERS]


def _one_system_message(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Those that a conversation begins with made one: Codex sends several, and most templates look at the first only."""
    count = next((index for index, message in enumerate(messages) if message.role != "system"), len(messages))
    if count < 2:
        return messages
    text = "\n\n".join(message.content or "" for message in messages[:count])
    return (msgspec.structs.replace(messages[0], content=text), *messages[count:])


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
