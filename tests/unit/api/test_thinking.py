"""How much a model may think, as each dialect says it."""

from typing import Any

import pytest

from crofter.core import ChatPrompt
from tests.unit.api.browser import Browser

pytestmark = pytest.mark.anyio

MESSAGES = [{"role": "user", "content": "Hi"}]


async def asked(path: str, **fields: object) -> tuple[int | None, dict[str, Any]]:
    """The limit, and what the template is told."""
    browser = Browser()
    said = {"input": "Hi"} if path == "/v1/responses" else {"messages": MESSAGES}
    reply = await browser.post(path, {"model": "seedling", "max_tokens": 9, "stream": False, **said, **fields})
    assert reply.status == 200
    request = browser.backend.requests[0]
    assert isinstance(request.prompt, ChatPrompt)
    return request.thinking_tokens, request.prompt.template_arguments


@pytest.mark.parametrize(
    ("fields", "limit", "arguments"),
    [
        ({}, None, {}),
        ({"reasoning_effort": "none"}, 0, {"enable_thinking": False}),
        ({"reasoning_effort": "low"}, None, {"reasoning_effort": "low"}),
        ({"thinking_budget": 7}, 7, {}),
        ({"thinking_budget_tokens": 8, "reasoning_effort": "high"}, 8, {"reasoning_effort": "high"}),
        ({"thinking_budget": 0}, 0, {"enable_thinking": False}),
        ({"thinking_budget": -1}, None, {}),
    ],
)
async def test_chat_completions(fields: dict[str, Any], limit: int | None, arguments: dict[str, Any]) -> None:
    assert await asked("/v1/chat/completions", **fields) == (limit, arguments)


@pytest.mark.parametrize(
    ("thinking", "limit", "enabled"),
    [
        ({"type": "enabled", "budget_tokens": 1024}, 1024, True),
        ({"type": "disabled"}, 0, False),
        ({"type": "adaptive"}, None, True),
    ],
)
async def test_anthropic(thinking: dict[str, Any], limit: int | None, enabled: bool) -> None:
    assert await asked("/v1/messages", thinking=thinking) == (limit, {"enable_thinking": enabled})


@pytest.mark.parametrize(
    ("effort", "limit", "arguments"),
    [("none", 0, {"enable_thinking": False}), ("minimal", None, {"reasoning_effort": "minimal"})],
)
async def test_responses(effort: str, limit: int | None, arguments: dict[str, Any]) -> None:
    assert await asked("/v1/responses", reasoning={"effort": effort}) == (limit, arguments)


@pytest.mark.parametrize(
    ("think", "limit", "arguments"),
    [
        (False, 0, {"enable_thinking": False}),
        (True, None, {"enable_thinking": True}),
        ("low", None, {"enable_thinking": True, "reasoning_effort": "low"}),
    ],
)
async def test_ollama(think: bool | str, limit: int | None, arguments: dict[str, Any]) -> None:
    assert await asked("/api/chat", think=think) == (limit, arguments)


async def test_a_budget_that_is_none_is_refused() -> None:
    reply = await Browser().post("/v1/chat/completions", {"messages": MESSAGES, "thinking_budget": -2})
    assert (reply.status, reply.json["error"]["param"]) == (400, "thinking_budget")
