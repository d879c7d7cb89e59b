"""A node from Python: answers with where they came from, vectors, models and the owner's side; sync and async.

>>> from crofter.client import Client
>>> with Client() as client:  # the node that runs on this machine, or Client("https://ai.home:7411", api_key="…")
...     reply = client.chat("Who are you?", max_tokens=20)
>>> reply.provenance.ran_on
('this node',)
"""

from .admin import Admin
from .answers import Delta, Reply, ReplyReader, Timings, ToolCall
from .asking import ChatOptions, Image, Messages, image_address, with_images
from .async_client import AsyncClient, AsyncStream
from .async_connection import AsyncConnection
from .client import Client, Stream
from .connection import Connection
from .patience import Patience
from .places import Place
from .replies import Embeddings, Model
from .request import Request

__all__ = [
    "Admin",
    "AsyncClient",
    "AsyncConnection",
    "AsyncStream",
    "ChatOptions",
    "Client",
    "Connection",
    "Delta",
    "Embeddings",
    "Image",
    "Messages",
    "Model",
    "Patience",
    "Place",
    "Reply",
    "ReplyReader",
    "Request",
    "Stream",
    "Timings",
    "ToolCall",
    "image_address",
    "with_images",
]
