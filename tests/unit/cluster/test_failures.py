"""What ends a session is told with its place and reason, and nothing of it stays behind anywhere."""

import anyio
import msgspec
import pytest

from crofter.cluster import Patience, Route, StageLimits
from crofter.core import CrofterError, ErrorCode, ModelId
from crofter.network import Conditions, MemoryNetwork
from tests.unit.cluster.routing import Node, all_freed, made, route_over, rows_at, running, send, until

pytestmark = pytest.mark.anyio


def three(asker: Node | None = None, limits: StageLimits | None = None) -> tuple[Node, Node, Node, Node]:
    first, middle, last = (
        Node(number, each, limits=limits) for number, each in ((2, (0, 3)), (3, (3, 6)), (4, (6, 12)))
    )
    return asker or Node(1), first, middle, last


def route(one: Node, two: Node, last: Node) -> Route:
    return route_over((one, 0, 3), (two, 3, 6), (last, 6, 12))


@pytest.mark.parametrize("dead", [1, 2, 3])
async def test_stage_that_dies_ends_the_session_everywhere_within_seconds(dead: int) -> None:
    network, nodes = MemoryNetwork(), three()
    asker, *stages = nodes
    async with running(network, *nodes):
        circuit = asker.circuit(route(*stages))
        send(circuit, 1, made(9), [8, 1])
        await asker.told.until(1, 2)
        gone = nodes[dead]
        for node in nodes:
            if node is not gone:
                network.set_link(node.id, gone.id, Conditions(up=False))
        with anyio.fail_after(6):
            error = await asker.told.failure(1)
        assert error.code is ErrorCode.PEER_LOST
        await all_freed(*stages)
        assert len(circuit) == 0


@pytest.mark.parametrize("broken", [1, 2, 3])
async def test_error_of_a_stage_comes_up_the_route(broken: int) -> None:
    nodes = three()
    asker, *stages = nodes
    async with running(MemoryNetwork(), *nodes):
        [stage] = nodes[broken].host.stages.values()
        stage.failure = CrofterError(ErrorCode.WORKER_DIED, "the worker ended")
        circuit = asker.circuit(route(*stages))
        send(circuit, 1, made(9), [8, 1])
        error = await asker.told.failure(1)
        assert error.code is ErrorCode.WORKER_DIED
        assert error.message == f"stage {broken} of the route: the peer says: the worker ended"
        await all_freed(*stages)
        assert not asker.told.values


async def test_step_that_takes_too_long_ends_the_session() -> None:
    nodes = three(Node(1, patience=Patience(step_seconds=5)))
    asker, *stages = nodes
    async with running(MemoryNetwork(), *nodes):
        [stage] = stages[1].host.stages.values()
        stage.gate = anyio.Event()
        began = anyio.current_time()
        send(asker.circuit(route(*stages)), 1, made(9), [8, 1])
        assert (await asker.told.failure(1)).code is ErrorCode.TIMED_OUT
        assert anyio.current_time() - began < 7
        await all_freed(*stages)


async def test_cancelled_while_a_stage_computes() -> None:
    nodes = three()
    asker, *stages = nodes
    async with running(MemoryNetwork(), *nodes):
        [stage] = stages[1].host.stages.values()
        stage.gate = anyio.Event()
        circuit = asker.circuit(route(*stages))
        send(circuit, 1, made(9), [8, 1])
        await stage.at_gate.wait()
        circuit.release(1)
        await all_freed(*stages)
        assert not asker.told.failures
        assert not stage.computed


async def test_cancelled_before_all_stages_are_open() -> None:
    network, nodes = MemoryNetwork(), three()
    asker, *stages = nodes
    async with running(network, *nodes):
        for node in stages:
            network.set_link(asker.id, node.id, Conditions(delay_seconds=0.5))
        circuit = asker.circuit(route(*stages))
        send(circuit, 1, made(9), [8, 1])
        await anyio.sleep(2.2)
        circuit.release(1)
        await anyio.sleep(10)
        await all_freed(*stages)
        assert not asker.told.failures


async def test_cancelled_while_a_stage_loads_is_closed_everywhere_at_once() -> None:
    nodes = three()
    asker, *stages = nodes
    async with running(MemoryNetwork(), *nodes):
        stages[1].host.loaded = anyio.Event()
        circuit = asker.circuit(route(*stages))
        send(circuit, 1, made(9), [8, 1])
        await until(lambda: all(len(node.stages) for node in stages))
        circuit.release(1)
        with anyio.fail_after(3):
            await until(lambda: not len(stages[0].stages) and not len(stages[2].stages))
        stages[1].host.loaded.set()
        await all_freed(*stages)
        assert not asker.told.failures


