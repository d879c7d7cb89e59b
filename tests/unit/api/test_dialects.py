"""In whose words an address answers, whatever becomes of the request."""

import pytest

from crofter.api.dialects import ANTHROPIC, OLLAMA, OPENAI, Dialect, dialect_of
from tests.unit.api.browser import Browser


@pytest.mark.parametrize(
    ("path", "names_version", "dialect"),
    [
        ("/v1/chat/completions", False, OPENAI),
        ("/v1/models", False, OPENAI),
        ("/v1/models", True, ANTHROPIC),
        ("/v1/messages", False, ANTHROPIC),
        ("/messages/count_tokens", False, ANTHROPIC),
        ("/api/chat", False, OLLAMA),
        ("/ollama/api/tags", True, OLLAMA),
        ("/crofter/v1/keys", False, OPENAI),
        ("/", False, OPENAI),
    ],
)
def test_the_address_tells_the_dialect(path: str, names_version: bool, dialect: Dialect) -> None:
    headers = [(b"anthropic-version", b"2023-06-01")] if names_version else []
    assert dialect_of({"path": path, "headers": headers}) is dialect


@pytest.mark.anyio
@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/api/nonesuch", 404), ("GET", "/api/chat", 405)])
async def test_what_no_route_answers_is_refused_in_the_dialect_too(method: str, path: str, status: int) -> None:
    reply = await Browser().send(method, path, b"", {})
    assert reply.status == status
    assert isinstance(reply.json["error"], str)
