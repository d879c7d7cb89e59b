"""Sessions over routes give exactly what the stages give one after the other, however the steps are cut and mixed."""

import numpy as np
import pytest

from crofter.network import MemoryNetwork
from tests.unit.cluster.routing import Node, made, route_over, running, send, until, whole

pytestmark = pytest.mark.anyio


async def test_two_stages_give_what_one_after_the_other_gives() -> None:
    asker, one, two = Node(1), Node(2, (0, 5)), Node(3, (5, 12))
    rows = made(13)
    async with running(MemoryNetwork(), asker, one, two):
        circuit = asker.circuit(route_over((one, 0, 5), (two, 5, 12)))
        send(circuit, 7, rows, [8, 1, 1, 1, 1, 1])
        got = await asker.told.until(7, 6)
        assert np.array_equal(got, whole(rows, 5)[7:])
        circuit.release(7)
        await until(lambda: not one.host.held and not two.host.held and not len(one.stages) and not len(two.stages))
        assert not asker.told.failures
