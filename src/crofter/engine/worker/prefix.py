"""Prompts kept for reuse: exported sequence states, found again by the hashes of their token blocks.

A state is parked in ordinary memory when its answer ends, so that only running answers occupy the KV cache: every cell that
llama.cpp has to skip there costs time in each step, while importing a state costs a memory copy.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .context import State
from .media import Span, shared_length

BLOCK_TOKENS = 32

TokenArray = npt.NDArray[np.int32]


def block_hashes(tokens: TokenArray, salt: bytes) -> list[bytes]:
    """A hash for each whole block of tokens; each covers the salt and all blocks before it (a chain)."""
    hashes: list[bytes] = []
    link = salt
    for end in range(BLOCK_TOKENS, tokens.size + 1, BLOCK_TOKENS):
        link = hashlib.blake2b(link + tokens[end - BLOCK_TOKENS : end].tobytes(), digest_size=16).digest()
        hashes.append(link)
    return hashes


def common_length(first: TokenArray, second: TokenArray) -> int:
    """How many tokens two lists share at their beginning."""
    size = min(first.size, second.size)
    different = np.flatnonzero(first[:size] != second[:size])
    return int(different[0]) if different.size else size


@dataclass(eq=False)
class Prefix:
    """Tokens whose state is known: parked (`state`), or still live in a sequence of the context."""

    tokens: TokenArray
    hashes: list[bytes]
    state: State | None
    sequence: int = -1
    """Where a live prefix is; -1 for a parked one."""
    media: Mapping[int, bytes] = field(default_factory=dict[int, bytes])
    """Where among the tokens rows of images and sounds begin, and their keys."""

    @property
    def size_bytes(self) -> int:
        """Memory the parked state takes."""
        return 0 if self.state is None else int(self.state.size)


class PrefixCache:
    """Least-recently-used prefixes within a memory bound.

    `whole_only`: a state can only be used with all its tokens (recurrent models cannot go back).
    """

    def __init__(self, capacity_bytes: int, *, whole_only: bool) -> None:
        self.capacity_bytes = capacity_bytes
        self.used_bytes = 0
        self._whole_only = whole_only
        self._entries: OrderedDict[int, Prefix] = OrderedDict()
        self._by_hash: dict[bytes, list[Prefix]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, tokens: TokenArray, salt: bytes, spans: Sequence[Span] = ()) -> tuple[Prefix, int] | None:
        """The prefix that shares most tokens with a prompt, and how many; None if not even one block is shared."""
        best: tuple[Prefix, int] | None = None
        for link in reversed(block_hashes(tokens, salt)):
            for prefix in self._by_hash.get(link, ()):
                shared = shared_length(common_length(prefix.tokens, tokens), spans, prefix.media)
                if self._whole_only and (shared < prefix.tokens.size or prefix.state is None):
                    continue
                if best is None or shared > best[1]:
                    best = prefix, shared
            if best is not None:
                if id(best[0]) in self._entries:
                    self._entries.move_to_end(id(best[0]))
                return best
        return None

    def add(
        self,
        tokens: Sequence[int],
        salt: bytes,
        state: State | None,
        *,
        sequence: int = -1,
        spans: Sequence[Span] = (),
    ) -> Prefix | None:
        """Remember a state. Drops what it contains and what no longer fits; None if it is not worth keeping."""
        array = np.asarray(tokens, np.int32)
        prefix = Prefix(
            array, block_hashes(array, salt), state, sequence, {span.start: span.rows.key for span in spans}
        )
        if not prefix.hashes or prefix.size_bytes > self.capacity_bytes:
            return None
        if state is not None and not self._whole_only:
            for other in [entry for entry in self._entries.values() if entry.state is not None]:
                if other.hashes[-1] in prefix.hashes and common_length(other.tokens, array) == other.tokens.size:
                    self.remove(other)
        self._entries[id(prefix)] = prefix
        self.used_bytes += prefix.size_bytes
        for link in prefix.hashes:
            self._by_hash.setdefault(link, []).append(prefix)
        while self.used_bytes > self.capacity_bytes:
            self.remove(next(entry for entry in self._entries.values() if entry.state is not None))
        return prefix

    def remove(self, prefix: Prefix) -> None:
        """Forget a prefix. Idempotent."""
        if self._entries.pop(id(prefix), None) is None:
            return
        self.used_bytes -= prefix.size_bytes
        for link in prefix.hashes:
            sharers = self._by_hash[link]
            sharers.remove(prefix)
            if not sharers:
                del self._by_hash[link]

    def holds(self, tokens: Sequence[int], salt: bytes, spans: Sequence[Span] = ()) -> bool:
        """Whether all these tokens are already parked, so that exporting them again would gain nothing."""
        array = np.asarray(tokens, np.int32)
        found = self.find(array, salt, spans)
        return found is not None and found[0].state is not None and found[1] == array.size
