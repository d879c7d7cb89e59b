"""Which kinds of models can be cut at all."""

from typing import Any

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.models.slices.layers import read_layers
from crofter.models.slices.rules import REFUSED, RULES, rules_for
from tests.unit.models.slices.headers import header


@pytest.mark.parametrize(
    ("architecture", "reason"), [("bloom", "normalises the embeddings"), ("made-up", "nobody has tried yet")]
)
def test_what_cannot_be_cut_is_refused_with_the_reason(architecture: str, reason: str) -> None:
    with pytest.raises(CrofterError, match=reason) as caught:
        rules_for(architecture)
    assert caught.value.code is ErrorCode.UNSUPPORTED


def test_no_kind_is_both_cut_and_refused() -> None:
    assert not set(RULES) & set(REFUSED)


@pytest.mark.parametrize(
    ("architecture", "layers", "own"),
    [
        ("gemma4", 8, {"embedding_length_per_layer_input": 256}),
        ("exaone4", 64, {}),
        ("llama4", 8, {"attention__sliding_window": 0}),
        ("nanbeige", 8, {"num_loops": 2}),
    ],
)
def test_some_models_of_kinds_that_can_be_cut_cannot(architecture: str, layers: int, own: dict[str, Any]) -> None:
    with pytest.raises(CrofterError) as caught:
        read_layers(header(architecture, layers, **own))
    assert caught.value.code is ErrorCode.UNSUPPORTED
