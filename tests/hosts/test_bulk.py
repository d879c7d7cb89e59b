"""What somebody waits for, beside what is sent in bulk over the same narrow line."""

from contextlib import ExitStack
from typing import Any

import pytest

from tests.hosts.conftest import Measured
from tests.hosts.programs import Program
from tests.hosts.topology import NODE_PORT, Networks

DELAY_MS = 20.0
MEGABITS = 20.0


@pytest.mark.slow
def test_bulk_uses_a_narrow_line_and_delays_nobody_on_it(networks: Networks, measured: Measured) -> None:
    internet, asker, answerer = networks.router("internet"), networks.machine("asker"), networks.machine("answerer")
    networks.join(internet, asker)
    address, _ = networks.join(internet, answerer, delay_ms=DELAY_MS, megabits=MEGABITS)
    with ExitStack() as stack:
        serving = stack.enter_context(Program(answerer, "pouring.py", "2"))
        peer = ("--ask", serving.json()["id"], "--at", f"{address}:{NODE_PORT}")
        asking = stack.enter_context(Program(asker, "pouring.py", "1", *peer))
        assert asking.json()["id"]
        alone, beside_bulk, beside_flood = (_told(asking, measured) for _ in range(3))
    assert beside_bulk["megabits"] > MEGABITS / 4  # some 18; the smallest window would give 3
    assert beside_bulk["p50_ms"] - alone["p50_ms"] < DELAY_MS  # some 4 ms; without the window 80
    assert beside_bulk["p50_ms"] < beside_flood["p50_ms"]


def _told(asking: Program, measured: Measured) -> dict[str, Any]:
    figures = asking.json()
    measured(
        f"small requests {figures['what']} take {figures['p50_ms']:.0f} ms (p50) and {figures['p99_ms']:.0f} ms (p99); "
        f"{figures['megabits']:.1f} of {MEGABITS:g} Mbit/s"
    )
    return figures
