"""`GET /v1/models` for clients that name an `anthropic-version`: the same address as OpenAI's, in another shape."""

from datetime import UTC, datetime

import msgspec

from crofter.api.asgi import App
from crofter.api.call import Call
from crofter.api.model_values import ModelSummary
from crofter.api.replies import JsonReply
from crofter.api.services import Services


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    type: str = "model"
    id: str
    display_name: str
    created_at: str
    lifecycle: str = "active"


class ModelPage(msgspec.Struct, frozen=True, kw_only=True):
    data: list[ModelInfo]
    has_more: bool = False
    first_id: str | None
    last_id: str | None


class AnthropicModels:
    """The two routes. All models are one page: a node has few."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def list(self, _: Call) -> App:
        """What is installed."""
        entries = [_entry(summary) for summary in self._services.administration.models()]
        ids = [entry.id for entry in entries] or [None]
        return JsonReply(ModelPage(data=entries, first_id=ids[0], last_id=ids[-1]))

    async def retrieve(self, call: Call) -> App:
        """One of them. Raises MODEL_NOT_FOUND."""
        return JsonReply(_entry((await self._services.administration.model_details(call.name)).summary))


def _entry(summary: ModelSummary) -> ModelInfo:
    created_at = datetime.fromtimestamp(summary.added_at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return ModelInfo(id=summary.name, display_name=summary.name, created_at=created_at)
