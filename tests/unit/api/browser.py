"""A tiny ASGI client: speaks to an app in-process, sees each piece as it is sent, can hang up in the middle."""

import json
from collections.abc import Callable
from typing import Any

import anyio
import msgspec

from crofter.api import ApiSettings, create_app
from crofter.api.asgi import App, Headers, Message, Scope
from crofter.api.media import FetchMedia
from crofter.core import ModelFile
from crofter.router import Router
from tests.fakes import MODEL, FakeAdministration, FakeBackend, FakeResolver

PORT = 7411


class Reply:
    """What came back so far."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.pieces: list[bytes] = []
        self.complete = False

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The data of each server-sent event but [DONE]."""
        data = [event[6:] for event in self.body.decode().split("\n\n") if event.startswith("data: ")]
        return [json.loads(text) for text in data if text != "[DONE]"]

    @property
    def done(self) -> bool:
        return self.body.endswith(b"data: [DONE]\n\n")


class Browser:
    """Sends requests to one app, as from this machine unless told otherwise."""

    def __init__(
        self,
        backend: FakeBackend | None = None,
        administration: FakeAdministration | None = None,
        settings: ApiSettings | None = None,
        fetch_media: FetchMedia | None = None,
        model: ModelFile = MODEL,
    ) -> None:
        self.backend = backend or FakeBackend()
        self.administration = administration or FakeAdministration()
        self.router = Router(FakeResolver(model), [self.backend])
        self.app: App = create_app(self.router, self.administration, settings or ApiSettings(), None, fetch_media)

    async def get(self, path: str, **headers: str) -> Reply:
        return await self.send("GET", path, b"", headers)

    async def post(self, path: str, body: object, **headers: str) -> Reply:
        return await self.send("POST", path, body if isinstance(body, bytes) else msgspec.json.encode(body), headers)

    async def chat(self, **fields: object) -> Reply:
        body = {"messages": [{"role": "user", "content": "Hi"}], **fields}
        return await self.post("/v1/chat/completions", body)

    async def send(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: dict[str, str],
        *,
        hang_up: anyio.Event | None = None,
        on_piece: Callable[[bytes], None] | None = None,
        body_pieces: list[bytes] | None = None,
        server: tuple[str, int] = ("127.0.0.1", PORT),
        query: str = "",
    ) -> Reply:
        reply = Reply()
        ended = anyio.Event()
        upload = [*(body_pieces or [body])]
        named = {"host": f"127.0.0.1:{PORT}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        raw: Headers = [(name.encode(), value.encode("latin-1")) for name, value in named.items() if value]
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "scheme": "http",
            "headers": raw,
            "server": server,
            "client": ("127.0.0.1", 5),
        }

        async def receive() -> Message:
            if upload:
                return {"type": "http.request", "body": upload.pop(0), "more_body": bool(upload)}
            await (hang_up or ended).wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                reply.status = message["status"]
                reply.headers = {name.decode(): value.decode() for name, value in message["headers"]}
                return
            reply.pieces.append(message.get("body", b""))
            reply.complete = not message.get("more_body", False)
            if on_piece is not None:
                on_piece(message.get("body", b""))

        with anyio.fail_after(10):
            await self.app(scope, receive, send)
        return reply
