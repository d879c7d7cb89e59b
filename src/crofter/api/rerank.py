"""`POST /v1/rerank`, in the form that clients of Jina, of both versions of Cohere and of llama-server share."""

from typing import Annotated

import msgspec

from crofter.core import CrofterError, ErrorCode, Provenance, RerankRequest, RerankResult, new_request_id

from .asgi import App
from .call import Call
from .provenance import provenance_headers
from .replies import JsonReply, until_disconnect
from .services import Services

_MAX_DOCUMENTS = 1000


class Document(msgspec.Struct, frozen=True):
    text: str


class RerankBody(msgspec.Struct, kw_only=True):
    """What clients send. Unknown fields are ignored."""

    query: str
    documents: list[str | Document]
    model: str | None = None
    top_n: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """0, as nothing, means all."""
    return_documents: bool | None = None


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    index: int
    """Where it stood in the request."""
    relevance_score: float
    document: Document | msgspec.UnsetType = msgspec.UNSET


class RerankUsage(msgspec.Struct, frozen=True, kw_only=True):
    prompt_tokens: int
    total_tokens: int


class RerankExtension(msgspec.Struct, frozen=True, kw_only=True):
    provenance: Provenance
    cut_documents: tuple[int, ...]
    """By their index: those longer than the model reads, judged by their beginning."""


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    object: str = "list"
    model: str
    results: list[Ranked]
    usage: RerankUsage
    crofter: RerankExtension


class Rerank:
    """The route."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def create(self, call: Call) -> App:
        """Documents, the one that answers best first."""
        services = self._services
        body = await call.body(RerankBody)
        request = rerank_request(body)
        timeout_seconds = services.settings.request_timeout_seconds
        result, provenance = await until_disconnect(
            call.receive, lambda: services.inference.rerank(request, call.asker, timeout_seconds=timeout_seconds)
        )
        reply = Ranking(
            id=f"rerank-{request.request_id}",
            model=provenance.model_name,
            results=ranked(body, request.documents, result),
            usage=RerankUsage(prompt_tokens=result.prompt_tokens, total_tokens=result.prompt_tokens),
            crofter=RerankExtension(provenance=provenance, cut_documents=result.cut),
        )
        return JsonReply(reply, headers=provenance_headers(provenance))


def rerank_request(body: RerankBody) -> RerankRequest:
    """What a call asks for. Raises INVALID_REQUEST naming the field."""
    if not body.query.strip():
        raise CrofterError(ErrorCode.INVALID_REQUEST, "query is empty", parameter="query")
    if not 1 <= len(body.documents) <= _MAX_DOCUMENTS:
        message = f"documents: from 1 to {_MAX_DOCUMENTS} at once"
        raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="documents")
    documents = tuple(item if isinstance(item, str) else item.text for item in body.documents)
    return RerankRequest(request_id=new_request_id(), model=body.model or "", query=body.query, documents=documents)


def ranked(body: RerankBody, documents: tuple[str, ...], result: RerankResult) -> list[Ranked]:
    """The best first, equals in the order of the request; as many as were asked for."""
    order = sorted(range(len(documents)), key=lambda index: -result.scores[index])
    return [
        Ranked(
            index=index,
            relevance_score=result.scores[index],
            document=Document(documents[index]) if body.return_documents else msgspec.UNSET,
        )
        for index in order[: body.top_n or None]
    ]
