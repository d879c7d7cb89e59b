"""A server with all that the MCP conformance suite asks for by name, for our endpoint to serve in place of the node's own.

The node offers few of these things; how they come and go (sessions, streams, limits, keys, versions) is our endpoint's doing. What asks the
client back is in `mcp_questions.py`.
"""

import base64
from typing import Any

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import Context, MCPServer
from mcp.shared.exceptions import MCPError

from tests.conformance.mcp_questions import add_questions
from tests.image_files import png


def everything_server() -> Server[Any]:
    """The server, of the SDK's own kind with decorators; what that lacks is registered below it."""
    server = MCPServer("everything", log_level="CRITICAL")
    _add_tools(server)
    _add_changes(server)
    _add_resources(server)
    _add_prompts(server)
    add_questions(server)
    lowest: Server[Any] = server._lowlevel_server  # pyright: ignore[reportPrivateUsage] there is no other way to serve it through a manager of ours
    for method, parameters in (
        ("logging/setLevel", types.SetLevelRequestParams),
        ("resources/subscribe", types.SubscribeRequestParams),
        ("resources/unsubscribe", types.UnsubscribeRequestParams),
    ):
        lowest.add_request_handler(method, parameters, _accept)
    return lowest


async def _accept(_: object, __: object) -> types.EmptyResult:
    return types.EmptyResult()


def picture() -> types.ImageContent:
    return types.ImageContent(type="image", data=base64.b64encode(png()).decode(), mime_type="image/png")


def embedded(uri: str) -> types.EmbeddedResource:
    content = types.TextResourceContents(uri=uri, mime_type="text/plain", text="What is embedded.")
    return types.EmbeddedResource(type="resource", resource=content)


def _add_tools(server: MCPServer[Any]) -> None:
    @server.tool(description="Text.")
    def test_simple_text() -> str:
        return "This is a simple text response for testing."

    @server.tool(description="An image.")
    def test_image_content() -> list[types.ContentBlock]:
        return [picture()]

    @server.tool(description="A sound.")
    def test_audio_content() -> list[types.ContentBlock]:
        return [types.AudioContent(type="audio", data=base64.b64encode(b"RIFF").decode(), mime_type="audio/wav")]

    @server.tool(description="A resource.")
    def test_embedded_resource() -> list[types.ContentBlock]:
        return [embedded("test://embedded-resource")]

    @server.tool(description="Text, an image and a resource.")
    def test_multiple_content_types() -> list[types.ContentBlock]:
        return [types.TextContent(type="text", text="Several:"), picture(), embedded("test://mixed-content-resource")]

    @server.tool(description="Fails.")
    def test_error_handling() -> str:
        raise RuntimeError("This tool intentionally returns an error for testing")

    @server.tool(description="Tells how far it is.")
    async def test_tool_with_progress(context: Context[Any, Any]) -> str:
        for done in (0, 50, 100):
            await context.report_progress(done, 100, "working")
        return "Done."

    @server.tool(description="Logs to the client.")
    async def test_tool_with_logging(context: Context[Any, Any]) -> str:
        for step in ("started", "working", "done"):
            await context.log("info", step)  # pyright: ignore[reportDeprecated] the older revision has it
        return "Logged."

    @server.tool(description="Logs to a client that wants it.")
    async def test_logging_tool(context: Context[Any, Any]) -> str:
        return await test_tool_with_logging(context)


def _add_changes(server: MCPServer[Any]) -> None:
    @server.tool(description="Says that the tools have changed.")
    async def test_trigger_tool_change(context: Context[Any, Any]) -> str:
        await context.notify_tools_changed()
        return "Told."

    @server.tool(description="Says that the prompts have changed.")
    async def test_trigger_prompt_change(context: Context[Any, Any]) -> str:
        await context.notify_prompts_changed()
        return "Told."

    @server.tool(description="Needs a client that samples.")
    def test_missing_capability(context: Context[Any, Any]) -> str:
        capabilities = context.client_capabilities
        if capabilities is None or capabilities.sampling is None:
            raise MCPError(
                code=types.MISSING_REQUIRED_CLIENT_CAPABILITY,
                message="the client did not declare sampling",
                data={"requiredCapabilities": {"sampling": {}}},
            )
        return "It is there."


def _add_resources(server: MCPServer[Any]) -> None:
    @server.resource("test://static-text", mime_type="text/plain")
    def static_text() -> str:
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    def static_binary() -> bytes:
        return png()

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def template(id: str) -> dict[str, str]:  # noqa: A002 - the suite's name for it
        return {"id": id}

    @server.resource("test://watched-resource", mime_type="text/plain")
    def watched() -> str:
        return "Watched."


def _add_prompts(server: MCPServer[Any]) -> None:
    @server.prompt(description="Text.")
    def test_simple_prompt() -> str:
        return "This is a simple prompt for testing."

    @server.prompt(description="Text with two arguments.")
    def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @server.prompt(description="A resource and text.")
    def test_prompt_with_embedded_resource(resourceUri: str) -> list[types.ContentBlock]:  # noqa: N803 - the suite's name
        return [embedded(resourceUri), types.TextContent(type="text", text="Read it.")]

    @server.prompt(description="An image and text.")
    def test_prompt_with_image() -> list[types.ContentBlock]:
        return [picture(), types.TextContent(type="text", text="Look at it.")]

    @server.completion()
    async def complete(_: object, argument: types.CompletionArgument, __: object) -> types.Completion:
        return types.Completion(values=[argument.value], total=1, has_more=False)
