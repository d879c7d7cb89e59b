"""A newer completion of an editor ends the older one."""

from typing import Any

import anyio
import pytest

from crofter.core import Chunk
from tests.fakes import FakeBackend, answer
from tests.unit.api.browser import Browser, Reply

pytestmark = pytest.mark.anyio

BODIES: dict[str, dict[str, Any]] = {
    "/v1/completions": {"prompt": "a", "suffix": "b"},
    "/infill": {"input_prefix": "a", "input_suffix": "b"},
    "/api/generate": {"model": "seedling", "prompt": "a", "suffix": "b", "stream": False},
}
TEXT = {
    "/v1/completions": lambda reply: reply.json["choices"][0]["text"],
    "/infill": lambda reply: reply.json["content"],
    "/api/generate": lambda reply: reply.json["response"],
}
EDITOR = "an-editor-1"


class Editor:
    """Two requests, the second sent when the first is being written."""

    def __init__(self) -> None:
        begun = [Chunk(text="old", token_ids=(1,)), "wait"]
        self.browser = Browser(FakeBackend(begun, answer("new")))  # pyright: ignore[reportArgumentType]
        self.replies: dict[int, Reply] = {}

    async def ask(self, number: int, path: str, body: dict[str, Any], **headers: str) -> None:
        self.replies[number] = await self.browser.post(path, body, **headers)

    async def twice(self, path: str, body: dict[str, Any], first: dict[str, str], second: dict[str, str]) -> None:
        """Both requests; a first one that goes on for ever is left alone when the second is answered."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: self.ask(1, path, body, **first))
            await self.browser.backend.waiting.wait()
            await self.ask(2, path, body, **second)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()


@pytest.mark.parametrize("path", BODIES)
async def test_the_older_one_ends_at_once_with_nothing_in_it(path: str) -> None:
    editor = Editor()
    named = {"x_crofter_editor_session": EDITOR}
    await editor.twice(path, BODIES[path], named, named)
    assert [editor.replies[number].status for number in (1, 2)] == [200, 200]
    assert [TEXT[path](editor.replies[number]) for number in (1, 2)] == ["", "new"]
    assert editor.browser.router.active_count == 0


async def test_a_stream_ends_as_one_that_has_no_more_to_say() -> None:
    editor = Editor()
    named = {"x_crofter_editor_session": EDITOR}
    await editor.twice("/v1/completions", BODIES["/v1/completions"] | {"stream": True}, named, named)
    events = editor.replies[1].events
    assert [event["choices"][0]["text"] for event in events] == ["old", ""]
    assert events[-1]["choices"][0]["finish_reason"] == "stop"
    assert editor.replies[1].done


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),
        ({"x_crofter_editor_session": EDITOR}, {}),
        ({"x_crofter_editor_session": EDITOR}, {"x_crofter_editor_session": "an-editor-2"}),
        (
            {"x_crofter_editor_session": EDITOR, "authorization": "Bearer one"},
            {"x_crofter_editor_session": EDITOR, "authorization": "Bearer two"},
        ),
    ],
)
async def test_nobody_ends_what_another_asked_for(first: dict[str, str], second: dict[str, str]) -> None:
    editor = Editor()
    await editor.twice("/infill", BODIES["/infill"] | {"user": "same", "id_slot": 0}, first, second)
    assert list(editor.replies) == [2]


async def test_only_gaps_are_superseded() -> None:
    editor = Editor()
    named = {"x_crofter_editor_session": EDITOR}
    await editor.twice("/v1/completions", {"prompt": "a"}, named, named)
    assert list(editor.replies) == [2]


async def test_one_that_has_ended_is_not_cancelled() -> None:
    browser = Browser()
    for _ in range(2):
        reply = await browser.post("/infill", BODIES["/infill"], x_crofter_editor_session=EDITOR)
        assert reply.json["content"] == "Hello world"


async def test_a_name_that_is_none_is_refused() -> None:
    reply = await Browser().post("/infill", BODIES["/infill"], x_crofter_editor_session="short")
    assert reply.status == 400
    assert reply.json["error"]["param"] == "x-crofter-editor-session"
