"""A whole model against its slices, in a process of its own: llama.cpp's assertions end the process.

Called with JSON: {"whole": path, "ends": {"path", "table": EmbeddingTable, "input_scale"}, "stages": [{"path", "hidden", "input_scale",
"output_scale"}], "adapters": {"whole": path, "stages": [path]}}. Prints {"difference", "deviation"}: the largest difference
of a logit, and the whole's standard deviation.
"""

import ctypes
import json
import math
import sys
from pathlib import Path
from typing import Any

import gguf
import llama_cpp
import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]

llama: Any = llama_cpp  # whose annotations say that every handle may be missing

PROMPT_TOKENS, STEPS, CONTEXT = 24, 8, 256
_SECTIONED = {8, 40}

_ggml = ctypes.CDLL(str(next((Path(llama_cpp.__file__).parent / "lib").glob("*ggml-base.*"))))
_ggml.ggml_get_name.argtypes, _ggml.ggml_get_name.restype = [ctypes.c_void_p], ctypes.c_char_p
_ggml.ggml_nbytes.argtypes, _ggml.ggml_nbytes.restype = [ctypes.c_void_p], ctypes.c_size_t
_ggml.ggml_backend_tensor_get.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t]


class Part:
    """A loaded file; `hidden` names what it gives, "" for logits."""

    def __init__(self, path: str, hidden: str = "", adapter: str = "") -> None:
        self._hidden = hidden.encode()
        self._found: list[Rows] = []
        self.model = llama.llama_model_load_from_file(path.encode(), llama.llama_model_default_params())
        if not self.model:
            raise SystemExit(f"cannot load {path}")
        parameters = llama.llama_context_default_params()
        parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = CONTEXT
        parameters.n_threads = parameters.n_threads_batch = 2
        parameters.kv_unified = True
        self._callback = llama.ggml_backend_sched_eval_callback(self._tap)
        if hidden:
            parameters.cb_eval = self._callback
        self.context = llama.llama_init_from_model(self.model, parameters)
        self.width = llama.llama_model_n_embd(self.model)
        if adapter:
            loaded = llama.llama_adapter_lora_init(self.model, adapter.encode())
            if not loaded:
                raise SystemExit(f"cannot load {adapter}")
            adapters = (llama.llama_adapter_lora_p_ctypes * 1)(loaded)
            llama.llama_set_adapters_lora(self.context, adapters, 1, (ctypes.c_float * 1)(1.0))

    def _tap(self, tensor: int, ask: bool, _data: object) -> bool:
        if ask:
            return _ggml.ggml_get_name(tensor) == self._hidden
        size_bytes = _ggml.ggml_nbytes(tensor)
        buffer = np.empty(size_bytes // 4, np.float32)
        _ggml.ggml_backend_tensor_get(tensor, buffer.ctypes.data, 0, size_bytes)
        self._found.append(buffer.reshape(-1, self.width))
        return False

    def decode(self, values: Rows | list[int], position: int, wanted: int) -> Rows:
        """The rows of tokens or vectors from `position` on; of the logits, or of the last layer, only the last `wanted`."""
        count = len(values)
        batch = llama.llama_batch_init(count, 0 if isinstance(values, list) else self.width, 1)
        batch.n_tokens = count
        sections = 4 if llama.llama_model_rope_type(self.model) in _SECTIONED else 1
        positions = (ctypes.c_int32 * (count * sections))()
        for row in range(count):
            for section in range(min(sections, 3)):
                positions[section * count + row] = position + row
            batch.n_seq_id[row], batch.seq_id[row][0] = 1, 0
            batch.logits[row] = row >= count - wanted
        own: int | None = None
        if isinstance(values, list):
            for row, token in enumerate(values):
                batch.token[row] = token
                batch.pos[row] = position + row
        else:
            ctypes.memmove(batch.embd, np.ascontiguousarray(values).ctypes.data, values.nbytes)
            own = ctypes.cast(batch.pos, ctypes.c_void_p).value
            batch.pos = ctypes.cast(positions, ctypes.POINTER(ctypes.c_int32))
        code = llama.llama_decode(self.context, batch)
        if own is not None:
            batch.pos = ctypes.cast(own, ctypes.POINTER(ctypes.c_int32))
        llama.llama_batch_free(batch)
        if code:
            raise SystemExit(f"llama_decode gave {code}")
        if self._hidden:
            found, self._found = np.concatenate(self._found), []
            # Some architectures leave out the rows that nobody wants only after their last layer.
            found = found[-wanted:] if len(found) == count else found
            if len(found) != wanted:
                raise SystemExit(f"{len(found)} rows came where {wanted} were expected")
            return found
        tokens = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(self.model))
        logits = llama.llama_get_logits(self.context)
        return np.ctypeslib.as_array(logits, (wanted, tokens)).copy()

    def empty(self) -> None:
        llama.llama_memory_clear(llama.llama_get_memory(self.context), True)


