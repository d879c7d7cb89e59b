"""What a model can be asked for, judged by its header the way llama.cpp judges it."""

from crofter.models.gguf.header import Header

from .projector import vision_kind
from .template_marks import reasons, takes_tools

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

CAPABILITIES = ("chat", "completion", "fim", "embedding", "rerank", "tools", "reasoning", "vision", "audio")
"""All there are, in the order in which they are shown."""

_POOLING_NONE = 0
_POOLING_RANK = 4
_HEAD_WEIGHTS = frozenset({"cls.weight", "cls.output.weight"})

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

_WHOLE_PROMPT_PROJECTORS = frozenset({"deepseek4v", "hunyuanvl"})
"""With these an image becomes something else depending on what is before it in the prompt; here each is read once, by itself."""


def capabilities(header: Header, architecture: str, projector: Header | None = None) -> tuple[str, ...]:
    """Of `CAPABILITIES`. `projector` is the header of the file that turns images or sound into the model's input, if there is one."""
    pooling = header.integer(f"{architecture}.pooling_type", _POOLING_NONE)
    if pooling == _POOLING_RANK or _ranks(header):
        return ("rerank",)
    if pooling != _POOLING_NONE or architecture in ENCODERS:
        return ("embedding",)
    template = header.text("tokenizer.chat_template")
    found = {
        "chat": bool(template),
        "completion": True,
        "fim": _fills_in(header),
        "tools": takes_tools(template),
        "reasoning": reasons(template),
    }
    own = tuple(name for name, present in found.items() if present)
    return own if projector is None else own + _seen_through(projector)


def _ranks(header: Header) -> bool:
    """Whether a head gives one number for a whole text. Older rerankers have it and do not name a pooling."""
    heads = [tensor.shape for tensor in header.tensors if tensor.name in _HEAD_WEIGHTS]
    return any(len(shape) == 1 or shape[1] == 1 for shape in heads)


def _seen_through(projector: Header) -> tuple[str, ...]:
    if vision_kind(projector) in _WHOLE_PROMPT_PROJECTORS:
        return ()
    senses = {"vision": "clip.has_vision_encoder", "audio": "clip.has_audio_encoder"}
    return tuple(name for name, key in senses.items() if projector.metadata.get(key) is True)


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
