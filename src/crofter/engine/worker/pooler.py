"""Texts read whole, many in a batch, for what llama.cpp pools of each. In a context of its own, made when first needed."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from crofter.core import CrofterError, ErrorCode
from crofter.engine.plan import LONGEST_EMBEDDING_TOKENS
from crofter.engine.wire import Failed, FromWorker, LoadPlan

from .context import Context, Logits, Pooling
from .library import Model

_LONGEST_INPUT_TOKENS_OF_WRITERS = 2048
"""Models made for writing seldom embed; their context is kept small, for its buffers grow with it."""
_ROWS_TOGETHER = 512
"""Attention is computed between all rows of a batch, those of other texts included: more short texts at once cost more each."""


@dataclass
class PooledCall:
    """A call whose texts are tokenised, and what was pooled of those read so far."""

    call: int
    inputs: list[list[int]]
    reply: Callable[[list[Logits]], FromWorker]
    """From what was pooled of all inputs, in order."""
    pooled: list[Logits] = field(default_factory=list)


class Pooler:
    """Works through calls, one batch a step."""

    def __init__(self, model: Model, load: LoadPlan, *, dedicated: bool, ranks: bool) -> None:
        """`dedicated`: the model is there for nothing else. `ranks`: what is pooled goes through its head for ranking."""
        longest = LONGEST_EMBEDDING_TOKENS if dedicated else _LONGEST_INPUT_TOKENS_OF_WRITERS
        self.capacity_tokens = min(load.context_tokens, longest)
        """Of one input."""
        self._model = model
        self._load = load
        self._pooling: Pooling = "rank" if ranks else "vector"
        self._context: Context | None = None
        self._waiting: deque[PooledCall] = deque()

    @property
    def busy(self) -> bool:
        """Whether a step has anything to do."""
        return bool(self._waiting)

    def submit(self, call: PooledCall) -> None:
        """Take a call into the line."""
        self._waiting.append(call)

    def cancel(self, call: int) -> None:
        """Forget a call; unknown ones are finished."""
        self._waiting = deque(entry for entry in self._waiting if entry.call != call)

    def step(self) -> list[FromWorker]:
        """Read as many inputs of the oldest call as fit one batch."""
        entry = self._waiting[0]
        try:
            self._read_some(entry)
        except CrofterError as error:
            self._waiting.popleft()
            return [Failed(call=entry.call, error=error.report())]
        if len(entry.pooled) < len(entry.inputs):
            return []
        self._waiting.popleft()
        return [entry.reply(entry.pooled)]

    def _read_some(self, entry: PooledCall) -> None:
        if self._context is None:
            load = msgspec.structs.replace(self._load, context_tokens=self.capacity_tokens)
            self._context = Context(self._model, load, pooling=self._pooling)
        context, row, first = self._context, 0, len(entry.pooled)
        context.clear()
        room = min(self.capacity_tokens, max(_ROWS_TOGETHER, len(entry.inputs[first])))
        number = first
        while (
            number < len(entry.inputs)
            and number - first < self._load.sequences
            and row + len(entry.inputs[number]) <= room
        ):
            row = context.put(row, entry.inputs[number], 0, number - first, "all")
            number += 1
        code = context.decode(row)
        if code != 0:
            raise CrofterError(ErrorCode.WORKER_FAILED, f"llama.cpp failed to read the texts (code {code})")
        entry.pooled += [context.pooled(sequence) for sequence in range(number - first)]
