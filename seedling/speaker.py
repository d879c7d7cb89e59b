"""The model under test: llama.cpp on the GGUF, with the chat template that the file carries, rendered as the node renders it."""

from pathlib import Path
from typing import Any

from llama_cpp import Llama

from crofter.core import ChatPrompt, Message
from crofter.engine.worker.renderer import Renderer
from crofter.engine.worker.template import ChatTemplate
from seedling.corpus import TEMPERATURE, TOP_K, TOP_P
from seedling.template import END, END_OF_TEXT

SEED = 20_001
MAXIMUM_TOKENS = 300
CONTEXT = 2048


class Speaker:
    """Answers chats and continues texts; counts the answers that end by themselves."""

    def __init__(self, path: Path, *, keeps_logits: bool = False) -> None:
        self.llama = Llama(str(path), n_ctx=CONTEXT, n_threads=2, logits_all=keeps_logits, verbose=False)
        self.template = ChatTemplate(
            Renderer(), self.llama.metadata["tokenizer.chat_template"], bos_token=END_OF_TEXT, eos_token=END
        )
        self.answers = 0
        self.ended = 0

    def rendered(self, *said: str, system: str = "", tools: list[dict[str, Any]] | None = None) -> str:
        """The text the model continues; messages alternate between user and assistant."""
        roles = ("user", "assistant") * len(said)
        messages = [Message(role="system", content=system)] if system else []
        messages += [Message(role=role, content=text) for role, text in zip(roles, said, strict=False)]
        specifications = tuple({"type": "function", "function": tool} for tool in tools or [])
        return self.template.render(ChatPrompt(messages=tuple(messages), tools=specifications))

    def reply(
        self,
        *said: str,
        tools: list[dict[str, Any]] | None = None,
        temperature: float = TEMPERATURE,
        seed: int = SEED,
    ) -> str:
        """The answer to the last message."""
        answer = self.continued(self.rendered(*said, tools=tools), temperature=temperature, seed=seed)
        self.answers += 1
        self.ended += answer["finish_reason"] == "stop"
        return answer["text"]

    def continued(
        self, prompt: str, temperature: float = 0.0, seed: int = SEED, limit: int = MAXIMUM_TOKENS
    ) -> dict[str, Any]:
        """A raw continuation; special tokens in the prompt are recognised."""
        completion: dict[str, Any] = self.llama.create_completion(
            prompt,
            max_tokens=limit,
            seed=seed,
            temperature=temperature,
            top_k=TOP_K,
            top_p=TOP_P,
            min_p=0.0,
            repeat_penalty=1.0,
        )
        return completion["choices"][0]
