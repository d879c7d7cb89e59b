"""What the owner can do about attached engines and services: the one implementation of `api.ProviderAdministration`."""

import time
from contextlib import aclosing

import anyio
import msgspec

from crofter.api import (
    KnownProvider,
    NewProvider,
    ProviderChange,
    ProviderSummary,
    ProviderTrial,
)
from crofter.core import (
    ChatPrompt,
    CrofterError,
    ErrorCode,
    GenerationRequest,
    Intent,
    Message,
    new_request_id,
)
from crofter.providers import KINDS, Provider, Providers
from crofter.router import Router

_TRIAL = ChatPrompt(messages=(Message(role="user", content="Say hello."),))
_TRIAL_TOKENS = 16
_ASKING_SECONDS = 30.0
"""Somebody sits and waits for the answer."""


class NodeProviders:
    """Adding, asking and trying are the only times that a provider is called without a request of a client's."""

    def __init__(self, providers: Providers, router: Router) -> None:
        self._providers = providers
        self._book = providers.book
        self._router = router

    def known(self) -> list[KnownProvider]:
        return [
            KnownProvider(name=kind.name, title=kind.title, base_url=kind.base_url, keys_at=kind.keys_at)
            for kind in KINDS.values()
        ]

    def all(self) -> list[ProviderSummary]:
        return [summary(provider) for provider in self._book.all()]

    def get(self, name: str) -> ProviderSummary:
        return summary(self._book.get(name))

    async def add(self, new: NewProvider) -> ProviderSummary:
        """One that cannot be reached now is added all the same: a server may be off at the moment."""
        provider = self._book.add(new.name, kind_name=new.kind, base_url=new.base_url, radius=new.radius, key=new.key)
        if new.models:
            return summary(self._book.remember_models(provider.name, new.models))
        try:
            return await self.list_models(provider.name)
        except CrofterError as error:
            return msgspec.structs.replace(summary(provider), problem=error.message)

    async def change(self, name: str, change: ProviderChange) -> ProviderSummary:
        provider = self._book.change(name, enabled=change.enabled, radius=change.radius, key=change.key)
        await self._providers.hang_up(provider.name)
        return summary(provider)

    async def remove(self, name: str) -> ProviderSummary:
        provider = self._book.remove(name)
        await self._providers.hang_up(provider.name)
        return summary(provider)

    async def list_models(self, name: str) -> ProviderSummary:
        with anyio.move_on_after(_ASKING_SECONDS):
            return summary(await self._providers.list_models(name))
        message = f"{name} did not say within {_ASKING_SECONDS:g} seconds what it offers"
        raise CrofterError(ErrorCode.TIMED_OUT, message)

    async def try_out(self, name: str, model: str) -> ProviderTrial:
        provider = self._book.get(name)
        wanted = model or next(iter(provider.models), "")
        if not wanted:
            message = f"{provider.name} has listed no model: say which one to try (--model)"
            raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="model")
        request = GenerationRequest(
            request_id=new_request_id(),
            model=f"{provider.name}/{wanted.removeprefix(f'{provider.name}/')}",
            prompt=_TRIAL,
            max_tokens=_TRIAL_TOKENS,
            timeout_seconds=_ASKING_SECONDS,
        )
        # Through the router, so that what the owner's ceiling forbids is forbidden here too.
        turn = await self._router.open(request, Intent(radius="public"))
        begun = time.monotonic()
        first: float | None = None
        texts: list[str] = []
        async with aclosing(turn.chunks()) as chunks:
            async for chunk in chunks:
                first = first or time.monotonic()
                texts.append(chunk.text)
        ended = time.monotonic()
        return ProviderTrial(
            model=request.model,
            text="".join(texts),
            first_token_seconds=round((first or ended) - begun, 3),
            total_seconds=round(ended - begun, 3),
        )


def summary(provider: Provider) -> ProviderSummary:
    """A provider as its owner sees it: there is no key in it."""
    return ProviderSummary(
        name=provider.name,
        kind=provider.kind_name,
        base_url=provider.base_url,
        radius=provider.radius,
        enabled=provider.enabled,
        has_key=provider.has_key,
        models=provider.models,
        listed_at=provider.listed_at,
        aliases=provider.aliases,
    )
