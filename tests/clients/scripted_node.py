"""The node's HTTP side with a scripted model behind it: calls one tool if it is offered, and says something when the result is there.

`python -m tests.clients.scripted_node TOOL ARGUMENTS SAID`; prints its address.
"""

import sys
from collections.abc import AsyncGenerator

import anyio

from crofter.api import ApiSettings, create_app
from crofter.api.server import Server
from crofter.core import ChatPrompt, Chunk, GenerationRequest, Model, ToolCallDelta, Usage
from crofter.router import Router
from tests.fakes import TIMINGS, FakeAdministration, FakeBackend, FakeResolver

USAGE = Usage(prompt_tokens=100, completion_tokens=5)


class Scripted(FakeBackend):
    """Calls the tool once, in pieces."""

    def __init__(self, tool: str, arguments: str, said: str) -> None:
        super().__init__()
        self._tool, self._arguments, self._said = tool, arguments, said

    async def generate(self, model: Model, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        prompt = request.prompt
        offered = [tool["function"]["name"] for tool in prompt.tools] if isinstance(prompt, ChatPrompt) else []
        has_result = isinstance(prompt, ChatPrompt) and any(message.role == "tool" for message in prompt.messages)
        yield Chunk(reasoning="I think.", prompt_usage=Usage(prompt_tokens=100, completion_tokens=0))
        if self._tool not in offered or has_result:
            for text in (self._said[:9], self._said[9:]):
                yield Chunk(text=text)
            yield Chunk(finish_reason="stop", usage=USAGE, timings=TIMINGS)
            return
        yield Chunk(text="I write it.")
        yield Chunk(tool_calls=(ToolCallDelta(index=0, name=self._tool, arguments=self._arguments[:9]),))
        yield Chunk(tool_calls=(ToolCallDelta(index=0, arguments=self._arguments[9:]),))
        yield Chunk(finish_reason="tool_calls", usage=USAGE, timings=TIMINGS)


async def main() -> None:
    """Serve until killed."""
    settings = ApiSettings(port=0)
    router = Router(FakeResolver(), [Scripted(*sys.argv[1:4])])
    server = Server(create_app(router, FakeAdministration(), settings), settings)
    print(server.bind().url, flush=True)  # noqa: T201 - for the test that started it
    await server.run()


if __name__ == "__main__":
    anyio.run(main)
