"""Sessions over routes give exactly what the stages give one after the other, however the steps are cut and mixed."""

import anyio
import numpy as np
import pytest

from crofter.cluster import Patience
from crofter.core import CrofterError, ErrorCode, Rows
from crofter.network import Conditions, MemoryNetwork
from tests.unit.cluster.routing import (
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

SIZES = [8, 1, 1, 1, 1, 1]


async def test_two_stages_give_what_one_after_the_other_gives_and_free_it() -> None:
    asker, one, two = Node(1), Node(2, (0, 5)), Node(3, (5, 12))
    rows = made(13)
    async with running(MemoryNetwork(), asker, one, two):
        circuit = asker.circuit(route_over((one, 0, 5), (two, 5, 12)))
        send(circuit, 7, rows, SIZES)
        assert np.array_equal(await asker.told.until(7, 6), whole(rows, 5)[7:])
        circuit.release(7)
        await all_freed(one, two)
        assert not asker.told.failures


@pytest.mark.parametrize("cuts", [(), (1,), (3, 4), (2, 6, 11)])
async def test_any_number_of_stages_and_a_prompt_of_many_chunks(cuts: tuple[int, ...]) -> None:
    bounds = list(zip((0, *cuts), (*cuts, 12), strict=True))
    stages = [Node(number, each) for number, each in enumerate(bounds, 2)]
    asker, rows = Node(1), made(200)
    async with running(MemoryNetwork(), asker, *stages):
        route = route_over(*((node, *each) for node, each in zip(stages, bounds, strict=True)))
        send(asker.circuit(route), 1, rows, [32, 32, 32, 32, 32, 32, 5, 3], wanted=4)
        got = await asker.told.until(1, 8)
        wanted = [*(index for end in range(32, 193, 32) for index in range(end - 4, end)), *range(193, 200)]
        assert np.array_equal(got, whole(rows, *cuts)[wanted])


async def test_half_precision_is_close() -> None:
    asker, one, two = Node(1), Node(2, (0, 5)), Node(3, (5, 12))
    rows = made(20)
    async with running(MemoryNetwork(), asker, one, two):
        circuit = asker.circuit(route_over((one, 0, 5), (two, 5, 12), codec="fp16"))
        send(circuit, 1, rows, [20], wanted=20)
        assert np.allclose(await asker.told.until(1, 1), whole(rows, 5), rtol=1e-2)


async def test_all_rows_come_back_where_the_requester_keeps_the_last_layers() -> None:
    asker, one = Node(1), Node(2, (0, 5))
    rows = made(9)
    async with running(MemoryNetwork(), asker, one):
        send(asker.circuit(route_over((one, 0, 5))), 1, rows, [8, 1], wanted=1)
        assert len(await asker.told.until(1, 2)) == 9


async def test_eight_sessions_mixed_do_not_touch_each_other() -> None:
    asker, one, two = Node(1), Node(2, (0, 5)), Node(3, (5, 12))
    prompts = {session: made(20 + session, seed=session) for session in range(8)}
    async with running(MemoryNetwork(), asker, one, two):
        circuit = asker.circuit(route_over((one, 0, 5), (two, 5, 12)))
        for step in range(5):
            for session, rows in prompts.items():
                first = len(rows) - 4
                position, count = (0, first) if step == 0 else (first + step - 1, 1)
                circuit.forward(session, step, rows_at(rows, position, count, 1))
        for session, rows in prompts.items():
            assert np.array_equal(await asker.told.until(session, 5), whole(rows, 5)[-5:])
        circuit.close()
        await all_freed(one, two)


async def test_two_requesters_share_a_stage() -> None:
    askers, one = [Node(1), Node(4)], Node(2, (0, 12))
    async with running(MemoryNetwork(), *askers, one):
        for asker in askers:
            send(asker.circuit(route_over((one, 0, 12))), 1, made(6, seed=asker.secret[0]), [5, 1])
        for asker in askers:
            got = await asker.told.until(1, 2)
            assert np.array_equal(got, whole(made(6, seed=asker.secret[0]))[4:])


async def test_rows_before_what_is_held_replace_it() -> None:
    asker, one, two = Node(1), Node(2, (0, 5)), Node(3, (5, 12))
    rows, other = made(12), made(12, seed=1)
    async with running(MemoryNetwork(), asker, one, two):
        circuit = asker.circuit(route_over((one, 0, 5), (two, 5, 12)))
        send(circuit, 1, rows, [10, 1])
        circuit.forward(1, 2, rows_at(np.concatenate([rows[:6], other[6:]]), 6, 3, 3))
        got = await asker.told.until(1, 3)
        assert np.array_equal(got[-3:], whole(np.concatenate([rows[:6], other[6:9]]), 5)[-3:])


async def test_what_nobody_wants_any_more_is_not_computed_by_the_last_stage() -> None:
    asker, one, two = Node(1), Node(2, (0, 5)), Node(3, (5, 12))
    rows, other = made(10), made(10, seed=1)
    async with running(MemoryNetwork(), asker, one, two):
        circuit = asker.circuit(route_over((one, 0, 5), (two, 5, 12)))
        circuit.forward(1, 0, rows_at(rows, 0, 6, 1))
        circuit.forward(1, 1, rows_at(rows, 6, 4, 4), discard=True)
        circuit.forward(1, 2, rows_at(np.concatenate([rows[:6], other[6:]]), 6, 2, 2))
        got = await asker.told.until(1, 3)
        assert [len(step) for step in asker.told.values[1]] == [1, 0, 2]
        assert np.array_equal(got[1:], whole(np.concatenate([rows[:6], other[6:8]]), 5)[6:])
        assert [len(node.host.stages[slice_id].computed) for node in (one, two) for slice_id in node.host.stages] == [
            3,
            2,
        ]


async def test_rows_of_images_keep_their_positions_along_the_route() -> None:
    asker, one, two = Node(1), Node(2, (0, 5)), Node(3, (5, 12))
    positions = np.arange(12, dtype=np.int32).tobytes()
    rows = Rows(position=0, count=3, wanted=0, values=made(3).tobytes(), positions=positions, mutual=True)
    async with running(MemoryNetwork(), asker, one, two):
        asker.circuit(route_over((one, 0, 5), (two, 5, 12))).forward(1, 0, rows)
        assert len(await asker.told.until(1, 1)) == 0
        for node in (one, two):
            [stage] = node.host.stages.values()
            assert (stage.seen[0].positions, stage.seen[0].mutual, stage.seen[0].count) == (positions, True, 3)


async def test_stages_of_the_requester_itself_are_hops_like_others() -> None:
    asker, one = Node(1, (0, 2), (9, 12)), Node(2, (2, 9))
    rows = made(13)
    async with running(MemoryNetwork(), asker, one):
        circuit = asker.circuit(route_over((asker, 0, 2), (one, 2, 9), (asker, 9, 12)))
        send(circuit, 1, rows, SIZES)
        assert np.array_equal(await asker.told.until(1, 6), whole(rows, 2, 9)[7:])
        circuit.release(1)
        await all_freed(asker, one)


async def test_route_within_one_node_needs_no_network() -> None:
    asker, rows = Node(1, (0, 2), (2, 12)), made(13)
    async with running(MemoryNetwork(), asker):
        circuit = asker.circuit(route_over((asker, 0, 2), (asker, 2, 12)))
        send(circuit, 1, rows, SIZES)
        assert np.array_equal(await asker.told.until(1, 6), whole(rows, 2)[7:])
        circuit.release(1)
        await all_freed(asker)
        assert not asker.peers.lines()


async def test_a_stage_computes_on_while_the_next_one_is_busy() -> None:
    asker, one, two = Node(1), Node(2, (0, 5)), Node(3, (5, 12))
    rows = made(120)
    async with running(MemoryNetwork(), asker, one, two):
        [first], [second] = one.host.stages.values(), two.host.stages.values()
        second.gate = anyio.Event()
        send(asker.circuit(route_over((one, 0, 5), (two, 5, 12))), 1, rows, [30, 30, 30, 30])
        await until(lambda: len(first.computed) == 4)
        assert not second.computed
        second.gate.set()
        assert np.array_equal(await asker.told.until(1, 4), whole(rows, 5)[29::30])


async def test_stages_are_opened_at_once_and_a_step_takes_one_way_for_each_hop() -> None:
    network = MemoryNetwork()
    asker, stages = Node(1), [Node(2, (0, 3)), Node(3, (3, 6)), Node(4, (6, 12))]
    nodes = [asker, *stages]
    rows = made(9)
    async with running(network, *nodes):
        for one in nodes:
            for other in nodes:
                network.set_link(one.id, other.id, Conditions(delay_seconds=0.1))
        circuit = asker.circuit(route_over((stages[0], 0, 3), (stages[1], 3, 6), (stages[2], 6, 12)))
        send(circuit, 1, rows, [8])
        await asker.told.until(1, 1)
        began = anyio.current_time()
        circuit.forward(1, 1, rows_at(rows, 8, 1, 1))
        await asker.told.until(1, 2)
        assert anyio.current_time() - began < 0.42  # four ways


async def test_session_that_pauses_is_kept_by_renewals() -> None:
    asker, one, two = Node(1, patience=Patience(lease_seconds=30)), Node(2, (0, 5)), Node(3, (5, 12))
    rows = made(13)
    async with running(MemoryNetwork(), asker, one, two, patience_seconds=2_000):
        circuit = asker.circuit(route_over((one, 0, 5), (two, 5, 12)))
        send(circuit, 7, rows, [8])
        await asker.told.until(7, 1)
        await anyio.sleep(1_000)
        circuit.forward(7, 1, rows_at(rows, 8, 5, 5))
        assert np.array_equal(await asker.told.until(7, 2), whole(rows, 5)[7:])


async def test_steps_out_of_order_or_too_large_end_the_session_that_sent_them() -> None:
    asker, one = Node(1), Node(2, (0, 12))
    rows = made(100)
    async with running(MemoryNetwork(), asker, one):
        circuit = asker.circuit(route_over((one, 0, 12)))
        circuit.forward(1, 3, rows_at(rows, 0, 4, 1))
        assert (await asker.told.failure(1)).code is ErrorCode.CONFLICT
        circuit.forward(2, 0, rows_at(rows, 0, 33, 1))
        assert (await asker.told.failure(2)).code is ErrorCode.INTERNAL
        circuit.forward(3, 0, rows_at(rows, 0, 4, 1))
        circuit.forward(3, 2, rows_at(rows, 4, 4, 1))
        assert (await asker.told.failure(3)).code is ErrorCode.INTERNAL
        await all_freed(one)
        assert len(circuit) == 0


async def test_no_more_steps_are_under_way_than_agreed() -> None:
    asker, one = Node(1, patience=Patience(steps_in_flight=4)), Node(2, (0, 12))
    rows = made(100)
    async with running(MemoryNetwork(), asker, one):
        [stage] = one.host.stages.values()
        stage.gate = anyio.Event()
        send(asker.circuit(route_over((one, 0, 12))), 1, rows, [4] * 5)
        assert (await asker.told.failure(1)).code is ErrorCode.OVERLOADED
        await all_freed(one)


async def test_end_of_all_circuits_frees_every_stage() -> None:
    asker, one, two = Node(1), Node(2, (0, 5)), Node(3, (5, 12))
    async with running(MemoryNetwork(), asker, one, two):
        circuit = asker.circuit(route_over((one, 0, 5), (two, 5, 12)))
        for session in range(3):
            send(circuit, session, made(13), [8])
        await asker.told.until(2, 1)
        tasks = asker.circuits.tasks
        assert tasks is not None
        tasks.cancel_scope.cancel()
        await all_freed(one, two)
        circuit.forward(9, 0, rows_at(made(4), 0, 4, 1))
        assert isinstance(await asker.told.failure(9), CrofterError)
