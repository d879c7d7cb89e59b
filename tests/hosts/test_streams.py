"""A stream between two nodes on an internet with delay, when the line is cut and when a node's address changes."""

import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from tests.hosts.conftest import Measured
from tests.hosts.namespaces import Namespace
from tests.hosts.programs import Program
from tests.hosts.topology import NODE_PORT, Line, Networks

DELAY_MS = 20.0


class Streaming(NamedTuple):
    """A stream that runs; `asker` dialled `answerer`."""

    networks: Networks
    internet: Namespace
    asker: Namespace
    answerer: Namespace
    answerers_line: Line
    ticks: Program

    def numbers(self, count: int) -> list[int]:
        """The next ticks."""
        return [self.ticks.json()["number"] for _ in range(count)]

    def to_the_end(self) -> dict[str, Any]:
        """What it says when it has ended."""
        while "error" not in (said := self.ticks.json()):
            pass
        return said


@contextmanager
def streaming(networks: Networks, *, loss: float = 0.0, megabits: float = 0.0) -> Generator[Streaming]:
    """The answerer's line has this loss and rate."""
    internet, asker, answerer = networks.router("internet"), networks.machine("asker"), networks.machine("answerer")
    networks.join(internet, asker, delay_ms=DELAY_MS)
    address, line = networks.join(internet, answerer, delay_ms=DELAY_MS, loss=loss, megabits=megabits)
    with ExitStack() as stack:
        serving = stack.enter_context(Program(answerer, "streaming.py", "2"))
        peer = ("--watch", serving.json()["id"], "--at", f"{address}:{NODE_PORT}")
        ticks = stack.enter_context(Program(asker, "streaming.py", "1", *peer))
        assert ticks.json()["id"]
        running = Streaming(networks, internet, asker, answerer, line, ticks)
        running.numbers(20)
        yield running


def test_a_cut_line_is_noticed_within_four_seconds_of_an_active_stream(networks: Networks, measured: Measured) -> None:
    with streaming(networks) as stream:
        stream.answerers_line.cut()
        began = time.monotonic()
        ended = stream.to_the_end()
        measured(f"noticed after {time.monotonic() - began:.2f} s")
        assert ended["code"] == "peer_lost"
        assert "silent for 3.5 s" in ended["error"]


@pytest.mark.slow
def test_a_stream_goes_on_when_the_node_that_asked_moves_to_another_network(
    networks: Networks, measured: Measured
) -> None:
    with streaming(networks) as stream:
        networks.roam(stream.internet, stream.asker, delay_ms=DELAY_MS)
        came: list[float] = [time.monotonic()]
        numbers: list[int] = []
        for _ in range(40):
            numbers += stream.numbers(1)
            came.append(time.monotonic())
        measured(f"silent for {max(later - earlier for earlier, later in pairwise(came)):.2f} s")
        assert numbers == list(range(numbers[0], numbers[0] + 40))


@pytest.mark.slow
def test_a_stream_comes_whole_and_in_order_over_a_bad_line(networks: Networks) -> None:
    """One packet in ten is lost, and the rest shares two megabits a second."""
    with streaming(networks, loss=0.1, megabits=2.0) as stream:
        numbers = stream.numbers(60)
        assert numbers == list(range(numbers[0], numbers[0] + 60))
