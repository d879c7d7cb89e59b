"""Nodes with stages that compute something that can be checked, on a network in memory or a real one."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import numpy as np

from crofter.cluster import KINDS, Circuit, Circuits, Codec, Hop, Links, Patience, Route, StageLimits, Stages
from crofter.cluster.messages import Open
from crofter.core import CrofterError, ModelId, ModelShape, NodeId, Rows, SliceFile
from crofter.network import BindOptions, PeerAddress, Peers, Rules, Transport
from crofter.trust import Standing

WIDTH = 8
LAYERS = 12
BUILD = "0.5.0-test"
CONTEXT = 512
ROWS_AT_ONCE = 32


def slice_of(start: int, stop: int) -> SliceFile:
    return SliceFile(
        model_id=ModelId(f"slice-{start}-{stop}"),
        name="big",
        path=Path("unused"),
        size_bytes=1,
        architecture="llama",
        layer_count=stop - start,
        kv_bytes_per_token=1,
        context_length=CONTEXT,
        shape=ModelShape(embedding_length=WIDTH),
        source_id=ModelId("source"),
        source_layer_count=LAYERS,
        start=start,
        stop=stop,
        hidden_tensor="l_out",
    )


class FakeStage:
    """Each row becomes what it was, plus each layer's number, plus the sum of the rows held before it: wrong history shows."""

    def __init__(self, slice_file: SliceFile) -> None:
        self.slice = slice_file
        self.held: dict[int, np.ndarray] = {}
        self.computed: list[tuple[int, int, int]] = []
        """Session, position, count."""
        self.gate = anyio.Event()
        self.gate.set()
        self.at_gate = anyio.Event()
        self.failure: CrofterError | None = None
        self.seen: list[Rows] = []

    async def compute(self, session: int, rows: Rows) -> bytes:
        self.at_gate.set()
        self.seen.append(rows)
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        history = self.held.setdefault(session, np.zeros((0, WIDTH), np.float32))
        assert rows.position <= len(history)
        new = np.frombuffer(rows.values, np.float32).reshape(rows.count, WIDTH)
        held = np.concatenate([history[: rows.position], new])
        self.held[session] = held
        self.computed.append((session, rows.position, rows.count))
        out = computed(self.slice, held)[rows.position :]
        return (out[rows.count - rows.wanted :] if self.slice.stop == LAYERS else out).tobytes()

    async def forget(self, session: int) -> None:
        self.held.pop(session, None)


def computed(slice_file: SliceFile, held: np.ndarray) -> np.ndarray:
    sums = np.cumsum(held, axis=0, dtype=np.float32) / np.arange(1, len(held) + 1, dtype=np.float32)[:, None]
    return (sums * np.float32(0.5) + sum(range(slice_file.start, slice_file.stop))).astype(np.float32)


def whole(rows: np.ndarray, *cuts: int) -> np.ndarray:
    """What all stages together make of all rows of a session."""
    for start, stop in zip((0, *cuts), (*cuts, LAYERS), strict=True):
        rows = computed(slice_of(start, stop), rows)
    return rows


class Host:
    """Offers slices; none is loaded twice."""

    build = BUILD

    def __init__(self, *slices: SliceFile) -> None:
        self.stages = {slice_file.model_id: FakeStage(slice_file) for slice_file in slices}
        self.failure: Exception | None = None
        self.loaded = anyio.Event()
        self.loaded.set()

    def find(self, slice_id: ModelId) -> SliceFile | None:
        stage = self.stages.get(slice_id)
        return stage.slice if stage else None

    @asynccontextmanager
    async def stage(self, slice_file: SliceFile, opening: Open, opener: NodeId) -> AsyncGenerator[FakeStage]:
        if self.failure is not None:
            raise self.failure
        await self.loaded.wait()
        yield self.stages[slice_file.model_id]

    @property
    def held(self) -> int:
        """Sessions that something is held of."""
        return sum(len(stage.held) for stage in self.stages.values())


