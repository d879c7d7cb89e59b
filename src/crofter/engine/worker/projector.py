"""libmtmd: a projector (mmproj GGUF) that turns images and sounds into rows of a model's input.

Thin by intent, as `library.py` is. Shapes and return codes are those of llama.cpp's `tools/mtmd/mtmd.h`.
"""

# The binding's functions are ctypes objects made by a decorator; their types are only partly known to a checker, and some of
# its annotations name array types where every pointer will do.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportArgumentType=false

import ctypes
import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from llama_cpp import llama_cpp as llama
from llama_cpp import mtmd_cpp as mtmd

from crofter.core import CrofterError, ErrorCode
from crofter.engine.wire import LoadPlan

from .decoders import Picture
from .library import FLASH_ATTENTION, Model, NativeHandle
from .media import Reading, Rows
from .native_log import complaints

Samples = npt.NDArray[np.float32]
"""One channel at the projector's sample rate, from -1 to 1."""

Permit = Callable[[int, int], None]
"""Raises if a file may not become so many rows, of which the second number see each other at most."""

_TEXT, _IMAGE = mtmd.MTMD_INPUT_CHUNK_TYPE_TEXT, mtmd.MTMD_INPUT_CHUNK_TYPE_IMAGE
_SECTIONS = 4
"""Of a position with M-RoPE: time, height, width and one more."""
_DEFAULT_THREADS, _DEFAULT_BATCH_TOKENS = 4, 1024


def _checked_parameters() -> mtmd.mtmd_context_params:
    """Default parameters. Raises MODEL_LOAD_FAILED if this build's structures are not those that the binding describes."""
    defaults = mtmd.mtmd_context_params_default()
    found = (
        *(defaults.use_gpu, defaults.print_timings, defaults.warmup, defaults.n_threads, defaults.flash_attn_type),
        *(defaults.image_min_tokens, defaults.image_max_tokens, defaults.batch_max_tokens, defaults.media_marker),
    )
    expected = (True, True, True, _DEFAULT_THREADS, -1, -1, -1, _DEFAULT_BATCH_TOKENS, mtmd.mtmd_default_marker())
    if found != expected:
        raise CrofterError(
            ErrorCode.MODEL_LOAD_FAILED,
            f"this libmtmd has other structures than its binding (defaults {found}, expected {expected}); "
            "install the pinned llama-cpp-python again",
        )
    return defaults


