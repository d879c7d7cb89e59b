"""The ends' side of a route: what stands before the scheduler where a whole model has its context.

It is residence and composer in one: rows go out as messages, what comes back is run through the layers that the ends keep, if they
keep any, and the output head. Nothing is computed for a session while its rows are under way, so many of them, and many nodes'
time, overlap.
"""

from collections import deque
from dataclasses import dataclass, field
from itertools import count

import msgspec
import numpy as np
import numpy.typing as npt

from crofter.core import AdapterUse, CrofterError, ErrorCode, Rows
from crofter.engine.messages import Forward, Release, Returned, SlicePlan
from crofter.engine.slices import HEAD_CELLS
from crofter.engine.wire import FromWorker, LoadPlan

from . import plan
from .composer import Batch
from .context import Context
from .embedding_rows import EmbeddingRows
from .library import Model
from .prefix import PrefixCache
from .session import Session
from .stage_session import planes

_MOST_IN_FLIGHT = 4
"""Steps of one session under way: a route of so many stages is busy throughout with one prompt."""


class _Sent(msgspec.Struct, frozen=True):
    step: int
    rows: Rows
    positions: npt.NDArray[np.int32]


class _Back(msgspec.Struct, frozen=True):
    """Rows for what is here."""

    sent: _Sent
    values: npt.NDArray[np.float32]


@dataclass(eq=False)
class _Travel:
    """Which rows of a session went out, and what came back."""

    session: Session
    next_step: int = 0
    sent_rows: int = 0
    in_flight: deque[_Sent] = field(default_factory=deque[_Sent])
    back: deque[_Back] = field(default_factory=deque[_Back])
    """With no layers here only what a token is drawn from."""
    kept_in: int = -1
    """The sequence of the context that remembers it."""

    @property
    def may_send(self) -> bool:
        return self.sent_rows < len(self.session.tokens) and len(self.in_flight) < _MOST_IN_FLIGHT


