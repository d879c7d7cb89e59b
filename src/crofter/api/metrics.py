"""What `/metrics` tells Prometheus. Counts and times only; no prompt, no key, no client."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from crofter.core import Chunk, Usage
from crofter.router import Router, Turn

from .administration import Administration
from .network_metrics import network_metrics

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})


class Metrics:
    """The counters of one app, in a registry of its own."""

    def __init__(self, router: Router, administration: Administration) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self._requests = Counter(
            "crofter_http_requests", "Requests answered", ["route", "method", "status"], registry=registry
        )
        self._durations = Histogram(
            "crofter_http_request_seconds", "Time to the last byte", ["route"], buckets=_SECONDS, registry=registry
        )
        self._first_token = Histogram(
            "crofter_first_token_seconds",
            "Arrival of a request to its first token",
            buckets=_SECONDS,
            registry=registry,
        )
        self._between_tokens = Histogram(
            "crofter_between_tokens_seconds", "Gap between pieces of an answer", buckets=_SECONDS, registry=registry
        )
        self._tokens = Counter("crofter_tokens", "Tokens read and written", ["kind"], registry=registry)
        registry.register(_NodeCollector(router, administration))

    def request_ended(self, route: str, method: str, status: int, duration_seconds: float) -> None:
        known_method = method if method in _KNOWN_METHODS else "other"
        self._requests.labels(route, known_method, str(status)).inc()
        self._durations.labels(route).observe(duration_seconds)

    def tokens_used(self, usage: Usage) -> None:
        self._tokens.labels("prompt").inc(usage.prompt_tokens)
        self._tokens.labels("cached").inc(usage.cached_tokens)
        self._tokens.labels("completion").inc(usage.completion_tokens)

    def tokens_embedded(self, count: int) -> None:
        self._tokens.labels("embedded").inc(count)

    def tokens_ranked(self, count: int) -> None:
        self._tokens.labels("ranked").inc(count)

    def exposition(self) -> bytes:
        """The text Prometheus reads."""
        return generate_latest(self._registry)

    async def watched(self, turn: Turn, arrived_at: float) -> AsyncGenerator[Chunk]:
        """The turn's chunks, their times and tokens counted. Closing it closes the turn's generator."""
        previous: float | None = None
        async with aclosing(turn.chunks()) as chunks:
            async for chunk in chunks:
                now = perf_counter()
                if previous is None:
                    self._first_token.observe(now - arrived_at)
                else:
                    self._between_tokens.observe(now - previous)
                previous = now
                if chunk.usage is not None:
                    self.tokens_used(chunk.usage)
                yield chunk


class _NodeCollector(Collector):
    """Asks the node when Prometheus asks us."""

    def __init__(self, router: Router, administration: Administration) -> None:
        self._router = router
        self._administration = administration

    def describe(self) -> list[Metric]:
        """Nothing, so that registering asks the node nothing: it may still be starting."""
        return []

    def collect(self) -> Iterator[Metric]:
        loaded = self._administration.loaded_models()
        yield GaugeMetricFamily("crofter_active_requests", "Requests running", value=self._router.active_count)
        yield GaugeMetricFamily(
            "crofter_queued_requests",
            "Requests waiting for a place",
            value=sum(model.queued_requests for model in loaded),
        )
        yield GaugeMetricFamily("crofter_loaded_models", "Models in memory", value=len(loaded))
        yield GaugeMetricFamily(
            "crofter_resident_bytes", "Memory of all workers", value=sum(model.resident_bytes for model in loaded)
        )
        restarts = GaugeMetricFamily(
            "crofter_worker_restarts", "Times a loaded model's worker was restarted", labels=["model"]
        )
        for model in loaded:
            restarts.add_metric([model.name], model.restarts)
        yield restarts
        yield from network_metrics(self._administration)
