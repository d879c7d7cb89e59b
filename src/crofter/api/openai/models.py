"""`GET /v1/models` and one of them."""

import msgspec

from crofter.api.asgi import App
from crofter.api.call import Call
from crofter.api.model_values import ModelSummary
from crofter.api.replies import JsonReply
from crofter.api.services import Services
from crofter.core import Radius


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What clients of ours like to know beside OpenAI's fields."""

    model_id: str
    context_length: int
    capabilities: tuple[str, ...]
    default: bool
    radius: Radius
    """How far a prompt to it travels."""


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    object: str = "model"
    created: int
    owned_by: str
    crofter: ModelFacts


class ModelPage(msgspec.Struct, frozen=True, kw_only=True):
    object: str = "list"
    data: list[ModelEntry]


class ModelList:
    """The two routes."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def list(self, _: Call) -> App:
        models = self._services.administration.models()
        return JsonReply(ModelPage(data=[_entry(summary) for summary in models]))

    async def retrieve(self, call: Call) -> App:
        """Names may contain / and :. Raises MODEL_NOT_FOUND."""
        return JsonReply(_entry((await self._services.administration.model_details(call.name)).summary))


def _entry(summary: ModelSummary) -> ModelEntry:
    return ModelEntry(
        id=summary.name,
        created=int(summary.added_at),
        owned_by=summary.provider or "crofter",
        crofter=ModelFacts(
            model_id=summary.model_id,
            context_length=summary.context_length,
            capabilities=summary.capabilities,
            default=summary.default,
            radius=summary.radius,
        ),
    )
