"""The way onward of a session ends for the right reason, whichever direction of its channel says so."""

import anyio
import pytest

from crofter.cluster.faults import fault_frame, fault_of
from crofter.cluster.outgoing import Outgoing
from crofter.cluster.wire import Frame, frame_bytes
from crofter.core import CrofterError, ErrorCode

pytestmark = pytest.mark.anyio

ROWS = Frame(kind="rows", session_id=bytes(16), epoch=1)


class Broken:
    """A channel that fails to send, and says what it is given, or nothing for ever."""

    def __init__(self, code: ErrorCode, *says: bytes | None) -> None:
        self.code = code
        self.says = list(says)

    async def send(self, payload: bytes) -> None:
        raise CrofterError(self.code, "not sent")

    async def receive(self) -> bytes | None:
        await anyio.sleep(1)
        if not self.says:
            await anyio.sleep_forever()
        return self.says.pop(0)


def outgoing() -> Outgoing:
    made = Outgoing(1_000, 4)
    assert made.offer(ROWS)
    return made


@pytest.mark.parametrize("code", [ErrorCode.PEER_TOO_SLOW, ErrorCode.PEER_LOST])
async def test_next_hop_that_takes_nothing_ends_it(code: ErrorCode) -> None:
    with anyio.fail_after(5), pytest.raises(CrofterError) as caught:
        await outgoing().run(Broken(code))
    assert caught.value.code is code


async def test_next_hop_that_reads_no_more_is_heard_out() -> None:
    fault = fault_of(3, CrofterError(ErrorCode.OUT_OF_MEMORY, "full"))
    said = frame_bytes(fault_frame(bytes(16), 1, fault))
    assert await outgoing().run(Broken(ErrorCode.STREAM_CLOSED, said)) == fault
    with pytest.raises(CrofterError) as caught:
        await outgoing().run(Broken(ErrorCode.STREAM_CLOSED, None))
    assert caught.value.code is ErrorCode.PEER_LOST


async def test_step_that_is_not_kept_any_more_cannot_be_repeated() -> None:
    way = outgoing()
    with pytest.raises(CrofterError) as caught:
        await way.repeat(7)
    assert caught.value.code is ErrorCode.CONFLICT


async def test_nothing_more_is_put_than_is_agreed() -> None:
    way = outgoing()
    assert [way.offer(ROWS) for _ in range(4)] == [True, True, True, False]