class Projector:
    """A loaded projector. Used by one thread at a time, which need not be the one that computes the model."""

    def __init__(self, model: Model, plan: LoadPlan) -> None:
        """Raises CrofterError(MODEL_LOAD_FAILED) if libmtmd refuses the file, or it belongs to another model."""
        parameters = _checked_parameters()
        parameters.use_gpu = model.gpu_layers > 0
        parameters.print_timings = False
        parameters.n_threads = plan.batch_threads
        parameters.flash_attn_type = FLASH_ATTENTION[plan.flash_attention]
        with complaints(mtmd.mtmd_log_set) as heard:
            self._handle: NativeHandle = mtmd.mtmd_init_from_file(plan.projector.encode(), model.handle, parameters)
        if not self._handle:
            reason = f": {heard.reason}" if heard.reason else ""
            raise CrofterError(ErrorCode.MODEL_LOAD_FAILED, f"the model's projector could not be loaded{reason}")
        self.sees = bool(mtmd.mtmd_support_vision(self._handle))
        self.sample_rate = int(mtmd.mtmd_get_audio_sample_rate(self._handle)) if self._hears else 0
        """Of sounds, in Hz; 0: it takes none."""
        self._sections = _SECTIONS if mtmd.mtmd_decode_use_mrope(self._handle) else 1
        self._width = int(llama.llama_model_n_embd_inp(model.handle))

    @property
    def _hears(self) -> bool:
        return bool(mtmd.mtmd_support_audio(self._handle))

    def read_picture(self, picture: Picture, content: bytes, permit: Permit) -> Reading:
        """What a picture becomes; `content` is its file's hash. Takes seconds on a processor.

        Raises INVALID_REQUEST, and what `permit` raises before anything is computed.
        """
        pixels = np.ascontiguousarray(picture.pixels).ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
        return self._read(mtmd.mtmd_bitmap_init(picture.width, picture.height, pixels), content, permit)

    def read_sound(self, samples: Samples, content: bytes, permit: Permit) -> Reading:
        """What a sound becomes; otherwise as `read_picture`."""
        pointer = np.ascontiguousarray(samples).ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        return self._read(mtmd.mtmd_bitmap_init_from_audio(samples.size, pointer), content, permit)

    def _read(self, bitmap: NativeHandle, content: bytes, permit: Permit) -> Reading:
        part = mtmd.mtmd_input_part(None, bitmap)
        parts = (ctypes.POINTER(mtmd.mtmd_input_part) * 1)(ctypes.pointer(part))
        chunks = mtmd.mtmd_input_chunks_init()
        try:
            if mtmd.mtmd_tokenize_from_parts(self._handle, chunks, parts, 1, False) != 0:
                raise CrofterError(ErrorCode.INVALID_REQUEST, "the model's projector cannot take this image or sound")
            count = int(mtmd.mtmd_input_chunks_size(chunks))
            found = [mtmd.mtmd_input_chunks_get(chunks, index) for index in range(count)]
            permit(*self._sizes(found))
            return tuple(self._piece(chunk, content, index) for index, chunk in enumerate(found))
        finally:
            mtmd.mtmd_input_chunks_free(chunks)
            mtmd.mtmd_bitmap_free(bitmap)

    def _sizes(self, chunks: Sequence[NativeHandle]) -> tuple[int, int]:
        """How many rows they will be, and how many at most see each other."""
        rows = mutual = 0
        for chunk in chunks:
            if mtmd.mtmd_input_chunk_get_type(chunk) != _TEXT:
                count = int(mtmd.mtmd_input_chunk_get_n_tokens(chunk))
                rows += count
                if mtmd.mtmd_decode_use_non_causal(self._handle, chunk):
                    mutual = max(mutual, count)
        return rows, mutual

    def _piece(self, chunk: NativeHandle, content: bytes, index: int) -> list[int] | Rows:
        kind = mtmd.mtmd_input_chunk_get_type(chunk)
        if kind == _TEXT:
            size = ctypes.c_size_t()
            tokens: NativeHandle = mtmd.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(size))
            return list(tokens[: size.value])
        count = int(mtmd.mtmd_input_chunk_get_n_tokens(chunk))
        if mtmd.mtmd_encode_chunk(self._handle, chunk) != 0:
            raise CrofterError(ErrorCode.WORKER_FAILED, "the projector failed to encode an image or a sound")
        values = np.ctypeslib.as_array(mtmd.mtmd_get_output_embd(self._handle), shape=(count, self._width)).copy()
        offsets = self._positions(chunk, kind, count, 0)
        return Rows(
            key=hashlib.sha256(content + index.to_bytes(4, "big")).digest(),
            values=values,
            positions=int(mtmd.mtmd_input_chunk_get_n_pos(chunk)),
            offsets=offsets,
            moving=self._positions(chunk, kind, count, 1) - offsets,
            mutual=bool(mtmd.mtmd_decode_use_non_causal(self._handle, chunk)),
        )

    def _positions(self, chunk: NativeHandle, kind: int, count: int, first: int) -> npt.NDArray[np.int32]:
        """[sections, rows]: where the rows lie, beginning at `first` (`mtmd_helper_decode_image_chunk`)."""
        if self._sections == 1 or kind != _IMAGE:
            return np.tile(np.arange(first, first + count, dtype=np.int32), (self._sections, 1))
        places = (mtmd.mtmd_decoder_pos * count)()
        mtmd.mtmd_helper_image_get_decoder_pos(mtmd.mtmd_input_chunk_get_tokens_image(chunk), first, places)
        table = np.ctypeslib.as_array(ctypes.cast(places, ctypes.POINTER(ctypes.c_int32)), shape=(count, _SECTIONS))
        time, width, height, fourth = table.T.copy()
        return np.stack([time, height, width, fourth])
