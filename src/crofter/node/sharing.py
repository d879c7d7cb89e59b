"""What this node has for those it trusts: the models it tells them of, and the answers it writes for them."""

import shutil
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from crofter.api import ShareStatus
from crofter.cluster import (
    Holdings,
    MachineFacts,
    ModelOffer,
    Offer,
    RoutedAnswers,
    ShareLimits,
    ShareSettings,
    least_ends_bytes,
    share_limits,
)
from crofter.core import Chunk, CrofterError, ErrorCode, GenerationRequest, Intent, ModelId
from crofter.engine import Engine, machine_now, memory_bytes_per_second, on_battery
from crofter.models import InstalledModel, ModelRegistry
from crofter.router import Router

from .home import Home

_ONLY_HERE = Intent(radius="local", limit="local")
"""A peer's prompt goes no further: whom this node trusts, he may not."""
_READ_HERE = Intent(radius="trusted", readers="local", limit="trusted")
"""Where he named nodes that may compute a part of it: they get hidden states, nobody gets the words."""
_MOST_AT_ONCE = 8
"""Answers for others; more of them are refused at once, so that they try elsewhere."""


class NodeSharing:
    """Follows its settings at once. The router and the stages are handed in later: they need the network, and that needs this."""

    def __init__(
        self, settings: ShareSettings, home: Home, registry: ModelRegistry, engine: Engine, build: str
    ) -> None:
        self.settings = settings
        self.router: Router | None = None
        self.stages: Holdings | None = None
        self.routed: RoutedAnswers | None = None
        self._home = home
        self._registry = registry
        self._engine = engine
        self._build = build
        self._running = 0

    def limits(self) -> ShareLimits:
        """What others may use now."""
        now, total = time.localtime(), machine_now().total_bytes
        facts = MachineFacts(
            total_memory_bytes=min(total, self._engine.settings.memory_limit_bytes or total),
            free_disk_bytes=shutil.disk_usage(self._home.root).free,
            minute_of_day=now.tm_hour * 60 + now.tm_min,
            on_battery=on_battery(),
        )
        return share_limits(self.settings, facts)

    def status(self) -> ShareStatus:
        """See `api.SharingAdministration`."""
        limits, settings = self.limits(), self.settings
        return ShareStatus(
            preset=settings.preset,
            shares=not limits.closed_because,
            closed_because=limits.closed_because,
            answers=settings.answers,
            memory_bytes=limits.memory_bytes,
            disk_bytes=limits.disk_bytes,
            upload_bytes_per_second=limits.upload_bytes_per_second,
            download_bytes_per_second=limits.download_bytes_per_second,
            hours=settings.hours,
            on_battery=settings.on_battery,
            used_disk_bytes=self.stages.used_disk_bytes() if self.stages is not None else 0,
            used_memory_bytes=self.stages.used_by_others_bytes() if self.stages is not None else 0,
        )

    def offer(self) -> Offer:
        """What trusted nodes are told. Takes a moment the first time."""
        limits = self.limits()
        if limits.closed_because:
            return Offer(build=self._build)
        models: dict[ModelId, ModelOffer] = {}
        for model in self._registry.installed():
            if not model.embedded:
                models.setdefault(model.file.model_id, self._model_offer(model))
        return Offer(
            build=self._build,
            models=tuple(models.values()),
            stages=self.stages.offered() if self.stages is not None else (),
            stage_bytes=max(
                0, limits.memory_bytes - (self.stages.used_by_others_bytes(in_use=True) if self.stages else 0)
            ),
            read_bytes_per_second=memory_bytes_per_second(),
            active_requests=self.router.active_count if self.router is not None else 0,
        )

    async def answer(self, model_id: ModelId, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """Write an answer for a peer, here, and with others that he named. Raises FORBIDDEN, OVERLOADED, and as the router."""
        closed = self.limits().closed_because or ("" if self.settings.answers else "share.answers is false")
        if closed or self.router is None:
            raise CrofterError(ErrorCode.FORBIDDEN, f"this node answers no prompts of others: {closed}")
        if self._running >= _MOST_AT_ONCE:
            raise CrofterError(
                ErrorCode.OVERLOADED, "this node answers enough prompts of others now", retry_after_seconds=2.0
            )
        nodes = request.only_nodes or ()
        own = msgspec.structs.replace(request, model=model_id, adapters=(), for_others=True, only_nodes=nodes)
        turn = await self.router.open(own, _READ_HERE if nodes else _ONLY_HERE)
        self._running += 1
        try:
            async with aclosing(turn.chunks()) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            self._running -= 1

    def _model_offer(self, model: InstalledModel) -> ModelOffer:
        file = model.file
        return ModelOffer(
            model_id=file.model_id,
            name=model.name,
            architecture=file.architecture,
            layer_count=file.layer_count,
            size_bytes=file.size_bytes,
            context_length=file.context_length,
            capabilities=model.capabilities,
            answers=self.settings.answers and self._engine.fit(file).fits,
            routes=self.settings.answers and self.routed is not None and self.routed.drives(file),
            ends_bytes=least_ends_bytes(file, self._engine.settings.parallel_requests),
        )
