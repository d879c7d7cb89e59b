"""Who provides what: the records that nodes leave here under keys, for others to find. Each can speak for itself only."""

from collections import Counter
from typing import NamedTuple

from crofter.core import NodeId

TTL_SECONDS = 3_600.0
MOST_KEYS_OF_ONE = 64
MOST_OF_KEY = 16
MOST_PROVIDED = 4_096
"""At most 4 MiB. What would be more is refused; each node's own quota keeps one from using it up."""


class _Provided(NamedTuple):
    content: bytes
    until: float


class ProvidedKeys:
    """Bounded by provider, by key and in all; what is not said again within an hour is gone. Pure but for what it holds."""

    def __init__(self) -> None:
        self._by_key: dict[bytes, dict[NodeId, _Provided]] = {}
        self._of_provider: Counter[NodeId] = Counter()

    def provide(self, key: bytes, provider: NodeId, content: bytes, now: float) -> bool:
        """Keep the provider's record under a key; whether there was room. The caller has checked whose record it is."""
        if provider not in self._by_key.get(key, {}):
            if not self._has_room(key, provider):
                self.forget_old(now)
            if not self._has_room(key, provider):
                return False
            self._of_provider[provider] += 1
        self._by_key.setdefault(key, {})[provider] = _Provided(content, now + TTL_SECONDS)
        return True

    def providers(self, key: bytes, now: float) -> list[bytes]:
        """The records under a key that still hold, latest first."""
        living = [each for each in self._by_key.get(key, {}).values() if each.until > now]
        return [each.content for each in sorted(living, key=lambda each: -each.until)]

    def forget_old(self, now: float) -> None:
        """Drop what was not said again in time."""
        for key, providers in list(self._by_key.items()):
            for provider in [provider for provider, each in providers.items() if each.until <= now]:
                del providers[provider]
                self._of_provider[provider] -= 1
            if not providers:
                del self._by_key[key]
        self._of_provider = +self._of_provider

    def _has_room(self, key: bytes, provider: NodeId) -> bool:
        of_key = len(self._by_key.get(key, {}))
        return len(self) < MOST_PROVIDED and of_key < MOST_OF_KEY and self._of_provider[provider] < MOST_KEYS_OF_ONE

    def __len__(self) -> int:
        """How many records are kept."""
        return self._of_provider.total()
