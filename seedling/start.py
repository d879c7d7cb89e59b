"""Which head of which layer starts with which circuit."""

import torch

from seedling.circuits import (
    TOKENS_BEFORE,
    continue_as_before,
    find_equal,
    head_of,
    look_back,
    plan_for,
    read_after,
    set_embeddings,
)
from seedling.model import Seedling

OUTPUT_SCALE = 0.25
"""Of the last norm: with embeddings so large, a token that is surely next gets a logit of about ten."""
COPYING_LAYERS = {1: 2.0, 3: 1.0}
"""With how much the heads there write, beside a token's own embedding."""
VALUE_LAYER, VALUE_STRENGTH = 2, 1.0
EQUAL_LAYERS, EQUAL_HEAD = (1, 2), 2


@torch.no_grad()
def write_circuits(model: Seedling, tokens: list[str]) -> None:
    """The first weights; `tokens` are those of the vocabulary in their order. A shallow model gets those of its layers."""
    shape = model.shape
    plan = plan_for(shape.hidden_size)
    frequencies = shape.frequencies
    set_embeddings(model.token_embd.weight, plan, tokens)
    model.output_norm.weight.fill_(OUTPUT_SCALE)
    for distance in range(1, min(TOKENS_BEFORE, shape.head_count) + 1):
        look_back(head_of(model.blk[0], distance - 1, shape.head_size), frequencies, plan, distance)
    for layer in range(1, shape.layer_count):
        heads = [head_of(model.blk[layer], number, shape.head_size) for number in range(shape.head_count)]
        for part in (0, 1):
            if layer in COPYING_LAYERS:
                continue_as_before(heads[part], frequencies, plan, part, COPYING_LAYERS[layer])
            if layer == VALUE_LAYER:
                read_after(heads[part], frequencies, plan, part, VALUE_STRENGTH)
        if layer in EQUAL_LAYERS and shape.head_count > EQUAL_HEAD:
            find_equal(heads[EQUAL_HEAD], frequencies, plan)
