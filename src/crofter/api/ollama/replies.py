"""What Ollama's clients read: lines of JSON, the last with counts and durations in nanoseconds."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from crofter.api.provenance import extension
from crofter.api.replies import StreamFormat
from crofter.api.tools import GrowingCalls
from crofter.core import Chunk, CrofterError, Provenance, Timings, Usage

_NANOSECONDS = 1_000_000_000


def ollama_error(error: CrofterError) -> bytes:
    """The JSON of an error, without a line end."""
    return msgspec.json.encode({"error": error.message, "code": error.code.code})


LINES = StreamFormat(
    content_type=b"application/x-ndjson", keep_alive=b"", error_line=lambda error: ollama_error(error) + b"\n"
)
"""Nothing is sent to keep a connection alive: an empty line is no JSON to these clients."""


def created_at() -> str:
    """Now, as these replies have it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def ending(chunk: Chunk, provenance: Provenance) -> dict[str, Any]:
    """What the last line says beside its text."""
    usage = chunk.usage or Usage(prompt_tokens=0, completion_tokens=0)
    timings = chunk.timings or Timings(queue_seconds=0, prefill_seconds=0, first_token_seconds=0, decode_seconds=0)
    return {
        "done": True,
        "done_reason": "length" if chunk.finish_reason == "length" else "stop",
        "total_duration": _nanoseconds(timings.first_token_seconds + timings.decode_seconds),
        "load_duration": _nanoseconds(timings.queue_seconds),
        "prompt_eval_count": usage.prompt_tokens,
        "prompt_eval_duration": _nanoseconds(timings.prefill_seconds),
        "eval_count": usage.completion_tokens,
        "eval_duration": _nanoseconds(timings.decode_seconds),
        "crofter": extension(provenance, [chunk]),
    }


def _nanoseconds(seconds: float) -> int:
    return round(seconds * _NANOSECONDS)


class WholeCalls:
    """Gives each call once it is complete: these clients read no part of one."""

    def __init__(self) -> None:
        self._growing = GrowingCalls()
        self._given = 0

    def add(self, chunk: Chunk) -> list[dict[str, Any]]:
        """The calls that are complete with this chunk: all before the last one, and that too at the end."""
        self._growing.add(chunk.tool_calls)
        complete = len(self._growing) - (chunk.finish_reason is None)
        if complete <= self._given:
            return []
        calls, self._given = self._growing.whole(self._given, complete), complete
        return [{"function": {"name": call.name, "arguments": call.parsed}} for call in calls]
