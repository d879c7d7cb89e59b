"""A whole model and its parts one after the other, for comparing: the parts are computed by what computes them for peers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from crofter.core import CrofterError, ErrorCode, ModelShape, Rows, SliceFile
from crofter.engine.messages import Compute, Computed, Done, Export, Exported, Missing, SlicePlan, TakeIn
from crofter.engine.slices import slice_plan
from crofter.engine.values import MissingRowsError
from crofter.engine.wire import Failed, FromWorker, LoadPlan

from .context import DECODED, Context
from .embedding_rows import EmbeddingRows
from .library import Model
from .stage import Stage
from .stage_session import step_of

Values = npt.NDArray[np.float32]

ROUNDING_SIGMAS = 0.02
"""Rows of another batch shape go through other kernels of llama.cpp; that much is their rounding."""

_CELLS = 256
_SEQUENCES = 4
_MIXED_ROWS = (13, 5)


class Whole:
    """The whole model, which says what is right."""

    def __init__(self, path: Path) -> None:
        plan = _load_plan(path)
        self._context = Context(Model(plan), plan)
        self.vocabulary_size = self._context.model.vocabulary_size
        self._position = 0

    def logits(self, tokens: Sequence[int]) -> Values:
        """Of the last of these tokens, which follow those before."""
        end = self._context.put(0, tokens, self._position, 0, "last")
        _require_decoded(self._context.decode(end))
        self._position += len(tokens)
        return self._context.logits(len(tokens) - 1).copy()


class _Head:
    """The output head in the ends' file. It needs no history."""

    def __init__(self, ends: SliceFile) -> None:
        plan = _load_plan(ends.path)
        self._context = Context(Model(plan), plan)
        self._scale = np.float32(ends.input_scale)

    def logits(self, row: Values) -> Values:
        """Of a result row, [1, width]."""
        self._context.clear()
        positions = np.zeros((self._context.model.position_sections, 1), np.int32)
        _require_decoded(
            self._context.decode_rows(row * self._scale, positions, np.zeros(1, np.int32), np.ones(1, np.bool_))
        )
        return self._context.logits(0).copy()


class _Part:
    """One stage, asked one thing after the other."""

    def __init__(self, file: SliceFile) -> None:
        part = slice_plan(file, "")
        plan = _load_plan(file.path, part)
        model = Model(plan)
        self.stage = Stage(model, plan, part)
        self.recurrent = model.recurrent

    def submit(self, session: int, values: Values, position: int, wanted: int) -> None:
        """Give it rows to compute."""
        rows = Rows(position=position, count=len(values), wanted=wanted, values=values.tobytes())
        step = step_of(Compute(call=session, session=session, rows=rows), self.stage.width, self.stage.sections)
        self.stage.submit(session, step)

    def answers(self) -> list[FromWorker]:
        """What comes of all that was asked."""
        while self.stage.busy:
            self.stage.step()
        return self.stage.take_outbox()

    def compute(self, session: int, values: Values, position: int, wanted: int) -> Values:
        """The result rows. Raises CONFLICT if it can't go back to the position, and what computing raises."""
        self.submit(session, values, position, wanted)
        return _rows(self.answers()[-1], self.stage.width)


class Cut:
    """All parts of a model, one after the other, as a route is."""

    def __init__(self, files: Sequence[SliceFile], ends: SliceFile) -> None:
        """Raises what loading raises; MODEL_INVALID for ends that are none."""
        if ends.embeddings is None:
            raise CrofterError(ErrorCode.MODEL_INVALID, "the ends have no embeddings")
        self._parts = [_Part(file) for file in files]
        self._embeddings = EmbeddingRows(ends.embeddings)
        self._head = _Head(ends)

    @property
    def recurrent(self) -> bool:
        """Whether a part has states that can't be cut back."""
        return any(part.recurrent for part in self._parts)

    def logits(self, session: int, tokens: Sequence[int], position: int) -> Values:
        """Of the last of these tokens."""
        values = self._embeddings.of(tokens)
        for part in self._parts:
            values = part.compute(session, values, position, 1)
        return self._head.logits(values)

    def hand_over(self, old: int, new: int) -> bool:
        """Export one session everywhere and take it in as another."""
        for part in self._parts:
            part.stage.manage(Export(call=0, session=old))
            (exported,) = part.answers()
            if not isinstance(exported, Exported):
                return False
            part.stage.manage(TakeIn(call=0, session=new, state=exported.state))
            (taken,) = part.answers()
            if not isinstance(taken, Done) or taken.held == 0:
                return False
        return True

    def mixed(self, tokens: Sequence[int]) -> bool:
        """Whether two sessions that wait together get what each gets alone, everywhere."""
        sessions = [10 + number for number in range(len(_MIXED_ROWS))]
        inputs = [self._embeddings.of(tokens[:count]) for count in _MIXED_ROWS]
        for part in self._parts:
            alone = [part.compute(session, rows, 0, len(rows)) for session, rows in zip(sessions, inputs, strict=True)]
            for session, rows in zip(sessions, inputs, strict=True):
                part.submit(session, rows, 0, len(rows))
            together = {answer.call: answer for answer in part.answers() if isinstance(answer, Computed | Failed)}
            for session, expected in zip(sessions, alone, strict=True):
                difference = np.abs(_rows(together[session], part.stage.width) - expected).max()
                if not difference <= ROUNDING_SIGMAS * expected.std():
                    return False
        return True


def _rows(answer: FromWorker, width: int) -> Values:
    match answer:
        case Computed():
            return np.frombuffer(answer.values, np.float32).reshape(-1, width)
        case Missing():
            raise MissingRowsError(answer.held)
        case Failed():
            raise CrofterError.from_report(answer.error)
        case _:
            raise CrofterError(ErrorCode.WORKER_FAILED, f"a stage answered with {type(answer).__name__}")


def _require_decoded(code: int) -> None:
    if code != DECODED:
        raise CrofterError(ErrorCode.WORKER_FAILED, f"llama.cpp failed to compute (code {code})")


def _load_plan(path: Path, part: SlicePlan | None = None) -> LoadPlan:
    return LoadPlan(
        path=str(path),
        context_tokens=_CELLS,
        kv_tokens=_CELLS,
        prefix_cache_bytes=0,
        sequences=_SEQUENCES,
        queue_limit=1,
        micro_batch_rows=_CELLS,
        rows_while_writing=_CELLS,
        threads=1,
        batch_threads=1,
        gpu_layers=0,
        shape=ModelShape(),
        flash_attention="auto",
        repack=False,
        estimated_bytes=0,
        slice=part,
    )
