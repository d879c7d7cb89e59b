"""A node's model as an LLM of LlamaIndex."""

# Its decorators have no types.
# pyright: reportUntypedFunctionDecorator=false, reportUnknownVariableType=false

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from llama_index.core.base.llms.generic_utils import (
    achat_to_completion_decorator,
    astream_chat_to_completion_decorator,
    chat_to_completion_decorator,
    stream_chat_to_completion_decorator,
)
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
    ToolCallBlock,
)
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection

from crofter.client import Model
from crofter.core import CrofterError, ErrorCode
from crofter.integrations.node_fields import WritingFields

from .messages import conversation, response

if TYPE_CHECKING:
    from llama_index.core.tools.types import BaseTool


class Crofter(WritingFields, FunctionCallingLLM):
    """Answers of a node: whole, streamed, with tools. `raw` of a response has `provenance` and `timings`.

    What a call says beside these fields goes to the node as a field of chat completions. Raises CrofterError with the node's words.
    """

    context_window: int = 0
    """In tokens; 0: the model's."""

    @classmethod
    def class_name(cls) -> str:
        """As LlamaIndex calls it."""
        return "Crofter"

    @cached_property
    def _meant(self) -> Model:
        for model in self.node.models():
            if model.name == self.model or (model.default and not self.model):
                return model
        raise CrofterError(ErrorCode.MODEL_NOT_FOUND, f"the node has no model {self.model!r}", parameter="model")

    @property
    def metadata(self) -> LLMMetadata:
        """What LlamaIndex plans with; asks the node once."""
        context_window = self.context_window or self._meant.context_length
        return LLMMetadata(
            context_window=context_window,
            num_output=self.max_tokens or min(1024, context_window // 4),
            is_chat_model=True,
            is_function_calling_model=True,
            model_name=self._meant.name,
        )

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The whole answer."""
        return response(self.node.chat(conversation(messages), **self.options(kwargs)))

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """What has come so far, at each step."""
        stream = self.node.stream(conversation(messages), **self.options(kwargs))

        def steps() -> ChatResponseGen:
            with stream:
                for delta in stream:
                    yield response(stream.reply, delta.text)
                yield response(stream.reply, "")

        return steps()

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The whole answer."""
        async with self.async_node() as node:
            return response(await node.chat(conversation(messages), **self.options(kwargs)))

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """What has come so far, at each step."""

        async def steps() -> ChatResponseAsyncGen:
            async with (
                self.async_node() as node,
                node.stream(conversation(messages), **self.options(kwargs)) as stream,
            ):
                async for delta in stream:
                    yield response(stream.reply, delta.text)
                yield response(stream.reply, "")

        return steps()

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """The answer to a prompt, which is a message of the user here."""
        return chat_to_completion_decorator(self.chat)(prompt, **kwargs)

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """The same in steps."""
        return stream_chat_to_completion_decorator(self.stream_chat)(prompt, **kwargs)

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """The answer to a prompt."""
        return await achat_to_completion_decorator(self.achat)(prompt, **kwargs)

    @llm_completion_callback()
    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseAsyncGen:
        """The same in steps."""
        return await astream_chat_to_completion_decorator(self.astream_chat)(prompt, **kwargs)

    def _prepare_chat_with_tools(
        self,
        tools: Sequence["BaseTool"],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        said = [ChatMessage(content=user_msg)] if isinstance(user_msg, str) else [user_msg] if user_msg else []
        offered = [tool.metadata.to_openai_tool() for tool in tools]
        choice = "required" if tool_required else "auto"
        return {
            **kwargs,
            "messages": [*(chat_history or []), *said],
            "tools": offered or None,
            "tool_choice": (kwargs.get("tool_choice") or choice) if offered else None,
            "parallel_tool_calls": allow_parallel_tool_calls,
        }

    def get_tool_calls_from_response(
        self,
        response: ChatResponse,
        error_on_no_tool_call: bool = True,
        **kwargs: Any,
    ) -> list[ToolSelection]:
        """The calls of a whole answer. Raises ValueError if there are none and that is an error."""
        calls = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
        if not calls and error_on_no_tool_call:
            raise ValueError(f"the model called no tool; it said: {response.message.content}")
        return [
            ToolSelection(
                tool_id=call.tool_call_id or "",
                tool_name=call.tool_name,
                tool_kwargs=cast(dict[str, Any], call.tool_kwargs),
            )
            for call in calls
        ]
