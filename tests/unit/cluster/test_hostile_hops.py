"""Hops and requesters that do not keep to the protocol: refused, and of no harm to anybody else's session."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import anyio
import msgspec
import numpy as np
import pytest

from crofter.cluster.faults import read_fault
from crofter.cluster.links import FrameChannel
from crofter.cluster.messages import STAGE_CLOSE, STAGE_OPEN, STAGE_STEPS, Attach, Close, Closed, Open, Opened, Place
from crofter.cluster.wire import Frame, frame_bytes, read_frame, row_payload
from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.network import MemoryNetwork
from tests.unit.cluster.routing import (
    BUILD,
    CONTEXT,
    LAYERS,
    ROWS_AT_ONCE,
    WIDTH,
    Node,
    all_freed,
    made,
    route_over,
    rows_at,
    running,
    send,
    until,
    whole,
)

pytestmark = pytest.mark.anyio

SESSION = bytes(range(16))
VALUES = np.ones(WIDTH, np.float32)


def opening(victim: Node, me: Node, **changes: object) -> Open:
    [stage] = victim.host.stages.values()
    request = Open(
        place=Place(session_id=SESSION, hop=1),
        epoch=5,
        slice_id=stage.slice.model_id,
        start=stage.slice.start,
        stop=stage.slice.stop,
        build=BUILD,
        context_tokens=CONTEXT,
        codec="f32",
        most_rows=ROWS_AT_ONCE,
        previous=me.id,
        next=me.id,
        last=stage.slice.stop == LAYERS,
        lease_seconds=30,
    )
    return msgspec.structs.replace(request, **changes)


def rows(**changes: object) -> Frame:
    frame = Frame(
        kind="rows", session_id=SESSION, epoch=5, count=1, wanted=1, payload=row_payload(VALUES.tobytes(), "f32")
    )
    return msgspec.structs.replace(frame, **changes)


class Onward:
    """Takes what the victim sends to the next hop."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.channel: FrameChannel | None = None

    async def receive(self, caller: NodeId, attach: Attach, channel: FrameChannel) -> None:
        self.channel = channel
        while (data := await channel.receive()) is not None:
            self.frames.append(read_frame(data))


@asynccontextmanager
async def attached(victim: Node, me: Node, **changes: object) -> AsyncGenerator[tuple[FrameChannel, Onward]]:
    """I am requester, hop before and hop behind of a session at the victim."""
    onward, request = Onward(), opening(victim, me, **changes)
    place = Place(session_id=SESSION, hop=2)
    await me.peers.call(victim.id, STAGE_OPEN, request)
    with me.links.receiving(place, onward.receive):
        attach = Attach(place=request.place, epoch=request.epoch)
        async with me.peers.channel(victim.id, STAGE_STEPS, attach) as channel:
            yield channel, onward


NAN = np.full(WIDTH, np.nan, np.float32).tobytes()
BAD: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "noise": lambda: b"\xff" * 300,
    "another version": lambda: frame_bytes(rows())[:2] + b"\x09" + frame_bytes(rows())[3:],
    "fewer values than rows": lambda: frame_bytes(rows(count=2)),
    "more values than rows": lambda: frame_bytes(rows(payload=bytes(8 * WIDTH))),
    "no rows": lambda: frame_bytes(rows(count=0, wanted=0, payload=b"")),
    "more rows than agreed": lambda: frame_bytes(rows(count=33, payload=bytes(4 * WIDTH * 33))),
    "rows behind the context": lambda: frame_bytes(rows(position=CONTEXT)),
    "rows that are no numbers": lambda: frame_bytes(rows(payload=NAN)),
    "another codec": lambda: frame_bytes(rows(codec="fp16", payload=bytes(2 * WIDTH))),
    "another session": lambda: frame_bytes(rows(session_id=bytes(16))),
    "an epoch that was not opened": lambda: frame_bytes(rows(epoch=6)),
    "a result": lambda: frame_bytes(rows(kind="result")),
    "a fault from before": lambda: frame_bytes(rows(kind="fault")),
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("range_", [(0, 3), (3, 6), (6, 12)], ids=["first", "middle", "last"])
async def test_bad_frame_ends_its_session_and_is_blamed_on_its_sender(what: str, range_: tuple[int, int]) -> None:
    me, victim = Node(1), Node(2, range_)
    async with running(MemoryNetwork(), me, victim):
        with pytest.raises(CrofterError) as caught:  # noqa: PT012 - a channel is a block
            async with attached(victim, me) as (channel, _):
                await channel.send(BAD[what]())
                await channel.receive()
        assert caught.value.code is ErrorCode.PEER_FAILED
        await all_freed(victim)
        [stage] = victim.host.stages.values()
        assert not stage.computed
        await until(lambda: ("stage-steps", "in", "peer_failed") in victim.peers.counts.requests)


