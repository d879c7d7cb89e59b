"""Whether the node lives, whether it can answer, and its counters."""

import msgspec

from .asgi import App
from .call import Call
from .replies import JsonReply
from .services import Services


class Health(msgspec.Struct, frozen=True):
    status: str


class HealthRoutes:
    """`/`, `/health`, `/health/ready` and `/metrics`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def greeting(self, _: Call) -> App:
        return JsonReply(b"Crofter is running\n", content_type=b"text/plain; charset=utf-8")

    async def alive(self, _: Call) -> App:
        """200 as long as the process serves."""
        return JsonReply(Health("ok"))

    async def ready(self, _: Call) -> App:
        """200 when a request could be answered now, 503 while stopping or without any model."""
        if self._services.inference.draining:
            return JsonReply(Health("stopping"), status=503)
        if not self._services.administration.installed_models():
            return JsonReply(Health("no model installed"), status=503)
        return JsonReply(Health("ready"))

    async def metrics(self, _: Call) -> App:
        exposition = self._services.metrics.exposition()
        return JsonReply(exposition, content_type=b"text/plain; version=0.0.4; charset=utf-8")
