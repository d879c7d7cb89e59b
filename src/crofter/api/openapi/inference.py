"""The addresses that models answer at, by dialect."""

from typing import Any

from crofter.api import rerank
from crofter.api.anthropic import messages as anthropic_messages
from crofter.api.anthropic import models as anthropic_models
from crofter.api.anthropic import replies as anthropic_replies
from crofter.api.anthropic import wire as anthropic_wire
from crofter.api.errors import ErrorBody
from crofter.api.llama import tokens as llama_tokens
from crofter.api.llama import wire as llama_wire
from crofter.api.ollama import wire as ollama_wire
from crofter.api.openai import chat, completions, embeddings, models, wire
from crofter.api.openai.responses import items, routes
from crofter.api.openai.responses import wire as responses_wire

from . import ollama_shapes as ollama
from .operation import (
    ANTHROPIC,
    MCP,
    MODEL_LIST,
    NDJSON,
    OLLAMA,
    OLLAMA_OWNER,
    OPENAI,
    SSE,
    Address,
    Dialect,
    Operation,
)

_JSON, _DONE = dict[str, Any], "[DONE]"


def _v1(path: str, dialect: Dialect, **operations: Operation) -> Address:
    return Address(path=f"/v1{path}", dialect=dialect, operations=operations, also_at=(path,))


def _ollama(path: str, dialect: Dialect = OLLAMA, **operations: Operation) -> Address:
    return Address(path=path, dialect=dialect, operations=operations, also_at=(f"/ollama{path}",))


_OPENAI = (
    _v1(
        "/chat/completions",
        OPENAI,
        POST=Operation(
            summary="Answer a conversation.",
            body=wire.ChatCompletionBody,
            reply=chat.ChatCompletion,
            stream=SSE,
            piece=_JSON,
            last_data=_DONE,
        ),
    ),
    _v1(
        "/completions",
        OPENAI,
        POST=Operation(
            summary="Continue texts, or fill the gap before a suffix.",
            body=wire.CompletionBody,
            reply=completions.Completion,
            stream=SSE,
            piece=(completions.Completion, ErrorBody),
            last_data=_DONE,
        ),
    ),
    _v1(
        "/embeddings",
        OPENAI,
        POST=Operation(summary="Turn texts into vectors.", body=wire.EmbeddingBody, reply=embeddings.EmbeddingList),
    ),
    _v1(
        "/infill",
        OPENAI,
        POST=Operation(
            summary="Fill the gap between two texts, as editors ask llama-server.",
            body=llama_wire.InfillBody,
            reply=_JSON,
            stream=SSE,
            piece=_JSON,
        ),
    ),
    _v1(
        "/tokenize",
        OPENAI,
        POST=Operation(
            summary="The token ids of a text, as llama-server gives them.",
            body=llama_wire.TokenizeBody,
            reply=llama_tokens.Tokens,
        ),
    ),
    _v1(
        "/detokenize",
        OPENAI,
        POST=Operation(
            summary="The text of token ids, as llama-server gives it.",
            body=llama_wire.DetokenizeBody,
            reply=llama_tokens.Detokenized,
        ),
    ),
    Address(
        path="/v1/rerank",
        dialect=OPENAI,
        operations={
            "POST": Operation(
                summary="Put documents in the order of how well they answer a question.",
                body=rerank.RerankBody,
                reply=rerank.Ranking,
            )
        },
        also_at=("/rerank", "/v1/reranking", "/reranking", "/v2/rerank"),
    ),
    _v1(
        "/responses",
        OPENAI,
        POST=Operation(
            summary="Answer items, going on from an earlier response if asked.",
            body=responses_wire.ResponsesBody,
            reply=items.Response,
            stream=SSE,
            piece=_JSON,
        ),
    ),
    _v1(
        "/responses/input_tokens",
        OPENAI,
        POST=Operation(
            summary="Count the tokens of a request.", body=responses_wire.TokensBody, reply=routes.InputTokens
        ),
    ),
    _v1(
        "/responses/{name}",
        OPENAI,
        GET=Operation(summary="A response that was kept.", reply=items.Response),
        DELETE=Operation(summary="Forget a response.", reply=routes.DeletedResponse),
    ),
    _v1(
        "/responses/{name}/cancel",
        OPENAI,
        POST=Operation(summary="Stop a response that is being written.", reply=_JSON),
    ),
    _v1(
        "/responses/{name}/input_items",
        OPENAI,
        GET=Operation(summary="What a kept response answered.", reply=routes.ItemPage),
    ),
    _v1(
        "/models",
        MODEL_LIST,
        GET=Operation(
            summary="The installed models; in Anthropic's shape for clients that send anthropic-version.",
            reply=(models.ModelPage, anthropic_models.ModelPage),
        ),
    ),
    _v1(
        "/models/{name:path}",
        MODEL_LIST,
        GET=Operation(summary="One model.", reply=(models.ModelEntry, anthropic_models.ModelInfo)),
    ),
)