async def test_frames_of_an_older_epoch_are_dropped() -> None:
    me, victim = Node(1), Node(2, (3, 6))
    async with running(MemoryNetwork(), me, victim), attached(victim, me) as (channel, onward):
        await channel.send(frame_bytes(rows(epoch=4)))
        await channel.send(frame_bytes(rows()))
        await until(lambda: len(onward.frames) == 1)
        [stage] = victim.host.stages.values()
        assert len(stage.computed) == 1


async def test_step_sent_again_is_answered_again_and_computed_once() -> None:
    me, victim = Node(1), Node(2, (3, 6))
    async with running(MemoryNetwork(), me, victim), attached(victim, me) as (channel, onward):
        for _ in range(3):
            await channel.send(frame_bytes(rows()))
        await until(lambda: len(onward.frames) == 3)
        [stage] = victim.host.stages.values()
        assert len(stage.computed) == 1
        assert onward.frames[0] == onward.frames[1] == onward.frames[2]


async def test_steps_out_of_order_are_asked_for_once_and_computed_in_order() -> None:
    me, victim = Node(1), Node(2, (3, 6))
    async with running(MemoryNetwork(), me, victim), attached(victim, me) as (channel, onward):
        await channel.send(frame_bytes(rows(step=2, position=2)))
        await channel.send(frame_bytes(rows(step=1, position=1)))
        data = await channel.receive()
        assert data is not None
        need = read_frame(data)
        assert (need.kind, need.step, need.position) == ("need", 0, 0)
        for step in range(3):
            await channel.send(frame_bytes(rows(step=step, position=step)))
        await until(lambda: len(onward.frames) == 3)
        [stage] = victim.host.stages.values()
        assert [position for _, position, _ in stage.computed] == [0, 1, 2]
        with anyio.move_on_after(1):
            assert await channel.receive() is None


async def test_what_the_next_hop_lacks_is_sent_again_but_not_for_ever() -> None:
    me, victim = Node(1), Node(2, (3, 6))
    async with running(MemoryNetwork(), me, victim), attached(victim, me) as (channel, onward):
        for step in range(3):
            await channel.send(frame_bytes(rows(step=step, position=step)))
        await until(lambda: len(onward.frames) == 3)
        assert onward.channel is not None
        need = frame_bytes(Frame(kind="need", session_id=SESSION, epoch=5, step=1))
        await onward.channel.send(need)
        await until(lambda: [frame.step for frame in onward.frames] == [0, 1, 2, 1, 2])
        for _ in range(20):
            await onward.channel.send(need)
        data = await channel.receive()
        assert data is not None
        assert read_frame(data).kind == "fault"
        await all_freed(victim)
        assert len(onward.frames) < 25


@pytest.mark.parametrize("what", ["nothing", "noise", "a result", "no rows"])
async def test_bad_answer_of_the_next_hop_ends_the_session_with_its_reason(what: str) -> None:
    me, victim = Node(1), Node(2, (3, 6))
    async with running(MemoryNetwork(), me, victim), attached(victim, me) as (channel, onward):
        await channel.send(frame_bytes(rows()))
        await until(lambda: len(onward.frames) == 1)
        assert onward.channel is not None
        await onward.channel.send(BAD[what]())
        data = await channel.receive()
        assert data is not None
        assert read_frame(data).kind == "fault"
        await all_freed(victim)


