"""Tools and resources for the official SDK."""

from typing import Any

import mcp_types as types
import msgspec
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from starlette.requests import Request

from crofter.api.access import Asker
from crofter.api.call import Call
from crofter.api.provenance import Extension
from crofter.api.services import Services
from crofter.core import CrofterError

from .asking import Asking
from .tools import TOOLS

_MODELS = "crofter://models/"


def mcp_server(services: Services) -> Server[Any]:
    """The server; it holds nothing but what it is given."""
    handlers = _Handlers(services)
    return Server(
        "crofter",
        version=services.administration.status().version,
        instructions="Models on the user's own machine. What is said to them stays there.",
        on_list_tools=handlers.list_tools,
        on_call_tool=handlers.call_tool,
        on_list_resources=handlers.list_resources,
        on_read_resource=handlers.read_resource,
    )


class _Handlers:
    """What the SDK calls."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def list_tools(self, _: object, __: object) -> types.ListToolsResult:
        return types.ListToolsResult(
            tools=[
                types.Tool(name=tool.name, description=tool.description, input_schema=tool.schema)
                for tool in TOOLS.values()
            ]
        )

    async def call_tool(self, context: Any, given: types.CallToolRequestParams) -> types.CallToolResult:  # noqa: ANN401 - the SDK's
        tool = TOOLS.get(given.name)
        if tool is None:
            raise MCPError(code=types.INVALID_PARAMS, message=f"there is no tool {given.name[:64]!r}")

        async def progress(done: int, total: int, message: str) -> None:
            await context.session.report_progress(done, total, message)

        try:
            asking = Asking(self._services, self._asker(context.request))
            arguments = msgspec.convert(given.arguments or {}, tool.arguments)
            result: dict[str, Any] | list[Any] = msgspec.to_builtins(await tool.call(asking, arguments, progress))
        except msgspec.ValidationError as error:
            return _failed(f"the arguments are not right: {error}")
        except CrofterError as error:
            return _failed(f"{error.message} ({error.code.code})")
        structured: dict[str, Any] = {"result": result} if isinstance(result, list) else result
        text = str(structured["text"]) if "text" in structured else msgspec.json.encode(result).decode()
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=text)],
            structured_content=structured,
            _meta=_told(asking.extensions),
        )

    def _asker(self, request: Request | None) -> Asker:
        """Whoever sent this message: each one of a session comes with a key. Without HTTP there is none."""
        return Asker() if request is None else Call(request.scope, request.receive, self._services.settings).asker

    async def list_resources(self, _: object, __: object) -> types.ListResourcesResult:
        return types.ListResourcesResult(
            resources=[
                types.Resource(
                    uri=f"{_MODELS}{summary.name}",
                    name=summary.name,
                    description=f"The model {summary.name}: {', '.join(summary.capabilities)}.",
                    mime_type="application/json",
                )
                for summary in self._services.administration.installed_models()
            ]
        )

    async def read_resource(self, _: object, given: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        uri = str(given.uri)
        try:
            details = await self._services.administration.model_details(uri.removeprefix(_MODELS))
        except CrofterError as error:
            raise MCPError(code=types.INVALID_PARAMS, message=error.message, data={"uri": uri}) from error
        # Where it lies on the disk is for its owner.
        text = msgspec.json.encode(msgspec.structs.replace(details, path="", chat_template="", parts=())).decode()
        return types.ReadResourceResult(
            contents=[types.TextResourceContents(uri=uri, mime_type="application/json", text=text)]
        )


def _told(extensions: list[Extension]) -> dict[str, Any] | None:
    """Beside the result, where clients keep it from the model that reads the rest."""
    return {"crofter": {"answers": msgspec.to_builtins(extensions)}} if extensions else None


def _failed(message: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=message)], is_error=True)