class Table:
    """Looks tokens up in the embedding table of the ends."""

    def __init__(self, table: dict[str, Any]) -> None:
        shape = (table["row_count"], table["row_bytes"])
        self._rows = np.memmap(table["path"], np.uint8, "r", table["offset"], shape)
        self._type = gguf.GGMLQuantizationType(table["type_number"])
        self._scale = np.float32(table["scale"])

    def rows(self, tokens: list[int]) -> Rows:
        picked = np.ascontiguousarray(self._rows[tokens])
        plain = {gguf.GGMLQuantizationType.F32: np.float32, gguf.GGMLQuantizationType.F16: np.float16}
        if self._type in plain:
            return picked.view(plain[self._type]).astype(np.float32) * self._scale
        return gguf.quants.dequantize(picked, self._type).astype(np.float32) * self._scale


def main(task: dict[str, Any]) -> dict[str, float]:
    adapters = task.get("adapters", {"whole": "", "stages": [""] * len(task["stages"])})
    llama.llama_backend_init()
    callback = llama.llama_log_callback(lambda *_: None)
    llama.llama_log_set(callback, None)
    whole = Part(task["whole"], adapter=adapters["whole"])
    stages = [
        Part(stage["path"], stage["hidden"], adapter)
        for stage, adapter in zip(task["stages"], adapters["stages"], strict=True)
    ]
    ends, table = Part(task["ends"]["path"]), Table(task["ends"]["table"])
    keeps_layers = task["ends"]["keeps_layers"]

    def split(tokens: list[int], position: int, wanted: int) -> Rows:
        rows = table.rows(tokens)
        for number, (part, stage) in enumerate(zip(stages, task["stages"], strict=True)):
            is_last = number == len(stages) - 1 and not keeps_layers
            rows = rows * np.float32(stage["input_scale"])
            rows = part.decode(rows, position, wanted if is_last else len(tokens)) * np.float32(stage["output_scale"])
        rows = rows * np.float32(task["ends"]["input_scale"])
        if keeps_layers:
            return ends.decode(rows, position, wanted)
        results = []
        for row in rows:
            ends.empty()
            results.append(ends.decode(row[None], 0, 1))
        return np.concatenate(results)

    tokens = [int(each) for each in np.random.default_rng(7).integers(1, table._rows.shape[0] - 8, PROMPT_TOKENS)]
    difference, deviation, position = 0.0, 0.0, 0
    for _ in range(STEPS):
        expected, found = whole.decode(tokens, position, 1), split(tokens, position, 1)
        difference = max(difference, float(np.abs(expected - found).max()))
        deviation = max(deviation, float(expected.std()))
        position += len(tokens)
        tokens = [int(expected[0].argmax())]
    if not math.isfinite(difference) or not deviation:
        raise SystemExit("the whole model gives nothing that could be compared")
    return {"difference": difference, "deviation": deviation}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]))) + "\n")
