"""Which quantisation suits this machine, and why, in one sentence. Pure: facts in, choice out."""

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

import msgspec

from crofter.core import CrofterError, ErrorCode, shown_size

from .variants import BALANCE, BALANCED, NEARLY_LOSSLESS, Variant

RESERVED_DISK_BYTES = 500_000_000
"""Left free for everything else that runs here."""

_RUNNING_BYTES = 300_000_000
_LEAST_LEFT_BYTES = 1_500_000_000
_AMPLE = 4
"""Memory is ample for a model that needs no more than this fraction of what models may take: quality then costs nothing."""
_SHOWN_CHOICES = 12


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What this machine has for a model."""

    memory_bytes: int
    """All of it, not what happens to be free now."""
    disk_bytes: int
    """Free where models lie, and what unfinished downloads of the same files already take."""

    @property
    def model_bytes(self) -> int:
        """Memory that models may take: all but a fifth, and all but what a system needs to live."""
        return self.memory_bytes - max(_LEAST_LEFT_BYTES, self.memory_bytes // 5)


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A variant and the sentence that says why this one."""

    variant: Variant
    reason: str


def needed_memory(size_bytes: int) -> int:
    """About what a model of that size takes when it runs: weights, a context of some 2,000 tokens, the process.

    Before a download only sizes are known; the engine's `fit` knows the model's shape afterwards. A test holds this within a fifth of
    `fit` for usual models.
    """
    return size_bytes + size_bytes // 10 + _RUNNING_BYTES


def fits_memory(size_bytes: int, room: Room) -> bool:
    """Whether a model of that size can run here."""
    return needed_memory(size_bytes) <= room.model_bytes


def choose(found: Sequence[Variant], room: Room, *, file: str = "", quantization: str = "") -> Choice:
    """The variant asked for by `file` or `quantization`, else the one that suits the machine best.

    Raises MODEL_NOT_FOUND when there is none of that kind, INVALID_REQUEST when several are meant, OUT_OF_MEMORY or DISK_FULL,
    with the smallest size, when none fits.
    """
    if not found:
        raise CrofterError(
            ErrorCode.MODEL_NOT_FOUND,
            "That repository has no GGUF model. Look for one whose name ends in -GGUF: most models are offered so by somebody.",
            parameter="source",
        )
    if file:
        asked = _named(found, file)
        return Choice(variant=asked, reason=_as_asked(asked, room))
    if quantization:
        asked = _only([each for each in found if each.quantization == quantization], found, quantization)
        return Choice(variant=asked, reason=_as_asked(asked, room) + _instead(asked, found, room))
    return _suited(found, room)


def _suited(found: Sequence[Variant], room: Room) -> Choice:
    fitting = [each for each in found if fits_memory(each.size_bytes, room)]
    if not fitting:
        raise _too_large(found[0], room)
    storable = [each for each in fitting if each.size_bytes + RESERVED_DISK_BYTES <= room.disk_bytes]
    if not storable:
        raise disk_full(fitting[0], room)
    chosen, reason = _best(storable, found, room)
    # Two models in one repository cannot be told apart by the machine's size.
    _only([each for each in found if each.quantization == chosen.quantization], found, chosen.shown)
    return Choice(variant=chosen, reason=f"{chosen.shown} ({shown_size(chosen.size_bytes)}): {reason}.")


def _best(storable: Sequence[Variant], found: Sequence[Variant], room: Room) -> tuple[Variant, str]:
    memory = shown_size(room.memory_bytes)
    ample = [
        each
        for each in storable
        if BALANCED.stop <= each.rank <= NEARLY_LOSSLESS and needed_memory(each.size_bytes) * _AMPLE <= room.model_bytes
    ]
    if ample:
        best = max(ample, key=_quality)
        return best, f"close to the original, and this machine's {memory} of memory is ample for it"
    balanced = [each for each in storable if each.rank in BALANCED]
    if balanced:
        best = min(balanced, key=lambda each: (abs(each.rank - BALANCE), each.size_bytes))
        return best, f"the usual balance of quality and size, and it fits into this machine's {memory} of memory"
    if len(found) == 1:
        return found[0], f"the only one offered, and it fits into this machine's {memory} of memory"
    smaller = [each for each in storable if 0 <= each.rank < BALANCED.start]
    if smaller:
        best = max(smaller, key=_quality)
        return (
            best,
            f"the best that fits into this machine's {memory} of memory and {shown_size(room.disk_bytes)} of disk",
        )
    known = [each for each in storable if each.rank >= 0] or storable
    return min(
        known, key=lambda each: each.size_bytes
    ), f"the smallest offered that fits into this machine's {memory} of memory"


