"""A llama_context: it decodes rows, and gives away and takes in the states of sequences.

Thin by intent: no scheduling. Shapes and return codes are those of llama.cpp's `include/llama.h`.
"""

# The binding's functions are ctypes objects made by a decorator; their types are only partly known to a checker, and some of
# its annotations name array types where every pointer will do.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportArgumentType=false

import ctypes
import mmap
import sys
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from llama_cpp import llama_cpp as llama

from crofter.core import CrofterError, ErrorCode
from crofter.engine.wire import LoadPlan

from .library import FLASH_ATTENTION, Model, NativeHandle
from .tap import Tap

Logits = npt.NDArray[np.float32]
Wanted = Literal["none", "last", "all"]
Pooling = Literal["vector", "rank"]
State = npt.NDArray[np.uint8]

DECODED, NO_KV_ROOM, INTERRUPTED = 0, 1, 2
"""llama_decode's return codes that are no failure."""

_POOLING_NONE, _POOLING_MEAN, _POOLING_RANK = 0, 1, 4


def _fresh_bytes(size: int) -> State:
    """Memory for a state, mapped by itself: malloc gives huge pages here (decision 5), and clearing those outlasts the copy."""
    if sys.platform == "linux":
        return np.frombuffer(
            mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE), np.uint8
        )
    return np.frombuffer(mmap.mmap(-1, size), np.uint8)


