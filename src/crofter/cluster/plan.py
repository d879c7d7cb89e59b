"""What a stage does with a frame, and whether it takes one session more. Pure: the time is handed in."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from .wire import Frame, FrameError

_SHORTEST_WAIT_SECONDS = 1.0


class StageLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What this node gives to sessions of others; its own are not counted."""

    sessions: int = 16
    sessions_of_one: int = 8
    """Of one requester."""
    lease_seconds: float = 120.0
    """The longest."""
    journal_bytes: int = 16 * 2**20
    """Of one session."""
    queued_frames: int = 4
    """Computed and not sent yet: with more of them computing waits."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a session is at one stage."""

    next_step: int = 0
    held: int = 0
    """Positions before this one are in the cache."""


class Agreed(msgspec.Struct, frozen=True, kw_only=True):
    """What the opening of a session fixes for its frames."""

    most_rows: int
    context_tokens: int
    last: bool


def judged(progress: Progress, frame: Frame, agreed: Agreed) -> Literal["compute", "skip", "repeat", "need"]:
    """What to do with rows. Position is truth: rows before what is held replace it, rows behind it leave a gap. Raises FrameError."""
    if not 1 <= frame.count <= agreed.most_rows or frame.position + frame.count > agreed.context_tokens:
        agreed_text = f"{agreed.most_rows} at once and {agreed.context_tokens} in all were agreed"
        raise FrameError("header", f"{frame.count} rows from position {frame.position}: {agreed_text}")
    if frame.step < progress.next_step:
        return "repeat"
    if frame.step > progress.next_step:
        return "need"
    if frame.discard and agreed.last:
        return "skip"
    return "need" if frame.position > progress.held else "compute"


def computed(frame: Frame) -> Progress:
    """After those rows."""
    return Progress(next_step=frame.step + 1, held=frame.position + frame.count)


def skipped(progress: Progress, frame: Frame) -> Progress:
    """After rows that nobody wants, at the last stage."""
    return Progress(next_step=frame.step + 1, held=min(progress.held, frame.position))


def busy_seconds(leases: Sequence[float], of_this_one: int, limits: StageLimits, now: float) -> float | None:
    """None if there is room for one session more, else when to ask again: when the first lease (an end, by the clock of `now`) is over."""
    if len(leases) < limits.sessions and of_this_one < limits.sessions_of_one:
        return None
    return max(_SHORTEST_WAIT_SECONDS, min(leases) - now)
