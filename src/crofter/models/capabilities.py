"""What a model can be asked for, judged by its header the way llama.cpp judges it."""

import re

from .header import Header

ENCODERS = frozenset(
    {
        "bert",
        "eurobert",
        "gemma-embedding",
        "jina-bert-v2",
        "jina-bert-v3",
        "modern-bert",
        "neo-bert",
        "nomic-bert",
        "nomic-bert-moe",
        "t5encoder",
    }
)
"""Architectures that read a text as a whole and never write one; they keep no keys and values."""

_POOLING_NONE = 0
_POOLING_RANK = 4

_REASONING_MARKS = re.compile(r"<think>|<\|channel\|>|\[THINK\]|<seed:think>|reasoning_content|enable_thinking")
_TOOL_MARKS = re.compile(r"\btools\b")

_FILL_IN_KEYS = (
    ("tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id"),
    ("tokenizer.ggml.fim_suf_token_id", "tokenizer.ggml.suffix_token_id"),
    ("tokenizer.ggml.fim_mid_token_id", "tokenizer.ggml.middle_token_id"),
)
"""The keys that name the tokens before the text, before what follows the gap, and before the answer: current, earlier."""

_FILL_IN_TOKENS = (
    {
        "<|fim_prefix|>",
        "<fim-prefix>",
        "<fim_prefix>",
        "<PRE>",
        "\u2581<PRE>",
        "<|code_prefix|>",
        "<\uff5cfim\u2581begin\uff5c>",
    },
    {
        "<|fim_suffix|>",
        "<fim-suffix>",
        "<fim_suffix>",
        "<SUF>",
        "\u2581<SUF>",
        "<|code_suffix|>",
        "<\uff5cfim\u2581hole\uff5c>",
    },
    {
        "<|fim_middle|>",
        "<fim-middle>",
        "<fim_middle>",
        "<MID>",
        "\u2581<MID>",
        "<|code_middle|>",
        "<\uff5cfim\u2581end\uff5c>",
    },
)
"""The same three by their text: llama.cpp recognises these where the keys are missing."""


def capabilities(header: Header, architecture: str) -> tuple[str, ...]:
    """Of: chat, completion, fim, embedding, rerank, tools, reasoning."""
    pooling = header.integer(f"{architecture}.pooling_type", _POOLING_NONE)
    if pooling == _POOLING_RANK:
        return ("rerank",)
    if pooling != _POOLING_NONE or architecture in ENCODERS:
        return ("embedding",)
    template = header.text("tokenizer.chat_template")
    found = {
        "chat": bool(template),
        "completion": True,
        "fim": _fills_in(header),
        "tools": bool(_TOOL_MARKS.search(template)),
        "reasoning": bool(_REASONING_MARKS.search(template)),
    }
    return tuple(name for name, present in found.items() if present)


def _fills_in(header: Header) -> bool:
    missing = [
        {text.encode() for text in texts}
        for keys, texts in zip(_FILL_IN_KEYS, _FILL_IN_TOKENS, strict=True)
        if not any(key in header.metadata for key in keys)
    ]
    if not missing:
        return True
    wanted = frozenset[bytes]().union(*missing)
    present = wanted.intersection(header.strings("tokenizer.ggml.tokens"))
    return all(present & texts for texts in missing)
