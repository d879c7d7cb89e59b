"""A node's HTTP side for the MCP conformance suite. Never part of the product.

`python -m tests.conformance.mcp_node own`: the node's own tools, beside fixtures of what such tools can say (text, errors, progress).
`… everything`: the same endpoint behind the same edge and security, serving `mcp_everything.py` instead. Prints its address.
"""

import sys
from typing import cast

import anyio

from crofter.api import ApiSettings, create_app
from crofter.api.asgi import App
from crofter.api.edge import Edge
from crofter.api.mcp import McpEndpoint
from crofter.api.mcp.asking import Asking
from crofter.api.mcp.tools import TOOLS, NoArguments, Progress, Tool
from crofter.api.metrics import Metrics
from crofter.api.security import Security
from crofter.api.server import Server
from crofter.core import CrofterError, ErrorCode
from crofter.router import Router
from tests.conformance.mcp_everything import everything_server
from tests.fakes import FakeAdministration, FakeBackend, FakeResolver

SETTINGS = ApiSettings(port=0)


async def _text(_: Asking, __: NoArguments, ___: Progress) -> dict[str, str]:
    return {"text": "This is a simple text response for testing."}


async def _error(_: Asking, __: NoArguments, ___: Progress) -> dict[str, str]:
    raise CrofterError(ErrorCode.INVALID_REQUEST, "This tool intentionally returns an error for testing")


async def _progress(_: Asking, __: NoArguments, progress: Progress) -> dict[str, str]:
    for done in (0, 50, 100):
        await progress(done, 100, "working")
    return {"text": "Done."}


FIXTURES = {"test_simple_text": _text, "test_error_handling": _error, "test_tool_with_progress": _progress}


def own(router: Router, administration: FakeAdministration) -> App:
    """All that the node serves."""
    tools = cast("dict[str, Tool]", TOOLS)
    for name, call in FIXTURES.items():
        tools[name] = Tool(name=name, description="For the conformance suite.", arguments=NoArguments, call=call)
    return create_app(router, administration, SETTINGS)


def everything(router: Router, administration: FakeAdministration) -> App:
    """One address, with another server at its end."""
    endpoint = McpEndpoint(SETTINGS, everything_server)
    return Edge(Security(endpoint, administration, SETTINGS), Metrics(router, administration))


async def main(app: str) -> None:
    """Serve until killed."""
    make_app = {"own": own, "everything": everything}[app]
    server = Server(make_app(Router(FakeResolver(), [FakeBackend()]), FakeAdministration()), SETTINGS)
    print(server.bind().url, flush=True)  # noqa: T201 - for the test that started it
    await server.run()


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
