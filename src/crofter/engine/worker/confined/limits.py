"""What every confined program does: limits that the operating system and a watchdog enforce, and frames on standard input and output.

A frame is four bytes of length (big-endian) and that many bytes: in, something to work on; out, a letter that tells how it went
(`DONE`, `REFUSED`, `FAILED`) and what came of it.
"""

import faulthandler
import os
import sys
from collections.abc import Callable, Iterator
from typing import BinaryIO

DONE, REFUSED, FAILED = b"d", b"r", b"f"

_SHOWN_CHARACTERS = 500
"""Of what goes wrong."""

Work = Callable[[bytes], bytes]


class RefusedError(Exception):
    """The work itself says no, in words for whoever asked."""


def serve(works: Iterator[Work], limit_seconds: float, memory_bytes: int) -> None:
    """Answer each frame with the next of `works`, until standard input closes. A frame may take `limit_seconds`.

    `memory_bytes` is what the process may map beyond what it has now.
    """
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # Whatever prints must not end up between the frames.
    _limit_memory(memory_bytes)
    for work in works:
        given = _read(sys.stdin.buffer)
        if given is None:
            return
        letter, result = _attempt(work, given, limit_seconds)
        output.write((len(result) + 1).to_bytes(4, "big") + letter)
        output.write(result)
        output.flush()


def _limit_memory(memory_bytes: int) -> None:
    if sys.platform != "linux":
        return  # macOS has the call and does not heed it, Windows has none.
    import resource

    with open("/proc/self/statm", encoding="ascii") as file:
        mapped_bytes = int(file.read().split()[0]) * resource.getpagesize()
    limit_bytes = mapped_bytes + memory_bytes
    _, hard_bytes = resource.getrlimit(resource.RLIMIT_AS)
    if hard_bytes != resource.RLIM_INFINITY:
        limit_bytes = min(limit_bytes, hard_bytes)
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))


def _read(stream: BinaryIO) -> bytes | None:
    head = stream.read(4)
    return stream.read(int.from_bytes(head, "big")) if len(head) == 4 else None


def _attempt(work: Work, given: bytes, limit_seconds: float) -> tuple[bytes, bytes]:
    """The letter and the result of `work`; too long, and the process is gone."""
    # The watchdog is a thread that needs no interpreter: it ends the process even in the middle of one long operation.
    faulthandler.dump_traceback_later(limit_seconds, exit=True)
    try:
        return DONE, work(given)
    except RefusedError as refusal:
        return REFUSED, _shown(str(refusal))
    except MemoryError:
        return FAILED, b"it takes too much memory"
    except Exception as error:  # noqa: BLE001 - what is worked on is foreign: whatever it makes the work raise is its failure
        return FAILED, _shown(str(error) or type(error).__name__)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _shown(text: str) -> bytes:
    return text[:_SHOWN_CHARACTERS].encode(errors="replace")
