"""Request bodies: read within a limit, decoded into a known shape or refused with the field to blame."""

import re
from functools import cache
from typing import TypeVar

import msgspec

from crofter.core import CrofterError, ErrorCode

from .asgi import Receive, Scope, headers_named
from .settings import ApiSettings

_MISSING = re.compile(r"^Object missing required field `(?P<name>[^`]*)`")
_PLACE = re.compile(r" - at (?:`key` in )?`\$\.?(?P<path>[^`]*)`$")

T = TypeVar("T")


async def read_body(scope: Scope, receive: Receive, settings: ApiSettings) -> bytes:
    """The whole body. Raises REQUEST_TOO_LARGE as soon as it is known to be, CANCELLED if the client leaves or takes too long.

    How long it may take is the protocol's to say, which has a timer for the whole request.
    """
    limit_bytes = settings.max_body_bytes
    announced = headers_named(scope, b"content-length")
    if announced and announced[0].isascii() and announced[0].isdigit() and int(announced[0]) > limit_bytes:
        raise _too_large(limit_bytes)
    pieces: list[bytes] = []
    size_bytes = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CrofterError(ErrorCode.CANCELLED, "the client disconnected")
        pieces.append(message.get("body", b""))
        size_bytes += len(pieces[-1])
        if size_bytes > limit_bytes:
            raise _too_large(limit_bytes)
        if not message.get("more_body", False):
            return b"".join(pieces)


def decode_body(body: bytes, shape: type[T]) -> T:
    """The body as `shape`; unknown fields are ignored. Raises INVALID_REQUEST naming the field."""
    try:
        return _decoder(shape).decode(body)
    except msgspec.ValidationError as error:
        raise _invalid_field(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CrofterError(ErrorCode.INVALID_REQUEST, f"the body is not valid JSON: {error}") from error
    except RecursionError as error:
        raise CrofterError(ErrorCode.INVALID_REQUEST, "the body is nested too deeply") from error


@cache
def _decoder(shape: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(shape)


def _invalid_field(text: str) -> CrofterError:
    place, missing = _PLACE.search(text), _MISSING.search(text)
    path = "" if place is None else place["path"]
    problem = text if place is None else text[: place.start()]
    if missing is not None:
        path, problem = ".".join(part for part in (path, missing["name"]) if part), "this field is missing"
    return CrofterError(ErrorCode.INVALID_REQUEST, f"{path}: {problem}" if path else problem, parameter=path or None)


def _too_large(limit_bytes: int) -> CrofterError:
    return CrofterError(
        ErrorCode.REQUEST_TOO_LARGE, f"the body is larger than {limit_bytes} bytes; the setting is api.max_body_bytes"
    )