class Context:
    """One llama_context and a reusable batch. Not thread-safe."""

    def __init__(
        self,
        model: Model,
        plan: LoadPlan,
        *,
        pooling: Pooling | None = None,
        interrupted: Callable[[], bool] = bool,
        tap: Tap | None = None,
    ) -> None:
        """`pooling`: texts are read whole, for what is pooled of each. `interrupted` is asked between the operations of an
        interruptible decode. `tap`: rows are given instead of logits.

        Raises CrofterError(MODEL_LOAD_FAILED) if there is not enough memory for the context."""
        self.model = model
        embeddings = pooling is not None
        self._pooled_length = model.ranking_outputs if pooling == "rank" else model.embedding_length
        self.rows_capacity = plan.context_tokens if embeddings else plan.micro_batch_rows
        parameters = llama.llama_context_default_params()
        self.cells = plan.context_tokens if embeddings else plan.kv_tokens
        parameters.n_ctx = self.cells
        parameters.n_batch = self.rows_capacity
        parameters.n_ubatch = self.rows_capacity
        parameters.n_seq_max = plan.sequences
        if tap is not None:
            # Cells beyond a window are kept, else a session could not go back (docs/decisions/0026).
            parameters.swa_full = True
            parameters.cb_eval, parameters.cb_eval_user_data = tap.callback, ctypes.c_void_p(tap.data)
        elif not embeddings:
            # Only one row a sequence is ever sampled, so the output buffers need not be as large as the batch.
            parameters.n_outputs_max = plan.sequences
        parameters.n_threads = plan.threads
        parameters.n_threads_batch = plan.batch_threads
        parameters.flash_attn_type = FLASH_ATTENTION[plan.flash_attention]
        parameters.no_perf = True
        # One buffer for all sequences: each may grow as long as there is room anywhere.
        parameters.kv_unified = True
        parameters.embeddings = embeddings
        if pooling == "rank":
            parameters.pooling_type = _POOLING_RANK
        self.handle: NativeHandle = llama.llama_init_from_model(model.handle, parameters)
        if pooling == "vector" and self.handle and llama.llama_pooling_type(self.handle) == _POOLING_NONE:
            llama.llama_free(self.handle)
            parameters.pooling_type = _POOLING_MEAN
            self.handle = llama.llama_init_from_model(model.handle, parameters)
        if not self.handle:
            raise CrofterError(
                ErrorCode.MODEL_LOAD_FAILED,
                f"not enough memory for a context of {parameters.n_ctx} tokens; set engine.context_tokens lower",
            )
        self._memory: NativeHandle = llama.llama_get_memory(self.handle)
        self._make_batch(self.rows_capacity)

        def asked(_data: object) -> bool:
            return interrupted()

        # Kept referenced as long as llama.cpp may call it.
        self._abort_callback = llama.ggml_abort_callback(asked)
        self._no_abort_callback = llama.ggml_abort_callback()

    def _make_batch(self, capacity: int) -> None:
        # llama_batch holds a pointer to each row's sequence ids; rows have one sequence, so the pointers never change.
        self._tokens = np.zeros(capacity, np.int32)
        self._positions = np.zeros(capacity, np.int32)
        self._sequences = np.zeros(capacity, np.int32)
        self._wanted = np.zeros(capacity, np.int8)
        self._sequence_counts = np.ones(capacity, np.int32)
        first = self._sequences.ctypes.data
        self._sequence_pointers = np.arange(first, first + 4 * capacity, 4, dtype=np.uintp)
        self._batch = llama.llama_batch(
            n_tokens=0,
            token=self._tokens.ctypes.data_as(ctypes.POINTER(llama.llama_token)),
            embd=None,
            pos=self._positions.ctypes.data_as(ctypes.POINTER(llama.llama_pos)),
            n_seq_id=self._sequence_counts.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            seq_id=self._sequence_pointers.ctypes.data_as(ctypes.POINTER(ctypes.POINTER(llama.llama_seq_id))),
            logits=self._wanted.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )

    def put(self, row: int, tokens: Sequence[int], position: int, sequence: int, wanted: Wanted) -> int:
        """Write consecutive tokens of a sequence into the batch from `row` on; returns the row after them.

        `wanted`: of which of them logits or embeddings will be read.
        """
        count = len(tokens)
        if count == 1:  # One token of a running answer, the most frequent case: no arrays to build.
            self._tokens[row] = tokens[0]
            self._positions[row] = position
            self._sequences[row] = sequence
            self._wanted[row] = wanted != "none"
            return row + 1
        end = row + count
        self._tokens[row:end] = tokens
        self._positions[row:end] = np.arange(position, position + count, dtype=np.int32)
        self._sequences[row:end] = sequence
        self._wanted[row:end] = wanted == "all"
        self._wanted[end - 1] = wanted != "none"
        return end

    def decode(self, rows: int, *, interruptible: bool = False) -> int:
        """Run the first `rows` rows of the batch. Returns DECODED, NO_KV_ROOM or INTERRUPTED (nothing changed), else it failed.

        The question whether to stop takes the interpreter some hundred times, so it is asked in long steps only.
        """
        self._batch.n_tokens = rows
        return self._decode(self._batch, interruptible=interruptible)

    def decode_embeddings(
        self,
        values: Logits,
        positions: npt.NDArray[np.int32],
        sequence: int,
        *,
        mutual: bool,
        interruptible: bool = False,
    ) -> int:
        """Run rows that are no tokens, shape [rows, width], at `positions`, [sections, rows]; returns what `decode` does.

        `mutual`: each sees those after it as well; they have to be within the rows of one micro-batch.
        """
        self._sequences[: values.shape[0]] = sequence
        self._wanted[: values.shape[0]] = False
        return self._decode_values(values, positions, mutual=mutual, interruptible=interruptible)

    def decode_rows(
        self,
        values: Logits,
        positions: npt.NDArray[np.int32],
        sequences: npt.NDArray[np.int32],
        wanted: npt.NDArray[np.bool_],
        *,
        mutual: bool = False,
    ) -> int:
        """Like `decode_embeddings`, for rows of several sequences, whose results are read where they are wanted."""
        self._sequences[: values.shape[0]] = sequences
        self._wanted[: values.shape[0]] = wanted
        return self._decode_values(values, positions, mutual=mutual, interruptible=False)

    def _decode_values(
        self, values: Logits, positions: npt.NDArray[np.int32], *, mutual: bool, interruptible: bool
    ) -> int:
        count = values.shape[0]
        values, positions = np.ascontiguousarray(values), np.ascontiguousarray(positions, np.int32)
        batch = llama.llama_batch(
            n_tokens=count,
            token=None,
            embd=values.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
            pos=positions.ctypes.data_as(ctypes.POINTER(llama.llama_pos)),
            n_seq_id=self._batch.n_seq_id,
            seq_id=self._batch.seq_id,
            logits=self._batch.logits,
        )
        if not mutual:
            return self._decode(batch, interruptible=interruptible)
        llama.llama_set_causal_attn(self.handle, False)
        try:
            return self._decode(batch, interruptible=interruptible)
        finally:
            llama.llama_set_causal_attn(self.handle, True)

    def _decode(self, batch: llama.llama_batch, *, interruptible: bool) -> int:
        if not interruptible:
            return int(llama.llama_decode(self.handle, batch))
        llama.llama_set_abort_callback(self.handle, self._abort_callback, None)
        try:
            return int(llama.llama_decode(self.handle, batch))
        finally:
            llama.llama_set_abort_callback(self.handle, self._no_abort_callback, None)

    def logits(self, row: int) -> Logits:
        """The logits of a wanted row, shape [vocabulary], valid until the next decode."""
        pointer = llama.llama_get_logits_ith(self.handle, row)
        return np.ctypeslib.as_array(pointer, shape=(self.model.vocabulary_size,))

    def pooled(self, sequence: int) -> Logits:
        """What was pooled of a sequence, shape [embedding] or [ranking outputs], as a copy."""
        pointer = llama.llama_get_embeddings_seq(self.handle, sequence)
        if not pointer:
            raise CrofterError(ErrorCode.UNSUPPORTED, "this model gives no embeddings")
        return np.ctypeslib.as_array(pointer, shape=(self._pooled_length,)).copy()

    def truncate(self, sequence: int, position: int) -> bool:
        """Forget all of a sequence from a position on. False: this kind of model cannot."""
        if position > 0 and self.model.recurrent:
            return False
        return bool(llama.llama_memory_seq_rm(self._memory, sequence, position or -1, -1))

    def clear(self) -> None:
        """Forget every sequence."""
        if self._memory:
            llama.llama_memory_clear(self._memory, False)

    def export_state(self, sequence: int) -> State:
        """The keys and values (or recurrent state) of a sequence, as bytes."""
        size = int(llama.llama_state_seq_get_size(self.handle, sequence))
        state = _fresh_bytes(max(size, 1))
        written = llama.llama_state_seq_get_data(
            self.handle, state.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8)), size, sequence
        )
        return state[: int(written)]

    def import_state(self, sequence: int, state: State) -> bool:
        """Put an exported state into an empty sequence. False: there was no room."""
        read = llama.llama_state_seq_set_data(
            self.handle, state.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8)), state.size, sequence
        )
        return int(read) != 0

    def export_recurrent(self, sequence: int) -> State:
        """Of a model that cannot go back: what a later `restore` needs beside the keys and values that are still there."""
        size = int(llama.llama_state_seq_get_size_ext(self.handle, sequence, llama.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY))
        state = _fresh_bytes(max(size, 1))
        pointer = state.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
        flags = llama.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY
        return state[: int(llama.llama_state_seq_get_data_ext(self.handle, pointer, size, sequence, flags))]

    def restore(self, sequence: int, state: State, position: int) -> bool:
        """Go back to what `export_recurrent` gave at a position. False: it cannot, and what the sequence holds is undefined."""
        pointer = state.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
        flags = llama.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY
        if llama.llama_state_seq_set_data_ext(self.handle, pointer, state.size, sequence, flags) == 0:
            return False
        return bool(llama.llama_memory_seq_rm(self._memory, sequence, position, -1))

    def use_adapters(self, adapters: Sequence[tuple[str, float]]) -> None:
        """Apply exactly these LoRA adapters (path, scale) to what is decoded from now on. Raises CrofterError."""
        handles = [self.model.adapter(path) for path, _ in adapters]
        count = len(handles)
        array = (llama.llama_adapter_lora_p_ctypes * count)(*handles)
        scales = (ctypes.c_float * count)(*(scale for _, scale in adapters))
        if llama.llama_set_adapters_lora(self.handle, array if count else None, count, scales if count else None) != 0:
            raise CrofterError(ErrorCode.MODEL_INVALID, "llama.cpp refused the adapter", parameter="lora")
        self.model.keep_adapters([path for path, _ in adapters])
