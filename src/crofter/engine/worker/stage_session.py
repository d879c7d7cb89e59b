"""One session at a stage: the rows it holds, the steps that wait for it, and how it goes back."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from crofter.core import AdapterUse, CrofterError, ErrorCode, Rows
from crofter.engine.messages import Compute

from .context import State

Values = npt.NDArray[np.float32]


@dataclass(eq=False)
class Step:
    """Rows to compute, all or a part of them at a time."""

    call: int
    rows: Rows
    values: Values
    """[count, width]"""
    positions: npt.NDArray[np.int32]
    """[sections, count]"""
    adapters: tuple[tuple[str, float], ...] = ()
    """Under which it is computed: paths and scales."""
    begun: bool = False
    """Whether the session has gone back to where it starts, and there is room for it."""
    done: int = 0
    """Rows computed."""
    results: list[bytes] = field(default_factory=list)
    waited_steps: int = 0

    @property
    def remaining(self) -> int:
        """Rows still to compute."""
        return self.rows.count - self.done

    def wanted(self, count: int, *, last_only: bool) -> npt.NDArray[np.bool_]:
        """Which of the next rows the result is to be given of: all, but at the end of a route."""
        first = self.rows.count - self.rows.wanted if last_only else 0
        return np.arange(self.done, self.done + count) >= first


@dataclass(eq=False)
class StageSession:
    """`held`: where in the context's sequence each of its rows lies; rows of an image can share a position."""

    number: int
    sequence: int
    held: list[int] = field(default_factory=list)
    steps: deque[Step] = field(default_factory=deque)
    checkpoint: tuple[int, State] | None = None
    """Of a model that cannot go back: how many rows it held, and its recurrent state then."""

    @property
    def step(self) -> Step | None:
        """The step that is being computed, if its turn has come."""
        return self.steps[0] if self.steps and self.steps[0].begun else None

    def boundary(self, row: int) -> int:
        """The last row up to `row` that the sequence can be cut at: not within rows that share a position."""
        while 0 < row < len(self.held) and self.held[row - 1] == self.held[row]:
            row -= 1
        return row


def step_of(message: Compute, width: int, sections: int) -> Step:
    """The step that a message asks for. Raises INVALID_REQUEST for rows that are not what they say, or no numbers."""
    rows, adapters = message.rows, _adapters(message.adapters)
    if not (rows.count > 0 and 0 <= rows.wanted <= rows.count and rows.position >= 0):
        raise _refused(f"{rows.wanted} wanted of {rows.count} rows from {rows.position}")
    if len(rows.values) != 4 * rows.count * width:
        raise _refused(f"{len(rows.values)} bytes for {rows.count} rows of {width} numbers")
    values = np.frombuffer(rows.values, "<f4").reshape(rows.count, width)
    if not np.isfinite(values).all():
        raise _refused("not all of their numbers are finite")
    if not rows.positions:
        return Step(message.call, rows, values, planes(rows.position, rows.count, sections), adapters)
    if len(rows.positions) != 4 * rows.count * sections:
        raise _refused(f"{len(rows.positions)} bytes for positions of {rows.count} rows in {sections} sections")
    positions = np.frombuffer(rows.positions, "<i4").reshape(sections, rows.count)
    if (positions < 0).any() or (np.diff(positions[0]) < 0).any():
        raise _refused("their positions go backwards")
    return Step(message.call, rows, values, positions, adapters)


def _adapters(uses: tuple[AdapterUse, ...]) -> tuple[tuple[str, float], ...]:
    return tuple((use.path, use.scale) for use in uses)


def planes(position: int, count: int, sections: int) -> npt.NDArray[np.int32]:
    """Positions of text, [sections, count]; where there are four, as llama.cpp itself has them for tokens (`llama_batch_allocr`)."""
    line = np.arange(position, position + count, dtype=np.int32)
    return np.stack([line] * (sections - 1) + [np.zeros_like(line)]) if sections > 1 else line[None]


def _refused(what: str) -> CrofterError:
    return CrofterError(ErrorCode.INVALID_REQUEST, f"these are no rows for this stage: {what}", parameter="rows")