class Route:
    """Sessions whose layers are computed elsewhere."""

    def __init__(self, model: Model, load: LoadPlan, part: SlicePlan, table: EmbeddingRows) -> None:
        if not part.keeps_layers:
            # The layer there is of zeros: each row is computed by itself, whatever stood before it.
            self.context = Context(
                model, msgspec.structs.replace(load, kv_tokens=HEAD_CELLS, micro_batch_rows=load.sequences)
            )
        else:
            self.context = Context(model, load)
        self.residents: list[Session] = []
        self.salt = b""
        self.prefixes = PrefixCache(0, whole_only=True)
        """None: what is known of a prompt is known at the stages."""
        self._sections = model.position_sections
        self._load = load
        self._part = part
        self._table = table
        self._travels: dict[int, _Travel] = {}
        """By the number of the session, which is its sequence."""
        self._numbers = count()
        self._free_sequences = list(range(load.sequences))
        self._chunk_was_last = False
        self._outbox: list[FromWorker] = []

    # As a residence.

    @property
    def ready(self) -> bool:
        """Whether a step has anything to do for those who are here."""
        return any(travel.back or travel.may_send for travel in self._travels.values())

    @property
    def used_cells(self) -> int:
        """Rows that the stages hold."""
        return sum(session.computed for session in self.residents)

    def has_room_for(self, session: Session) -> bool:
        """Whether a session may enter now."""
        if not self._free_sequences:
            return False
        promised = sum(len(other.tokens) for other in self.residents) if self._part.keeps_layers else 0
        return not self.residents or promised + len(session.tokens) + 1 <= self._load.kv_tokens

    def overcrowding(self) -> list[Session]:
        """Who must leave, the youngest, so that the others have room here; the stages say themselves that they are full."""
        if not self._part.keeps_layers:
            return []
        needs = [(len(session.tokens), 0) for session in self.residents]
        return self.residents[len(needs) - plan.preempted(needs, self._load.kv_tokens) :]

    def enter(self, session: Session) -> int:
        """Number a session; no row of it is known."""
        session.sequence = next(self._numbers)
        self.residents.append(session)
        self._travels[session.sequence] = _Travel(session, kept_in=self._free_sequences.pop())
        return 0

    def leave(self, session: Session) -> None:
        """The session needs its stages no more. Nothing happens if it has none."""
        if session.sequence >= 0:
            self.residents.remove(session)
            travel = self._travels.pop(session.sequence)
            self._free_sequences.append(travel.kept_in)
            if self._part.keeps_layers:
                self.context.truncate(travel.kept_in, 0)
            self._outbox.append(Release(call=session.answer.prepared.call, session=session.sequence))
            session.sequence = -1
            session.computed = 0

    def park(self, session: Session) -> None:
        """Nothing: what was computed is not here."""

    def publish(self, session: Session) -> None:
        """Nothing, for the same reason."""

    def use_adapters(self, salt: bytes, adapters: tuple[AdapterUse, ...]) -> None:
        """Make the next steps run under what changes the head, and layers that are here. Raises as `Residence.use_adapters`."""
        self.salt = b""
        self.context.use_adapters([])
        self.context.use_adapters([(use.path, use.scale) for use in adapters])
        self.salt = salt

    # As a composer.

    def compose(self, *, alone: bool) -> Batch:
        """Whose rows are back: single ones together, and chunks, which only layers that are here can have any use for, by themselves."""
        del alone
        back = [
            (travel.session, len(travel.back[0].values))
            for travel in self._travels.values()
            if travel.back and travel.session.salt == self.salt
        ]
        singles = [(session, rows) for session, rows in back if rows == 1]
        chunk = next(((session, rows) for session, rows in back if rows > 1), None)
        self._chunk_was_last = chunk is not None and not (self._chunk_was_last and singles)
        return [chunk] if chunk is not None and self._chunk_was_last else singles

    def compute(self, batch: Batch, *, alone: bool) -> int:
        """Run the rows that are back through what is here; returns llama.cpp's code."""
        del alone
        travels = [self._travels[session.sequence] for session, _ in batch]
        back = [travel.back.popleft() for travel in travels]
        values = np.concatenate([each.values for each in back]) * np.float32(self._part.input_scale)
        if self._part.keeps_layers:
            sequences = np.repeat(
                np.array([travel.kept_in for travel in travels], np.int32), [rows for _, rows in batch]
            )
            positions = np.concatenate([each.sent.positions for each in back], 1)
        else:
            self.context.clear()
            sequences = np.arange(len(batch), dtype=np.int32)
            positions = np.zeros((self._sections, len(batch)), np.int32)
        wanted = np.zeros(len(values), np.bool_)
        ends = np.cumsum([rows for _, rows in batch]) - 1
        wanted[ends] = [each.sent.rows.wanted > 0 for each in back]
        return self.context.decode_rows(values, positions, sequences, wanted, mutual=back[0].sent.rows.mutual)

    # What travels.

    def forward(self, session: Session) -> None:
        """Send what can be sent. Raises UNSUPPORTED for rows that the stages would not take."""
        travel = self._travels[session.sequence]
        while travel.may_send:
            rows = self._rows(session, travel.sent_rows)
            call = session.answer.prepared.call
            self._outbox.append(Forward(call=call, session=session.sequence, step=travel.next_step, rows=rows))
            positions = np.frombuffer(rows.positions, "<i4").reshape(self._sections, -1)
            if not rows.positions:
                positions = planes(rows.position, rows.count, self._sections)
            travel.in_flight.append(_Sent(travel.next_step, rows, positions))
            travel.next_step += 1
            travel.sent_rows += rows.count

    def returned(self, message: Returned) -> None:
        """Take what came back. Raises PEER_FAILED if it is not what was asked for; what nobody waits for any more is dropped."""
        travel = self._travels.get(message.session)
        if travel is None:
            return
        sent = travel.in_flight.popleft() if travel.in_flight else None
        if sent is None or sent.step != message.step:
            raise _wrong(f"step {message.step} came out of turn")
        # Layers that are here need every row.
        rows = sent.rows.count if self._part.keeps_layers else sent.rows.wanted
        if len(message.values) != 4 * rows * self._table.width:
            raise _wrong(f"{len(message.values)} bytes came for {rows} rows of {self._table.width} numbers")
        values = np.frombuffer(message.values, "<f4").reshape(rows, self._table.width)
        if not np.isfinite(values).all():
            raise _wrong("not all numbers that came are finite")
        # Those that are computed here count when they are.
        travel.session.computed += sent.rows.count - rows
        if rows:
            travel.back.append(_Back(sent, values))

    def take_outbox(self) -> list[FromWorker]:
        """Messages for the node since the last call."""
        messages, self._outbox = self._outbox, []
        return messages

    def _rows(self, session: Session, start: int) -> Rows:
        span = session.span_at(start)
        if span is None:
            readable = session.readable_from(start)
            if start + readable == len(session.tokens):
                readable = plan.rows_to_read(readable, repeatable=session.repeatable)
            stop = start + plan.chunk_rows(start, readable, self._load.micro_batch_rows)
            values = self._table.of(session.tokens[start:stop])
            return self._made(session, start, values, self._positions(session, start, stop))
        stop = span.stop if span.rows.mutual else min(span.stop, start + self._load.micro_batch_rows)
        values = span.rows.values[start - span.start : stop - span.start]
        if values.shape[1] != self._table.width:
            raise CrofterError(
                ErrorCode.UNSUPPORTED, "images of this model go into several of its layers, which a route cannot do"
            )
        positions = span.rows.positions_at(start - span.start, stop - span.start, session.position(span.start))
        return self._made(session, start, values, positions.astype("<i4").tobytes(), mutual=span.rows.mutual)

    def _made(
        self,
        session: Session,
        start: int,
        values: npt.NDArray[np.float32],
        positions: bytes,
        *,
        mutual: bool = False,
    ) -> Rows:
        rows = values.shape[0]
        return Rows(
            position=start,
            count=rows,
            wanted=int(start + rows == len(session.tokens)),
            values=values.astype("<f4", copy=False).tobytes(),
            positions=positions,
            mutual=mutual,
        )

    def _positions(self, session: Session, start: int, stop: int) -> bytes:
        """Of tokens; empty where each lies at its own place in the line, as all do that follow no image."""
        first = session.position(start)
        if first == start:
            return b""
        return planes(first, stop - start, self._sections).astype("<i4").tobytes()


def _wrong(what: str) -> CrofterError:
    return CrofterError(ErrorCode.PEER_FAILED, f"the route gave a wrong answer: {what}")
