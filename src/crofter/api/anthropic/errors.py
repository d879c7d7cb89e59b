"""Errors as Anthropic's clients read them."""

import msgspec

from crofter.api.errors import STATUS_AND_TYPE
from crofter.core import CrofterError, ErrorCode

_TYPES = {"server_error": "api_error"}
"""Where its names differ from OpenAI's; https://docs.anthropic.com/en/api/errors."""
_TYPES_BY_CODE = {
    ErrorCode.NOT_FOUND: "not_found_error",
    ErrorCode.MODEL_NOT_FOUND: "not_found_error",
    ErrorCode.REQUEST_TOO_LARGE: "request_too_large",
}


class ErrorDetails(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    message: str
    code: str
    """Ours, as in the other dialects."""


class ErrorReply(msgspec.Struct, frozen=True, kw_only=True):
    type: str = "error"
    error: ErrorDetails


def anthropic_error(error: CrofterError) -> bytes:
    """The JSON of an error, without a line end."""
    shared = STATUS_AND_TYPE[error.code][1]
    kind = _TYPES_BY_CODE.get(error.code) or _TYPES.get(shared, shared)
    message = (
        f"{error.parameter}: {error.message}"
        if error.parameter and error.parameter not in error.message
        else error.message
    )
    return msgspec.json.encode(ErrorReply(error=ErrorDetails(type=kind, message=message, code=error.code.code)))
