"""The command line: parse, ask the node, print. Whatever is heavy is imported by the command that needs it."""

from .main import main

__all__ = ["main"]