def _quality(variant: Variant) -> tuple[int, int]:
    return variant.rank, variant.size_bytes


def _named(found: Sequence[Variant], file: str) -> Variant:
    """By path, else by the bare name; any part of a split model means the whole."""

    def having(matches: Callable[[str], bool]) -> list[Variant]:
        return [each for each in found if any(matches(part.path) for part in each.files)]

    by_name = having(lambda path: PurePosixPath(path).name.lower() == file.lower())
    return _only(having(lambda path: path == file) or by_name, found, file)


def _only(matching: Sequence[Variant], found: Sequence[Variant], asked: str) -> Variant:
    if len(matching) == 1:
        return matching[0]
    if matching:
        names = ", ".join(PurePosixPath(each.files[0].path).name for each in matching[:_SHOWN_CHOICES])
        raise CrofterError(
            ErrorCode.INVALID_REQUEST,
            f"That repository has several models of {asked}: say which file, organisation/repository:FILE, of {names}.",
            parameter="source",
        )
    offered = ", ".join(f"{each.shown} ({shown_size(each.size_bytes)})" for each in found[:_SHOWN_CHOICES])
    raise CrofterError(
        ErrorCode.MODEL_NOT_FOUND, f"That repository has no {asked[:80]!r}. It has {offered}.", parameter="quantization"
    )


def _as_asked(asked: Variant, room: Room) -> str:
    if asked.size_bytes + RESERVED_DISK_BYTES > room.disk_bytes:
        raise disk_full(asked, room)
    start = f"{asked.shown} ({shown_size(asked.size_bytes)}): as you asked"
    if fits_memory(asked.size_bytes, room):
        return f"{start}; it fits into this machine's {shown_size(room.memory_bytes)} of memory."
    needed = shown_size(needed_memory(asked.size_bytes))
    return f"{start}, but it needs about {needed} and this machine has {shown_size(room.memory_bytes)} of memory."


def _instead(asked: Variant, found: Sequence[Variant], room: Room) -> str:
    """The best of the same repository that fits, where the one asked for does not; else empty."""
    fitting = [each for each in found if each.rank >= 0 and fits_memory(each.size_bytes, room)]
    if fits_memory(asked.size_bytes, room):
        return ""
    if not fitting:
        return " Nothing in the repository is small enough; a smaller model is (`crofter pull --list`)."
    best = max(fitting, key=_quality)
    return f" {best.shown} ({shown_size(best.size_bytes)}) of the same repository fits."


def _too_large(smallest: Variant, room: Room) -> CrofterError:
    return CrofterError(
        ErrorCode.OUT_OF_MEMORY,
        f"Nothing in that repository fits this machine: the smallest, {smallest.shown}, is {shown_size(smallest.size_bytes)} and"
        f" needs about {shown_size(needed_memory(smallest.size_bytes))} of memory, and there are {shown_size(room.memory_bytes)}."
        f" Choose a smaller model (`crofter pull --list`), or add `--quantization {smallest.shown}` to get it all the same.",
    )


def disk_full(smallest: Variant, room: Room) -> CrofterError:
    """The error for a model the disk has no room for."""
    return CrofterError(
        ErrorCode.DISK_FULL,
        f"Not enough disk space: {smallest.shown} needs {shown_size(smallest.size_bytes)} and"
        f" {shown_size(max(0, room.disk_bytes - RESERVED_DISK_BYTES))} can be used. Free some space (`crofter rm` removes models),"
        " move the home (CROFTER_HOME), or choose a smaller model.",
    )
