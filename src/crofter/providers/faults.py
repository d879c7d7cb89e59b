"""What goes wrong with servers of others, in words: which one, what happened, what to do. Never its key."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from time import time
from typing import Any, cast

import msgspec

from crofter.core import CrofterError, ErrorCode

from .values import Provider

_MOST_SHOWN_CHARACTERS = 300
_LONGEST_WAIT_SECONDS = 86_400.0
_TRY_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""529 is Anthropic's word for overloaded."""
_MEANINGS = {
    402: (ErrorCode.PROVIDER_REFUSED, "wants to be paid"),
    403: (ErrorCode.PROVIDER_REFUSED, "refuses this"),
    404: (ErrorCode.MODEL_NOT_FOUND, "has no such model, or does not do this"),
    413: (ErrorCode.REQUEST_TOO_LARGE, "finds the request too large"),
    429: (ErrorCode.RATE_LIMITED, "has had enough requests for now"),
    503: (ErrorCode.OVERLOADED, "is overloaded"),
    529: (ErrorCode.OVERLOADED, "is overloaded"),
}
_TOO_LONG = re.compile(r"context.{0,20}(length|window|size)|prompt is too long|too many tokens", re.IGNORECASE)


class AttemptError(Exception):
    """One try that came to nothing before an answer began."""

    def __init__(
        self, error: CrofterError, *, again: bool, works: bool = False, wish_seconds: float | None = None
    ) -> None:
        """`again`: whether another try may help; `works`: whether the server itself seems well."""
        super().__init__(error.message)
        self.error = error
        self.again = again
        self.works = works
        self.wish_seconds = wish_seconds


def failure(provider: Provider, what: str) -> CrofterError:
    """The server or the way to it broke."""
    return CrofterError(ErrorCode.PROVIDER_FAILED, f"{provider.name} {what}")


def malformed(provider: Provider) -> CrofterError:
    """A reply that is not what its API says."""
    return failure(provider, "answered with something that is no valid reply of its API")


def unreachable(provider: Provider, reason: str, wait_seconds: float | None = None) -> CrofterError:
    """Nobody answers."""
    return CrofterError(
        ErrorCode.PROVIDER_UNREACHABLE,
        f"{provider.name} cannot be reached at {provider.base_url} ({reason}); `crofter provider test {provider.name}`"
        " tells when it can",
        retry_after_seconds=wait_seconds,
    )


def resting(provider: Provider, wait_seconds: float) -> CrofterError:
    """Not even asked, because it failed too often."""
    return CrofterError(
        ErrorCode.PROVIDER_UNREACHABLE,
        f"{provider.name} failed several times in a row and is left alone for {wait_seconds:.0f} more seconds",
        retry_after_seconds=wait_seconds,
    )


def silent(provider: Provider, seconds: float) -> CrofterError:
    """A server that stopped sending."""
    return CrofterError(
        ErrorCode.TIMED_OUT,
        f"{provider.name} sent nothing for {seconds:g} seconds and was given up (providers.idle_timeout_seconds)",
    )


def answered(provider: Provider, status: int, headers: Mapping[str, str], body: bytes, key: str) -> AttemptError:
    """What an HTTP status other than success means. `headers` in small letters."""
    wish = _wait_seconds(headers)
    said = _said(body, key)
    again = status in _TRY_AGAIN and headers.get("x-should-retry") != "false"
    code, words = _meaning(provider, status, said)
    parameter = "model" if code is ErrorCode.MODEL_NOT_FOUND else None
    error = CrofterError(code, f"{provider.name} {words}", parameter=parameter, retry_after_seconds=wish)
    return AttemptError(error, again=again, works=status < 500, wish_seconds=wish)


def _meaning(provider: Provider, status: int, said: str) -> tuple[ErrorCode, str]:
    detail = f": {said}" if said else ""
    if status == 401:
        # Not what it said: that often repeats a part of the key.
        problem = "does not accept its key" if provider.has_key else "wants a key"
        return (
            ErrorCode.PROVIDER_REFUSED,
            f"{problem} (HTTP 401); `crofter provider set {provider.name} --key` gives one",
        )
    if status in {400, 422} and _TOO_LONG.search(said):
        return ErrorCode.CONTEXT_LENGTH_EXCEEDED, f"finds the prompt too long{detail}"
    if 300 <= status < 400:
        place = f"sends on to another address (HTTP {status}), which is not followed: your key would go along"
        return ErrorCode.PROVIDER_FAILED, place
    if status in _MEANINGS:
        code, words = _MEANINGS[status]
        return code, f"{words} (HTTP {status}){detail}"
    if 400 <= status < 500 and status not in _TRY_AGAIN:
        return ErrorCode.INVALID_REQUEST, f"does not accept the request (HTTP {status}){detail}"
    return ErrorCode.PROVIDER_FAILED, f"failed (HTTP {status}){detail}"


def reported(provider: Provider, error: object, key: str) -> CrofterError:
    """An error that came as an event of a stream."""
    said = _said(msgspec.json.encode({"error": error}), key)
    return failure(provider, f"broke its answer off{f': {said}' if said else ''}")


def _said(body: bytes, key: str) -> str:
    """The message in an error's body, however it is wrapped; a line, without the key."""
    try:
        text = _message(msgspec.json.decode(body))
    except (msgspec.DecodeError, RecursionError):
        text = "" if body.lstrip().startswith(b"<") else body.decode("utf-8", "replace")
    if key:
        text = text.replace(key, "…")
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= _MOST_SHOWN_CHARACTERS else line[:_MOST_SHOWN_CHARACTERS] + "…"


def _message(value: Any) -> str:  # noqa: ANN401 - servers wrap their errors as they like
    for _ in range(4):
        if isinstance(value, list) and value:
            value = value[0]  # pyright: ignore[reportUnknownVariableType]
        elif isinstance(value, dict):
            fields = cast(dict[str, Any], value)
            value = next((fields[key] for key in ("error", "message", "detail", "msg") if fields.get(key)), "")
        else:
            break
    return value if isinstance(value, str) else ""


def _wait_seconds(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` in seconds or as a date (RFC 9110, section 10.2.3), or OpenAI's finer `retry-after-ms`."""
    try:
        if "retry-after-ms" in headers:
            seconds = float(headers["retry-after-ms"]) / 1000
        elif "retry-after" in headers:
            text = headers["retry-after"].strip()
            is_number = text[:1].isdigit()
            seconds = float(text) if is_number else parsedate_to_datetime(text).timestamp() - time()
        else:
            return None
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), _LONGEST_WAIT_SECONDS) if seconds == seconds else None
