"""LoRA adapters over a route: the requester cuts them for each stage, a stage fetches its part by its hash when a session begins."""

import hashlib
import os
from collections import Counter
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import ExitStack, aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated

import anyio.to_thread
import msgspec

from crofter.core import AdapterUse, CrofterError, ErrorCode, NodeId, SliceFile, shown_size
from crofter.models import Header, SlicePlan, plan_ends, plan_slice, read_header, slice_adapter
from crofter.network import BULK, Caller, Peers, StreamKind
from crofter.store import incoming_path, move_into_place, read_range, remove_leftovers

from .messages import ADAPTER_HASH_BYTES, MOST_ADAPTER_BYTES, MOST_ADAPTERS, AdapterPart
from .route import Route

_PIECE_BYTES = 1 << 20
_FETCH_SECONDS = 600.0
_KEPT_BYTES = 1 << 30
_MOST_KNOWN = 256
"""Cuts that are remembered."""

_Hash = Annotated[bytes, msgspec.Meta(min_length=ADAPTER_HASH_BYTES, max_length=ADAPTER_HASH_BYTES)]
_Cut = tuple[str, int, int, Path, int, int, bool]
"""What was cut: the file, its time and size; and where: the model, the layers, whether they are the ends."""


class AdapterWanted(msgspec.Struct, frozen=True, kw_only=True):
    """The part of an adapter that the asked node has named in the opening of a session."""

    adapter_id: _Hash


ADAPTER = StreamKind(
    name="adapter",
    request=AdapterWanted,
    reply=bytes,
    who="trusted",
    most_bytes=_PIECE_BYTES,
    per_minute=240,
    bytes_per_minute=4 * MOST_ADAPTER_BYTES,
    priority=BULK,
)


