"""Slices of a llama for tests of who runs them: the least that llama.cpp loads. `crofter.models` has the real slicer."""

from pathlib import Path
from typing import Any

import gguf
import numpy as np

from crofter.core import EmbeddingTable, ModelFile, ModelId, SliceFile

_SMALL_VOCABULARY = 32


def in_single_precision(source: Path, path: Path) -> Path:
    """The same model with numbers of 32 bits, whose results do not depend on the shape of a batch."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(path, "llama")
    _copy_fields(reader, writer, {"general.file_type": int(gguf.LlamaFileType.ALL_F32)})
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32))
    _write(writer)
    return path


def layers_of(source: ModelFile, folder: Path, start: int, stop: int) -> SliceFile:
    """Layers `[start, stop)`."""
    reader = gguf.GGUFReader(source.path)
    path = folder / f"{source.path.stem}-{start}-{stop}.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    kept = {name: field for name, field in _fields(reader).items() if not name.startswith("tokenizer.")}
    _add(writer, kept | {"llama.block_count": stop - start, "llama.vocab_size": _SMALL_VOCABULARY}, reader)
    writer.add_string("tokenizer.ggml.model", "no_vocab")
    for tensor in reader.tensors:
        if tensor.name.startswith("blk."):
            number, rest = tensor.name.removeprefix("blk.").split(".", 1)
            if start <= int(number) < stop:
                writer.add_tensor(f"blk.{int(number) - start}.{rest}", tensor.data, raw_dtype=tensor.tensor_type)
        elif tensor.name in ("token_embd.weight", "output.weight"):
            writer.add_tensor(tensor.name, np.zeros((_SMALL_VOCABULARY, int(tensor.shape[0])), np.float32))
        else:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    _write(writer)
    return _slice(source, path, start, stop, _layer_count(reader), hidden_tensor=f"l_out-{stop - start - 1}")


def ends_of(source: ModelFile, folder: Path, *, last_layer: bool = False) -> SliceFile:
    """Tokeniser, embeddings and output, and between them the last layer, or one of zeros, which changes nothing."""
    reader = gguf.GGUFReader(source.path)
    layers = _layer_count(reader)
    path = folder / f"{source.path.stem}-{'private' if last_layer else 'ends'}.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    _copy_fields(reader, writer, {"llama.block_count": 1})
    for tensor in reader.tensors:
        if last_layer and tensor.name.startswith(f"blk.{layers - 1}."):
            name = tensor.name.replace(f"blk.{layers - 1}.", "blk.0.")
            writer.add_tensor(name, tensor.data, raw_dtype=tensor.tensor_type)
        elif tensor.name.startswith("blk.0.") and not last_layer:
            writer.add_tensor(tensor.name, np.zeros_like(tensor.data), raw_dtype=tensor.tensor_type)
        elif not tensor.name.startswith("blk."):
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    _write(writer)
    rows = next(tensor for tensor in gguf.GGUFReader(path).tensors if tensor.name == "token_embd.weight")
    table = EmbeddingTable(
        path=str(path),
        offset=int(rows.data_offset),
        type_number=int(rows.tensor_type),
        row_bytes=int(rows.n_bytes) // int(rows.shape[1]),
        row_count=int(rows.shape[1]),
        width=int(rows.shape[0]),
    )
    return _slice(source, path, layers - last_layer, layers, layers, embeddings=table)


def _slice(
    source: ModelFile,
    path: Path,
    start: int,
    stop: int,
    source_layers: int,
    *,
    hidden_tensor: str = "",
    embeddings: EmbeddingTable | None = None,
) -> SliceFile:
    return SliceFile(
        model_id=ModelId(path.stem),
        name=path.stem,
        path=path,
        size_bytes=path.stat().st_size,
        architecture=source.architecture,
        layer_count=max(1, stop - start),
        context_length=source.context_length,
        kv_bytes_per_token=source.kv_bytes_per_token,
        source_id=source.model_id,
        source_layer_count=source_layers,
        start=start,
        stop=stop,
        hidden_tensor=hidden_tensor,
        embeddings=embeddings,
    )


def _layer_count(reader: gguf.GGUFReader) -> int:
    return int(_fields(reader)["llama.block_count"])


def _fields(reader: gguf.GGUFReader) -> dict[str, Any]:
    return {
        name: field.contents()
        for name, field in reader.fields.items()
        if not name.startswith("GGUF.") and name != "general.architecture"
    }


def _copy_fields(reader: gguf.GGUFReader, writer: gguf.GGUFWriter, changed: dict[str, int]) -> None:
    _add(writer, _fields(reader) | changed, reader)


def _add(writer: gguf.GGUFWriter, values: dict[str, Any], reader: gguf.GGUFReader) -> None:
    for name, value in values.items():
        field = reader.fields.get(name)
        types = field.types if field is not None else [gguf.GGUFValueType.UINT32]
        writer.add_key_value(name, value, types[0], types[-1] if len(types) > 1 else None)


def _write(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def recurrent_layers(folder: Path) -> SliceFile:
    """Two random layers of a mamba, which cannot go back, as a slice from the middle of a model."""
    path = folder / "mamba.gguf"
    width, inner, state, rank, kernel = 64, 128, 16, 4, 4
    writer = gguf.GGUFWriter(path, "mamba")
    writer.add_context_length(512)
    writer.add_embedding_length(width)
    writer.add_block_count(2)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(_SMALL_VOCABULARY)
    for key, value in {"conv_kernel": kernel, "inner_size": inner, "state_size": state, "time_step_rank": rank}.items():
        writer.add_uint32(f"mamba.ssm.{key}", value)
    writer.add_string("tokenizer.ggml.model", "no_vocab")
    random = np.random.default_rng(3)

    def matrix(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        return (random.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)

    ones = np.ones(width, np.float32)
    tensors = {"token_embd.weight": np.zeros((_SMALL_VOCABULARY, width), np.float32), "output_norm.weight": ones}
    for layer in range(2):
        tensors |= {
            f"blk.{layer}.attn_norm.weight": ones,
            f"blk.{layer}.ssm_in.weight": matrix(2 * inner, width),
            f"blk.{layer}.ssm_conv1d.weight": matrix(inner, kernel),
            f"blk.{layer}.ssm_conv1d.bias": matrix(inner),
            f"blk.{layer}.ssm_x.weight": matrix(rank + 2 * state, inner),
            f"blk.{layer}.ssm_dt.weight": matrix(inner, rank),
            f"blk.{layer}.ssm_dt.bias": matrix(inner),
            f"blk.{layer}.ssm_a": -np.abs(matrix(inner, state)),
            f"blk.{layer}.ssm_d": np.ones(inner, np.float32),
            f"blk.{layer}.ssm_out.weight": matrix(width, inner),
        }
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    _write(writer)
    whole = ModelFile(
        model_id=ModelId("mamba-whole"),
        name="mamba-whole",
        path=path,
        size_bytes=path.stat().st_size,
        architecture="mamba",
        layer_count=6,
        context_length=512,
        kv_bytes_per_token=0,
    )
    return _slice(whole, path, 2, 4, 6, hidden_tensor="l_out-1")
