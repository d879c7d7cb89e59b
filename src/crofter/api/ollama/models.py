"""What is installed and loaded, as Ollama's clients read it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from crofter.api.asgi import App
from crofter.api.call import Call
from crofter.api.model_values import ModelSummary
from crofter.api.replies import JsonReply
from crofter.api.services import Services

from .names import known_name, tagged
from .wire import NameBody

_CAPABILITIES = {"chat": "completion", "completion": "completion", "fim": "insert", "reasoning": "thinking"}
"""Where these clients have other words."""
_SPOKEN_VERSION = "0.11.4"
"""Clients compare it to learn what a server can do; of the Ollama whose API this is."""


class OllamaModels:
    """The routes that only tell, and `delete`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def greeting(self, _: Call) -> App:
        return JsonReply(b"Ollama is running", content_type=b"text/plain; charset=utf-8")

    async def version(self, _: Call) -> App:
        return JsonReply({"version": _SPOKEN_VERSION})

    async def tags(self, _: Call) -> App:
        """All models that can be asked for."""
        return JsonReply({"models": [_tag(summary) for summary in self._services.administration.models()]})

    async def show(self, call: Call) -> App:
        """One model. Raises MODEL_NOT_FOUND."""
        name = known_name(self._services, (await call.body(NameBody)).either)
        details = await self._services.administration.model_details(name)
        summary = details.summary
        prefix = summary.architecture
        return JsonReply(
            {
                "modelfile": f"FROM {summary.name}\n",
                "parameters": "",
                "template": details.chat_template,
                "license": details.license,
                "details": _details(summary),
                "model_info": {
                    "general.architecture": prefix,
                    "general.parameter_count": summary.parameter_count,
                    f"{prefix}.context_length": summary.context_length,
                    f"{prefix}.embedding_length": details.embedding_length,
                    f"{prefix}.block_count": details.layer_count,
                    f"{prefix}.attention.head_count": details.head_count,
                    f"{prefix}.attention.head_count_kv": details.key_value_head_count,
                },
                "capabilities": _capabilities(summary.capabilities),
                "modified_at": _moment(summary.added_at),
            }
        )

    async def running(self, _: Call) -> App:
        """The models in memory."""
        known = {summary.model_id: summary for summary in self._services.administration.installed_models()}
        now = datetime.now(UTC)
        models: list[dict[str, Any]] = []
        for loaded in self._services.administration.loaded_models():
            summary = known.get(loaded.model_id)
            if summary is None:
                continue
            left = (
                timedelta(days=36_500)
                if loaded.expires_in_seconds is None
                else timedelta(seconds=loaded.expires_in_seconds)
            )
            models.append(
                {
                    **_tag(summary),
                    "size": loaded.resident_bytes,
                    "size_vram": 0,
                    "context_length": loaded.context_tokens,
                    "expires_at": (now + left).isoformat().replace("+00:00", "Z"),
                }
            )
        return JsonReply({"models": models})

    async def delete(self, call: Call) -> App:
        """Removes a model; needs the administrator's token. Raises MODEL_NOT_FOUND."""
        name = known_name(self._services, (await call.body(NameBody)).either)
        await self._services.administration.remove_model(name)
        return JsonReply(b"")


def _tag(summary: ModelSummary) -> dict[str, Any]:
    name = tagged(summary.name)
    return {
        "name": name,
        "model": name,
        "modified_at": _moment(summary.added_at),
        "size": summary.size_bytes,
        "digest": summary.model_id,
        "details": _details(summary),
    }


def _details(summary: ModelSummary) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": summary.architecture,
        "families": [summary.architecture],
        "parameter_size": _short(summary.parameter_count),
        "quantization_level": summary.quantization,
    }


def _capabilities(ours: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(_CAPABILITIES.get(one, one) for one in ours))


def _short(count: int) -> str:
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if count >= size:
            return f"{count / size:.1f}{letter}"
    return str(count)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
