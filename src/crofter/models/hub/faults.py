"""What goes wrong between us and the hub, as errors that say what to do."""

import socket
import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from crofter.core import CrofterError, ErrorCode

LONGEST_WAIT_SECONDS = 60.0
"""A server that asks for more patience than this gets the owner's decision instead."""

_TRANSIENT_STATUSES = {408, 425, 429, 500, 502, 503, 504}
_RESUME = "Run the same command again to go on where it stopped."


class TransientError(Exception):
    """Something that a second attempt may get past. Carries the error to report when attempts run out."""

    def __init__(self, error: CrofterError, *, wait_seconds: float | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.wait_seconds = wait_seconds
        """How long the server asked us to wait, if it did."""


def offline(what: str) -> CrofterError:
    """The owner said that nothing is to be fetched."""
    return CrofterError(
        ErrorCode.OFFLINE,
        f"{what} is not installed, and this node is offline (CROFTER_OFFLINE, HF_HUB_OFFLINE or hub.offline): nothing was asked of"
        " the network. Unset that to download, or give the path of a file.",
    )


def damaged(what: str) -> CrofterError:
    """Bytes that are not what they should be."""
    return CrofterError(ErrorCode.DOWNLOAD_DAMAGED, what)


def refused(status: int, headers: Mapping[str, str], place: str, url: str) -> CrofterError | TransientError:
    """What an HTTP status of the hub means for `place`, a repository; TransientError if trying again may help."""
    host = host_of(url)
    code = headers.get("x-error-code", "")
    message = headers.get("x-error-message", "")[:300]
    if code == "GatedRepo" or (status in {401, 403} and "gated" in message.lower()):
        return CrofterError(
            ErrorCode.MODEL_GATED,
            f"{place} is gated: its owner gives it only to people who accepted the terms. Accept them at {page_of(url, place)}, make a"
            " token there (Settings, Access Tokens) and give it as HF_TOKEN, then pull again.",
            parameter="source",
        )
    if code == "RepoNotFound" or (status == 401 and not code):
        return CrofterError(
            ErrorCode.MODEL_NOT_FOUND,
            f"{host} knows no {place}, or it is private: check the spelling; for a private one set HF_TOKEN to a token that may read it.",
            parameter="source",
        )
    if status == 404:
        missing = {"RevisionNotFound": "that revision", "EntryNotFound": "that file"}.get(code)
        text = f"{place} has no longer {missing}" if missing else f"{host} knows no {place}"
        return CrofterError(ErrorCode.MODEL_NOT_FOUND, f"{text}: check the spelling.", parameter="source")
    if status in {401, 403}:
        why = f" ({message})" if message else ""
        return CrofterError(
            ErrorCode.FORBIDDEN,
            f"{host} refuses {place}{why}: check HF_TOKEN and what it may read.",
            parameter="source",
        )
    if status in _TRANSIENT_STATUSES:
        return _busy(status, headers, host)
    return CrofterError(
        ErrorCode.HUB_UNREACHABLE, f"{host} answered {status} for {place}{f' ({message})' if message else ''}."
    )


def _busy(status: int, headers: Mapping[str, str], host: str) -> CrofterError | TransientError:
    wait = retry_after(headers)
    if status == 429:
        when = f"in {wait:.0f} s" if wait else "later"
        error = CrofterError(
            ErrorCode.RATE_LIMITED,
            f"{host} allows no more requests just now: try again {when}. A token (HF_TOKEN) raises the limit. {_RESUME}",
            retry_after_seconds=wait,
        )
    else:
        error = CrofterError(
            ErrorCode.HUB_UNREACHABLE, f"{host} has trouble (it answered {status}). {_RESUME}", retry_after_seconds=wait
        )
    return error if wait is not None and wait > LONGEST_WAIT_SECONDS else TransientError(error, wait_seconds=wait)


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds to wait by `Retry-After`, as a number or a date, or by the hub's `RateLimit`; None if it does not say."""
    text = headers.get("retry-after", "").strip()
    if text.isdigit():
        return float(text)
    if text:
        try:
            moment = parsedate_to_datetime(text).timestamp()
        except ValueError:
            return None
        return max(0.0, moment - (time.time() if now is None else now))
    for field in headers.get("ratelimit", "").split(";"):
        name, _, value = field.strip().partition("=")
        if name == "t" and value.strip().isdigit():
            return float(value)
    return None


def unreachable(problem: BaseException, url: str) -> CrofterError | TransientError:
    """What a failed connection means; TransientError if trying again may help."""
    host = host_of(url)
    causes = list(_causes(problem))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return CrofterError(
            ErrorCode.HUB_UNREACHABLE,
            f"{host} does not prove who it is (its certificate is not trusted here). Behind a company's proxy, give its certificates as"
            " SSL_CERT_FILE; check this computer's date too.",
        )
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return TransientError(
            CrofterError(
                ErrorCode.HUB_UNREACHABLE,
                f"the name {host} cannot be found: is this computer online? HF_ENDPOINT names another hub or a mirror.",
            )
        )
    if any(isinstance(cause, TimeoutError) for cause in causes) or "timeout" in type(problem).__name__.lower():
        what = "does not answer in time"
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        what = "accepts no connection"
    else:
        what = f"broke the connection ({type(problem).__name__})"
    return TransientError(CrofterError(ErrorCode.HUB_UNREACHABLE, f"{host} {what}. {_RESUME}"))


def ended_early(url: str, missing_bytes: int) -> TransientError:
    """A body that was shorter than promised."""
    return TransientError(
        CrofterError(
            ErrorCode.HUB_UNREACHABLE,
            f"{host_of(url)} ended {missing_bytes:,} bytes too early, again and again. {_RESUME}",
        )
    )


def host_of(url: str) -> str:
    """Who is spoken to, for messages."""
    return urlsplit(url).netloc.rpartition("@")[2] or url


def page_of(url: str, place: str) -> str:
    """The address of a repository's page."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{host_of(url)}/{place}"


def _causes(problem: BaseException) -> "list[BaseException]":
    found: list[BaseException] = []
    current: BaseException | None = problem
    while current is not None and current not in found:
        found.append(current)
        reason = getattr(current, "reason", None)
        current = current.__cause__ or current.__context__ or (reason if isinstance(reason, BaseException) else None)
    return found
