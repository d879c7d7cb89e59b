"""A small Llama in PyTorch: RMSNorm, rotary positions, grouped-query attention, SwiGLU, tied embeddings."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Shape:
    """Sizes of the model; every row length is a multiple of 32, so that Q8_0 fits all matrices."""

    hidden_size: int
    layer_count: int
    head_count: int
    key_value_head_count: int
    feed_forward_size: int
    vocabulary_size: int = 3072
    context_length: int = 2048
    rope_base: float = 1e8
    norm_epsilon: float = 1e-5

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.head_count

    @property
    def frequencies(self) -> Tensor:
        """How far each rotary pair turns per position."""
        return self.rope_base ** (-torch.arange(0, self.head_size, 2).float() / self.head_size)


MAIN = Shape(hidden_size=256, layer_count=5, head_count=4, key_value_head_count=4, feed_forward_size=512)
DRAFT = Shape(hidden_size=128, layer_count=2, head_count=2, key_value_head_count=2, feed_forward_size=256)
"""The model, and the small one that guesses its next tokens."""


def rotations(shape: Shape) -> tuple[Tensor, Tensor]:
    """Cosines and sines, one row per position and one column per pair of neighbouring dimensions."""
    angles = torch.arange(shape.context_length).float()[:, None] * shape.frequencies
    return angles.cos(), angles.sin()


def rotate(heads: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Rotary positions on neighbouring pairs: llama.cpp's own order, so that export needs no permutation of query and key."""
    even, odd = heads[..., 0::2], heads[..., 1::2]
    return torch.stack((even * cosines - odd * sines, even * sines + odd * cosines), dim=-1).flatten(-2)


class Block(nn.Module):
    """One transformer layer; attribute names follow llama.cpp's tensor names."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        key_value_size = shape.key_value_head_count * shape.head_size
        self.attn_norm = nn.RMSNorm(shape.hidden_size, eps=shape.norm_epsilon)
        self.attn_q = nn.Linear(shape.hidden_size, shape.hidden_size, bias=False)
        self.attn_k = nn.Linear(shape.hidden_size, key_value_size, bias=False)
        self.attn_v = nn.Linear(shape.hidden_size, key_value_size, bias=False)
        self.attn_output = nn.Linear(shape.hidden_size, shape.hidden_size, bias=False)
        self.ffn_norm = nn.RMSNorm(shape.hidden_size, eps=shape.norm_epsilon)
        self.ffn_gate = nn.Linear(shape.hidden_size, shape.feed_forward_size, bias=False)
        self.ffn_up = nn.Linear(shape.hidden_size, shape.feed_forward_size, bias=False)
        self.ffn_down = nn.Linear(shape.feed_forward_size, shape.hidden_size, bias=False)

    def forward(self, hidden: Tensor, mask: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        """The hidden states after this layer."""
        batch, length, _ = hidden.shape
        normed = self.attn_norm(hidden)

        def heads(projected: Tensor) -> Tensor:
            return projected.view(batch, length, -1, self.shape.head_size).transpose(1, 2)

        query = rotate(heads(self.attn_q(normed)), cosines, sines)
        key = rotate(heads(self.attn_k(normed)), cosines, sines)
        repeats = self.shape.head_count // self.shape.key_value_head_count
        attended = functional.scaled_dot_product_attention(
            query,
            key.repeat_interleave(repeats, dim=1),
            heads(self.attn_v(normed)).repeat_interleave(repeats, dim=1),
            attn_mask=mask,
        )
        hidden = hidden + self.attn_output(attended.transpose(1, 2).reshape(batch, length, -1))
        normed = self.ffn_norm(hidden)
        return hidden + self.ffn_down(functional.silu(self.ffn_gate(normed)) * self.ffn_up(normed))


class Seedling(nn.Module):
    """The whole model; the output head is the token embedding."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocabulary_size, shape.hidden_size)
        self.blk = nn.ModuleList(Block(shape) for _ in range(shape.layer_count))
        self.output_norm = nn.RMSNorm(shape.hidden_size, eps=shape.norm_epsilon)
        cosines, sines = rotations(shape)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)
        self._start_small()

    def _start_small(self) -> None:
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                deep = name.endswith(("attn_output.weight", "ffn_down.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * self.shape.layer_count) if deep else 0.02)

    def hidden_states(self, tokens: Tensor, documents: Tensor) -> Tensor:
        """Final hidden states; a token sees only earlier tokens of the same document (`documents` holds a number per token)."""
        length = tokens.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool, device=tokens.device).tril()
        mask = (causal & (documents[:, :, None] == documents[:, None, :]))[:, None]
        hidden = self.token_embd(tokens)
        for block in self.blk:
            hidden = block(hidden, mask, self.cosines[:length], self.sines[:length])
        return self.output_norm(hidden)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores of every token in the vocabulary."""
        return functional.linear(hidden, self.token_embd.weight)
