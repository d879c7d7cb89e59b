"""What is particular about each architecture when its layers are cut apart. (llama.cpp's `src/models`, measured for build 0.3.36.)

An architecture that is neither here nor refused with a reason is unknown, and is not cut: most mistakes give wrong text silently.
"""

from typing import Literal

import msgspec

from crofter.core import CrofterError, ErrorCode


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Empty: layers can be cut anywhere, and nothing depends on where a layer stands but arrays with one entry for each."""

    period: int = 1
    """llama.cpp counts layers in steps of so many, without asking the file: a slice begins at a multiple."""
    step_key: str = ""
    """A key with one more such step."""
    window: Literal["", "file", "named", "always"] = ""
    """Where sliding windows come from: an array in the file; a pattern if the file names a window; a pattern in any case."""
    window_period: int = 0
    """Of such a pattern: one layer of so many sees everything."""
    full_first: bool = False
    """That one is the first of them, not the last."""
    recurrent: Literal["", "interval", "no key heads", "no heads and no feed forward"] = ""
    """How the layers with a state instead of keys and values are told, in models that have both."""
    input_scaling: Literal["", "always", "tokens"] = ""
    """The graph multiplies its input by the square root of its width: any input, or tokens only."""
    embedding_scale: bool = False
    """The graph multiplies its input by the key `embedding_scale`."""
    least_layers: int = 1
    loaded_counts: tuple[int, ...] = ()
    """Numbers of layers by which llama.cpp recognises a certain model: no slice may have them."""
    indexer: bool = False
    """Layers use what an earlier layer selected."""
    hidden: str = "l_out-{last}"
    """How the graph calls the output of the last layer."""


_PLAIN = [
    "apertus",
    "arcee",
    "arctic",
    "bailingmoe",
    "bailingmoe2",
    "bitnet",
    "chatglm",
    "codeshell",
    "command-r",
    "dbrx",
    "deci",
    "deepseek",
    "deepseek32",
    "dots1",
    "ernie4_5",
    "exaone",
    "falcon",
    "falcon-h1",
    "glm4",
    "glm4moe",
    "gpt2",
    "gptneox",
    "grovemoe",
    "hunyuan-dense",
    "hunyuan-moe",
    "hy_v3",
    "internlm2",
    "llama",
    "maincoder",
    "mamba",
    "mamba2",
    "minimax-m2",
    "minimax-m3",
    "mistral3",
    "mistral4",
    "mpt",
    "nanbeige",
    "nemotron",
    "olmo",
    "olmoe",
    "openelm",
    "orion",
    "pangu-embedded",
    "phi2",
    "phi3",
    "phimoe",
    "qwen",
    "qwen2",
    "qwen2moe",
    "qwen2vl",
    "qwen3",
    "qwen3moe",
    "qwen3vl",
    "qwen3vlmoe",
    "refact",
    "seed_oss",
    "stablelm",
    "starcoder",
    "starcoder2",
    "xverse",
]

_PARTICULAR = {
    "afmoe": Rules(period=4, window="named", window_period=4, input_scaling="always"),
    "bailingmoe3": Rules(recurrent="no key heads"),
    "cohere2": Rules(window="always", window_period=4),
    "cohere2moe": Rules(window="always", window_period=4, full_first=True),
    "deepseek2": Rules(loaded_counts=(26, 27)),
    "dots3note": Rules(window="file", indexer=True),
    "ernie4_5-moe": Rules(step_key="interleave_moe_layer_step"),
    "exaone-moe": Rules(window="always", window_period=4),
    "exaone4": Rules(loaded_counts=(64,)),
    "gemma": Rules(input_scaling="always"),
    "gemma2": Rules(window="always", window_period=2, input_scaling="always", loaded_counts=(46,)),
    "gemma3": Rules(window="named", window_period=6, input_scaling="tokens", loaded_counts=(62,)),
    "gemma4": Rules(window="file", input_scaling="tokens", least_layers=2),
    "glm-dsa": Rules(indexer=True),
    "gpt-oss": Rules(window="always", window_period=2),
    "granite": Rules(embedding_scale=True),
    "granite_swa": Rules(window="file", embedding_scale=True),
    "granitehybrid": Rules(recurrent="no key heads", embedding_scale=True),
    "granitemoe": Rules(embedding_scale=True),
    "grok": Rules(embedding_scale=True),
    "jamba": Rules(recurrent="no key heads"),
    "kimi-linear": Rules(recurrent="no key heads"),
    "laguna": Rules(window="named", window_period=4, full_first=True),
    "lfm2": Rules(recurrent="no key heads"),
    "lfm2moe": Rules(recurrent="no key heads"),
    "llama4": Rules(period=4, step_key="interleave_moe_layer_step", window="always", window_period=4),
    "maple": Rules(window="file"),
    "mellum": Rules(window="named", window_period=4),
    "mimo2": Rules(window="file"),
    "minicpm": Rules(embedding_scale=True),
    "minicpm3": Rules(),
    "nemotron_h": Rules(recurrent="no heads and no feed forward", hidden="nemotron_h_block_out-{last}"),
    "nemotron_h_moe": Rules(recurrent="no heads and no feed forward", hidden="nemotron_h_block_out-{last}"),
    "olmo2": Rules(window="named", window_period=4),
    "plamo2": Rules(recurrent="no key heads", hidden="ffn_residual-{last}"),
    "plamo3": Rules(window="named", window_period=8),
    "qwen35": Rules(recurrent="interval"),
    "qwen35moe": Rules(recurrent="interval"),
    "qwen3next": Rules(recurrent="interval"),
    "smallthinker": Rules(period=4, window="named", window_period=4, full_first=True, loaded_counts=(4,)),
    "smollm3": Rules(period=4),
    "spark2_5": Rules(window="file"),
    "step35": Rules(window="file", hidden="h_nextn"),
}

RULES: dict[str, Rules] = {name: Rules() for name in _PLAIN} | _PARTICULAR
"""Every architecture that can be cut."""

REFUSED = {
    "baichuan": "llama.cpp chooses how it counts positions by the number of layers in the file",
    "bloom": "it normalises the embeddings before the first layer, and would do so again in each slice",
    "deepseek4": "several streams pass between its layers, and a slice takes in only one",
    "gemma3n": "each of its layers looks at the tokens themselves",
    "hy_v4": "several streams pass between its layers, and a slice takes in only one",
    "kimi-k3": "its layers look back at earlier layers' outputs",
    "minimax-01": "its attention decays by a layer's place in the whole model",
    "muse-glimmer": "it normalises the embeddings before the first layer, and would do so again in each slice",
    "rwkv6": "it normalises the embeddings before the first layer, and would do so again in each slice",
    "rwkv7": "each of its layers uses values of the first one",
    "talkie": "each of its layers looks at the embeddings",
}
"""Those that cannot be, and why."""


def rules_for(architecture: str) -> Rules:
    """Raises UNSUPPORTED, with the reason, for an architecture that is not cut."""
    rules = RULES.get(architecture)
    if rules is None:
        raise refused(architecture, REFUSED.get(architecture, "nobody has tried yet whether it can be"))
    return rules


def refused(architecture: str, reason: str) -> CrofterError:
    """The error for a model that cannot be cut."""
    return CrofterError(
        ErrorCode.UNSUPPORTED, f"A model of the kind {architecture[:64]!r} cannot run over several nodes: {reason}."
    )