async def test_nobody_but_the_hop_before_attaches_and_only_once() -> None:
    me, victim, stranger = Node(1), Node(2, (3, 6)), Node(3)
    attach = Attach(place=Place(session_id=SESSION, hop=1), epoch=5)

    async def refused(node: Node, request: Attach) -> ErrorCode:
        with pytest.raises(CrofterError) as caught:
            async with node.peers.channel(victim.id, STAGE_STEPS, request) as channel:
                await channel.receive()
        return caught.value.code

    async with running(MemoryNetwork(), me, victim, stranger), attached(victim, me) as (channel, onward):
        assert await refused(stranger, attach) is ErrorCode.PEER_REFUSED
        assert await refused(me, attach) is ErrorCode.CONFLICT
        assert await refused(me, msgspec.structs.replace(attach, epoch=4)) is ErrorCode.PEER_REFUSED
        other = Attach(place=Place(session_id=bytes(16), hop=1), epoch=5)
        assert await refused(me, other) is ErrorCode.NOT_FOUND
        with pytest.raises(CrofterError) as caught:
            await stranger.peers.call(victim.id, STAGE_CLOSE, Close(place=attach.place))
        assert caught.value.code is ErrorCode.PEER_REFUSED
        await channel.send(frame_bytes(rows()))
        await until(lambda: len(onward.frames) == 1)


async def test_opened_again_in_the_same_words_is_the_same_session_and_in_others_is_refused() -> None:
    me, victim, stranger = Node(1), Node(2, (3, 6)), Node(3)
    async with running(MemoryNetwork(), me, victim, stranger):
        request = opening(victim, me)
        for _ in range(2):
            assert (await me.peers.call(victim.id, STAGE_OPEN, request)).lease_seconds == 30
        assert len(victim.stages) == 1
        for node, other in (
            (stranger, request),
            (me, opening(victim, me, most_rows=8)),
            (me, opening(victim, me, epoch=4)),
        ):
            with pytest.raises(CrofterError) as caught:
                await node.peers.call(victim.id, STAGE_OPEN, other)
            assert caught.value.code is ErrorCode.CONFLICT
        await me.peers.call(victim.id, STAGE_OPEN, opening(victim, me, epoch=6))
        assert len(victim.stages) == 1


async def test_flood_of_sessions_is_refused_and_ends_with_its_leases() -> None:
    me, victim = Node(1), Node(2, (3, 6))
    async with running(MemoryNetwork(), me, victim, patience_seconds=200):
        codes: list[ErrorCode] = []
        for number in range(40):
            place = Place(session_id=bytes([number]) * 16, hop=1)
            try:
                await me.peers.call(victim.id, STAGE_OPEN, opening(victim, me, place=place))
            except CrofterError as error:
                codes.append(error.code)
        assert len(victim.stages) == 8
        assert set(codes) == {ErrorCode.OVERLOADED}
        await anyio.sleep(32)
        assert len(victim.stages) == 0


async def test_attached_but_silent_requester_loses_his_lease() -> None:
    me, victim = Node(1), Node(2, (3, 6))
    async with running(MemoryNetwork(), me, victim, patience_seconds=200), attached(victim, me) as (channel, _):
        await channel.send(frame_bytes(rows()))
        await anyio.sleep(25)
        await channel.send(frame_bytes(Frame(kind="renew", session_id=SESSION, epoch=5)))
        await anyio.sleep(25)
        assert len(victim.stages) == 1
        data = await channel.receive()
        assert data is not None
        assert read_frame(data).kind == "fault"
        await all_freed(victim)


async def test_step_is_given_up_when_its_result_is_worth_nothing_any_more() -> None:
    me, victim = Node(1), Node(2, (3, 6))
    async with running(MemoryNetwork(), me, victim), attached(victim, me) as (channel, _):
        [stage] = victim.host.stages.values()
        stage.gate = anyio.Event()
        began = anyio.current_time()
        await channel.send(frame_bytes(rows(deadline_milliseconds=2000)))
        data = await channel.receive()
        assert data is not None
        assert read_fault(read_frame(data)).report.code == ErrorCode.TIMED_OUT.code
        assert 2.0 <= anyio.current_time() - began < 3.5
        await all_freed(victim)
        assert not stage.computed


class Liar:
    """A stage that opens whatever is asked, and answers rows with what it likes."""

    def __init__(self, node: Node, answer: Callable[[Frame], list[bytes]]) -> None:
        self.node = node
        self.answer = answer
        self.opening: Open | None = None

    async def open(self, caller: NodeId, request: Open) -> Opened:
        self.opening = request
        self.receiving = self.node.links.receiving(request.place, self.take)
        self.receiving.__enter__()
        return Opened(lease_seconds=30)

    async def close(self, caller: NodeId, request: Close) -> Closed:
        return Closed()

    async def take(self, caller: NodeId, attach: Attach, channel: FrameChannel) -> None:
        assert self.opening is not None
        place = Place(session_id=attach.place.session_id, hop=attach.place.hop + 1)
        there = Attach(place=place, epoch=attach.epoch)
        async with self.node.peers.channel(self.opening.next, STAGE_STEPS, there) as onward:
            while (data := await channel.receive()) is not None:
                for answer in self.answer(read_frame(data)):
                    await onward.send(answer)


