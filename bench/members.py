"""The nodes of `swarm.py`, each in a process of its own: those that hold stages, and the one that asks.

    python bench/members.py SEED ADDRESS THREADS

One command a line from standard input, one line of JSON back. The engine, the transport and the sessions are the node's own; what is left
out is how a route is planned and fetched.
"""

import json
import os
import statistics
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import anyio
import anyio.to_thread
import numpy as np
from parts import IDLE, idle, part, whole

from crofter.cluster import KINDS, Circuits, Hop, Links, Open, Route, StageHost, StageLimits, Stages
from crofter.core import (
    CrofterError,
    GenerationRequest,
    ModelId,
    NodeId,
    RequestId,
    Rows,
    Sampling,
    SliceFile,
    TokenPrompt,
)
from crofter.engine import Engine, EngineSettings
from crofter.engine import Stage as EngineStage
from crofter.models import read_header
from crofter.network import BindOptions, IrohTransport, PeerAddress, Peers, Rules

_BUILD = "bench"
_NORMAL = 1
"""A type of token; others may end an answer."""
_FIRST_TOKEN, _LAST_TOKEN = 300, 2000
"""Which tokens prompts are made of: both models have these, and none is special."""


class Book:
    """Where the others are."""

    def __init__(self) -> None:
        self.places: dict[NodeId, PeerAddress] = {}

    def addresses_of(self, node_id: NodeId) -> PeerAddress | None:
        return self.places.get(node_id)


class _NoTunings:
    def settings(self, model_id: ModelId) -> None:
        del model_id

    def keep(self, model_id: ModelId, workload: object, settings: object, measured: object) -> None:
        del model_id, workload, settings, measured


class _Idle:
    """Gives rows back as they came: of a hop, only the network's part is left."""

    def __init__(self, slice_file: SliceFile) -> None:
        self._last = slice_file.stop == slice_file.source_layer_count

    async def compute(self, session: int, rows: Rows) -> bytes:
        del session
        size = len(rows.values) // rows.count
        return rows.values[size * (rows.count - rows.wanted) :] if self._last else rows.values

    async def forget(self, session: int) -> None:
        del session


class Holder:
    """The `StageHost`: what is told to be held stays loaded."""

    build = _BUILD

    def __init__(self, engine: Engine, stack: AsyncExitStack) -> None:
        self._engine = engine
        self._stack = stack
        self._slices: dict[ModelId, SliceFile] = {}

    async def hold(self, slice_file: SliceFile) -> None:
        self._slices[slice_file.model_id] = slice_file
        self._slices[ModelId(IDLE + slice_file.model_id)] = idle(slice_file)
        await self._stack.enter_async_context(self._engine.stage(slice_file))

    def find(self, slice_id: ModelId) -> SliceFile | None:
        return self._slices.get(slice_id)

    @asynccontextmanager
    async def stage(self, slice_file: SliceFile, opening: Open, opener: NodeId) -> AsyncGenerator[EngineStage | _Idle]:
        del opening, opener  # all are loaded with the same context
        if slice_file.model_id.startswith(IDLE):
            yield _Idle(slice_file)
            return
        async with self._engine.stage(slice_file) as stage:
            yield stage


class _Port:
    """One answer's way over a route, with the times at which its rows go and come."""

    def __init__(self, circuits: Circuits, route: Route) -> None:
        self._circuit = circuits.over(route, self)
        self.gone: list[float] = []
        self.come: list[float] = []

    def begin(self, returned: Any, failed: Any) -> None:  # noqa: ANN401 - see engine.RoutePort
        self._returned, self._failed = returned, failed

    def forward(self, session: int, step: int, rows: Rows) -> None:
        self.gone.append(perf_counter())
        self._circuit.forward(session, step, rows)

    def release(self, session: int) -> None:
        self._circuit.release(session)

    def close(self) -> None:
        self._circuit.close()

    def returned(self, session: int, step: int, values: bytes) -> None:
        self.come.append(perf_counter())
        self._returned(session, step, values)

    def failed(self, session: int, error: CrofterError) -> None:
        self._failed(session, error)

    def steps_ms(self) -> dict[str, float]:
        """Over the steps of single rows: from row to row, and of that on the route, medians; and what a tenth of them is below, which
        says more where others use the machine."""
        first = max(0, len(self.gone) - len(self.come)) + 4  # past the prompt's chunks
        whole_step = np.diff(self.gone[first:])
        on_route = np.subtract(self.come[first : len(self.gone)], self.gone[first : len(self.come)])
        if not whole_step.size:
            return {}
        return {
            "step_ms": 1e3 * float(np.median(whole_step)),
            "step_ms_p10": 1e3 * float(np.percentile(whole_step, 10)),
            "route_ms": 1e3 * float(np.median(on_route)),
        }


