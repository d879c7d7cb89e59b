"""What one step computes: who takes part, with how many rows, under which adapters."""

import time

from crofter.engine.wire import LoadPlan

from . import plan
from .context import DECODED, INTERRUPTED
from .media import Span
from .residence import Residence
from .session import Session

_LONGEST_STEP_SECONDS = 0.5
"""Of a step that reads for several."""
_LONG_STEP_SECONDS = 0.2
"""A step that takes longer gives way to whatever comes in."""

Batch = list[tuple[Session, int]]
"""Sessions and how many rows of each; a session with one row left draws a token."""


class Composer:
    """Fills the context's batch and computes it, learning what a row costs."""

    def __init__(self, residence: Residence, load: LoadPlan, *, recurrent: bool) -> None:
        self._residence = residence
        self._load = load
        self._recurrent = recurrent
        self._seconds_per_row = 0.0
        self._gave_way = False
        self._viewed = False

    def compose(self, *, alone: bool) -> Batch:
        """Who takes part in this step, all under the adapters in use. `alone`: nobody waits but the one resident.

        Rows of images and sounds have steps of their own: llama.cpp takes tokens or embeddings, and attention is causal or not for
        all of a step. They take turns with the others.
        """
        everybody = [session for session in self._residence.residents if session.salt == self._residence.salt]
        group = [session for session in everybody if session.viewing is None]
        if not self._viewed or not group:
            viewing = self._compose_view(everybody, alone=alone)
            self._viewed = bool(viewing)
            if viewing:
                return viewing
        self._viewed = False
        writers = [session for session in group if session.writing]
        readers = [session for session in group if not session.writing]
        limits = plan.StepLimits(
            rows=self._load.micro_batch_rows,
            prefill_rows=self._prefill_rows(len(writers), alone=alone),
            kv_rows=self._residence.free_cells,
        )
        shares = plan.prefill_shares([_reader(session) for session in readers], len(writers), limits)
        for reader, share in zip(readers, shares, strict=True):
            reader.waited_steps = 0 if share else reader.waited_steps + 1
        return [
            *((writer, 1) for writer in writers),
            *((reader, share) for reader, share in zip(readers, shares, strict=True) if share),
        ]

    def _compose_view(self, group: list[Session], *, alone: bool) -> Batch:
        """The oldest session that reads an image or a sound next, with as many of its rows as there is time and room for.

        Rows that see each other are computed in one step or would not: `Senses` lets none in that are more than a step has.
        """
        writers = sum(session.writing for session in group)
        free = self._residence.free_cells
        for session in group:
            if (span := session.viewing) is not None:
                remaining = span.stop - session.computed
                rows = remaining if span.rows.mutual else min(remaining, self._prefill_rows(writers, alone=alone), free)
                if 0 < rows <= free:
                    return [(session, rows)]
        return []

    def _prefill_rows(self, writers: int, *, alone: bool) -> int:
        return plan.prefill_rows_now(
            writers=writers,
            alone=self._may_be_long(alone=alone),
            micro_batch_rows=self._load.micro_batch_rows,
            rows_while_writing=self._load.rows_while_writing,
            seconds_per_row=self._seconds_per_row,
            longest_step_seconds=_LONGEST_STEP_SECONDS,
        )

    def compute(self, batch: Batch, *, alone: bool) -> int:
        """Run llama.cpp over the batch; returns its code. After INTERRUPTED nothing has changed."""
        started = time.monotonic()
        rows = sum(count for _, count in batch)
        interruptible = self._may_be_long(alone=alone) and self._is_long(rows)
        session = batch[0][0]
        if (span := session.viewing) is not None:
            code = self._view(session, span, rows, interruptible=interruptible)
        else:
            self._fill(batch)
            code = self._residence.context.decode(rows, interruptible=interruptible)
        self._gave_way = code == INTERRUPTED
        if code == DECODED and rows > len(batch):
            # Smoothed, and only over steps that read: their time is what the length of a step is planned by.
            seconds = (time.monotonic() - started) / rows
            known = self._seconds_per_row
            self._seconds_per_row = seconds if known == 0.0 else 0.7 * known + 0.3 * seconds
        return code

    def _may_be_long(self, *, alone: bool) -> bool:
        # A step alone can give way; having given way, the next one is short and sure to move on. A recurrent state would be
        # half advanced.
        return alone and not self._gave_way and not self._recurrent

    def _is_long(self, rows: int) -> bool:
        # Asking whether to stop takes the interpreter some milliseconds a step, which shows in the first token of a short prompt.
        if self._seconds_per_row == 0.0:
            return rows > plan.TILE_ROWS
        return rows * self._seconds_per_row > _LONG_STEP_SECONDS

    def _fill(self, batch: Batch) -> None:
        row = 0
        for session, count in batch:
            start = session.computed
            tokens = session.tokens[start : start + count]
            wanted = "last" if session.pending == count else "none"
            row = self._residence.context.put(row, tokens, session.position(start), session.sequence, wanted)

    def _view(self, session: Session, span: Span, count: int, *, interruptible: bool) -> int:
        start = session.computed - span.start
        return self._residence.context.decode_embeddings(
            span.rows.values[start : start + count],
            span.rows.positions_at(start, start + count, session.position(span.start)),
            session.sequence,
            mutual=span.rows.mutual,
            interruptible=interruptible,
        )


def _reader(session: Session) -> plan.Reader:
    rows = session.readable
    if rows == session.pending:
        rows = plan.rows_to_read(rows, repeatable=session.repeatable)
    return plan.Reader(rows, session.waited_steps)
