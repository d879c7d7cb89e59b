"""llama.cpp, as far as a worker needs it: the library and a model; `context.py` has what computes.

Thin by intent: no scheduling, no text. Shapes are those of llama.cpp's `include/llama.h`.
"""

# The binding's functions are ctypes objects made by a decorator; their types are only partly known to a checker, and some of
# its annotations name array types where every pointer will do.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportArgumentType=false

import ctypes
from collections.abc import Collection
from pathlib import Path
from typing import Any, TypeAlias

from llama_cpp import llama_cpp as llama

from crofter.core import CrofterError, ErrorCode
from crofter.engine.fit import most_gpu_layers
from crofter.engine.plan import load_choice
from crofter.engine.wire import LoadPlan

from .devices import devices
from .native_log import complaints

NativeHandle: TypeAlias = Any
"""A pointer of llama.cpp; the binding names its pointer types for checkers only, and not consistently."""

FLASH_ATTENTION = {"auto": -1, "off": 0, "on": 1}
"""llama.cpp's numbers for `LoadPlan.flash_attention`."""
_MROPE_TYPES = (8, 40)
"""Kinds of rotation (`llama_rope_type`) whose positions have four sections."""
_MOST_ADAPTERS = 16
"""Kept in memory beside one model."""
_DEFAULT_CONTEXT_SIZE, _DEFAULT_BATCH, _DEFAULT_MICRO_BATCH = 512, 2048, 512


def start_library() -> None:
    """Initialise llama.cpp, and refuse to go on if the structures of this build are not those that the binding describes.

    Struct layouts drift between versions; the default values of the parameters are the cheapest witness.
    """
    llama.llama_backend_init()
    defaults = llama.llama_context_default_params()
    found = (defaults.n_ctx, defaults.n_batch, defaults.n_ubatch, defaults.flash_attn_type, bool(defaults.kv_unified))
    expected = (_DEFAULT_CONTEXT_SIZE, _DEFAULT_BATCH, _DEFAULT_MICRO_BATCH, -1, False)
    if found != expected:
        raise CrofterError(
            ErrorCode.MODEL_LOAD_FAILED,
            f"this llama.cpp build has other structures than its binding (defaults {found}, expected {expected}); "
            "install the pinned llama-cpp-python again",
        )


def _gpu_layers(plan: LoadPlan) -> int:
    """How many layers go to accelerators: as many as they hold, unless the owner decided."""
    if plan.gpu_layers >= 0:
        return plan.gpu_layers
    if not llama.llama_supports_gpu_offload():
        return 0
    return most_gpu_layers(plan.shape, load_choice(plan), [device.free_bytes for device in devices()])


class Model:
    """Loaded weights and vocabulary. Several contexts may share it."""

    def __init__(self, plan: LoadPlan) -> None:
        """Raises CrofterError(MODEL_LOAD_FAILED) if llama.cpp refuses the file."""
        parameters = llama.llama_model_default_params()
        parameters.n_gpu_layers = self.gpu_layers = _gpu_layers(plan)
        parameters.use_extra_bufts = plan.repack
        if plan.repack:
            # Rewritten weights lie in memory of their own; a mapped file beside them would be held a second time.
            parameters.load_mode = llama.LLAMA_LOAD_MODE_NONE
        with complaints() as heard:
            self.handle: NativeHandle = llama.llama_model_load_from_file(plan.path.encode(), parameters)
        if not self.handle:
            reason = f": {heard.reason}" if heard.reason else ""
            raise CrofterError(ErrorCode.MODEL_LOAD_FAILED, f"llama.cpp could not load the model{reason}")
        self.vocabulary: NativeHandle = llama.llama_model_get_vocab(self.handle)
        self.vocabulary_size = int(llama.llama_vocab_n_tokens(self.vocabulary))
        self.recurrent = bool(llama.llama_model_is_recurrent(self.handle) or llama.llama_model_is_hybrid(self.handle))
        self.has_decoder = bool(llama.llama_model_has_decoder(self.handle))
        self.embedding_length = int(llama.llama_model_n_embd_out(self.handle))
        self.input_width = int(llama.llama_model_n_embd_inp(self.handle))
        """Numbers of a row that is no token."""
        self.position_sections = 4 if llama.llama_model_rope_type(self.handle) in _MROPE_TYPES else 1
        self.ranking_outputs = int(llama.llama_model_n_cls_out(self.handle))
        """Numbers that its head for ranking gives, if it has one."""
        self._adapters: dict[str, NativeHandle] = {}

    def metadata(self, key: str) -> str | None:
        """A scalar metadata value as text, or None."""
        size = 1 << 20
        buffer = ctypes.create_string_buffer(size)
        length = llama.llama_model_meta_val_str(self.handle, key.encode(), buffer, size)
        return None if length < 0 else buffer.value.decode("utf-8", "replace")

    def chat_template(self, name: str | None = None) -> str | None:
        """The source of a chat template, the default one without a name; None if there is none."""
        template = llama.llama_model_chat_template(self.handle, None if name is None else name.encode())
        return template.decode("utf-8", "replace") if template else None

    def adapter(self, path: str) -> NativeHandle:
        """A LoRA adapter of this model, loaded once. Raises CrofterError(MODEL_INVALID)."""
        if path not in self._adapters:
            handle = llama.llama_adapter_lora_init(self.handle, path.encode())
            if not handle:
                raise CrofterError(
                    ErrorCode.MODEL_INVALID, f"the adapter {Path(path).name} does not fit this model", parameter="lora"
                )
            self._adapters[path] = handle
        return self._adapters[path]

    def keep_adapters(self, in_use: Collection[str]) -> None:
        """Free those that were loaded first where there are many; those in use stay."""
        idle = [path for path in self._adapters if path not in in_use]
        for path in idle[: max(0, len(self._adapters) - _MOST_ADAPTERS)]:
            llama.llama_adapter_lora_free(self._adapters.pop(path))
