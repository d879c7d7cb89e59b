"""What one step computes: who takes part, with how many rows, under which adapters."""

import time

from crofter.engine.wire import LoadPlan

from . import plan
from .library import DECODED, INTERRUPTED
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

    def compose(self, *, alone: bool) -> Batch:
        """Who takes part in this step, all under the adapters in use. `alone`: nobody waits but the one resident."""
        group = [session for session in self._residence.residents if session.salt == self._residence.salt]
        writers = [session for session in group if session.writing]
        readers = [session for session in group if not session.writing]
        limits = plan.StepLimits(
            rows=self._load.micro_batch_rows,
            prefill_rows=plan.prefill_rows_now(
                writers=len(writers),
                alone=self._may_be_long(alone=alone),
                micro_batch_rows=self._load.micro_batch_rows,
                rows_while_writing=self._load.rows_while_writing,
                seconds_per_row=self._seconds_per_row,
                longest_step_seconds=_LONGEST_STEP_SECONDS,
            ),
            kv_rows=self._residence.free_cells,
        )
        shares = plan.prefill_shares([_reader(session) for session in readers], len(writers), limits)
        for reader, share in zip(readers, shares, strict=True):
            reader.waited_steps = 0 if share else reader.waited_steps + 1
        return [
            *((writer, 1) for writer in writers),
            *((reader, share) for reader, share in zip(readers, shares, strict=True) if share),
        ]

    def compute(self, batch: Batch, *, alone: bool) -> int:
        """Run llama.cpp over the batch; returns its code. After INTERRUPTED nothing has changed."""
        started = time.monotonic()
        rows = self._fill(batch)
        code = self._residence.context.decode(
            rows, interruptible=self._may_be_long(alone=alone) and self._is_long(rows)
        )
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

    def _fill(self, batch: Batch) -> int:
        row = 0
        for session, count in batch:
            start = session.computed
            tokens = session.tokens[start : start + count]
            wanted = "last" if session.pending == count else "none"
            row = self._residence.context.put(row, tokens, start, session.sequence, wanted)
        return row


def _reader(session: Session) -> plan.Reader:
    return plan.Reader(plan.rows_to_read(session.pending, repeatable=session.repeatable), session.waited_steps)