def lying(node: Node, answer: Callable[[Frame], list[bytes]]) -> None:
    """From now on this node's stages are a Liar's."""
    node.peers._answering._handlers.clear()
    node.links.serve(Liar(node, answer))


def result(frame: Frame, **changes: object) -> bytes:
    made_ = msgspec.structs.replace(frame, kind="result", position=frame.position + frame.count - 1, count=1, wanted=0)
    made_ = msgspec.structs.replace(made_, payload=VALUES.tobytes())
    return frame_bytes(msgspec.structs.replace(made_, **changes))


LIES: dict[str, Callable[[Frame], list[bytes]]] = {
    "noise": lambda _: [b"\xff" * 100],
    "rows": lambda frame: [frame_bytes(frame)],
    "more than was wanted": lambda frame: [result(frame, count=2, payload=bytes(8 * WIDTH))],
    "less than it says": lambda frame: [result(frame, payload=bytes(4))],
    "no numbers": lambda frame: [result(frame, payload=NAN)],
    "a step that was not asked": lambda frame: [result(frame, step=frame.step + 5)],
    "another session's": lambda frame: [result(frame, session_id=bytes(16))],
    "a later epoch's": lambda frame: [result(frame, epoch=frame.epoch + 1)],
}


@pytest.mark.parametrize("what", LIES)
async def test_lies_of_the_last_stage_never_become_results(what: str) -> None:
    asker, liar = Node(1), Node(2)
    async with running(MemoryNetwork(), asker, liar):
        lying(liar, LIES[what])
        send(asker.circuit(route_over((liar, 0, 12))), 1, made(9), [8, 1])
        assert (await asker.told.failure(1)).code is ErrorCode.PEER_FAILED
        assert not asker.told.values


async def test_results_are_taken_from_the_last_stage_only() -> None:
    asker, one, stranger = Node(1), Node(2, (0, 12)), Node(3)
    async with running(MemoryNetwork(), asker, one, stranger):
        [stage] = one.host.stages.values()
        stage.gate = anyio.Event()
        send(asker.circuit(route_over((one, 0, 12))), 1, made(9), [8])
        await stage.at_gate.wait()
        [place] = one.stages._sessions
        attach = Attach(place=Place(session_id=place.session_id, hop=1), epoch=1)
        with pytest.raises(CrofterError) as caught:
            async with stranger.peers.channel(asker.id, STAGE_STEPS, attach) as channel:
                await channel.receive()
        assert caught.value.code is ErrorCode.PEER_REFUSED
        stage.gate.set()
        assert len(await asker.told.until(1, 1)) == 1


async def test_result_that_comes_twice_counts_once() -> None:
    asker, liar = Node(1), Node(2)
    async with running(MemoryNetwork(), asker, liar):
        lying(liar, lambda frame: [result(frame), result(frame), result(frame, epoch=0)])
        send(asker.circuit(route_over((liar, 0, 12))), 1, made(9), [8, 1])
        assert len(await asker.told.until(1, 2)) == 2


async def test_other_sessions_go_on_beside_a_hostile_one() -> None:
    asker, me, one = Node(1), Node(2), Node(3, (0, 12))
    given = made(9)
    async with running(MemoryNetwork(), asker, me, one):
        circuit = asker.circuit(route_over((one, 0, 12)))
        circuit.forward(1, 0, rows_at(given, 0, 8, 1))
        await asker.told.until(1, 1)
        for make in BAD.values():
            with pytest.raises(CrofterError):  # noqa: PT012 - a channel is a block
                async with attached(one, me) as (channel, _):
                    await channel.send(make())
                    await channel.receive()
            await until(lambda: len(one.stages) == 1)
        circuit.forward(1, 1, rows_at(given, 8, 1, 1))
        assert np.array_equal(await asker.told.until(1, 2), whole(given)[7:])
