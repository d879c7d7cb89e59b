"""What a node says went wrong, and what it means when it says nothing, as CrofterError."""

from collections.abc import Mapping

import httpx2
import msgspec

from crofter.core import CrofterError, ErrorCode, ErrorReport


class _ErrorBody(msgspec.Struct):
    message: str = ""
    code: str | None = None
    param: str | None = None


class _ErrorReply(msgspec.Struct):
    error: _ErrorBody = msgspec.field(default_factory=_ErrorBody)


def refused(status: int, headers: Mapping[str, str], content: bytes) -> CrofterError:
    """The error of a reply that is one."""
    return _error_in(
        content, f"the node answered {status} without saying why", _seconds(headers.get("retry-after", ""))
    )


def raise_for_error_line(line: bytes) -> None:
    """Raise the error that a line of a stream reports, if it reports one."""
    if line.startswith(b'{"error"'):
        raise _error_in(line, "the node reported an error without saying which", None)


def lost(error: httpx2.TransportError) -> CrofterError:
    """The error of a connection that failed."""
    if was_never_made(error):
        message = "no node answers there; is it running? (`crofter status`, `crofter up -d`)"
        return CrofterError(ErrorCode.NODE_NOT_RUNNING, message)
    if isinstance(error, httpx2.TimeoutException):
        return CrofterError(
            ErrorCode.TIMED_OUT, "the node gave no sign of life for too long; `crofter logs` may say why."
        )
    return CrofterError(
        ErrorCode.NODE_NOT_RUNNING, f"lost the node ({type(error).__name__}); `crofter logs` may say why."
    )


def was_never_made(error: httpx2.TransportError) -> bool:
    """Whether nothing of the request can have reached a node."""
    return isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)


def _error_in(content: bytes, otherwise: str, retry_after_seconds: float | None) -> CrofterError:
    try:
        body = msgspec.json.decode(content, type=_ErrorReply).error
    except msgspec.DecodeError:
        body = _ErrorBody()
    report = ErrorReport(
        code=body.code or "",
        message=body.message or otherwise,
        parameter=body.param,
        retry_after_seconds=retry_after_seconds,
    )
    return CrofterError.from_report(report)


def _seconds(header: str) -> float | None:
    return float(header) if header.isascii() and header.isdigit() else None
