"""What ends a session, as it is handed up the route."""

import msgspec

from crofter.core import CrofterError, ErrorCode
from crofter.network import told

from .messages import Fault
from .wire import Frame, FrameError

_LONGEST_REASON_CHARACTERS = 500
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Fault)


def fault_of(hop: int, error: CrofterError) -> Fault:
    """What went wrong at that hop."""
    report = error.report()
    return Fault(hop=hop, report=msgspec.structs.replace(report, message=report.message[:_LONGEST_REASON_CHARACTERS]))


def fault_frame(session_id: bytes, epoch: int, fault: Fault) -> Frame:
    """As it travels."""
    return Frame(kind="fault", session_id=session_id, epoch=epoch, payload=_encoder.encode(fault))


def read_fault(frame: Frame) -> Fault:
    """What such a frame says. Raises FrameError."""
    try:
        return _decoder.decode(frame.payload)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise FrameError("header", f"a fault of a route is malformed: {error}") from error


def fault_error(fault: Fault) -> CrofterError:
    """The error for who asked, saying which hop."""
    error = told(fault.report)
    return CrofterError(
        error.code,
        f"stage {fault.hop + 1} of the route: {error.message}",
        retry_after_seconds=error.retry_after_seconds,
    )


def ended_early(what: str) -> CrofterError:
    """A channel that was ended before the session."""
    return CrofterError(ErrorCode.PEER_LOST, f"{what} ended the session's channel")
