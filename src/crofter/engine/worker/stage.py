"""A slice's scheduler: rows of many sessions in one llama_decode, longer chunks beside them. Single-threaded, as the scheduler is."""

import time
from collections import deque
from typing import NamedTuple

import numpy as np

from crofter.core import CrofterError, ErrorCode
from crofter.engine.messages import Computed, Done, Export, Exported, Forget, Missing, SlicePlan, TakeIn
from crofter.engine.wire import MAXIMUM_FRAME_BYTES, Failed, FromWorker, LoadPlan, Occupancy

from . import plan
from .context import DECODED, Context
from .library import Model
from .stage_memory import StageMemory
from .stage_session import StageSession, Step
from .tap import Tap

_LONGEST_STEP_SECONDS = 0.2
_MOST_WAITING_STEPS = 64
"""Of one session: some times what a route has in flight."""


class Share(NamedTuple):
    """So many of the rows of a session's step."""

    session: StageSession
    step: Step
    rows: int


class Stage:
    """Computes steps of sessions; `step` is called as long as `busy`."""

    def __init__(self, model: Model, load: LoadPlan, part: SlicePlan) -> None:
        self._part = part
        self._load = load
        self._recurrent = model.recurrent
        self.width = model.embedding_length
        self.sections = model.position_sections
        self._tap = Tap(part.hidden_tensor, self.width, load.micro_batch_rows, part.build_folder)
        self._context = Context(model, load, tap=self._tap)
        self._memory = StageMemory(self._context, load, part)
        self._seconds_per_row = 0.0
        self._chunk_was_last = False
        self._adapters: tuple[tuple[str, float], ...] = ()
        """Under which the next steps are computed."""
        self._outbox: list[FromWorker] = []

    @property
    def busy(self) -> bool:
        """Whether a step has anything to do."""
        return any(session.steps for session in self._memory.sessions.values())

    def submit(self, number: int, step: Step) -> None:
        """Take a step into its session's line."""
        try:
            if step.rows.mutual and step.rows.count > self._load.micro_batch_rows:
                raise CrofterError(ErrorCode.UNSUPPORTED, f"a step here has {self._load.micro_batch_rows} rows")
            session = self._memory.session(number)
            if len(session.steps) >= _MOST_WAITING_STEPS:
                raise CrofterError(ErrorCode.OVERLOADED, f"{len(session.steps)} steps of this session wait already")
        except CrofterError as error:
            self._fail(step, error)
            return
        session.steps.append(step)

    def cancel(self, call: int) -> None:
        """Forget a step; what it has computed stays. Unknown ones are finished."""
        for session in list(self._memory.sessions.values()):
            session.steps = deque(step for step in session.steps if step.call != call)
            self._drop_if_empty(session)

    def manage(self, message: Forget | Export | TakeIn) -> None:
        """What is asked about a session as a whole, at once: steps that wait are computed later, or fail if it is gone."""
        try:
            match message:
                case Forget():
                    self._forget(message.session)
                    self._outbox.append(Done(call=message.call, held=0))
                case Export():
                    state = self._memory.export(message.session)
                    if len(state) > MAXIMUM_FRAME_BYTES - 1024:
                        raise CrofterError(ErrorCode.REQUEST_TOO_LARGE, f"the state has {len(state):,} bytes")
                    self._outbox.append(Exported(call=message.call, state=state))
                case TakeIn():
                    held = self._memory.take_in(message.session, message.state)
                    self._outbox.append(Done(call=message.call, held=held))
        except CrofterError as error:
            self._outbox.append(Failed(call=message.call, error=error.report()))

    def step(self) -> None:
        """Begin what waits, decode once, give results. Never raises for what is asked: it fails those steps."""
        self._begin()
        self._choose_adapters()
        batch = self._compose()
        if not batch:
            return
        try:
            self._compute(batch)
        except CrofterError as error:
            for share in batch:
                self._memory.give_up(share.session)
                self._end(share.session)
                self._fail(share.step, error)

    def take_outbox(self) -> list[FromWorker]:
        """Messages for the node since the last call."""
        messages, self._outbox = self._outbox, []
        return messages

    def occupancy(self) -> Occupancy:
        """How full everything is."""
        sessions = self._memory.sessions.values()
        return Occupancy(
            active_requests=len(sessions),
            queued_requests=sum(len(session.steps) for session in sessions),
            kv_tokens_used=self._memory.used_cells,
            cached_prefixes=0,
            cached_prefix_bytes=0,
        )

    def _forget(self, number: int) -> None:
        session = self._memory.forget(number)
        for step in session.steps if session is not None else ():
            self._fail(step, CrofterError(ErrorCode.CANCELLED, "the session was ended"))

    # One step.

    def _begin(self) -> None:
        for session in list(self._memory.sessions.values()):
            while session.steps and not session.steps[0].begun:
                step = session.steps[0]
                try:
                    if not self._memory.begin(session, step):
                        self._outbox.append(Missing(call=step.call, held=len(session.held)))
                        self._end(session)
                except CrofterError as error:
                    self._end(session)
                    self._fail(step, error)

    def _choose_adapters(self) -> None:
        # Adapters belong to the context, so steps under others take turns.
        begun = [(session, step) for session in self._memory.sessions.values() if (step := session.step) is not None]
        wanted = sorted({step.adapters for _, step in begun})
        if not wanted or wanted == [self._adapters]:
            return
        chosen = next((adapters for adapters in wanted if adapters > self._adapters), wanted[0])
        try:
            self._adapters = ()
            self._context.use_adapters([])
            self._context.use_adapters(chosen)
            self._adapters = chosen
        except CrofterError as error:
            for session, step in begun:
                if step.adapters == chosen:
                    self._end(session)
                    self._fail(step, error)

    def _compose(self) -> list[Share]:
        """All single rows, and chunks beside them as far as there is time; some chunks have a decode of their own."""
        ready = [
            Share(session, step, step.remaining)
            for session in self._memory.sessions.values()
            if (step := session.step) is not None and step.adapters == self._adapters
        ]
        singles = [share for share in ready if share.rows == 1][: self._load.micro_batch_rows]
        chunks = [share for share in ready if share.rows > 1]
        if not chunks:
            self._chunk_was_last = False
            return singles
        # llama.cpp attends to later rows for all of a decode or for none, and regroups the rows of several sequences where states
        # are recurrent. Those chunks take turns with the others.
        apart = next((chunk for chunk in chunks if self._recurrent or chunk.step.rows.mutual), None)
        if apart is not None and not (self._chunk_was_last and len(ready) > 1):
            self._chunk_was_last = True
            rows = apart.rows if apart.step.rows.mutual else min(apart.rows, self._chunk_rows(len(ready) - 1))
            return [apart._replace(rows=rows)]
        self._chunk_was_last = False
        chunks = [] if self._recurrent else [chunk for chunk in chunks if not chunk.step.rows.mutual]
        limits = plan.StepLimits(self._load.micro_batch_rows, self._chunk_rows(len(singles)), self._load.kv_tokens)
        readers = [plan.Reader(chunk.rows, chunk.step.waited_steps) for chunk in chunks]
        shares = plan.prefill_shares(readers, len(singles), limits)
        for chunk, rows in zip(chunks, shares, strict=True):
            chunk.step.waited_steps = 0 if rows else chunk.step.waited_steps + 1
        return singles + [chunk._replace(rows=rows) for chunk, rows in zip(chunks, shares, strict=True) if rows]

    def _chunk_rows(self, others: int) -> int:
        return plan.prefill_rows_now(
            writers=others,
            alone=others == 0,
            micro_batch_rows=self._load.micro_batch_rows,
            rows_while_writing=self._load.rows_while_writing,
            seconds_per_row=self._seconds_per_row,
            longest_step_seconds=_LONGEST_STEP_SECONDS,
        )

    def _compute(self, batch: list[Share]) -> None:
        """Raises WORKER_FAILED, and then what the sessions hold is undefined."""
        part = self._part
        values = _joined([step.values[step.done : step.done + rows] for _, step, rows in batch], 0)
        positions = _joined([step.positions[:, step.done : step.done + rows] for _, step, rows in batch], 1)
        sequences = np.array([session.sequence for session, _, rows in batch for _ in range(rows)], np.int32)
        wanted = _joined([step.wanted(rows, last_only=part.gives_wanted_only) for _, step, rows in batch], 0)
        if part.input_scale != 1.0:
            values = values * np.float32(part.input_scale)
        started = time.monotonic()
        self._tap.start()
        mutual = batch[0].step.rows.mutual
        code = self._context.decode_rows(values, positions, sequences, wanted, mutual=mutual)
        if code != DECODED:
            raise CrofterError(ErrorCode.WORKER_FAILED, f"llama.cpp failed to compute (code {code})")
        given = self._tap.rows(wanted)
        if part.output_scale != 1.0:
            given = given * np.float32(part.output_scale)
        if len(values) > len(batch):
            seconds = (time.monotonic() - started) / len(values)
            known = self._seconds_per_row
            self._seconds_per_row = seconds if known == 0.0 else 0.7 * known + 0.3 * seconds
        self._give(batch, given, wanted)

    def _give(self, batch: list[Share], given: np.ndarray, wanted: np.ndarray) -> None:
        row = first = 0
        for session, step, rows in batch:
            count = int(np.count_nonzero(wanted[row : row + rows]))
            step.results.append(given[first : first + count].tobytes())
            session.held += step.positions[0, step.done : step.done + rows].tolist()
            step.done += rows
            row, first = row + rows, first + count
            if step.remaining == 0:
                self._end(session)
                self._outbox.append(Computed(call=step.call, values=b"".join(step.results)))

    def _end(self, session: StageSession) -> None:
        session.steps.popleft()
        self._drop_if_empty(session)

    def _drop_if_empty(self, session: StageSession) -> None:
        if not session.held and not session.steps:
            self._memory.forget(session.number)

    def _fail(self, step: Step, error: CrofterError) -> None:
        self._outbox.append(Failed(call=step.call, error=error.report()))


def _joined(arrays: list[np.ndarray], axis: int) -> np.ndarray:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis)
