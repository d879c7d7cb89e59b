"""The node as an MCP server: models for other models and agents to ask."""

from .endpoint import McpEndpoint

__all__ = ["McpEndpoint"]
