"""The node's HTTP side with the tools that the MCP conformance suite calls, beside its own. Never part of the product.

`python -m tests.conformance.mcp_node`; prints its address. Only what tools of this node can say is here: text, errors, progress.
"""

from typing import cast

import anyio

from crofter.api import ApiSettings, create_app
from crofter.api.mcp.asking import Asking
from crofter.api.mcp.tools import TOOLS, NoArguments, Progress, Tool
from crofter.api.server import Server
from crofter.core import CrofterError, ErrorCode
from crofter.router import Router
from tests.fakes import FakeAdministration, FakeBackend, FakeResolver


async def _text(_: Asking, __: NoArguments, ___: Progress) -> dict[str, str]:
    return {"text": "This is a simple text response for testing."}


async def _error(_: Asking, __: NoArguments, ___: Progress) -> dict[str, str]:
    raise CrofterError(ErrorCode.INVALID_REQUEST, "This tool intentionally returns an error for testing")


async def _progress(_: Asking, __: NoArguments, progress: Progress) -> dict[str, str]:
    for done in (0, 50, 100):
        await progress(done, 100, "working")
    return {"text": "Done."}


FIXTURES = {"test_simple_text": _text, "test_error_handling": _error, "test_tool_with_progress": _progress}


async def main() -> None:
    """Serve until killed."""
    tools = cast("dict[str, Tool]", TOOLS)
    for name, call in FIXTURES.items():
        tools[name] = Tool(name=name, description="For the conformance suite.", arguments=NoArguments, call=call)
    settings = ApiSettings(port=0)
    server = Server(create_app(Router(FakeResolver(), [FakeBackend()]), FakeAdministration(), settings), settings)
    print(server.bind().url, flush=True)  # noqa: T201 - for the test that started it
    await server.run()


if __name__ == "__main__":
    anyio.run(main)
