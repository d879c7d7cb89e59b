import msgspec
import pytest

from crofter.cluster import FamilyProof, prove_families
from crofter.models import known_families
from crofter.models.slices.rules import RULES

SAMPLE = ("qwen35", "gpt2")
"""Layers of two kinds; something beside the layers."""


def prove(*names: str) -> list[FamilyProof]:
    return prove_families([known_families()[name] for name in names], at_once=2)


def test_parts_of_a_model_give_what_the_whole_does() -> None:
    (proof,) = prove("llama")
    assert (proof.status, proof.sigmas, proof.legal_cuts) == ("exact", 0.0, "anywhere")
    assert proof.tried == ("4|4", "3|5", "1|7", "7|1", "2|3|3", "1|1|1|1|1|1|1|1")
    assert (proof.rollback, proof.exports, proof.mixed) == ("truncation", True, True)


def test_a_rule_that_is_left_out_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, "gemma3", msgspec.structs.replace(RULES["gemma3"], window=""))
    (proof,) = prove("gemma3")
    assert proof.status == "refused"
    assert proof.reason.startswith("cut as 4|4: logits differ by ")


def test_what_is_refused_is_refused_with_the_reason() -> None:
    (proof,) = prove("bloom")
    assert proof.status == "refused"
    assert "normalises the embeddings" in proof.reason


def test_patterns_states_and_positions_survive_any_cut() -> None:
    assert [proof.status for proof in prove(*SAMPLE)] == ["exact"] * len(SAMPLE)
