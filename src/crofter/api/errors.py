"""The one table from our error codes to HTTP, in OpenAI's shape."""

import math

import msgspec

from crofter.core import CrofterError, ErrorCode

STATUS_AND_TYPE: dict[ErrorCode, tuple[int, str]] = {
    ErrorCode.INVALID_REQUEST: (400, "invalid_request_error"),
    ErrorCode.REQUEST_TOO_LARGE: (413, "invalid_request_error"),
    ErrorCode.CONTEXT_LENGTH_EXCEEDED: (400, "invalid_request_error"),
    ErrorCode.MODEL_NOT_FOUND: (404, "invalid_request_error"),
    ErrorCode.MODEL_INVALID: (400, "invalid_request_error"),
    ErrorCode.UNSUPPORTED: (400, "invalid_request_error"),
    ErrorCode.NOT_FOUND: (404, "invalid_request_error"),
    ErrorCode.CONFLICT: (409, "invalid_request_error"),
    ErrorCode.UNAUTHENTICATED: (401, "authentication_error"),
    ErrorCode.FORBIDDEN: (403, "permission_error"),
    ErrorCode.OFFLINE: (403, "permission_error"),
    ErrorCode.MODEL_GATED: (403, "permission_error"),
    ErrorCode.LICENSE_NOT_ACCEPTED: (403, "permission_error"),
    ErrorCode.RATE_LIMITED: (429, "rate_limit_error"),
    ErrorCode.OVERLOADED: (503, "overloaded_error"),
    ErrorCode.TIMED_OUT: (504, "timeout_error"),
    ErrorCode.WORKER_DIED: (503, "server_error"),
    ErrorCode.WORKER_FAILED: (500, "server_error"),
    ErrorCode.MODEL_LOAD_FAILED: (500, "server_error"),
    ErrorCode.OUT_OF_MEMORY: (503, "server_error"),
    ErrorCode.DISK_FULL: (507, "server_error"),
    ErrorCode.STORE_FAILED: (500, "server_error"),
    ErrorCode.IDENTITY_LOCKED: (403, "permission_error"),
    ErrorCode.IDENTITY_UNUSABLE: (500, "server_error"),
    ErrorCode.CONFIG_INVALID: (400, "invalid_request_error"),
    ErrorCode.NODE_NOT_RUNNING: (503, "server_error"),
    ErrorCode.SHUTTING_DOWN: (503, "server_error"),
    ErrorCode.HUB_UNREACHABLE: (502, "server_error"),
    ErrorCode.PROVIDER_UNREACHABLE: (503, "server_error"),
    ErrorCode.PROVIDER_FAILED: (502, "server_error"),
    ErrorCode.PROVIDER_REFUSED: (403, "permission_error"),
    ErrorCode.PEER_UNREACHABLE: (503, "server_error"),
    ErrorCode.PEER_REFUSED: (502, "server_error"),
    ErrorCode.PEER_LOST: (503, "server_error"),
    ErrorCode.PEER_FAILED: (502, "server_error"),
    ErrorCode.PEER_TOO_SLOW: (504, "timeout_error"),
    ErrorCode.STREAM_CLOSED: (502, "server_error"),
    ErrorCode.DOWNLOAD_DAMAGED: (502, "server_error"),
    ErrorCode.CANCELLED: (499, "invalid_request_error"),
    ErrorCode.INTERNAL: (500, "server_error"),
}

_DEFAULT_RETRY_AFTER_SECONDS = 1.0


class ErrorObject(msgspec.Struct, frozen=True, kw_only=True):
    """OpenAI's error object; `code` is ours and stable."""

    message: str
    type: str
    param: str | None
    code: str


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    error: ErrorObject


def status_of(error: CrofterError) -> int:
    return STATUS_AND_TYPE[error.code][0]


def error_body(error: CrofterError) -> bytes:
    """The JSON a client gets for an error, without a line end."""
    error_type = STATUS_AND_TYPE[error.code][1]
    body = ErrorObject(message=error.message, type=error_type, param=error.parameter, code=error.code.code)
    return msgspec.json.encode(ErrorBody(error=body))


def error_headers(error: CrofterError) -> list[tuple[bytes, bytes]]:
    """`Retry-After` where waiting helps, and the scheme to use where a key is missing."""
    status = status_of(error)
    if status in {429, 503}:
        seconds = error.retry_after_seconds or _DEFAULT_RETRY_AFTER_SECONDS
        return [(b"retry-after", b"%d" % max(1, math.ceil(seconds)))]
    if status == 401:
        return [(b"www-authenticate", b"Bearer")]
    return []


def internal_error(request_id: str) -> CrofterError:
    """What a client is told about a bug: nothing but where to look."""
    return CrofterError(ErrorCode.INTERNAL, f"something went wrong inside the node; its log has request {request_id}")
