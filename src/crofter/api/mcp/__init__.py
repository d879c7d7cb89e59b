"""The node as an MCP server: models for other models and agents to ask."""

from .endpoint import McpEndpoint, mcp_endpoint

__all__ = ["McpEndpoint", "mcp_endpoint"]
