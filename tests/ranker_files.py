"""Tiny models that rank, for tests: one that reads a pair of texts as a whole, and one that is asked yes or no about them."""

from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from tests.gguf_files import add_tokenizer, vocabulary

RERANK_TEMPLATE = (
    "<|im_start|>user\nIs it about <Query>: {query}\n<Document>: {document}<|im_end|>\n<|im_start|>assistant\n"
)
_WORDS = (
    "a",
    "the",
    "sheep",
    "house",
    "sea",
    "river",
    "eats",
    "grass",
    "stands",
    "runs",
    "what",
    "where",
    "is",
    "over",
)
_PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def write_tiny_bert_ranker(
    path: Path, *, layers: int = 2, context: int = 64, hidden: int = 32, names_pooling: bool = True
) -> Path:
    """A random BERT that gives one number for a pair of texts. Without `names_pooling` only its head tells, as in older files."""
    writer = _begun(path, "bert", layers, context, hidden)
    writer.add_head_count(2)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_token_type_count(2)
    if names_pooling:
        writer.add_pooling_type(gguf.PoolingType.RANK)
    tokens = [*_PIECES, *(f"\u2581{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"), *"abcdefghijklmnopqrstuvwxyz"]
    tokens += [f"\u2581{word}" for word in _WORDS if len(word) > 1]
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("jina-v1-en")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL] * len(_PIECES) + [gguf.TokenType.NORMAL] * (len(tokens) - 5))
    writer.add_pad_token_id(0)
    writer.add_unk_token_id(1)
    writer.add_bos_token_id(2)
    writer.add_sep_token_id(3)
    writer.add_add_eos_token(True)
    return _finished(writer, path, _bert_tensors(len(tokens), layers, context, hidden))


def write_tiny_qwen3_ranker(
    path: Path, *, layers: int = 2, context: int = 512, hidden: int = 64, template: str | None = RERANK_TEMPLATE
) -> Path:
    """A random Qwen3 with a head for yes and no, and the template that it is asked with."""
    writer = _begun(path, "qwen3", layers, context, hidden)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_key_length(hidden // 4)
    writer.add_value_length(hidden // 4)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_pooling_type(gguf.PoolingType.RANK)
    writer.add_classifier_output_labels(["yes", "no"])
    add_tokenizer(writer, None)
    if template is not None:
        writer.add_chat_template([{"name": "rerank", "template": template}])
    return _finished(writer, path, _qwen3_tensors(layers, hidden))


def _begun(path: Path, architecture: str, layers: int, context: int, hidden: int) -> gguf.GGUFWriter:
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name(f"Tiny {architecture} Ranker")
    writer.add_context_length(context)
    writer.add_embedding_length(hidden)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(hidden * 2)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    return writer


def _finished(writer: gguf.GGUFWriter, path: Path, tensors: dict[str, NDArray[np.float32]]) -> Path:
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


class _Random:
    """Weights from one seed, so that the same arguments give the same file."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(3)

    def matrix(self, rows: int, columns: int, scale: float = 1.0) -> NDArray[np.float32]:
        return (scale * self._random.standard_normal((rows, columns)) / np.sqrt(columns)).astype(np.float32)

    def vector(self, size: int) -> NDArray[np.float32]:
        return (0.1 * self._random.standard_normal(size)).astype(np.float32)


def _bert_tensors(vocabulary_size: int, layers: int, context: int, hidden: int) -> dict[str, NDArray[np.float32]]:
    random, ones = _Random(), np.ones(hidden, dtype=np.float32)
    tensors = {
        "token_embd.weight": random.matrix(vocabulary_size, hidden, 6.0),
        "token_types.weight": random.matrix(2, hidden),
        "position_embd.weight": random.matrix(context, hidden, 3.0),
        "token_embd_norm.weight": ones,
        "token_embd_norm.bias": random.vector(hidden),
        "cls.weight": random.matrix(hidden, hidden),
        "cls.bias": random.vector(hidden),
        "cls.output.weight": random.matrix(1, hidden, 4.0),
        "cls.output.bias": random.vector(1),
    }
    shapes = dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), (hidden, hidden))
    shapes |= {"ffn_up": (hidden * 2, hidden), "ffn_down": (hidden, hidden * 2)}
    for layer in range(layers):
        for name, (rows, columns) in shapes.items():
            tensors[f"blk.{layer}.{name}.weight"] = random.matrix(rows, columns, 2.0)
            tensors[f"blk.{layer}.{name}.bias"] = random.vector(rows)
        for name in ("attn_output_norm", "layer_output_norm"):
            tensors[f"blk.{layer}.{name}.weight"] = ones
            tensors[f"blk.{layer}.{name}.bias"] = random.vector(hidden)
    return tensors


def _qwen3_tensors(layers: int, hidden: int) -> dict[str, NDArray[np.float32]]:
    random, ones = _Random(), np.ones(hidden, dtype=np.float32)
    head = np.ones(hidden // 4, dtype=np.float32)
    tensors = {
        "token_embd.weight": random.matrix(len(vocabulary()), hidden, 8.0),
        "output_norm.weight": ones,
        "cls.output.weight": random.matrix(2, hidden),
    }
    shapes = {
        "attn_q": (hidden, hidden),
        "attn_k": (hidden // 2, hidden),
        "attn_v": (hidden // 2, hidden),
        "attn_output": (hidden, hidden),
        "ffn_gate": (hidden * 2, hidden),
        "ffn_up": (hidden * 2, hidden),
        "ffn_down": (hidden, hidden * 2),
    }
    for layer in range(layers):
        tensors |= {f"blk.{layer}.{name}.weight": random.matrix(*shape, 2.0) for name, shape in shapes.items()}
        tensors |= {f"blk.{layer}.{name}.weight": ones for name in ("attn_norm", "ffn_norm")}
        tensors |= {f"blk.{layer}.{name}.weight": head for name in ("attn_q_norm", "attn_k_norm")}
    return tensors
