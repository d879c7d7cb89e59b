"""Streams that are always closed, whatever happens to who uses them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from .transport import Stream

ABANDONED = 1
"""The code for the peer when this side gave up."""


@asynccontextmanager
async def owned(stream: Stream) -> AsyncGenerator[Stream]:
    """Close it at the end of the block; break it off both ways if the block fails or is cancelled.

    A stream that is only forgotten looks to the peer as if everything had been said.
    """
    try:
        yield stream
    except BaseException:
        await stream.reset(ABANDONED)
        await stream.stop(ABANDONED)
        raise
    await stream.close()
