"""Architectures as GGUF files have them, in sizes that a small machine can load: what `fit.py` measures."""

from collections.abc import Callable
from typing import NamedTuple

from sparse import Dimensions, FitShape, Settings


class Sizes(NamedTuple):
    """What transformers have in common."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    feed_forward: int
    head_length: int = 0
    """0: hidden by heads."""
    vocabulary: int = 32_000
    tied: bool = False

    @property
    def key_length(self) -> int:
        return self.head_length or self.hidden // self.heads


def _common(sizes: Sizes, **more: float | list[int]) -> Settings:
    return {
        "block_count": sizes.layers,
        "embedding_length": sizes.hidden,
        "feed_forward_length": sizes.feed_forward,
        "attention.head_count": sizes.heads,
        "attention.head_count_kv": sizes.kv_heads,
        "attention.key_length": sizes.key_length,
        "attention.value_length": sizes.key_length,
        "rope.dimension_count": sizes.key_length,
        "attention.layer_norm_rms_epsilon": 1e-5,
    } | more


def _ends(sizes: Sizes) -> Dimensions:
    ends: Dimensions = {"token_embd.weight": (sizes.vocabulary, sizes.hidden), "output_norm.weight": (sizes.hidden,)}
    return ends if sizes.tied else ends | {"output.weight": (sizes.vocabulary, sizes.hidden)}


def _attention(sizes: Sizes, block: str) -> Dimensions:
    key_value = sizes.kv_heads * sizes.key_length
    return {
        f"{block}.attn_norm.weight": (sizes.hidden,),
        f"{block}.attn_q.weight": (sizes.heads * sizes.key_length, sizes.hidden),
        f"{block}.attn_k.weight": (key_value, sizes.hidden),
        f"{block}.attn_v.weight": (key_value, sizes.hidden),
        f"{block}.attn_output.weight": (sizes.hidden, sizes.heads * sizes.key_length),
    }


def _feed_forward(sizes: Sizes, block: str) -> Dimensions:
    return {
        f"{block}.ffn_norm.weight": (sizes.hidden,),
        f"{block}.ffn_gate.weight": (sizes.feed_forward, sizes.hidden),
        f"{block}.ffn_up.weight": (sizes.feed_forward, sizes.hidden),
        f"{block}.ffn_down.weight": (sizes.hidden, sizes.feed_forward),
    }


def _experts(sizes: Sizes, block: str, count: int, wide: int) -> Dimensions:
    return {
        f"{block}.ffn_norm.weight": (sizes.hidden,),
        f"{block}.ffn_gate_inp.weight": (count, sizes.hidden),
        f"{block}.ffn_gate_exps.weight": (count, wide, sizes.hidden),
        f"{block}.ffn_up_exps.weight": (count, wide, sizes.hidden),
        f"{block}.ffn_down_exps.weight": (count, sizes.hidden, wide),
    }


def _norms(block: str, length: int, *names: str) -> Dimensions:
    return {f"{block}.{name}.weight": (length,) for name in names}


def _blocks(sizes: Sizes, make: Callable[[str, int], Dimensions]) -> Dimensions:
    tensors = _ends(sizes)
    for layer in range(sizes.layers):
        tensors |= make(f"blk.{layer}", layer)
    return tensors


def _llama(sizes: Sizes) -> FitShape:
    tensors = _blocks(sizes, lambda block, _layer: _attention(sizes, block) | _feed_forward(sizes, block))
    return FitShape("llama", sizes.vocabulary, _common(sizes), tensors)


def _qwen3_experts(sizes: Sizes, count: int, used: int, wide: int) -> FitShape:
    def block(name: str, _layer: int) -> Dimensions:
        norms = _norms(name, sizes.key_length, "attn_q_norm", "attn_k_norm")
        return _attention(sizes, name) | norms | _experts(sizes, name, count, wide)

    settings = _common(sizes, expert_count=count, expert_used_count=used, expert_feed_forward_length=wide)
    return FitShape("qwen3moe", sizes.vocabulary, settings, _blocks(sizes, block))


def _gemma(architecture: str, sizes: Sizes, window: int) -> FitShape:
    def block(name: str, _layer: int) -> Dimensions:
        norms = _norms(name, sizes.hidden, "post_attention_norm", "post_ffw_norm")
        if architecture == "gemma3":
            norms |= _norms(name, sizes.key_length, "attn_q_norm", "attn_k_norm")
        return _attention(sizes, name) | _feed_forward(sizes, name) | norms

    settings = _common(sizes, **{"attention.sliding_window": window})
    if architecture == "gemma2":
        settings = {**settings, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0}
    return FitShape(architecture, sizes.vocabulary, settings, _blocks(sizes, block))


def _phi3(sizes: Sizes) -> FitShape:
    def block(name: str, _layer: int) -> Dimensions:
        width = (sizes.heads + 2 * sizes.kv_heads) * sizes.key_length
        return {
            f"{name}.attn_norm.weight": (sizes.hidden,),
            f"{name}.attn_qkv.weight": (width, sizes.hidden),
            f"{name}.attn_output.weight": (sizes.hidden, sizes.hidden),
            f"{name}.ffn_norm.weight": (sizes.hidden,),
            f"{name}.ffn_up.weight": (2 * sizes.feed_forward, sizes.hidden),
            f"{name}.ffn_down.weight": (sizes.hidden, sizes.feed_forward),
        }

    return FitShape("phi3", sizes.vocabulary, _common(sizes), _blocks(sizes, block))


def _state_space(block: str, hidden: int, inner: int, state: int, heads: int) -> Dimensions:
    """A layer of Mamba 2 with one group and a convolution of 4."""
    mixed = inner + 2 * state
    return {
        f"{block}.attn_norm.weight": (hidden,),
        f"{block}.ssm_in.weight": (inner + mixed + heads, hidden),
        f"{block}.ssm_conv1d.weight": (mixed, 4),
        f"{block}.ssm_conv1d.bias": (mixed,),
        f"{block}.ssm_dt.bias": (heads,),
        f"{block}.ssm_a": (heads, 1),
        f"{block}.ssm_d": (heads, 1),
        f"{block}.ssm_norm.weight": (1, inner),
        f"{block}.ssm_out.weight": (hidden, inner),
    }


def _state_space_settings(inner: int, state: int, heads: int) -> Settings:
    return {
        "ssm.conv_kernel": 4,
        "ssm.inner_size": inner,
        "ssm.state_size": state,
        "ssm.time_step_rank": heads,
        "ssm.group_count": 1,
    }


def _mamba2(sizes: Sizes, state: int) -> FitShape:
    inner = 2 * sizes.hidden
    settings = {
        "block_count": sizes.layers,
        "embedding_length": sizes.hidden,
        "feed_forward_length": 0,
        "attention.head_count": 0,
        "attention.layer_norm_rms_epsilon": 1e-5,
        **_state_space_settings(inner, state, sizes.heads),
    }
    tensors = _blocks(sizes, lambda block, _layer: _state_space(block, sizes.hidden, inner, state, sizes.heads))
    return FitShape("mamba2", sizes.vocabulary, settings, tensors)


def _granite_hybrid(sizes: Sizes, state: int, every: int) -> FitShape:
    inner, heads = 2 * sizes.hidden, 2 * sizes.hidden // 64

    def attends(layer: int) -> bool:
        return layer % every == every - 1

    def block(name: str, layer: int) -> Dimensions:
        mixer = _attention(sizes, name) if attends(layer) else _state_space(name, sizes.hidden, inner, state, heads)
        return mixer | _feed_forward(sizes, name)

    kv_heads = [sizes.kv_heads if attends(layer) else 0 for layer in range(sizes.layers)]
    settings = _common(sizes, **{"attention.head_count_kv": kv_heads}, **_state_space_settings(inner, state, heads))
    return FitShape("granitehybrid", sizes.vocabulary, settings, _blocks(sizes, block))


def _qwen35(sizes: Sizes, state: int, key_heads: int, value_heads: int) -> FitShape:
    """Three layers in four are gated delta nets."""
    inner = state * value_heads
    mixed = 2 * state * key_heads + inner

    def block(name: str, layer: int) -> Dimensions:
        feed_forward = _feed_forward(sizes, name)
        del feed_forward[f"{name}.ffn_norm.weight"]
        common = feed_forward | _norms(name, sizes.hidden, "attn_norm", "post_attention_norm")
        if layer % 4 == 3:
            gated = {f"{name}.attn_q.weight": (2 * sizes.heads * sizes.key_length, sizes.hidden)}
            return (
                common | _attention(sizes, name) | gated | _norms(name, sizes.key_length, "attn_q_norm", "attn_k_norm")
            )
        return common | {
            f"{name}.attn_qkv.weight": (mixed, sizes.hidden),
            f"{name}.attn_gate.weight": (inner, sizes.hidden),
            f"{name}.ssm_conv1d.weight": (mixed, 4),
            f"{name}.ssm_dt.bias": (value_heads,),
            f"{name}.ssm_a": (value_heads,),
            f"{name}.ssm_beta.weight": (value_heads, sizes.hidden),
            f"{name}.ssm_alpha.weight": (value_heads, sizes.hidden),
            f"{name}.ssm_norm.weight": (state,),
            f"{name}.ssm_out.weight": (sizes.hidden, inner),
        }

    settings = _common(
        sizes,
        **{
            **_state_space_settings(inner, state, value_heads),
            "ssm.group_count": key_heads,
            "full_attention_interval": 4,
            "rope.dimension_sections": [11, 11, 10, 0],
        },
    )
    return FitShape("qwen35", sizes.vocabulary, settings, _blocks(sizes, block))


def _deepseek2(sizes: Sizes, experts: int, used: int, wide: int) -> FitShape:
    """Latent attention as in DeepSeek V2 Lite: one key of 576 numbers for all heads."""
    latent, rotated, plain = 512, 64, 128

    def block(name: str, layer: int) -> Dimensions:
        attention: Dimensions = {
            f"{name}.attn_norm.weight": (sizes.hidden,),
            f"{name}.attn_kv_a_norm.weight": (latent,),
            f"{name}.attn_q.weight": (sizes.heads * (plain + rotated), sizes.hidden),
            f"{name}.attn_kv_a_mqa.weight": (latent + rotated, sizes.hidden),
            f"{name}.attn_k_b.weight": (sizes.heads, latent, plain),
            f"{name}.attn_v_b.weight": (sizes.heads, plain, latent),
            f"{name}.attn_output.weight": (sizes.hidden, sizes.heads * plain),
        }
        if layer == 0:
            return attention | _feed_forward(sizes, name)
        shared = sizes._replace(feed_forward=2 * wide)
        dense = {key.replace(".weight", "_shexp.weight"): value for key, value in _feed_forward(shared, name).items()}
        del dense[f"{name}.ffn_norm_shexp.weight"]
        return attention | _experts(sizes, name, experts, wide) | dense

    settings = _common(
        sizes,
        expert_count=experts,
        expert_used_count=used,
        expert_feed_forward_length=wide,
        expert_shared_count=2,
        leading_dense_block_count=1,
        **{
            "attention.head_count_kv": 1,
            "attention.kv_lora_rank": latent,
            "attention.key_length": latent + rotated,
            "attention.value_length": latent,
            "attention.key_length_mla": plain + rotated,
            "attention.value_length_mla": plain,
            "rope.dimension_count": rotated,
        },
    )
    return FitShape("deepseek2", sizes.vocabulary, settings, _blocks(sizes, block))


def _gpt_oss(sizes: Sizes, count: int, used: int) -> FitShape:
    def block(name: str, _layer: int) -> Dimensions:
        wide = sizes.feed_forward
        experts = _experts(sizes, name, count, wide) | {
            f"{name}.ffn_gate_inp.bias": (count,),
            f"{name}.ffn_gate_exps.bias": (count, wide),
            f"{name}.ffn_up_exps.bias": (count, wide),
            f"{name}.ffn_down_exps.bias": (count, sizes.hidden),
        }
        del experts[f"{name}.ffn_norm.weight"]
        sinks = {f"{name}.attn_sinks.weight": (sizes.heads,), f"{name}.attn_output.bias": (sizes.hidden,)}
        return _attention(sizes, name) | _norms(name, sizes.hidden, "post_attention_norm") | sinks | experts

    settings = _common(
        sizes,
        expert_count=count,
        expert_used_count=used,
        expert_feed_forward_length=sizes.feed_forward,
        **{"attention.sliding_window": 128},
    )
    return FitShape("gpt-oss", sizes.vocabulary, settings, _blocks(sizes, block))


SHAPES: dict[str, FitShape] = {
    "llama-multihead": _llama(Sizes(16, 2048, 32, 32, 5632)),
    "llama-grouped": _llama(Sizes(28, 3072, 24, 8, 8192, vocabulary=128_256, tied=True)),
    "llama-8b": _llama(Sizes(32, 4096, 32, 8, 14_336, vocabulary=128_256)),
    "fused-multihead": _phi3(Sizes(32, 3072, 32, 32, 8192, vocabulary=32_064)),
    "qwen3-experts": _qwen3_experts(Sizes(24, 2048, 32, 4, 6144, 128, 151_936), 32, 8, 768),
    "gpt-oss": _gpt_oss(Sizes(12, 2816, 64, 8, 2816, 64, 201_088), 8, 4),
    "gemma2": _gemma("gemma2", Sizes(26, 2304, 8, 4, 9216, 256, 256_000, tied=True), 4096),
    "gemma3": _gemma("gemma3", Sizes(26, 1280, 4, 1, 6912, 256, 262_144, tied=True), 512),
    "mamba2": _mamba2(Sizes(48, 1536, 48, 0, 0, vocabulary=50_288, tied=True), 128),
    "granite-hybrid": _granite_hybrid(Sizes(40, 1536, 12, 4, 4096, vocabulary=100_352, tied=True), 128, 10),
    "qwen35-hybrid": _qwen35(Sizes(24, 1024, 8, 2, 3584, 256, 248_320, tied=True), 128, 16, 16),
    "deepseek2-small": _deepseek2(Sizes(27, 2048, 16, 1, 10_944, 128, 102_400), 8, 6, 1408),
}