class Told:
    """Results of a circuit."""

    def __init__(self) -> None:
        self.values: dict[int, list[np.ndarray]] = {}
        self.failures: dict[int, CrofterError] = {}

    def returned(self, session: int, step: int, values: bytes) -> None:
        steps = self.values.setdefault(session, [])
        assert step == len(steps)
        steps.append(np.frombuffer(values, np.float32).reshape(-1, WIDTH))

    def failed(self, session: int, error: CrofterError) -> None:
        self.failures[session] = error

    def rows(self, session: int) -> np.ndarray:
        return np.concatenate(self.values.get(session, [np.zeros((0, WIDTH), np.float32)]))

    async def until(self, session: int, steps: int) -> np.ndarray:
        await until(lambda: len(self.values.get(session, [])) >= steps or session in self.failures)
        assert session not in self.failures, self.failures[session].message
        return self.rows(session)

    async def failure(self, session: int) -> CrofterError:
        await until(lambda: session in self.failures)
        return self.failures[session]


class Book:
    def __init__(self) -> None:
        self.places: dict[NodeId, PeerAddress] = {}

    def addresses_of(self, node_id: NodeId) -> PeerAddress | None:
        return self.places.get(node_id)


class Node:
    """A node with stages of these layer ranges, and circuits of its own."""

    def __init__(
        self, number: int, *ranges: tuple[int, int], limits: StageLimits | None = None, patience: Patience | None = None
    ) -> None:
        self.secret = bytes([number]) * 32
        self.id = NodeId(b"")
        self.book = Book()
        self.strangers: set[NodeId] = set()
        self.peers = Peers(Rules(mode="private", standing=self.standing), [self.book], KINDS)
        self.host = Host(*(slice_of(*each) for each in ranges))
        self.limits, self.patience = limits or StageLimits(), patience
        self.told = Told()

    def standing(self, node_id: NodeId) -> Standing:
        return "stranger" if node_id in self.strangers else "trusted"

    def start(self, node_id: NodeId) -> None:
        self.id = node_id
        self.links = Links(node_id, self.peers)
        self.stages = Stages(self.host, self.links, self.limits)
        self.circuits = Circuits(self.links, self.patience)

    def circuit(self, route: Route) -> Circuit:
        return self.circuits.over(route, self.told)


def route_over(*hops: tuple[Node, int, int], codec: Codec = "f32") -> Route:
    return Route(
        hops=tuple(
            Hop(node_id=node.id, slice_id=slice_of(start, stop).model_id, start=start, stop=stop)
            for node, start, stop in hops
        ),
        width=WIDTH,
        source_layer_count=LAYERS,
        context_tokens=CONTEXT,
        build=BUILD,
        codec=codec,
        rows_at_once=ROWS_AT_ONCE,
    )


@asynccontextmanager
async def running(transport: Transport, *nodes: Node, patience_seconds: float = 60.0) -> AsyncGenerator[None]:
    """These nodes are on the network, know and trust each other."""
    with anyio.fail_after(patience_seconds):
        async with AsyncExitStack() as stack:
            for node in nodes:
                tasks = await stack.enter_async_context(anyio.create_task_group())
                stack.callback(tasks.cancel_scope.cancel)
                ready = anyio.Event()
                tasks.start_soon(partial(node.peers.run, transport, node.secret, BindOptions(), ready=ready.set))
                await ready.wait()
                node.start(node.peers.node_id)
                tasks.start_soon(node.stages.run)
                inner = await stack.enter_async_context(anyio.create_task_group())
                stack.callback(inner.cancel_scope.cancel)
                inner.start_soon(node.circuits.run)
            for node in nodes:
                node.book.places = {
                    other.id: PeerAddress(node_id=other.id, addresses=other.peers.addresses()) for other in nodes
                }
                await until(lambda: node.circuits.tasks is not None)  # noqa: B023 - awaited here
            yield


async def all_freed(*nodes: Node) -> None:
    """No stage holds anything, and no session is left."""
    await until(lambda: not any(node.host.held or len(node.stages) for node in nodes))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens in another task."""
    with anyio.fail_after(30):
        while not condition():  # noqa: ASYNC110 - nothing tells when
            await anyio.sleep(0.002)


def made(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, WIDTH)).astype(np.float32)


def rows_at(rows: np.ndarray, position: int, count: int, wanted: int) -> Rows:
    return Rows(position=position, count=count, wanted=wanted, values=rows[position : position + count].tobytes())


def send(circuit: Circuit, session: int, rows: np.ndarray, sizes: list[int], wanted: int = 1) -> None:
    """Steps of these sizes from the beginning of the session."""
    position = 0
    for step, size in enumerate(sizes):
        circuit.forward(session, step, rows_at(rows, position, size, min(wanted, size)))
        position += size
