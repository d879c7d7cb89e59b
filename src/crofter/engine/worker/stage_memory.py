"""What a stage holds of its sessions in the KV cache: given, cut back, exported and taken in."""

import numpy as np

from crofter.core import CrofterError, ErrorCode
from crofter.engine.messages import SlicePlan
from crofter.engine.wire import LoadPlan

from .context import Context
from .stage_session import StageSession, Step

_STATE_MAGIC = b"crofter stage 1\0"
_ID_BYTES = 64
_COUNT_BYTES = 4


class StageMemory:
    """The cells of one context. Position is truth: `begin` brings a session to where a step starts, or says what it holds."""

    def __init__(self, context: Context, load: LoadPlan, part: SlicePlan) -> None:
        self.sessions: dict[int, StageSession] = {}
        self._context = context
        self._load = load
        self._part = part
        self._free_sequences = list(range(load.sequences))

    @property
    def used_cells(self) -> int:
        """Cells that hold a row."""
        return sum(len(session.held) for session in self.sessions.values())

    @property
    def free_cells(self) -> int:
        """Cells that neither hold a row nor are promised to a step that has begun."""
        begun = [session.step for session in self.sessions.values()]
        return self._load.kv_tokens - self.used_cells - sum(step.remaining for step in begun if step is not None)

    def session(self, number: int) -> StageSession:
        """The session of this number, made if there is none. Raises OVERLOADED."""
        session = self.sessions.get(number)
        if session is None:
            if not self._free_sequences:
                raise CrofterError(
                    ErrorCode.OVERLOADED, f"this stage serves {len(self.sessions)} sessions, and has room for no more"
                )
            session = self.sessions[number] = StageSession(number, self._free_sequences.pop())
        return session

    def forget(self, number: int) -> StageSession | None:
        """Free all of a session; returns what it was, None if there is none."""
        session = self.sessions.pop(number, None)
        if session is not None:
            self._context.truncate(session.sequence, 0)
            self._free_sequences.append(session.sequence)
        return session

    def begin(self, session: StageSession, step: Step) -> bool:
        """Go back to where the step starts. False: the session holds less than that.

        Raises CONTEXT_LENGTH_EXCEEDED, OVERLOADED if there is no room for its rows, and then it has gone back all the same.
        """
        if step.rows.position > len(session.held):
            return False
        self._go_back(session, step.rows.position)
        if step.rows.position > len(session.held):
            return False
        if len(session.held) + step.rows.count > self._load.context_tokens:
            raise CrofterError(
                ErrorCode.CONTEXT_LENGTH_EXCEEDED, f"this stage holds {self._load.context_tokens} rows of a session"
            )
        if step.rows.count > self.free_cells:
            raise CrofterError(ErrorCode.OVERLOADED, "the sessions of this stage leave no room for more rows")
        if self._context.model.recurrent and step.rows.count > 1 and session.held:
            # Copying the state before every single row would cost more than computing it.
            session.checkpoint = len(session.held), self._context.export_recurrent(session.sequence)
        step.begun = True
        return True

    def _go_back(self, session: StageSession, row: int) -> None:
        row = session.boundary(row)
        if row == len(session.held):
            return
        kept = 0
        if not self._context.model.recurrent:
            kept = row if row and self._context.truncate(session.sequence, session.held[row]) else 0
        elif session.checkpoint is not None and 0 < session.checkpoint[0] <= row:
            kept, state = session.checkpoint
            if not self._context.restore(session.sequence, state, session.held[kept]):
                kept = 0
        self._keep(session, kept)

    def _keep(self, session: StageSession, kept: int) -> None:
        if kept == 0:
            self._context.truncate(session.sequence, 0)
        del session.held[kept:]
        if session.checkpoint is not None and session.checkpoint[0] > kept:
            session.checkpoint = None

    def give_up(self, session: StageSession) -> None:
        """After a failed decode, of which parts may have been computed: the session begins anew."""
        self._keep(session, 0)

    def export(self, number: int) -> bytes:
        """All that a session holds. Raises NOT_FOUND."""
        session = self.sessions.get(number)
        if session is None:
            raise CrofterError(ErrorCode.NOT_FOUND, "this stage holds no such session")
        held = np.array(session.held, "<i4")
        head = _STATE_MAGIC + self._part.slice_id.encode().ljust(_ID_BYTES, b"\0") + _count(held.size)
        return head + held.tobytes() + self._context.export_state(session.sequence).tobytes()

    def take_in(self, number: int, state: bytes) -> int:
        """Make a session of what `export` gave; returns the rows it holds, 0 if that is of no use here. Raises OVERLOADED."""
        held = self._held_in(state)
        if held is None or held.size > self._load.context_tokens or held.size > self.free_cells:
            return 0
        self.forget(number)
        session = self.session(number)
        rest = np.frombuffer(state, np.uint8, offset=_head_bytes() + held.nbytes)
        if not self._context.import_state(session.sequence, np.ascontiguousarray(rest)):
            self.forget(number)
            return 0
        session.held = held.tolist()
        return held.size

    def _held_in(self, state: bytes) -> np.ndarray[tuple[int], np.dtype[np.int32]] | None:
        """The positions of the rows in a state; None if it is of another slice, or damaged."""
        # llama.cpp would take the state of any slice of the same shape for its own.
        begins = _STATE_MAGIC + self._part.slice_id.encode().ljust(_ID_BYTES, b"\0")
        if not state.startswith(begins) or len(state) < _head_bytes():
            return None
        count = int.from_bytes(state[len(begins) : _head_bytes()], "little")
        if count == 0 or len(state) <= _head_bytes() + 4 * count:
            return None
        return np.frombuffer(state, "<i4", count, _head_bytes())


def _head_bytes() -> int:
    return len(_STATE_MAGIC) + _ID_BYTES + _COUNT_BYTES


def _count(number: int) -> bytes:
    return number.to_bytes(_COUNT_BYTES, "little")