async def test_host_that_breaks_takes_no_other_session_with_it(caplog: pytest.LogCaptureFixture) -> None:
    asker, one = Node(1), Node(2, (0, 12))
    async with running(MemoryNetwork(), asker, one):
        circuit = asker.circuit(route_over((one, 0, 12)))
        send(circuit, 1, made(9), [8])
        await asker.told.until(1, 1)
        one.host.failure = KeyError("a secret of that node")
        send(circuit, 2, made(9), [8])
        error = await asker.told.failure(2)
        assert "secret" not in error.message
        assert "a session at a stage failed" in caplog.text
        circuit.forward(1, 1, rows_at(made(9), 8, 1, 1))
        await asker.told.until(1, 2)


async def test_stage_that_cannot_be_loaded_says_why() -> None:
    nodes = three()
    asker, *stages = nodes
    async with running(MemoryNetwork(), *nodes):
        stages[2].host.failure = CrofterError(ErrorCode.OUT_OF_MEMORY, "12 GB are needed")
        send(asker.circuit(route(*stages)), 1, made(9), [8, 1])
        error = await asker.told.failure(1)
        assert error.code is ErrorCode.OUT_OF_MEMORY
        assert "12 GB" in error.message
        await all_freed(*stages)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"slice_id": ModelId("other weights")}, ErrorCode.MODEL_NOT_FOUND),
        ({"start": 2}, ErrorCode.CONFLICT),
        ({"build": "older"}, ErrorCode.CONFLICT),
    ],
)
async def test_stage_with_other_weights_layers_or_build_refuses(change: dict[str, object], code: ErrorCode) -> None:
    nodes = three()
    asker, *stages = nodes
    async with running(MemoryNetwork(), *nodes):
        good = route(*stages)
        if "build" in change:
            bad = msgspec.structs.replace(good, build="older")
        else:
            hops = list(good.hops)
            hops[1] = msgspec.structs.replace(hops[1], **change)
            if "start" in change:
                hops[0] = msgspec.structs.replace(hops[0], stop=2)
            bad = msgspec.structs.replace(good, hops=tuple(hops))
        send(asker.circuit(bad), 1, made(9), [8, 1])
        assert (await asker.told.failure(1)).code is code
        await all_freed(*stages)


async def test_busy_stage_says_so_at_once_and_when_to_come_again() -> None:
    nodes = three(limits=StageLimits(sessions=2))
    asker, *stages = nodes
    async with running(MemoryNetwork(), *nodes):
        circuit = asker.circuit(route(*stages))
        for session in (1, 2):
            send(circuit, session, made(9), [8])
            await asker.told.until(session, 1)
        began = anyio.current_time()
        send(circuit, 3, made(9), [8])
        error = await asker.told.failure(3)
        assert error.code is ErrorCode.OVERLOADED
        assert error.retry_after_seconds is not None
        assert 1 <= error.retry_after_seconds <= 60
        assert anyio.current_time() - began < 1
        circuit.release(1)
        await until(lambda: all(len(node.stages) == 1 for node in stages))
        send(circuit, 4, made(9), [8])
        await asker.told.until(4, 1)


async def test_one_requester_cannot_take_all_room() -> None:
    other = Node(5)
    nodes = three(limits=StageLimits(sessions=4, sessions_of_one=2))
    asker, *stages = nodes
    async with running(MemoryNetwork(), *nodes, other):
        for session in range(3):
            send(asker.circuit(route(*stages)), session, made(9), [8])
        assert (await asker.told.failure(2)).code is ErrorCode.OVERLOADED
        send(other.circuit(route(*stages)), 1, made(9), [8])
        await other.told.until(1, 1)


async def test_neighbours_that_do_not_trust_each_other_are_named() -> None:
    nodes = three()
    asker, one, two, last = nodes
    async with running(MemoryNetwork(), *nodes):
        last.strangers.add(two.id)
        send(asker.circuit(route(one, two, last)), 1, made(9), [8])
        error = await asker.told.failure(1)
        assert error.code is ErrorCode.PEER_REFUSED
        assert "stage 2 of the route" in error.message
        await all_freed(one, two, last)


async def test_worker_that_writes_no_numbers_is_blamed_itself() -> None:
    nodes = three()
    asker, *stages = nodes
    async with running(MemoryNetwork(), *nodes):
        rows = made(9)
        rows[3, 3] = float("inf")
        asker.circuit(route(*stages)).forward(1, 0, rows_at(rows, 0, 8, 1))
        assert (await asker.told.failure(1)).code is ErrorCode.WORKER_FAILED
        await all_freed(*stages)


async def test_own_sessions_find_room_beside_those_of_others() -> None:
    other, owner = Node(1), Node(2, (0, 12), limits=StageLimits(sessions=1))
    async with running(MemoryNetwork(), other, owner):
        send(other.circuit(route_over((owner, 0, 12))), 1, made(9), [8])
        await other.told.until(1, 1)
        for session in (1, 2):
            send(owner.circuit(route_over((owner, 0, 12))), session, made(9), [8])
            await owner.told.until(session, 1)
        send(other.circuit(route_over((owner, 0, 12))), 2, made(9), [8])
        assert (await other.told.failure(2)).code is ErrorCode.OVERLOADED
