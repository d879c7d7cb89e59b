"""iroh's errors in our words. They carry no text of their own (`str` is empty) and few kinds, so their messages are read."""

import re

from iroh import IrohError, IrohErrorKind

from crofter.core import CrofterError, ErrorCode
from crofter.network.protocol import OTHER_PROTOCOL
from crofter.network.transport import StreamClosedError

_RESET = re.compile(r"(Reset|Stopped)\((\d+)\)")


def dial_error(error: IrohError) -> CrofterError:
    """Why no connection came about."""
    message = error.message()
    if "invalid peer certificate" in message:
        return CrofterError(ErrorCode.PEER_UNREACHABLE, "another node answers at the peer's address")
    if "refused to accept" in message:
        return CrofterError(ErrorCode.PEER_REFUSED, "the peer takes no more connections now")
    if "known protocol" in message:
        return CrofterError(ErrorCode.PEER_UNREACHABLE, OTHER_PROTOCOL)
    return CrofterError(ErrorCode.PEER_UNREACHABLE, f"the peer could not be reached: {message.splitlines()[0]}")


def bind_error(error: IrohError) -> CrofterError:
    """Why an address cannot be used."""
    reason = error.message().splitlines()[-1].strip()
    if error.kind() is IrohErrorKind.BIND and "in use" in reason:
        return CrofterError(ErrorCode.CONFLICT, "a network address of this node is taken by another program")
    return CrofterError(ErrorCode.CONFIG_INVALID, f"the node cannot listen on its network address: {reason}")


def stream_error(error: IrohError, lost: CrofterError | None) -> CrofterError:
    """What happened to a stream; `lost` is why its connection ended, if it did."""
    message = error.message()
    if found := _RESET.fullmatch(message):
        code = int(found[2])
        what = "broke the stream off" if found[1] == "Reset" else "reads no more"
        return StreamClosedError(f"the peer {what} (code {code})", code)
    return lost or StreamClosedError("the stream is closed")
