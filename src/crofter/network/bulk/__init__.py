"""Streams in bulk, held back by their sender so that what somebody waits for is not delayed."""

from .stream import BulkReader, BulkWriter

__all__ = ["BulkReader", "BulkWriter"]