class Member:
    """A node, and what it can be told."""

    def __init__(self, engine: Engine, peers: Peers, book: Book, stack: AsyncExitStack) -> None:
        self.links = Links(peers.node_id, peers)
        self.circuits = Circuits(self.links)
        self._holder = Holder(engine, stack)
        host: StageHost = self._holder
        self.stages = Stages(host, self.links, StageLimits())
        self._engine = engine
        self._book = book
        self._seed = 0

    async def told(self, command: dict[str, Any]) -> dict[str, Any]:
        """Do what a command says."""
        match command["do"]:
            case "know":
                for place in command["places"]:
                    node_id = NodeId(bytes.fromhex(place["id"]))
                    self._book.places[node_id] = PeerAddress(node_id=node_id, addresses=tuple(place["addresses"]))
                return {}
            case "hold":
                for path, start, stop in command["parts"]:
                    await self._holder.hold(part(Path(path), (start, stop), command["context"]))
                return {}
            case "used":
                return {"processor_seconds": time_of_processor()}
            case _:
                return await self._asked(command)

    async def _asked(self, command: dict[str, Any]) -> dict[str, Any]:
        """Write so many answers at once, of the whole model or over a route."""
        asking = [self._answer(command) for _ in range(command.get("sessions", 1))]
        answers: list[dict[str, float]] = []

        async def one(answer: Any) -> None:  # noqa: ANN401 - a coroutine
            answers.append(await answer)

        began, used = perf_counter(), time_of_processor()
        async with anyio.create_task_group() as tasks:
            for answer in asking:
                tasks.start_soon(one, answer)
        figures = {name: statistics.median(each[name] for each in answers) for name in answers[0]}
        return figures | {"seconds": perf_counter() - began, "processor_seconds": time_of_processor() - used}

    async def _answer(self, command: dict[str, Any]) -> dict[str, float]:
        path, context = Path(command["model"]), command["context"]
        request = self._request(path, command["prompt"], command["answer"])
        port = None
        if command.get("hops"):
            ends = part(path, None, context)
            port = _Port(self.circuits, _route(ends, command))
            stream = self._engine.generate_over(ends, request, port)
        else:
            stream = self._engine.generate(whole(path, context), request)
        began = perf_counter()
        first = last = 0.0
        async for chunk in stream:
            last = perf_counter()
            first = first or last
            if chunk.usage is not None and chunk.usage.completion_tokens != command["answer"]:
                raise RuntimeError(f"{chunk.usage.completion_tokens} tokens were written")
        figures = {"first": first - began}
        if command["answer"] > 1:
            figures["token_ms"] = 1e3 * (last - first) / (command["answer"] - 1)
        if port is not None:
            port.close()
            figures |= port.steps_ms()
        return figures

    def _request(self, path: Path, prompt_tokens: int, answer_tokens: int) -> GenerationRequest:
        self._seed += 1
        tokens = np.random.default_rng(self._seed).integers(_FIRST_TOKEN, _LAST_TOKEN, prompt_tokens)
        header = read_header(path)
        kinds = header.metadata["tokenizer.ggml.token_type"]
        # Those of a large vocabulary are not read; the bench's own models end with these alone.
        last = {header.integer(f"tokenizer.ggml.{name}_token_id", 0) for name in ("eos", "eot")}
        special = {token for token, kind in enumerate(kinds) if kind != _NORMAL} if isinstance(kinds, tuple) else last
        return GenerationRequest(
            request_id=RequestId(f"bench-{self._seed}"),
            model=path.stem,
            prompt=TokenPrompt(tokens=tuple(tokens.tolist())),
            sampling=Sampling(temperature=0.0, logit_bias=dict.fromkeys(special, -100.0)),
            max_tokens=answer_tokens,
        )


def _route(ends: SliceFile, command: dict[str, Any]) -> Route:
    """`hops`: the id of a node and its layers, each; `idle`: nothing is computed there."""
    hops = [(NodeId(bytes.fromhex(node)), (start, stop)) for node, start, stop in command["hops"]]
    parts = [part(Path(command["model"]), cut, command["context"]) for _, cut in hops]
    return Route(
        hops=tuple(
            Hop(
                node_id=node,
                slice_id=idle(each).model_id if command.get("idle") else each.model_id,
                start=cut[0],
                stop=cut[1],
            )
            for (node, cut), each in zip(hops, parts, strict=True)
        ),
        width=ends.shape.embedding_length,
        source_layer_count=ends.source_layer_count,
        context_tokens=command["context"],
        build=_BUILD,
        codec=command.get("codec", "fp16"),
    )


def time_of_processor() -> float:
    """Seconds that this process has computed, its workers not counted."""
    times = os.times()
    return times.user + times.system


async def _serve(seed: int, address: str, threads: int) -> None:
    book = Book()
    peers = Peers(Rules(mode="private", standing=lambda _: "trusted"), [book], KINDS)
    settings = EngineSettings(threads=threads, keep_alive_seconds=-1.0, prefix_cache_bytes=0, tune_when_idle=False)
    ready = anyio.Event()
    binding = BindOptions(addresses=(address,))
    async with AsyncExitStack() as stack:
        logs = stack.enter_context(TemporaryDirectory())
        engine = Engine(settings, log_folder=Path(logs), tunings=_NoTunings())
        await stack.enter_async_context(engine)
        tasks = await stack.enter_async_context(anyio.create_task_group())
        tasks.start_soon(partial(peers.run, IrohTransport(), bytes([seed]) * 32, binding, ready=ready.set))
        await ready.wait()
        member = Member(engine, peers, book, stack)
        tasks.start_soon(member.stages.run)
        tasks.start_soon(member.circuits.run)
        print(json.dumps({"id": peers.node_id.hex(), "addresses": peers.addresses()}), flush=True)
        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            try:
                reply = await member.told(json.loads(line))
            except (CrofterError, ExceptionGroup) as error:
                reply = {"error": repr(error)}
            print(json.dumps(reply), flush=True)
        tasks.cancel_scope.cancel()


if __name__ == "__main__":
    anyio.run(
        _serve, int(sys.argv[1]), sys.argv[2], int(sys.argv[3]),
        backend_options={"use_uvloop": sys.platform != "win32"},
    )  # fmt: skip
