"""That the machines of these tests are what they say: lines with delay, loss and a rate, kinds of NAT, and nothing left behind."""

import random
import subprocess
import sys
from statistics import median

import psutil
import pytest

from tests.hosts.delay import Direction
from tests.hosts.namespaces import Namespace, run, sweep
from tests.hosts.programs import Program
from tests.hosts.topology import NODE_PORT, Nat, Networks

OTHER_PORT = 9


def direction(delay_seconds: float = 0.0, loss: float = 0.0, bytes_per_second: float = 0.0) -> Direction:
    return Direction(delay_seconds, loss, bytes_per_second, random.Random(1))


def test_packets_leave_a_line_in_order_when_their_time_has_come() -> None:
    line = direction(delay_seconds=0.02)
    line.put(b"one", 1.0)
    line.put(b"two", 1.01)
    assert line.take(1.019) is None
    assert (line.next_at, line.take(1.021), line.take(1.021)) == (1.02, b"one", None)
    assert (line.take(1.04), line.next_at) == (b"two", float("inf"))


def test_a_line_loses_its_share() -> None:
    line = direction(loss=0.1)
    for _ in range(10_000):
        line.put(b"packet", 0.0)
    arrived = 0
    while line.take(0.0):
        arrived += 1
    assert 8_800 < arrived < 9_200


def test_a_line_with_a_rate_makes_packets_wait_and_drops_what_would_wait_too_long() -> None:
    line = direction(bytes_per_second=100_000)
    for _ in range(1_000):
        line.put(bytes(1_000), 0.0)
    left: list[float] = []
    while line.next_at < float("inf"):
        left.append(line.next_at)
        line.take(line.next_at)
    assert left[:3] == [0.01, 0.02, pytest.approx(0.03)]
    assert 250 < len(left) < 270


def test_a_real_line_has_its_delay_and_can_be_cut_and_healed(networks: Networks) -> None:
    internet, site = networks.router("internet"), networks.machine("site")
    _, line = networks.join(internet, site, delay_ms=20.0)
    with (
        Program(internet, "mirror.py", "answer", str(NODE_PORT)) as far,
        Program(site, "mirror.py", "ask", "7") as near,
    ):
        assert (far.line(), near.line()) == ("ready", "ready")
        target = f"12.0.1.1:{NODE_PORT}"

        def ask() -> float | None:
            near.say(target)
            return near.json()["milliseconds"]

        times = [time for _ in range(5) if (time := ask())]
        assert 40.0 <= median(times) < 60.0
        line.cut()
        assert ask() is None
        line.heal()
        assert ask() is not None


@pytest.mark.parametrize(
    ("nat", "one_port_for_all", "open_to_strangers"),
    [("full cone", True, True), ("port-restricted cone", True, False), ("symmetric", False, False)],
)
def test_a_home_has_its_kind_of_nat(
    networks: Networks, nat: Nat, one_port_for_all: bool, open_to_strangers: bool
) -> None:
    """Two machines of the internet compare what address they see; then one that was never spoken to tries to reach in."""
    internet = networks.router("internet")
    home, home_address = networks.home(internet, "home", nat)
    far = networks.machine("far")
    far_address, _ = networks.join(internet, far)
    with (
        Program(internet, "mirror.py", "answer", str(OTHER_PORT)) as one,
        Program(far, "mirror.py", "answer", str(OTHER_PORT)) as other,
        Program(home, "mirror.py", "ask", str(NODE_PORT)) as inside,
    ):
        assert {program.line() for program in (one, other, inside)} == {"ready"}
        seen: list[str] = []
        for address in ("12.0.1.1", far_address):
            inside.say(f"{address}:{OTHER_PORT}")
            seen.append(inside.json()["seen"])
        assert {each.partition(":")[0] for each in seen} == {home_address}
        assert (seen[0] == seen[1]) == one_port_for_all
        with Program(far, "mirror.py", "ask", "10") as stranger:
            assert stranger.line() == "ready"
            stranger.say(seen[1])
            assert (stranger.json()["seen"] is not None) == open_to_strangers


_KILLED_RUN = """
import os, signal, subprocess
from tests.hosts.namespaces import Namespace
left = Namespace("left")
subprocess.Popen([*left.entry, "sleep", "600"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(left.full_name, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_run_left_is_removed_by_the_next(networks: Networks) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED_RUN], capture_output=True, text=True, timeout=60, check=False
    )
    left, own = killed.stdout.strip(), networks.machine("own")
    [sleeping] = map(psutil.Process, map(int, run("ip", "netns", "pids", left).split()))
    sweep()
    listed = run("ip", "netns", "list")
    assert left not in listed
    assert own.full_name in listed
    sleeping.wait(timeout=10)


def test_a_machine_goes_with_what_runs_in_it(networks: Networks) -> None:
    with Namespace("short") as machine:
        process = subprocess.Popen([*machine.entry, "sleep", "600"])
    assert process.wait(timeout=10) != 0
    assert machine.full_name not in run("ip", "netns", "list")
