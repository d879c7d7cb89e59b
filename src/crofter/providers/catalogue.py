"""The servers and services known by name: where they are, what they speak, and in what they differ. Data, no decisions."""

from typing import Literal

import msgspec

Wire = Literal["openai", "anthropic"]

_LLAMA = {"top_k": "top_k", "min_p": "min_p", "typical_p": "typical_p", "repetition_penalty": "repeat_penalty"}
_VLLM = {"top_k": "top_k", "min_p": "min_p", "repetition_penalty": "repetition_penalty"}


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of server. What is not said of it is as in OpenAI's own API."""

    name: str
    title: str
    base_url: str = ""
    """Where it usually is; empty: the owner says."""
    wire: Wire = "openai"
    keys_at: str = ""
    """Where its keys are made: a service in the cloud. Empty: a server of the owner's, which may need none."""
    max_tokens_field: str = "max_tokens"
    seed_field: str = "seed"
    """Empty: it takes none."""
    asks_for_usage: bool = True
    """Whether `stream_options` is how token counts are asked for; otherwise they come, or not, by themselves."""
    sampling: dict[str, str] = {}
    """Our names of further sampling fields it heeds, to its own."""
    completes: bool = False
    """Whether it continues texts (`/completions`)."""
    fills_gaps: bool = False
    """Whether that heeds `suffix`."""
    takes_reasoning: bool = False
    """Whether messages may carry earlier reasoning back to it; others refuse the field."""
    takes_template_arguments: bool = False
    """Whether it heeds `chat_template_kwargs`."""
    takes_effort: bool = True
    """Whether it heeds `reasoning_effort`."""
    has_thinking_switch: bool = False
    """Whether thinking is switched off by `thinking`, and not by an effort of `none`."""
    budget_field: str = ""
    """How the most tokens of thinking are said; empty: not at all, or not to every server of the kind (vLLM)."""
    keeps_schemas: bool = True
    """Whether it holds answers to a JSON Schema, not only to JSON."""
    short_call_ids: bool = False
    """Whether ids of calls have to be nine letters or digits."""
    hears_radius: bool = False
    """Whether it can be told how far it may carry a prompt on."""

    @property
    def in_cloud(self) -> bool:
        return bool(self.keys_at)


def _cloud(name: str, title: str, base_url: str, keys_at: str, **differences: object) -> Kind:
    return msgspec.convert(
        {"name": name, "title": title, "base_url": base_url, "keys_at": keys_at, **differences}, Kind
    )


def _own(name: str, title: str, port: int, **differences: object) -> Kind:
    base_url = f"http://127.0.0.1:{port}/v1" if port else ""
    common = {"name": name, "title": title, "base_url": base_url, "completes": True, "takes_reasoning": True}
    return msgspec.convert({**common, **differences}, Kind)


CUSTOM = _own("custom", "OpenAI-compatible server", 0, takes_reasoning=False)
"""A server that nothing is known of."""

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _own("ollama", "Ollama", 11434, fills_gaps=True),
        _own(
            "llama-server",
            "llama.cpp's llama-server",
            8080,
            sampling=_LLAMA,
            takes_template_arguments=True,
            budget_field="thinking_budget_tokens",
        ),
        _own("vllm", "vLLM", 8000, sampling=_VLLM, takes_template_arguments=True),
        _own("lmstudio", "LM Studio", 1234, sampling={"top_k": "top_k", "repetition_penalty": "repeat_penalty"}),
        _own("exo", "exo", 52415, completes=False, takes_effort=False),
        _own(
            "crofter",
            "another Crofter",
            7411,
            fills_gaps=True,
            sampling=_LLAMA,
            takes_template_arguments=True,
            budget_field="thinking_budget",
            hears_radius=True,
        ),
        _cloud(
            "openai",
            "OpenAI",
            "https://api.openai.com/v1",
            "https://platform.openai.com/api-keys",
            max_tokens_field="max_completion_tokens",
        ),
        _cloud(
            "anthropic",
            "Anthropic",
            "https://api.anthropic.com/v1",
            "https://console.anthropic.com/settings/keys",
            wire="anthropic",
            seed_field="",
            sampling={"top_k": "top_k"},
        ),
        _cloud(
            "deepseek",
            "DeepSeek",
            "https://api.deepseek.com/v1",
            "https://platform.deepseek.com/api_keys",
            seed_field="",
            takes_reasoning=True,
            has_thinking_switch=True,
            keeps_schemas=False,
        ),
        _cloud(
            "mistral",
            "Mistral",
            "https://api.mistral.ai/v1",
            "https://console.mistral.ai/api-keys",
            seed_field="random_seed",
            asks_for_usage=False,
            short_call_ids=True,
        ),
        _cloud(
            "groq",
            "Groq",
            "https://api.groq.com/openai/v1",
            "https://console.groq.com/keys",
            max_tokens_field="max_completion_tokens",
        ),
        _cloud("nvidia", "NVIDIA NIM", "https://integrate.api.nvidia.com/v1", "https://build.nvidia.com"),
        _cloud(
            "cerebras",
            "Cerebras",
            "https://api.cerebras.ai/v1",
            "https://cloud.cerebras.ai",
            max_tokens_field="max_completion_tokens",
        ),
        _cloud("sambanova", "SambaNova", "https://api.sambanova.ai/v1", "https://cloud.sambanova.ai/apis"),
        _cloud(
            "fireworks",
            "Fireworks",
            "https://api.fireworks.ai/inference/v1",
            "https://app.fireworks.ai/settings/users/api-keys",
            completes=True,
            sampling={"top_k": "top_k"},
        ),
        _cloud(
            "together",
            "Together",
            "https://api.together.xyz/v1",
            "https://api.together.ai/settings/api-keys",
            completes=True,
            sampling=_VLLM,
        ),
        _cloud("deepinfra", "DeepInfra", "https://api.deepinfra.com/v1/openai", "https://deepinfra.com/dash/api_keys"),
        _cloud(
            "moonshot",
            "Moonshot",
            "https://api.moonshot.ai/v1",
            "https://platform.moonshot.ai/console/api-keys",
            seed_field="",
            takes_reasoning=True,
            has_thinking_switch=True,
        ),
        CUSTOM,
    )
}
"""By name, those of the owner's machines first."""


def kind_named(name: str) -> Kind:
    """The kind a provider was added as; one that a newer version knew is an ordinary server."""
    return KINDS.get(name, CUSTOM)
