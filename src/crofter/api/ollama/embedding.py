"""`POST /api/embed`, and `POST /api/embeddings` as it was before."""

from time import perf_counter

from crofter.api.asgi import App
from crofter.api.call import Call
from crofter.api.provenance import extension, provenance_headers
from crofter.api.replies import JsonReply, until_disconnect
from crofter.api.services import Services
from crofter.api.vectors import numbers, shortened
from crofter.core import EmbeddingRequest, EmbeddingResult, Provenance, TextPrompt, new_request_id

from .keep import heeded_seconds
from .names import known_name
from .wire import EmbedBody, OldEmbedBody


class Embedding:
    """The two routes."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def embed(self, call: Call) -> App:
        """A vector for each text."""
        body = await call.body(EmbedBody)
        started = perf_counter()
        texts = [body.input] if isinstance(body.input, str) else body.input
        if not texts:
            nothing: dict[str, object] = {"total_duration": 0, "load_duration": 0, "prompt_eval_count": 0}
            return JsonReply({"model": body.model, "embeddings": [], **nothing})
        result, provenance = await self._vectors(call, body, texts)
        reply = {
            "model": body.model,
            "embeddings": [numbers(shortened(vector, body.dimensions)) for vector in result.vectors],
            "total_duration": round((perf_counter() - started) * 1e9),
            "load_duration": 0,
            "prompt_eval_count": result.prompt_tokens,
            "crofter": extension(provenance),
        }
        return JsonReply(reply, headers=provenance_headers(provenance))

    async def old(self, call: Call) -> App:
        """One vector."""
        body = await call.body(OldEmbedBody)
        result, provenance = await self._vectors(call, body, [body.prompt])
        reply = {"embedding": numbers(result.vectors[0]), "crofter": extension(provenance)}
        return JsonReply(reply, headers=provenance_headers(provenance))

    async def _vectors(
        self, call: Call, body: EmbedBody | OldEmbedBody, texts: list[str]
    ) -> tuple[EmbeddingResult, Provenance]:
        services = self._services
        request = EmbeddingRequest(
            request_id=new_request_id(),
            model=known_name(services, body.model),
            inputs=tuple(TextPrompt(text=text) for text in texts),
            keep_loaded_seconds=heeded_seconds(body.keep_alive, call.exchange.account),
        )
        limit_seconds = services.settings.request_timeout_seconds
        result, provenance = await until_disconnect(
            call.receive, lambda: services.inference.embed(request, call.asker, timeout_seconds=limit_seconds)
        )
        return result, provenance