class Adapters:
    """Both sides: parts that this node cut for its own requests, and those that it fetched for stages of others."""

    def __init__(self, own_id: NodeId, peers: Peers, folder: Path, kept_bytes: int = _KEPT_BYTES) -> None:
        """`folder` is made when it is needed, and nothing else may lie in it. `kept_bytes`: about what it may hold; what was not used
        for the longest time goes first.
        """
        self._own_id = own_id
        self._peers = peers
        self._folder = folder
        self._kept_bytes = kept_bytes
        self._cut: dict[_Cut, AdapterPart | None] = {}
        """None: nothing of that adapter belongs there."""
        self._in_use: Counter[bytes] = Counter()
        remove_leftovers(folder)
        peers.serve(ADAPTER, self._give)

    # The requester's side.

    async def over(
        self, header: Header, ends: SliceFile, route: Route, uses: Sequence[AdapterUse]
    ) -> tuple[Route, tuple[AdapterUse, ...]]:
        """The route with what each stage is to apply, and what the ends apply themselves. `header`: of the whole model.

        Raises UNSUPPORTED, MODEL_INVALID, NOT_FOUND for an adapter that cannot be cut; REQUEST_TOO_LARGE.
        """
        if len(uses) > MOST_ADAPTERS:
            raise CrofterError(
                ErrorCode.INVALID_REQUEST, f"a route takes {MOST_ADAPTERS} adapters at most", parameter="lora"
            )
        plans = [plan_slice(header, hop.start, hop.stop) for hop in route.hops]
        hops = [
            msgspec.structs.replace(hop, adapters=await self._parts(uses, header, plan))
            for hop, plan in zip(route.hops, plans, strict=True)
        ]
        parts = await self._parts(uses, header, plan_ends(header, ends.start))
        return msgspec.structs.replace(route, hops=tuple(hops)), tuple(self._use(part) for part in parts)

    async def _parts(self, uses: Sequence[AdapterUse], whole: Header, plan: SlicePlan) -> tuple[AdapterPart, ...]:
        parts = [await anyio.to_thread.run_sync(self._made, use, whole, plan) for use in uses]
        return tuple(part for part in parts if part is not None)

    def _made(self, use: AdapterUse, whole: Header, plan: SlicePlan) -> AdapterPart | None:
        path = Path(use.path)
        try:
            facts = path.stat()
        except OSError as error:
            raise CrofterError(
                ErrorCode.NOT_FOUND, f"the adapter {path.name} cannot be read: {error.strerror}", parameter="lora"
            ) from error
        cut = (use.path, facts.st_mtime_ns, facts.st_size, whole.path, plan.start, plan.stop, plan.is_ends)
        known = self._cut.get(cut)
        if cut not in self._cut or (known is not None and not self._path(known).is_file()):
            while len(self._cut) >= _MOST_KNOWN:
                del self._cut[next(iter(self._cut))]
            known = self._cut[cut] = self._written(path, plan)
        if known is None:
            return None
        os.utime(self._path(known))
        return msgspec.structs.replace(known, scale=use.scale)

    def _written(self, adapter: Path, plan: SlicePlan) -> AdapterPart | None:
        self._make_room()
        temporary = incoming_path(self._folder)
        try:
            if not slice_adapter(read_header(adapter), plan, temporary):
                return None
            size_bytes = temporary.stat().st_size
            if size_bytes > MOST_ADAPTER_BYTES:
                raise CrofterError(
                    ErrorCode.REQUEST_TOO_LARGE,
                    f"the adapter {adapter.name} has {shown_size(size_bytes)} for one stage, and {shown_size(MOST_ADAPTER_BYTES)}"
                    " can be sent to it",
                    parameter="lora",
                )
            with temporary.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").digest()
            part = AdapterPart(adapter_id=digest, size_bytes=size_bytes)
            move_into_place(temporary, self._path(part))
            return part
        finally:
            temporary.unlink(missing_ok=True)

    async def _give(self, _: Caller, wanted: AdapterWanted) -> AsyncGenerator[bytes]:
        part = next((part for part in list(self._cut.values()) if part and part.adapter_id == wanted.adapter_id), None)
        if part is None or not self._path(part).is_file():
            raise CrofterError(ErrorCode.NOT_FOUND, "this node has named no such adapter")
        with self._using(part):
            for offset in range(0, part.size_bytes, _PIECE_BYTES):
                size = min(_PIECE_BYTES, part.size_bytes - offset)
                yield b"".join(await anyio.to_thread.run_sync(list, read_range(self._path(part), offset, size)))

    # A stage's side.

    @asynccontextmanager
    async def held(self, requester: NodeId, parts: Sequence[AdapterPart]) -> AsyncGenerator[tuple[AdapterUse, ...]]:
        """The parts as files, which stay as long as this is open; fetched from the requester where they are not here.

        Raises what fetching raises; PEER_FAILED if something else comes than was named, MODEL_INVALID if it is no adapter.
        """
        with ExitStack() as stack:
            for part in parts:
                stack.enter_context(self._using(part))
                if not self._path(part).is_file():
                    await self._fetch(requester, part)
                await anyio.to_thread.run_sync(os.utime, self._path(part))
            yield tuple(self._use(part) for part in parts)

    async def _fetch(self, requester: NodeId, part: AdapterPart) -> None:
        if requester == self._own_id:
            raise CrofterError(ErrorCode.NOT_FOUND, "an adapter of this route is gone; ask again", parameter="lora")
        await anyio.to_thread.run_sync(self._make_room)
        temporary = incoming_path(self._folder)
        digest, size_bytes = hashlib.sha256(), 0
        try:
            wanted = AdapterWanted(adapter_id=part.adapter_id)
            stream = self._peers.stream(requester, ADAPTER, wanted, timeout_seconds=_FETCH_SECONDS)
            async with aclosing(stream), await anyio.open_file(temporary, "xb") as file:
                async for data in stream:
                    size_bytes += len(data)
                    if size_bytes > part.size_bytes:
                        break
                    digest.update(data)
                    await file.write(data)
            if size_bytes != part.size_bytes or digest.digest() != part.adapter_id:
                raise CrofterError(ErrorCode.PEER_FAILED, "another adapter came than the session was opened with")
            await anyio.to_thread.run_sync(_require_adapter, temporary)
            await anyio.to_thread.run_sync(move_into_place, temporary, self._path(part))
        finally:
            temporary.unlink(missing_ok=True)

    # Files.

    @contextmanager
    def _using(self, part: AdapterPart) -> Generator[None]:
        self._in_use[part.adapter_id] += 1
        try:
            yield
        finally:
            self._in_use[part.adapter_id] -= 1

    def _use(self, part: AdapterPart) -> AdapterUse:
        return AdapterUse(path=str(self._path(part)), scale=part.scale)

    def _path(self, part: AdapterPart) -> Path:
        return self._folder / f"{part.adapter_id.hex()}.gguf"

    def _make_room(self) -> None:
        """For one part more."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        used = {f"{adapter_id.hex()}.gguf" for adapter_id, count in self._in_use.items() if count > 0}
        files = [(path.stat(), path) for path in self._folder.glob("*.gguf")]
        total = MOST_ADAPTER_BYTES + sum(facts.st_size for facts, _ in files)
        for facts, path in sorted(files, key=lambda file: file[0].st_mtime):
            if total <= self._kept_bytes:
                return
            if path.name not in used:
                path.unlink(missing_ok=True)
                total -= facts.st_size


def _require_adapter(path: Path) -> None:
    """Look at a file of somebody else before llama.cpp does. Raises MODEL_INVALID."""
    header = read_header(path)
    if (header.text("general.type"), header.text("adapter.type")) != ("adapter", "lora"):
        raise header.invalid("it is not a LoRA adapter")
