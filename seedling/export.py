"""Writes the model as a GGUF: 32-bit floats for comparison, Q8_0 for shipping."""

import json
from pathlib import Path

import gguf
import numpy as np

from seedling.corpus import TEMPERATURE, TOP_K, TOP_P
from seedling.model import Seedling, Shape
from seedling.template import CHAT_TEMPLATE, CITATIONS, END, END_OF_TEXT, MARKS, SPECIAL_TOKENS

DESCRIPTIONS = {
    "seedling": "The tiny model that ships with Crofter, so that the first command answers offline.",
    "seedling-draft": "Guesses the next tokens of seedling, which shares its tokenizer.",
}


def add_header(writer: gguf.GGUFWriter, name: str, shape: Shape, file_type: gguf.LlamaFileType) -> None:
    """General and architecture metadata, and the sampling the model was judged with."""
    writer.add_name(name)
    writer.add_description(DESCRIPTIONS[name])
    writer.add_license("Apache-2.0")
    writer.add_file_type(file_type)
    writer.add_context_length(shape.context_length)
    writer.add_embedding_length(shape.hidden_size)
    writer.add_block_count(shape.layer_count)
    writer.add_feed_forward_length(shape.feed_forward_size)
    writer.add_head_count(shape.head_count)
    writer.add_head_count_kv(shape.key_value_head_count)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)
    writer.add_rope_dimension_count(shape.head_size)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_vocab_size(shape.vocabulary_size)
    writer.add_float32("general.sampling.temp", TEMPERATURE)
    writer.add_int32("general.sampling.top_k", TOP_K)
    writer.add_float32("general.sampling.top_p", TOP_P)


def add_tokenizer(writer: gguf.GGUFWriter, tokenizer_path: Path) -> None:
    """Tokens, merges, special ids and the chat template."""
    whole = json.loads(tokenizer_path.read_text())
    stored = whole["model"]
    ids: dict[str, int] = stored["vocab"] | {token["content"]: token["id"] for token in whole["added_tokens"]}
    tokens = sorted(ids, key=ids.__getitem__)
    kinds = dict.fromkeys(SPECIAL_TOKENS, gguf.TokenType.CONTROL) | dict.fromkeys(
        MARKS + CITATIONS, gguf.TokenType.USER_DEFINED
    )
    types = [kinds.get(token, gguf.TokenType.NORMAL) for token in tokens]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([" ".join(pair) for pair in stored["merges"]])
    writer.add_bos_token_id(ids[END_OF_TEXT])
    writer.add_eos_token_id(ids[END])
    writer.add_eot_token_id(ids[END])
    writer.add_pad_token_id(ids[END_OF_TEXT])
    writer.add_add_bos_token(False)
    writer.add_uint32("tokenizer.ggml.fim_pre_token_id", ids["<|fim_prefix|>"])
    writer.add_uint32("tokenizer.ggml.fim_suf_token_id", ids["<|fim_suffix|>"])
    writer.add_uint32("tokenizer.ggml.fim_mid_token_id", ids["<|fim_middle|>"])
    writer.add_chat_template(CHAT_TEMPLATE)


def export(model: Seedling, name: str, tokenizer_path: Path, path: Path, *, quantize: bool) -> None:
    """Writes `path`; `quantize` stores matrices as Q8_0 (norms stay 32-bit floats). The head is the embedding: llama.cpp ties them."""
    writer = gguf.GGUFWriter(path, "llama")
    file_type = gguf.LlamaFileType.MOSTLY_Q8_0 if quantize else gguf.LlamaFileType.ALL_F32
    add_header(writer, name, model.shape, file_type)
    if quantize:
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    add_tokenizer(writer, tokenizer_path)
    for name, parameter in model.named_parameters():
        values = parameter.detach().numpy().astype(np.float32)
        if quantize and values.ndim == 2:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
