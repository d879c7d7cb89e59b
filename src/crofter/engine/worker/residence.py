"""Who is in the KV cache: sequences given and taken back, prefixes reused, states parked when an answer leaves."""

from collections.abc import Callable

import numpy as np

from crofter.core import AdapterUse
from crofter.engine.wire import LoadPlan

from . import plan
from .context import Context
from .library import Model
from .prefix import PrefixCache
from .session import Session


class Residence:
    """The cells of one context and the prefixes parked beside it."""

    def __init__(self, model: Model, load: LoadPlan, interrupted: Callable[[], bool]) -> None:
        self.context = Context(model, load, interrupted=interrupted)
        self.prefixes = PrefixCache(load.prefix_cache_bytes, whole_only=model.recurrent)
        self.residents: list[Session] = []
        """Oldest first."""
        self.salt = b""
        """Under which adapters the next step runs."""
        self._recurrent = model.recurrent
        self._load = load
        self._free_sequences = list(range(load.sequences))

    @property
    def ready(self) -> bool:
        """Whether a step has anything to do for those who are here."""
        return bool(self.residents)

    @property
    def used_cells(self) -> int:
        """Cells of the KV cache that hold a token."""
        return sum(session.computed for session in self.residents)

    @property
    def free_cells(self) -> int:
        """Cells left for the next step."""
        return self._load.kv_tokens - self.used_cells

    def has_room_for(self, session: Session) -> bool:
        """Whether a session may enter now: a sequence is free and its tokens fit beside those of the others."""
        if not self._free_sequences:
            return False
        promised = sum(other.computed + other.pending for other in self.residents)
        return not self.residents or promised + len(session.tokens) + 1 <= self._load.kv_tokens

    def overcrowding(self) -> list[Session]:
        """Who must leave, the youngest, so that the others have room for their next step."""
        needs = [(session.computed, min(session.pending, plan.SMALLEST_PREFILL_ROWS)) for session in self.residents]
        count = plan.preempted(needs, self._load.kv_tokens)
        return self.residents[len(needs) - count :]

    def enter(self, session: Session) -> int:
        """Give a session a sequence, with as much of its tokens as a known prefix holds; returns how many those are."""
        session.sequence = self._free_sequences.pop()
        self.residents.append(session)
        session.computed = self._reuse_prefix(session)
        return session.computed

    def leave(self, session: Session) -> None:
        """Take a session's sequence and cells back. Nothing happens if it has none."""
        if session.live_prefix is not None:
            self.prefixes.remove(session.live_prefix)
            session.live_prefix = None
        if session.sequence >= 0:
            self.residents.remove(session)
            self.context.truncate(session.sequence, 0)
            self._free_sequences.append(session.sequence)
            session.sequence = -1
            session.computed = 0

    def park(self, session: Session) -> None:
        """Keep what a resident has computed for whoever asks for the same beginning."""
        if session.sequence < 0 or session.computed == 0 or self._load.prefix_cache_bytes == 0:
            return
        tokens, spans = session.tokens[: session.computed], session.spans
        if not self.prefixes.holds(tokens, session.salt, spans):
            self.prefixes.add(tokens, session.salt, self.context.export_state(session.sequence), spans=spans)

    def publish(self, session: Session) -> None:
        """Let others reuse a prompt that has just been read, while its answer is still being written."""
        if self._recurrent:
            self.park(session)
        else:
            session.live_prefix = self.prefixes.add(
                session.tokens, session.salt, None, sequence=session.sequence, spans=session.spans
            )

    def use_adapters(self, salt: bytes, adapters: tuple[AdapterUse, ...]) -> None:
        """Make the next steps run under these adapters. Raises CrofterError, and then none are in use."""
        self.salt = b""
        self.context.use_adapters([])
        self.context.use_adapters([(use.path, use.scale) for use in adapters])
        self.salt = salt

    def _reuse_prefix(self, session: Session) -> int:
        found = self.prefixes.find(np.asarray(session.tokens, np.int32), session.salt, session.spans)
        if found is None:
            return 0
        prefix, matched = found
        # The last row is always computed: its logits are needed.
        length = min(matched, len(session.tokens) - 1)
        if length == 0 or (self._recurrent and length < matched):
            return 0
        state = self.context.export_state(prefix.sequence) if prefix.state is None else prefix.state
        imported = self.context.import_state(session.sequence, state)
        if imported and (self._recurrent or self.context.truncate(session.sequence, session.position(length))):
            return length
        self.context.truncate(session.sequence, 0)
        return 0
