"""Random-weight models at real shapes, made on the spot: speed depends on shapes and types, not on what was learned.

    python bench/shapes.py            # makes them, prints where they are

One block of random numbers, read from different places, fills all tensors: every matrix multiplication costs what it costs in a
trained model, and a gigabyte is written in seconds.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (the binding's ctypes functions are only partly typed)

import ctypes
import itertools
import os
import string
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import gguf
import numpy as np
import platformdirs
from llama_cpp import llama_cpp as llama

CHATML_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CONTROL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CONTEXT_TOKENS = 8192

_SIGMA = 0.02
_BLOCK_VALUES = 1 << 22
_QUIET_BYTES = slice(128, 256)
"""Bytes that are no whole character: made unlikely, so that nearly every token is text that can be sent at once."""


class Shape(NamedTuple):
    """A Llama architecture."""

    label: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    feed_forward: int
    vocabulary: int
    tied: bool
    """The output head is the token embedding, as in small Llama models."""


SHAPES = {
    # Widths are multiples of 256, or the K-quants would fall back to others (as they do in the real Qwen2.5 0.5B).
    "0.5b": Shape("0.5B Llama shape", 24, 1024, 16, 8, 4864, 32_000, tied=False),
    "1b": Shape("Llama 3.2 1B shape", 16, 2048, 32, 8, 8192, 128_256, tied=True),
    "1b-layers": Shape("half the layers of Llama 3.2 1B", 8, 2048, 32, 8, 8192, 512, tied=True),
}


def cache_folder() -> Path:
    """Where the models are kept between runs."""
    chosen = os.environ.get("CROFTER_BENCH_MODELS")
    return Path(chosen) if chosen else platformdirs.user_cache_path("crofter") / "bench"


def model_file(name: str) -> Path:
    """The Q4_K_M GGUF of a shape, made first if need be (a minute or two, once). Raises RuntimeError if llama.cpp cannot."""
    folder = cache_folder()
    target = folder / f"bench-{name}-q4_k_m.gguf"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    print(f"making {target} (random weights, once) …", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        full, quantized = Path(scratch, "full.gguf"), Path(scratch, "quantized.gguf")
        _write(full, SHAPES[name])
        _quantize(full, quantized)
        quantized.replace(target)
    return target


def _write(path: Path, shape: Shape) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(f"Bench {shape.label}")
    writer.add_license("Apache-2.0")
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.hidden // shape.heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    add_tokenizer(writer, shape.vocabulary)
    tensors = _tensors(shape)
    for name, dimensions in tensors.items():
        kind = np.dtype(np.float32 if len(dimensions) == 1 else np.float16)
        writer.add_tensor_info(name, dimensions, kind, int(np.prod(dimensions)) * kind.itemsize)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    random = np.random.default_rng(0)
    block = (random.standard_normal(_BLOCK_VALUES, dtype=np.float32) * _SIGMA).astype(np.float16)
    for name, dimensions in tensors.items():
        if len(dimensions) == 1:
            writer.write_tensor_data(np.ones(dimensions, np.float32))
            continue
        size = int(np.prod(dimensions))
        start = int(random.integers(_BLOCK_VALUES))
        values = np.resize(np.roll(block, start), size).reshape(dimensions)
        if name in ("output.weight", "token_embd.weight"):
            values[_QUIET_BYTES] *= np.float16(0.1)
            # An end of generation has logit zero, far below the likely tokens: answers are as long as asked for.
            values[shape.vocabulary - len(CONTROL_TOKENS) :] = 0
        writer.write_tensor_data(values)
    writer.close()


def _tensors(shape: Shape) -> dict[str, tuple[int, ...]]:
    hidden, wide = shape.hidden, shape.feed_forward
    key_value = hidden // shape.heads * shape.kv_heads
    tensors: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (shape.vocabulary, hidden),
        "output_norm.weight": (hidden,),
    }
    if not shape.tied:
        tensors["output.weight"] = (shape.vocabulary, hidden)
    for layer in range(shape.layers):
        block = f"blk.{layer}"
        tensors |= {
            f"{block}.attn_norm.weight": (hidden,),
            f"{block}.attn_q.weight": (hidden, hidden),
            f"{block}.attn_k.weight": (key_value, hidden),
            f"{block}.attn_v.weight": (key_value, hidden),
            f"{block}.attn_output.weight": (hidden, hidden),
            f"{block}.ffn_norm.weight": (hidden,),
            f"{block}.ffn_gate.weight": (wide, hidden),
            f"{block}.ffn_up.weight": (wide, hidden),
            f"{block}.ffn_down.weight": (hidden, wide),
        }
    return tensors


def add_tokenizer(writer: gguf.GGUFWriter, size: int) -> None:
    """A byte-level vocabulary of that size, its chat template included."""
    letters = _byte_letters()
    pairs = list(itertools.islice(_merges(), size - len(letters) - len(CONTROL_TOKENS)))
    tokens = [*letters, *(left + right for left, right in pairs), *CONTROL_TOKENS]
    ordinary = len(tokens) - len(CONTROL_TOKENS)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * ordinary + [gguf.TokenType.CONTROL] * len(CONTROL_TOKENS))
    writer.add_token_merges([f"{left} {right}" for left, right in pairs])
    writer.add_bos_token_id(ordinary)
    writer.add_eos_token_id(ordinary + 2)
    writer.add_eot_token_id(ordinary + 2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHATML_TEMPLATE)


def _byte_letters() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable} | {byte: chr(256 + order) for order, byte in enumerate(others)}
    return [letters[byte] for byte in range(256)]


def _merges() -> Iterator[tuple[str, str]]:
    """Merges that build every group of two, three and four lower-case letters: English comes to about three letters a token."""
    space = "\u0120"
    two = [first + second for first in string.ascii_lowercase for second in string.ascii_lowercase]
    yield from ((pair[0], pair[1]) for pair in two)
    yield from ((space, pair) for pair in two)
    yield from ((pair, letter) for pair in two for letter in string.ascii_lowercase)
    yield from ((first, second) for first in two for second in two)


def _quantize(source: Path, target: Path) -> None:
    llama.llama_backend_init()
    parameters = llama.llama_model_quantize_default_params()
    parameters.ftype = llama.LLAMA_FTYPE_MOSTLY_Q4_K_M
    parameters.nthread = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if llama.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.pointer(parameters)) != 0:
        raise RuntimeError(f"llama.cpp could not quantise {source}")


if __name__ == "__main__":
    for shape_name in SHAPES:
        print(model_file(shape_name))
