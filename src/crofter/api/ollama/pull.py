"""`POST /api/pull`: a model from the hub, with its progress as lines. Needs the administrator's token."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec

from crofter.api.asgi import App
from crofter.api.call import Call
from crofter.api.installing import PullProgress, PullRequest
from crofter.api.replies import JsonReply, StreamReply, until_disconnect
from crofter.api.services import Services

from .replies import LINES
from .wire import PullBody

_STATUS = {
    "checking": "pulling manifest",
    "choosing": "pulling manifest",
    "verifying": "verifying sha256 digest",
    "done": "success",
}


class Pull:
    """The route."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def pull(self, call: Call) -> App:
        """Install a model by a name that `crofter pull` understands too."""
        body = await call.body(PullBody)
        steps = self._services.administration.pull(PullRequest(source=body.either))
        if body.stream:
            return StreamReply(LINES, [_lines(steps)], keep_alive_seconds=self._services.settings.keep_alive_seconds)
        await until_disconnect(call.receive, lambda: _to_the_end(steps))
        return JsonReply({"status": "success"})


async def _lines(steps: AsyncGenerator[PullProgress]) -> AsyncGenerator[bytes]:
    file = ""
    async with aclosing(steps):
        async for step in steps:
            file = step.offer.files[0] if step.offer and step.offer.files else file
            line: dict[str, Any] = {"status": _STATUS.get(step.status, step.status)}
            if step.total_bytes and step.status != "done":
                line |= {"digest": file, "total": step.total_bytes, "completed": step.done_bytes}
                if step.status == "downloading":
                    line["status"] = f"pulling {file}"
            yield msgspec.json.encode(line) + b"\n"


async def _to_the_end(steps: AsyncGenerator[PullProgress]) -> None:
    async with aclosing(steps):
        async for _ in steps:
            pass
