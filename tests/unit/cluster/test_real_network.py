"""The same over real connections on loopback: exact, and nothing left behind."""

import numpy as np
import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.network import IrohTransport
from tests.unit.cluster.routing import Node, all_freed, made, route_over, running, send, until, whole

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_route_over_real_connections_is_exact_and_ends_cleanly() -> None:
    asker, stages = Node(1, (0, 1)), [Node(2, (1, 4)), Node(3, (4, 9)), Node(4, (9, 12))]
    prompts = {session: made(100 + session, seed=session) for session in range(4)}
    async with running(IrohTransport(), asker, *stages):
        one, two, last = stages
        circuit = asker.circuit(route_over((asker, 0, 1), (one, 1, 4), (two, 4, 9), (last, 9, 12)))
        for session, rows in prompts.items():
            send(circuit, session, rows, [32, 32, 32, *[1] * (len(rows) - 96)])
        for session, rows in prompts.items():
            got = await asker.told.until(session, len(rows) - 93)
            assert np.array_equal(got, whole(rows, 1, 4, 9)[[31, 63, *range(95, len(rows))]])
        [stage] = two.host.stages.values()
        stage.failure = CrofterError(ErrorCode.WORKER_DIED, "the worker ended")
        send(circuit, 9, made(9), [8, 1])
        assert (await asker.told.failure(9)).code is ErrorCode.WORKER_DIED
        circuit.close()
        await all_freed(asker, *stages)
        await until(lambda: not any(line.busy for node in (asker, *stages) for line in node.peers.lines()))
