"""Tools and a prompt that ask the client something: in the middle of a call (until 2025-11-25), or by a result that wants input (since)."""

from typing import Any

import mcp_types as types
from mcp.server.mcpserver import Context, MCPServer

_ENUMS: dict[str, Any] = {
    "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
    "titledSingle": {"type": "string", "oneOf": [{"const": "value1", "title": "First"}]},
    "legacyEnum": {"type": "string", "enum": ["opt1", "opt2"], "enumNames": ["One", "Two"]},
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2"]}},
    "titledMulti": {"type": "array", "items": {"anyOf": [{"const": "value1", "title": "First"}]}},
}
_DEFAULTS: dict[str, Any] = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    "verified": {"type": "boolean", "default": True},
}


def add_questions(server: MCPServer[Any]) -> None:
    """Register them all."""
    _add_asking(server)
    _add_wanting(server)
    _add_stateful(server)


def _add_asking(server: MCPServer[Any]) -> None:
    @server.tool(description="Asks the client's model.")
    async def test_sampling(prompt: str, context: Context[Any, Any]) -> str:
        message = types.SamplingMessage(role="user", content=types.TextContent(type="text", text=prompt))
        said = await context.session.create_message(  # pyright: ignore[reportDeprecated] the older revision has it
            messages=[message], max_tokens=100, related_request_id=context.request_id
        )
        return f"LLM response: {said.content}"

    async def ask(context: Context[Any, Any], message: str, properties: dict[str, Any]) -> str:
        schema = {"type": "object", "properties": properties, "required": list(properties)}
        answer = await context.session.elicit_form(message, schema, context.request_id)
        return f"action={answer.action}, content={answer.content}"

    @server.tool(description="Asks the user.")
    async def test_elicitation(message: str, context: Context[Any, Any]) -> str:
        return await ask(context, message, {"username": {"type": "string"}, "email": {"type": "string"}})

    @server.tool(description="Asks the user, with defaults.")
    async def test_elicitation_sep1034_defaults(context: Context[Any, Any]) -> str:
        return await ask(context, "Who?", _DEFAULTS)

    @server.tool(description="Asks the user to choose.")
    async def test_elicitation_sep1330_enums(context: Context[Any, Any]) -> str:
        return await ask(context, "Which?", _ENUMS)


def question(name: str, kind: str = "string") -> types.ElicitRequest:
    """Asks the user for one value."""
    schema = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=f"Your {name}?", requested_schema=schema))


def sampled() -> types.CreateMessageRequest:
    """Asks the client's model."""
    content = types.TextContent(type="text", text="What is the capital of France?")
    message = types.SamplingMessage(role="user", content=content)
    return types.CreateMessageRequest(params=types.CreateMessageRequestParams(messages=[message], max_tokens=100))


def _wanting(
    context: Context[Any, Any], wanted: types.InputRequests, state: str | None = None
) -> types.InputRequiredResult | None:
    """What is still to be asked; None if all was answered."""
    given = context.input_responses or {}
    if wanted.keys() <= given.keys() and context.request_state == state:
        return None
    return types.InputRequiredResult(input_requests=wanted, request_state=state)


def _answered(context: Context[Any, Any]) -> types.CallToolResult:
    text = f"state-ok {context.input_responses}"
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)])


Result = types.CallToolResult | types.InputRequiredResult


def _add_wanting(server: MCPServer[Any]) -> None:
    @server.tool(description="Wants a name.")
    def test_input_required_result_elicitation(context: Context[Any, Any]) -> Result:
        return _wanting(context, {"user_name": question("name")}) or _answered(context)

    @server.tool(description="Streams, and wants a name.")
    async def test_streaming_elicitation(context: Context[Any, Any]) -> Result:
        await context.report_progress(1, 2)
        return _wanting(context, {"user_name": question("name")}) or _answered(context)

    @server.tool(description="Wants what the client's model says.")
    def test_input_required_result_sampling(context: Context[Any, Any]) -> Result:
        return _wanting(context, {"capital_question": sampled()}) or _answered(context)

    @server.tool(description="Wants the client's roots.")
    def test_input_required_result_list_roots(context: Context[Any, Any]) -> Result:
        return _wanting(context, {"client_roots": types.ListRootsRequest()}) or _answered(context)

    @server.tool(description="Wants what the client can give.")
    def test_input_required_result_capabilities(context: Context[Any, Any]) -> Result:
        capabilities = context.client_capabilities or types.ClientCapabilities()
        wanted: types.InputRequests = {}
        if capabilities.elicitation is not None:
            wanted["user_name"] = question("name")
        if capabilities.sampling is not None:
            wanted["capital_question"] = sampled()
        return _wanting(context, wanted) or _answered(context)

    @server.prompt(description="Wants a context.")
    def test_input_required_result_prompt(context: Context[Any, Any]) -> types.InputRequiredResult | str:
        return _wanting(context, {"user_context": question("context")}) or "With a context."


def _add_stateful(server: MCPServer[Any]) -> None:
    @server.tool(description="Wants a yes, and its state back.")
    def test_input_required_result_request_state(context: Context[Any, Any]) -> Result:
        return _wanting(context, {"confirm": question("ok", "boolean")}, "asked") or _answered(context)

    @server.tool(description="Wants a yes, and its state back unchanged.")
    def test_input_required_result_tampered_state(context: Context[Any, Any]) -> Result:
        return _wanting(context, {"confirm": question("ok", "boolean")}, "asked") or _answered(context)

    @server.tool(description="Wants three things at once.")
    def test_input_required_result_multiple_inputs(context: Context[Any, Any]) -> Result:
        wanted: types.InputRequests = {
            "user_name": question("name"),
            "greeting": sampled(),
            "client_roots": types.ListRootsRequest(),
        }
        return _wanting(context, wanted, "asked") or _answered(context)

    @server.tool(description="Wants one thing after the other.")
    def test_input_required_result_multi_round(context: Context[Any, Any]) -> Result:
        if context.request_state is None:
            return types.InputRequiredResult(input_requests={"step1": question("name")}, request_state="first")
        return _wanting(context, {"step2": question("color")}, "second") or _answered(context)
