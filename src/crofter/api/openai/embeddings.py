"""`POST /v1/embeddings`, as float lists or base64 of little-endian float32 (what OpenAI's own clients ask for)."""

import msgspec

from crofter.api.asgi import App
from crofter.api.call import Call
from crofter.api.provenance import Extension, extension, provenance_headers
from crofter.api.replies import JsonReply, until_disconnect
from crofter.api.services import Services
from crofter.api.vectors import encoded, shortened
from crofter.core import CrofterError, EmbeddingRequest, ErrorCode, TextPrompt, new_request_id

from .fields import raw_prompts
from .wire import EmbeddingBody

_MAX_INPUTS = 2048


class EmbeddingUsage(msgspec.Struct, frozen=True, kw_only=True):
    prompt_tokens: int
    total_tokens: int


class Embedding(msgspec.Struct, frozen=True, kw_only=True):
    object: str = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingList(msgspec.Struct, frozen=True, kw_only=True):
    object: str = "list"
    data: list[Embedding]
    model: str
    usage: EmbeddingUsage
    crofter: Extension


class Embeddings:
    """The route."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def create(self, call: Call) -> App:
        services = self._services
        body = await call.body(EmbeddingBody)
        request = embedding_request(body)
        timeout_seconds = services.settings.request_timeout_seconds
        result, provenance = await until_disconnect(
            call.receive, lambda: services.inference.embed(request, call.asker, timeout_seconds=timeout_seconds)
        )
        vectors = [shortened(vector, body.dimensions) for vector in result.vectors]
        reply = EmbeddingList(
            data=[
                Embedding(index=index, embedding=encoded(vector, body.encoding_format == "base64"))
                for index, vector in enumerate(vectors)
            ],
            model=provenance.model_name,
            usage=EmbeddingUsage(prompt_tokens=result.prompt_tokens, total_tokens=result.prompt_tokens),
            crofter=extension(provenance),
        )
        return JsonReply(reply, headers=provenance_headers(provenance))


def embedding_request(body: EmbeddingBody) -> EmbeddingRequest:
    """What an embedding call asks for. Raises INVALID_REQUEST naming the field."""
    inputs = raw_prompts(body.input, "input")
    if len(inputs) > _MAX_INPUTS:
        raise CrofterError(ErrorCode.INVALID_REQUEST, f"input: at most {_MAX_INPUTS} inputs at once", parameter="input")
    if any(isinstance(entry, TextPrompt) and not entry.text for entry in inputs):
        raise CrofterError(ErrorCode.INVALID_REQUEST, "input: an empty text has no vector", parameter="input")
    return EmbeddingRequest(request_id=new_request_id(), model=body.model or "", inputs=inputs)
