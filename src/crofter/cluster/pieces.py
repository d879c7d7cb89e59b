"""Parts of models between nodes that trust each other: what a model is, and its groups of tensors, each checked by whoever asked."""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, aclosing, closing, contextmanager
from typing import Annotated

import anyio
import anyio.to_thread
import msgspec

from crofter.core import CrofterError, ErrorCode, ModelId, NodeId
from crofter.models import Description, HubPlace, HubTensors, ModelRegistry, PartialModel, TensorGroup
from crofter.network import BULK, Caller, Kind, Peers, StreamKind

from .fetching import Come, Supplier, fetch_groups
from .from_hub import FromHub
from .sharing import ShareLimits

_PIECE_BYTES = 1 << 20
_DESCRIBE_SECONDS = 60.0
_PIECE_SECONDS = 3600.0

_Hash = Annotated[str, msgspec.Meta(min_length=64, max_length=64)]


class DescriptionWanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is this model, but for its weights?"""

    model_id: _Hash


class PieceWanted(msgspec.Struct, frozen=True, kw_only=True):
    """The data of a group of tensors."""

    group_id: _Hash
    offset: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Where to begin: what came before is known."""


DESCRIBE = Kind(
    name="describe", request=DescriptionWanted, reply=Description, who="trusted", most_bytes=64_000_000, per_minute=60
)  # fmt: skip
PIECE = StreamKind(
    name="piece",
    request=PieceWanted,
    reply=bytes,
    who="trusted",
    most_bytes=_PIECE_BYTES,
    per_minute=6_000,
    bytes_per_minute=1 << 40,
    priority=BULK,
)


class Pieces:
    """Gives what this node has, and fetches what it lacks. Within the limits that hold at each piece."""

    def __init__(
        self,
        peers: Peers,
        registry: ModelRegistry,
        limits: Callable[[], ShareLimits],
        hub: HubTensors,
    ) -> None:
        self.hub = hub
        self._peers = peers
        self._registry = registry
        self._limits = limits
        self._helpers: Counter[NodeId] = Counter()
        """Nodes that fetch something because this one asked them to."""
        peers.serve(DESCRIBE, self._describe)
        peers.serve(PIECE, self._give)

    async def describe(self, model_id: ModelId, sources: Sequence[NodeId]) -> Description:
        """What a model is, from the first that says. Raises what the last one answers, MODEL_NOT_FOUND without any."""
        failure = CrofterError(ErrorCode.MODEL_NOT_FOUND, f"no node that holds the model {model_id[:12]} is known")
        for source in sources:
            try:
                wanted = DescriptionWanted(model_id=model_id)
                return await self._peers.call(source, DESCRIBE, wanted, timeout_seconds=_DESCRIBE_SECONDS)
            except CrofterError as error:
                failure = error
        raise failure

    async def fetch(
        self,
        model: PartialModel,
        groups: Iterable[TensorGroup],
        sources: Sequence[NodeId],
        come: Come,
        place: HubPlace | None = None,
    ) -> None:
        """Bring groups here, from several nodes and, where that is allowed, from the hub at once.

        Raises what the last try of a group raised; what came stays, and is gone on with the next time.
        """
        suppliers: list[Supplier] = [_FromPeer(self._peers, source, self._download_rate) for source in sources]
        remote = None if place is None else self.hub.model(place)
        with ExitStack() as stack:
            if remote is not None:
                suppliers.append(stack.enter_context(closing(FromHub(remote, self._download_rate))))
            if not suppliers:
                raise CrofterError(ErrorCode.MODEL_NOT_FOUND, "no node that holds these layers is known")
            await fetch_groups(model, groups, suppliers, come)

    @contextmanager
    def helped_by(self, node_id: NodeId) -> Generator[None]:
        """Meanwhile a node may fetch what it is to compute with for this one, whether anything else is shared or not."""
        self._helpers[node_id] += 1
        try:
            yield
        finally:
            self._helpers[node_id] -= 1

    async def _describe(self, caller: Caller, wanted: DescriptionWanted) -> Description:
        self._require_shared(caller)

        def describe() -> Description:
            return self._registry.contents.description(self._registry.resolve(wanted.model_id))

        return await anyio.to_thread.run_sync(describe)

    async def _give(self, caller: Caller, wanted: PieceWanted) -> AsyncGenerator[bytes]:
        self._require_shared(caller)
        blocks = _pieces(self._registry.contents.group_data(wanted.group_id), wanted.offset)
        while (piece := await anyio.to_thread.run_sync(next, blocks, None)) is not None:
            yield piece
            await _slowed(len(piece), self._limits().upload_bytes_per_second)

    def _require_shared(self, caller: Caller) -> None:
        closed = self._limits().closed_because
        if closed and not self._helpers[caller.node_id]:
            raise CrofterError(ErrorCode.FORBIDDEN, f"this node shares nothing now: {closed}")

    def _download_rate(self) -> int:
        return self._limits().download_bytes_per_second


class _FromPeer:
    """A `Supplier`."""

    def __init__(self, peers: Peers, node_id: NodeId, rate: Callable[[], int]) -> None:
        self._peers = peers
        self._node_id = node_id
        self._rate = rate

    async def bring(self, model: PartialModel, group: TensorGroup, come: Come) -> None:
        wanted = PieceWanted(group_id=group.group_id, offset=model.begun_bytes(group))
        if wanted.offset == group.size_bytes:
            return
        stream = self._peers.stream(self._node_id, PIECE, wanted, timeout_seconds=_PIECE_SECONDS)
        async with aclosing(stream):
            async for data in stream:
                await anyio.to_thread.run_sync(model.add, group, data)
                come(len(data))
                await _slowed(len(data), self._rate())


def _pieces(blocks: Generator[bytes], offset: int) -> Generator[bytes]:
    """The same bytes from `offset` on, cut anew."""
    for block in blocks:
        skipped = min(offset, len(block))
        offset -= skipped
        for start in range(skipped, len(block), _PIECE_BYTES):
            yield block[start : start + _PIECE_BYTES]


async def _slowed(size_bytes: int, bytes_per_second: int) -> None:
    if bytes_per_second > 0:
        await anyio.sleep(size_bytes / bytes_per_second)
