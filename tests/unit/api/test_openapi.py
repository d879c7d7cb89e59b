"""The document that says what the node answers."""

from typing import Any

import pytest

from crofter.api import ApiSettings
from crofter.api.inference import Inference
from crofter.api.metrics import Metrics
from crofter.api.openapi.document import ADDRESSES
from crofter.api.routes import EitherDialect, Endpoint, routes
from crofter.api.services import Services, no_adapters
from crofter.router import Router
from tests.fakes import FakeAdministration, FakeBackend, FakeResolver
from tests.unit.api.browser import Browser

pytestmark = pytest.mark.anyio


def answered() -> dict[str, set[str]]:
    """Each path of the route table with its methods; the MCP endpoint decides about its methods itself."""
    router, administration = Router(FakeResolver(), [FakeBackend()]), FakeAdministration()
    metrics = Metrics(router, administration)
    services = Services(
        inference=Inference(router, metrics),
        administration=administration,
        settings=ApiSettings(),
        metrics=metrics,
        adapter_path=no_adapters,
    )
    table: dict[str, set[str]] = {}
    for route in routes(services).routes:
        place = route.endpoint
        if isinstance(place, EitherDialect):
            place = place._openai
        table[route.path] = set(place._handlers) if isinstance(place, Endpoint) else {"GET", "POST", "DELETE"}
    return table


def test_every_route_is_described_and_nothing_else() -> None:
    described = {path: set(address.operations) for address in ADDRESSES for path in (address.path, *address.also_at)}
    assert described == answered()


async def test_the_document_is_served_with_its_schemas_resolved() -> None:
    reply = await Browser().get("/openapi.json")
    document = reply.json
    assert (reply.status, document["openapi"]) == (200, "3.2.0")
    assert set(references(document)) <= {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    chat = document["paths"]["/v1/chat/completions"]
    assert chat["x-also-at"] == ["/chat/completions"]
    assert set(chat["post"]["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}


async def test_the_owners_addresses_need_the_administrator() -> None:
    paths = (await Browser().get("/openapi.json")).json["paths"]
    for path, item in paths.items():
        is_owner = path.startswith("/crofter/") or path in {"/api/pull", "/api/delete"}
        for method in item.keys() & {"get", "post", "put", "patch", "delete"}:
            assert (item[method]["security"] == [{"administrator": []}]) == is_owner, path


def references(value: Any) -> list[str]:  # noqa: ANN401 - JSON of any shape
    if isinstance(value, dict):
        found = [text for key, text in value.items() if key == "$ref" and isinstance(text, str)]
        return found + [text for inner in value.values() for text in references(inner)]
    return [text for inner in value for text in references(inner)] if isinstance(value, list) else []
