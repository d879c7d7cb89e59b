"""Every answer of every dialect says which model it came from, where it ran, who could read it and how long it took."""

import json
from typing import Any

import pytest

from crofter.api.provenance import provenance_headers
from crofter.core import ModelId, Provenance
from tests.fakes import MODEL
from tests.unit.api.browser import Browser, Reply

pytestmark = pytest.mark.anyio

MESSAGES = [{"role": "user", "content": "Hi"}]
GENERATING: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", {"messages": MESSAGES}),
    ("/v1/completions", {"prompt": "Hi"}),
    ("/v1/responses", {"input": "Hi"}),
    ("/v1/messages", {"messages": MESSAGES, "max_tokens": 9}),
    ("/api/chat", {"model": "seedling", "messages": MESSAGES}),
    ("/api/generate", {"model": "seedling", "prompt": "Hi"}),
]
EMBEDDING: list[tuple[str, dict[str, Any]]] = [
    ("/v1/embeddings", {"input": "Hi"}),
    ("/api/embed", {"model": "seedling", "input": "Hi"}),
    ("/api/embeddings", {"model": "seedling", "prompt": "Hi"}),
]


def last(reply: Reply) -> dict[str, Any]:
    """The last object of a stream of either kind."""
    lines = [line.removeprefix("data: ") for line in reply.body.decode().splitlines() if "{" in line]
    return json.loads(lines[-1])


def check(reply: Reply, extension: dict[str, Any]) -> None:
    provenance = extension["provenance"]
    assert provenance["backend"] == reply.headers["x-crofter-backend"] == "fake"
    assert provenance["model_name"] == reply.headers["x-crofter-model"] == "seedling"
    assert provenance["model_id"] == reply.headers["x-crofter-model-id"] == MODEL.model_id
    assert provenance["radius"] == reply.headers["x-crofter-radius"] == "local"
    assert provenance["ran_on"] == [reply.headers["x-crofter-ran-on"]] == ["this node"]
    assert provenance["readable_by"] == [reply.headers["x-crofter-readable-by"]] == ["this node"]


@pytest.mark.parametrize(("path", "body"), GENERATING)
async def test_whole_answers_carry_it(path: str, body: dict[str, Any]) -> None:
    reply = await Browser().post(path, {**body, "stream": False})
    check(reply, reply.json["crofter"])
    assert reply.json["crofter"]["timings"]["ttft_ms"] == 4.0


@pytest.mark.parametrize(("path", "body"), GENERATING)
async def test_streams_carry_it_in_headers_and_the_last_event(path: str, body: dict[str, Any]) -> None:
    reply = await Browser().post(path, {**body, "stream": True})
    event = last(reply)
    extension = event["response"]["crofter"] if "response" in event and path == "/v1/responses" else event["crofter"]
    check(reply, extension)
    assert extension["timings"]["ttft_ms"] == 4.0


@pytest.mark.parametrize(("path", "body"), EMBEDDING)
async def test_vectors_carry_it(path: str, body: dict[str, Any]) -> None:
    reply = await Browser().post(path, body)
    check(reply, reply.json["crofter"])


def test_headers_hold_several_places_and_any_name() -> None:
    provenance = Provenance(
        backend="peer/λ", model_id=ModelId("ab"), model_name="m", ran_on=("a", "b, c"), readable_by=("a",)
    )
    headers = dict(provenance_headers(provenance))
    assert headers[b"x-crofter-backend"] == b"peer/%CE%BB"
    assert headers[b"x-crofter-ran-on"] == b"a, b%2C c"
