import msgspec
import pytest

from crofter.cluster import FamilyProof, prove_families
from crofter.cluster import families as proving
from crofter.models import SlicePlan, known_families, plan_slice

SAMPLE = ("llama4", "qwen35", "gpt2")
"""Cut in steps; layers of two kinds; something beside the layers."""


def prove(*names: str) -> list[FamilyProof]:
    return prove_families([known_families()[name] for name in names], at_once=2)


def test_parts_of_a_model_give_what_the_whole_does() -> None:
    (proof,) = prove("llama")
    assert (proof.status, proof.sigmas, proof.legal_cuts) == ("exact", 0.0, "anywhere")
    assert proof.tried == ("4|4", "3|5", "1|7", "7|1", "2|3|3", "1|1|1|1|1|1|1|1")
    assert (proof.rollback, proof.exports, proof.mixed) == ("truncation", True, True)


def test_a_wrong_rule_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def scaled_wrongly(*args: object) -> SlicePlan:
        return msgspec.structs.replace(plan_slice(*args), output_scale=1.1)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(proving, "plan_slice", scaled_wrongly)
    (proof,) = prove("llama")
    assert proof.status == "refused"
    assert proof.reason.startswith("cut as 4|4: logits differ by ")


def test_what_is_refused_is_refused_with_the_reason() -> None:
    (proof,) = prove("bloom")
    assert proof.status == "refused"
    assert "normalises the embeddings" in proof.reason


def test_patterns_states_and_positions_survive_any_cut() -> None:
    assert [proof.status for proof in prove(*SAMPLE)] == ["exact"] * len(SAMPLE)
