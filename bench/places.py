"""Where the processes of `swarm.py` run: all on loopback, or each on a machine of its own with slow lines between them."""

import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from parts import Cut, evenly

from tests.hosts.namespaces import sweep, why_not
from tests.hosts.topology import Networks

_FOLDER = Path(__file__).parent
_PORT = 7412
_LINES_BETWEEN = 4
"""Lines that a packet and its answer pass: each site has one to the middle."""


class Place(NamedTuple):
    """How a command line begins to run there, and where it can be reached."""

    entry: tuple[str, ...] = ()
    host: str = "127.0.0.1"


LOOPBACK = Place()


@contextmanager
def far_apart(count: int, round_trip_ms: float) -> Generator[list[Place]]:
    """So many machines; RuntimeError if this one cannot make any."""
    if reason := why_not():
        raise RuntimeError(reason)
    sweep()
    with Networks() as networks:
        middle = networks.router("middle")
        places: list[Place] = []
        for number in range(count):
            machine = networks.machine(f"site{number}")
            host, _ = networks.join(middle, machine, delay_ms=round_trip_ms / _LINES_BETWEEN)
            places.append(Place(machine.entry, host))
        yield places


class Process:
    """One that answers each line with a line of JSON."""

    def __init__(
        self, place: Place, file: str, *arguments: str, core: int | None = None, more: Mapping[str, str] | None = None
    ) -> None:
        """`more`: variables of its environment beside this process's own."""
        pinned = () if core is None else ("taskset", "-c", str(core))
        command = [*place.entry, *pinned, sys.executable, str(_FOLDER / file), *arguments]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **(more or {})}
        )

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

    def heard(self) -> dict[str, Any]:
        """What it says next. Raises RuntimeError if that is an error, or its end."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        said: dict[str, Any] = json.loads(line) if line else {"error": "it ended"}
        if "error" in said:
            raise RuntimeError(f"{self._process.args!r}: {said['error']}")
        return said

    def asked(self, **command: object) -> dict[str, Any]:
        """What it answers."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self.heard()


class Swarm:
    """One node that asks, at the first place, and one that holds stages at each of the others."""

    def __init__(self, stack: ExitStack, places: Sequence[Place], *, threads: int = 0, pinned: bool = False) -> None:
        """`pinned`: each holder and its workers have one core, the asking node the first one. `threads` 0: as the engine decides."""

        def member(number: int, place: Place) -> Process:
            address = f"{place.host}:{0 if place == LOOPBACK else _PORT}"
            core = max(0, number - 1) if pinned else None
            process = Process(place, "members.py", str(number + 1), address, str(threads), core=core)
            stack.callback(process.close)
            return process

        self._members = [member(number, place) for number, place in enumerate(places)]
        known = [each.heard() for each in self._members]
        self._ids = [each["id"] for each in known]
        for each in self._members:
            each.asked(do="know", places=known)

    def hold(self, model: Path, context: int, stages: Sequence[int]) -> None:
        """Load what routes of so many stages need."""
        wanted: dict[int, list[tuple[str, int, int]]] = {}
        for count in stages:
            for number, cut in enumerate(evenly(model, count), 1):
                if (str(model), *cut) not in wanted.setdefault(number, []):
                    wanted[number].append((str(model), *cut))
        for number, parts in wanted.items():
            self._members[number].asked(do="hold", parts=parts, context=context)

    def ask(
        self, model: Path, context: int, prompt: int, answer: int, *, stages: int = 0, **more: object
    ) -> dict[str, float]:
        """Write an answer over so many stages; 0: by the whole model, at the node that asks."""
        cuts: list[Cut] = evenly(model, stages) if stages else []
        hops = [(node, *cut) for node, cut in zip(self._ids[1:], cuts, strict=False)]
        asking = {"model": str(model), "context": context, "prompt": prompt, "answer": answer, "hops": hops}
        return self._members[0].asked(do="ask", **asking, **more)

    def processor_seconds(self) -> float:
        """What the nodes that hold stages have computed, their workers not counted."""
        return sum(each.asked(do="used")["processor_seconds"] for each in self._members[1:])
