"""Messages as bytes, and bytes of a peer as messages: nothing that does not fit its type comes through."""

from functools import cache
from typing import TypeVar

import msgspec

from crofter.core import CrofterError, ErrorCode, ErrorReport

T = TypeVar("T")

_ITEM, _ERROR = b"\0", b"\1"
_LONGEST_REASON_CHARACTERS = 500
_encoder = msgspec.msgpack.Encoder()

_OWN_AFFAIRS = {
    ErrorCode.UNAUTHENTICATED,
    ErrorCode.IDENTITY_LOCKED,
    ErrorCode.IDENTITY_UNUSABLE,
    ErrorCode.CONFIG_INVALID,
    ErrorCode.NODE_NOT_RUNNING,
    ErrorCode.STORE_FAILED,
    ErrorCode.DISK_FULL,
    ErrorCode.INTERNAL,
}
"""Said by a peer these would be taken for trouble of this node."""


def encoded(message: object) -> bytes:
    """A struct as msgpack; bytes as they are."""
    return message if isinstance(message, bytes) else _encoder.encode(message)


def decoded(kind: type[T], payload: bytes) -> T:
    """The message these bytes are. Raises PEER_FAILED."""
    try:
        # Bytes are declared as such in the table: then the payload is the message.
        return payload if kind is bytes else _decoder(kind).decode(payload)  # pyright: ignore[reportReturnType]
    except (msgspec.MsgspecError, RecursionError) as error:
        raise CrofterError(ErrorCode.PEER_FAILED, f"the peer sent something malformed: {error}") from error


def item_frame(message: object) -> bytes:
    """The payload of a frame with one reply."""
    return _ITEM + encoded(message)


def error_frame(error: CrofterError) -> bytes:
    """The payload of a frame that says why there is no (further) reply."""
    report = error.report()
    return _ERROR + _encoder.encode(
        msgspec.structs.replace(report, message=report.message[:_LONGEST_REASON_CHARACTERS])
    )


def reply_of(kind: type[T], frame: bytes) -> T:
    """The reply in such a frame. Raises the error in it, or PEER_FAILED."""
    mark, payload = frame[:1], frame[1:]
    if mark == _ITEM:
        return decoded(kind, payload)
    if mark == _ERROR:
        raise told(decoded(ErrorReport, payload))
    raise CrofterError(ErrorCode.PEER_FAILED, "the peer sent something malformed: neither a reply nor an error")


def told(report: ErrorReport) -> CrofterError:
    """What a peer says went wrong, in words that cannot be taken for this node's or for a terminal's commands."""
    error = CrofterError.from_report(report)
    code = ErrorCode.PEER_FAILED if error.code in _OWN_AFFAIRS else error.code
    reason = printable(error.message)[:_LONGEST_REASON_CHARACTERS]
    return CrofterError(code, f"the peer says: {reason}", retry_after_seconds=error.retry_after_seconds)


def printable(text: str) -> str:
    """The text without what steers a terminal or hides characters; lines stay."""
    return "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in text)


@cache
def _decoder(kind: type[T]) -> msgspec.msgpack.Decoder[T]:
    return msgspec.msgpack.Decoder(kind)