_ANTHROPIC = (
    _v1(
        "/messages",
        ANTHROPIC,
        POST=Operation(
            summary="Answer messages.",
            body=anthropic_wire.MessagesBody,
            reply=anthropic_replies.MessageReply,
            stream=SSE,
            piece=_JSON,
        ),
    ),
    _v1(
        "/messages/count_tokens",
        ANTHROPIC,
        POST=Operation(
            summary="Count the tokens of messages.", body=anthropic_wire.CountBody, reply=anthropic_messages.TokenCount
        ),
    ),
)

_OLLAMA = (
    Address(
        path="/ollama/",
        dialect=OLLAMA,
        operations={"GET": Operation(summary="Whether it runs, in Ollama's words.", text=True)},
    ),
    _ollama("/api/version", GET=Operation(summary="The version of Ollama whose API this is.", reply=ollama.Version)),
    _ollama("/api/tags", GET=Operation(summary="The installed models.", reply=ollama.Tags)),
    _ollama("/api/ps", GET=Operation(summary="The models in memory.", reply=ollama.RunningModels)),
    _ollama("/api/show", POST=Operation(summary="One model.", body=ollama_wire.NameBody, reply=ollama.Shown)),
    _ollama(
        "/api/chat",
        POST=Operation(
            summary="Answer a conversation; in lines unless stream is false.",
            body=ollama_wire.ChatBody,
            reply=ollama.ChatLine,
            stream=NDJSON,
            piece=ollama.ChatLine,
        ),
    ),
    _ollama(
        "/api/generate",
        POST=Operation(
            summary="Continue a text, or fill the gap before a suffix; in lines unless stream is false.",
            body=ollama_wire.GenerateBody,
            reply=ollama.GenerateLine,
            stream=NDJSON,
            piece=ollama.GenerateLine,
        ),
    ),
    _ollama(
        "/api/embed",
        POST=Operation(summary="Turn texts into vectors.", body=ollama_wire.EmbedBody, reply=ollama.Vectors),
    ),
    _ollama(
        "/api/embeddings",
        POST=Operation(
            summary="Turn a text into a vector, as it was before.", body=ollama_wire.OldEmbedBody, reply=ollama.Vector
        ),
    ),
    _ollama(
        "/api/pull",
        OLLAMA_OWNER,
        POST=Operation(
            summary="Install a model from the hub; its progress in lines unless stream is false.",
            body=ollama_wire.PullBody,
            reply=ollama.PullLine,
            stream=NDJSON,
            piece=ollama.PullLine,
            refusals=(409, 502, 507),
        ),
    ),
    _ollama(
        "/api/delete",
        OLLAMA_OWNER,
        DELETE=Operation(summary="Remove a model.", body=ollama_wire.NameBody, refusals=(409,)),
    ),
)

_MCP = (
    Address(
        path="/mcp",
        dialect=MCP,
        operations={
            "POST": Operation(
                summary="A message of the Model Context Protocol (streamable HTTP).",
                body=_JSON,
                reply=_JSON,
                stream=SSE,
                piece=_JSON,
                refusals=(202, 406, 415),
            ),
            "GET": Operation(
                summary="The server's messages of a session.",
                stream=SSE,
                piece=_JSON,
                refusals=(400, 404, 405, 406, 409),
            ),
            "DELETE": Operation(summary="End a session.", reply=_JSON, refusals=(400, 404, 405, 406)),
        },
    ),
)

INFERENCE = _OPENAI + _ANTHROPIC + _OLLAMA + _MCP
