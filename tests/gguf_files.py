"""Tiny GGUF files for tests: real enough for llama.cpp to load and generate with, small enough to make on the spot."""

from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

CHATML_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

CONTROL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    "<|fim_pad|>",
)

_MERGED_PAIRS = (
    ("t", "h"), ("th", "e"), ("i", "n"), ("e", "r"), ("a", "n"), ("r", "e"), ("o", "n"), ("a", "t"), ("e", "n"), ("n", "d"),
    ("s", "t"), ("o", "r"), ("t", "i"), ("e", "s"), ("h", "a"), ("i", "s"), ("o", "u"), ("l", "l"), ("\u0120", "t"), ("\u0120", "a"),
    ("\u0120", "the"), ("\u0120", "s"), ("\u0120", "w"), ("\u0120", "o"), ("\u0120", "c"), ("\u0120", "b"), ("\u0120", "m"),
    ("\u0120", "p"), ("in", "g"), ("l", "o"), ("w", "o"), ("h", "e"), ("\u0120", "i"), ("e", "d"), ("o", "f"), ("a", "r"), ("\u0120", "d"),
)  # fmt: skip


def write_tiny_llama(
    path: Path,
    *,
    seed: int = 0,
    layers: int = 2,
    context: int = 512,
    hidden: int = 64,
    heads: int = 4,
    kv_heads: int = 2,
    chat_template: str | None = CHATML_TEMPLATE,
    name: str = "Tiny Test",
    pooling_type: int | None = None,
    architecture: str = "llama",
    edit: Callable[[gguf.GGUFWriter], None] | None = None,
) -> Path:
    """Write a random llama with a 300-token byte-level vocabulary (control tokens are the last seven) and return `path`.

    The same arguments give the same bytes. Greedy decoding never ends by itself (control tokens have logit zero), so a test gets
    as many tokens as it asks for. `pooling_type` makes it an embedding model, `architecture` one of those with a llama's tensors; `edit`
    may add metadata before it is written.
    """
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name(name)
    writer.add_license("Apache-2.0")
    writer.add_context_length(context)
    writer.add_embedding_length(hidden)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(hidden * 2)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_rope_dimension_count(hidden // heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    if pooling_type is not None:
        writer.add_pooling_type(gguf.PoolingType(pooling_type))
    add_tokenizer(writer, chat_template)
    if edit is not None:
        edit(writer)
    for tensor_name, values in _tensors(seed, layers, hidden, heads, kv_heads).items():
        writer.add_tensor(tensor_name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def add_tokenizer(writer: gguf.GGUFWriter, chat_template: str | None) -> None:
    tokens = vocabulary()
    identifier = {token: index for index, token in enumerate(tokens)}
    ordinary = len(tokens) - len(CONTROL_TOKENS)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * ordinary + [gguf.TokenType.CONTROL] * len(CONTROL_TOKENS))
    writer.add_token_merges([f"{left} {right}" for left, right in _MERGED_PAIRS])
    writer.add_bos_token_id(identifier["<|endoftext|>"])
    writer.add_eos_token_id(identifier["<|im_end|>"])
    writer.add_eot_token_id(identifier["<|im_end|>"])
    writer.add_pad_token_id(identifier["<|fim_pad|>"])
    writer.add_uint32("tokenizer.ggml.fim_pre_token_id", identifier["<|fim_prefix|>"])
    writer.add_uint32("tokenizer.ggml.fim_suf_token_id", identifier["<|fim_suffix|>"])
    writer.add_uint32("tokenizer.ggml.fim_mid_token_id", identifier["<|fim_middle|>"])
    writer.add_add_bos_token(False)
    if chat_template is not None:
        writer.add_chat_template(chat_template)


def vocabulary() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes, then the merges, then the control tokens."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable} | {byte: chr(256 + order) for order, byte in enumerate(others)}
    return (
        [letters[byte] for byte in range(256)] + [left + right for left, right in _MERGED_PAIRS] + list(CONTROL_TOKENS)
    )


def _tensors(seed: int, layers: int, hidden: int, heads: int, kv_heads: int) -> dict[str, NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    tokens = vocabulary()
    key_value_width = hidden // heads * kv_heads

    def matrix(rows: int, columns: int) -> NDArray[np.float32]:
        return (random.standard_normal((rows, columns)) / np.sqrt(columns)).astype(np.float32)

    head = matrix(len(tokens), hidden) * np.float32(2.0)
    head[128:256] *= np.float32(0.3)  # bytes that are no whole character are possible, and rare
    head[len(tokens) - len(CONTROL_TOKENS) :] = 0
    tensors = {
        "token_embd.weight": matrix(len(tokens), hidden) * np.float32(np.sqrt(hidden)),
        "output_norm.weight": np.ones(hidden, dtype=np.float32),
        "output.weight": head,
    }
    for layer in range(layers):
        block = f"blk.{layer}"
        tensors |= {
            f"{block}.attn_norm.weight": np.ones(hidden, dtype=np.float32),
            f"{block}.attn_q.weight": matrix(hidden, hidden),
            f"{block}.attn_k.weight": matrix(key_value_width, hidden),
            f"{block}.attn_v.weight": matrix(key_value_width, hidden),
            f"{block}.attn_output.weight": matrix(hidden, hidden),
            f"{block}.ffn_norm.weight": np.ones(hidden, dtype=np.float32),
            f"{block}.ffn_gate.weight": matrix(hidden * 2, hidden),
            f"{block}.ffn_up.weight": matrix(hidden * 2, hidden),
            f"{block}.ffn_down.weight": matrix(hidden, hidden * 2),
        }
    return tensors
