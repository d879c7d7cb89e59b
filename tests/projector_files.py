"""Tiny projectors (mmproj files) for the models of `gguf_files.py`: random, yet real enough for libmtmd to load and encode with."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import gguf
import numpy as np
from numpy.typing import NDArray

from tests.gguf_files import write_tiny_llama

ProjectorKind = Literal["mlp", "gemma3", "gemma4v", "qwen2vl_merger", "ultravox"]
"""LLaVA's (plain), Gemma 3's (image rows see each other, later ones too), Gemma 4's (the same, any size), Qwen2-VL's (M-RoPE, any size),
Ultravox's (sound)."""

WIDTH = 32
"""Of the encoder."""
PATCH = 4
IMAGE_SIZE = 16
_LAYERS = 2
_MOST_PATCHES_A_SIDE = 1024
_FRAMES = 1500
"""Positions of a Whisper encoder: 30 seconds in steps of 20 ms."""
_MEL_BINS = 80
_STACK = 4
"""Positions that become one row."""

Tensors = dict[str, NDArray[np.float32]]


def write_tiny_eyes(
    folder: Path, kind: ProjectorKind, *, hidden: int = 64, context: int = 512, image_size: int = IMAGE_SIZE
) -> tuple[Path, Path]:
    """Write a tiny model and a projector for it into `folder`; returns (model, projector)."""
    model = folder / f"tiny-{kind}.gguf"
    if kind == "qwen2vl_merger":
        # M-RoPE: pairs of a head's numbers that turn by time, height and width.
        sections = [hidden // 4 // 2 - 4, 2, 2, 0]
        write_tiny_llama(
            model,
            architecture="qwen2vl",
            context=context,
            edit=lambda writer: writer.add_rope_dimension_sections(sections),
        )
    else:
        write_tiny_llama(model, context=context)
    return model, write_tiny_projector(folder / f"mmproj-{kind}.gguf", kind, hidden=hidden, image_size=image_size)


def write_tiny_projector(
    path: Path, kind: ProjectorKind, *, hidden: int = 64, image_size: int = IMAGE_SIZE, seed: int = 7
) -> Path:
    """Write a projector whose rows are `hidden` numbers wide and return `path`. The same arguments give the same bytes.

    `image_size`: pixels a side of what it looks at, if that is not any size.
    """
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_name("Tiny Projector")
    sense = "audio" if kind == "ultravox" else "vision"
    writer.add_bool(f"clip.has_{sense}_encoder", True)
    writer.add_string("clip.projector_type", kind)
    writer.add_uint32(f"clip.{sense}.embedding_length", WIDTH)
    writer.add_uint32(f"clip.{sense}.feed_forward_length", WIDTH * 2)
    writer.add_uint32(f"clip.{sense}.block_count", _LAYERS)
    writer.add_uint32(f"clip.{sense}.projection_dim", hidden)
    writer.add_uint32(f"clip.{sense}.attention.head_count", 2)
    writer.add_float32(f"clip.{sense}.attention.layer_norm_epsilon", 1e-5)
    if sense == "vision":
        writer.add_uint32("clip.vision.image_size", image_size)
        writer.add_uint32("clip.vision.patch_size", PATCH)
        writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
        writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
        writer.add_bool("clip.use_gelu", True)
        writer.add_uint32("clip.vision.projector.scale_factor", 2)
    else:
        writer.add_uint32("clip.audio.num_mel_bins", _MEL_BINS)
        writer.add_uint32("clip.audio.projector.stack_factor", _STACK)
    for name, values in _tensors(kind, hidden, image_size, np.random.default_rng(seed)).items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tensors(kind: ProjectorKind, hidden: int, image_size: int, random: np.random.Generator) -> Tensors:
    def weights(*shape: int) -> NDArray[np.float32]:
        return (random.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)

    tensors = _encoder(kind, weights)
    if kind == "ultravox":
        return tensors | {
            "a.position_embd.weight": weights(_FRAMES, WIDTH),
            "a.conv1d.1.weight": weights(WIDTH, _MEL_BINS, 3),
            "a.conv1d.1.bias": np.zeros((WIDTH, 1), np.float32),
            "a.conv1d.2.weight": weights(WIDTH, WIDTH, 3),
            "a.conv1d.2.bias": np.zeros((WIDTH, 1), np.float32),
            "mm.a.mlp.1.weight": weights(2 * hidden, WIDTH * _STACK),
            "mm.a.mlp.2.weight": weights(hidden, hidden),
            "mm.a.norm_pre.weight": np.ones(WIDTH * _STACK, np.float32),
            "mm.a.norm_mid.weight": np.ones(hidden, np.float32),
        }
    patches = (image_size // PATCH) ** 2
    tensors["v.patch_embd.weight"] = weights(WIDTH, 3, PATCH, PATCH)
    if kind == "qwen2vl_merger":
        return tensors | {
            "v.patch_embd.weight.1": weights(WIDTH, 3, PATCH, PATCH),
            "mm.0.weight": weights(WIDTH * 4, WIDTH * 4),
            "mm.0.bias": np.zeros(WIDTH * 4, np.float32),
            "mm.2.weight": weights(hidden, WIDTH * 4) * np.float32(8.0),
            "mm.2.bias": np.zeros(hidden, np.float32),
        }
    if kind == "gemma4v":
        return tensors | {
            "v.position_embd.weight": weights(2, _MOST_PATCHES_A_SIDE, WIDTH),
            "mm.input_projection.weight": weights(hidden, WIDTH) * np.float32(8.0),
        }
    tensors["v.position_embd.weight"] = weights(patches, WIDTH)
    if kind == "gemma3":
        return tensors | {
            "v.patch_embd.bias": np.zeros(WIDTH, np.float32),
            "mm.input_projection.weight": weights(WIDTH, hidden) * np.float32(8.0),
            "mm.soft_emb_norm.weight": np.ones(WIDTH, np.float32),
        }
    return tensors | {
        "mm.0.weight": weights(hidden, WIDTH) * np.float32(4.0),
        "mm.0.bias": np.zeros(hidden, np.float32),
        "mm.2.weight": weights(hidden, hidden) * np.float32(4.0),
        "mm.2.bias": np.zeros(hidden, np.float32),
    }


def _encoder(kind: ProjectorKind, weights: Callable[..., NDArray[np.float32]]) -> Tensors:
    sense = "a" if kind == "ultravox" else "v"
    tensors: Tensors = {}
    for layer in range(_LAYERS):
        block = f"{sense}.blk.{layer}"
        for part in ("attn_q", "attn_k", "attn_v", "attn_out"):
            tensors[f"{block}.{part}.weight"] = weights(WIDTH, WIDTH)
            if not (kind == "ultravox" and part == "attn_k"):
                tensors[f"{block}.{part}.bias"] = weights(WIDTH) * np.float32(0.1)
        for part in ("ln1", "ln2"):
            tensors[f"{block}.{part}.weight"] = np.ones(WIDTH, np.float32)
            tensors[f"{block}.{part}.bias"] = np.zeros(WIDTH, np.float32)
        tensors[f"{block}.ffn_up.weight"] = weights(WIDTH * 2, WIDTH)
        tensors[f"{block}.ffn_up.bias"] = np.zeros(WIDTH * 2, np.float32)
        tensors[f"{block}.ffn_down.weight"] = weights(WIDTH, WIDTH * 2)
        tensors[f"{block}.ffn_down.bias"] = np.zeros(WIDTH, np.float32)
    return tensors | {
        f"{sense}.post_ln.weight": np.ones(WIDTH, np.float32),
        f"{sense}.post_ln.bias": np.zeros(WIDTH, np.float32),
    }
