"""The way to one server: one HTTP client, with its key, that tries again, keeps its bounds and rests when the server is down."""

import random
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import httpx2

from crofter.core import CrofterError, ErrorCode

from .faults import AttemptError, answered, failure, resting, silent, unreachable
from .plan import Breaker, entered, failed, given_up, pause_seconds, succeeded
from .settings import ProviderSettings
from .values import Provider

MOST_REPLY_BYTES = 256 << 20
"""Of an answer or its embeddings, all together."""
_OK = 200
_MOST_ERROR_BYTES = 64 << 10
_MOST_CONNECTIONS = 64
_POOL_TIMEOUT_SECONDS = 30.0
_ANTHROPIC_VERSION = "2023-06-01"


class Line:
    """Everything sent to one provider goes through here. Belongs to one event loop; `close` it."""

    def __init__(
        self,
        provider: Provider,
        key: str,
        settings: ProviderSettings,
        *,
        trusted: ssl.SSLContext,
        pause: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self.provider = provider
        self.key = key
        self._settings = settings
        self._pause = pause
        self._breaker = Breaker()
        self._http = httpx2.AsyncClient(
            headers=_headers(provider, key),
            timeout=httpx2.Timeout(
                settings.idle_timeout_seconds, connect=settings.connect_timeout_seconds, pool=_POOL_TIMEOUT_SECONDS
            ),
            limits=httpx2.Limits(max_connections=_MOST_CONNECTIONS),
            verify=trusted,
            follow_redirects=False,
            # A proxy of the environment is for the way out; it must not see what stays here, nor anything in the clear.
            trust_env=provider.radius == "public" and provider.base_url.startswith("https:"),
        )

    async def close(self) -> None:
        await self._http.aclose()

    @asynccontextmanager
    async def opened(self, method: str, path: str, content: bytes | None = None) -> AsyncGenerator["Reply"]:
        """The reply to a request that succeeded, its body still to be read; leaving hangs up. `content` is JSON.

        Raises PROVIDER_UNREACHABLE, PROVIDER_REFUSED, PROVIDER_FAILED, RATE_LIMITED, OVERLOADED, TIMED_OUT, MODEL_NOT_FOUND,
        INVALID_REQUEST, CONTEXT_LENGTH_EXCEEDED, REQUEST_TOO_LARGE.
        """
        response = await self._sent(method, path, content)
        try:
            yield Reply(self.provider, self._settings, response)
        finally:
            await response.aclose()

    async def fetched(
        self, method: str, path: str, content: bytes | None = None, most_bytes: int = MOST_REPLY_BYTES
    ) -> bytes:
        """The whole body of the reply. Raises what `opened` raises."""
        async with self.opened(method, path, content) as reply:
            return b"".join([piece async for piece in reply.pieces(most_bytes)])

    async def _sent(self, method: str, path: str, content: bytes | None) -> httpx2.Response:
        before = self._breaker
        self._breaker, wait_seconds = entered(before, time.monotonic())
        if wait_seconds is not None:
            raise resting(self.provider, wait_seconds)
        is_trial = self._breaker is not before
        try:
            response = await self._tried(method, path, content)
        except AttemptError as failing:
            self._breaker = succeeded() if failing.works else failed(self._breaker, time.monotonic())
            raise failing.error from failing.__cause__
        except BaseException:
            if is_trial:
                self._breaker = given_up(self._breaker)
            raise
        self._breaker = succeeded()
        return response

    async def _tried(self, method: str, path: str, content: bytes | None) -> httpx2.Response:
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._attempt(method, path, content)
            except AttemptError as failing:
                attempts = self._settings.attempts if failing.again else 0
                chance = random.random()  # noqa: S311 - spreads retries, guards nothing
                seconds = pause_seconds(attempt, attempts, failing.wish_seconds, chance)
                if seconds is None:
                    raise
            await self._pause(seconds)

    async def _attempt(self, method: str, path: str, content: bytes | None) -> httpx2.Response:
        provider = self.provider
        headers = None if content is None else {"content-type": "application/json"}
        request = self._http.build_request(method, provider.base_url + path, content=content, headers=headers)
        try:
            response = await self._http.send(request, stream=True)
        except httpx2.ConnectTimeout as error:
            raise AttemptError(unreachable(provider, "no connection in time"), again=True) from error
        except httpx2.PoolTimeout as error:
            busy = CrofterError(
                ErrorCode.OVERLOADED, f"{provider.name} has {_MOST_CONNECTIONS} requests of this node's"
            )
            raise AttemptError(busy, again=False, works=True) from error
        except httpx2.TimeoutException as error:
            # It may be at work on the request: asking again would make it twice the work.
            raise AttemptError(silent(provider, self._settings.idle_timeout_seconds), again=False) from error
        except httpx2.TransportError as error:
            raise AttemptError(unreachable(provider, _reason(error)), again=True) from error
        if response.status_code == _OK:
            return response
        try:
            said = await _beginning(response)
        finally:
            await response.aclose()
        raise answered(provider, response.status_code, response.headers, said, self.key)


class Reply:
    """A body on its way."""

    def __init__(self, provider: Provider, settings: ProviderSettings, response: httpx2.Response) -> None:
        self._provider = provider
        self._settings = settings
        self._response = response

    async def pieces(self, most_bytes: int = MOST_REPLY_BYTES) -> AsyncGenerator[bytes]:
        """The body as it comes. Raises PROVIDER_FAILED if it breaks off, is too large or compressed; TIMED_OUT if it stalls."""
        if self._response.headers.get("content-encoding", "identity") != "identity":
            # We asked for none: what is small on the line could be anything in memory.
            raise failure(self._provider, "sent a compressed answer, which was not asked for")
        received = 0
        try:
            async for piece in self._response.aiter_raw():
                received += len(piece)
                if received > most_bytes:
                    raise failure(self._provider, f"sent more than {most_bytes >> 20} MiB and was cut off")
                yield piece
        except httpx2.TimeoutException as error:
            raise silent(self._provider, self._settings.idle_timeout_seconds) from error
        except httpx2.TransportError as error:
            raise failure(self._provider, f"broke off in the middle of its answer ({_reason(error)})") from error


def trusted_certificates(provider: Provider) -> ssl.SSLContext:
    """Whom to believe. Slow, as it reads all certificates; where nothing is encrypted nobody has to be believed."""
    if provider.base_url.startswith("https:"):
        return httpx2.create_ssl_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _headers(provider: Provider, key: str) -> dict[str, str]:
    # Compressed replies are refused, so that what comes is as large as what is counted.
    headers = {"accept-encoding": "identity", "user-agent": "crofter"}
    if provider.kind.wire == "anthropic":
        headers |= {"anthropic-version": _ANTHROPIC_VERSION}
    if provider.kind.hears_radius:
        headers |= {"x-crofter-radius": provider.radius}
    if key:
        name, value = ("x-api-key", key) if provider.kind.wire == "anthropic" else ("authorization", f"Bearer {key}")
        headers[name] = value
    return headers


async def _beginning(response: httpx2.Response) -> bytes:
    """As much of an error's body as is worth reading; less if it does not come."""
    if response.headers.get("content-encoding", "identity") != "identity":
        return b""
    said = b""
    try:
        async for piece in response.aiter_raw():
            said += piece
            if len(said) >= _MOST_ERROR_BYTES:
                break
    except httpx2.TransportError:
        pass  # The status says enough.
    return said[:_MOST_ERROR_BYTES]


def _reason(error: httpx2.TransportError) -> str:
    """The library's words name addresses and causes only, as the headers are no part of them."""
    return str(error)[:200] or type(error).__name__
