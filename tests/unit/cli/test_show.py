import msgspec
import pytest

from crofter.api import ModelDetails, ModelPart, ModelSummary
from crofter.cli.commands.show import described, mix, print_layers
from crofter.core import ModelId, Sampling

SUMMARY = ModelSummary(
    name="qwen",
    model_id=ModelId("ab" * 32),
    size_bytes=2_500_000_000,
    architecture="qwen3",
    parameter_count=4_000_000_000,
    quantization="Q4_K_M",
    context_length=40_960,
    capabilities=("chat", "tools"),
    embedded=False,
    added_at=0.0,
)
PARTS = (
    ModelPart(name="token_embd", is_layer=False, size_bytes=300_000_000, parameter_count=9, bytes_by_type={"Q6_K": 9}),
    ModelPart(name="blk.0", is_layer=True, size_bytes=50_000_000, parameter_count=8, bytes_by_type={"Q4_K": 8}),
    ModelPart(name="blk.1", is_layer=True, size_bytes=60_000_000, parameter_count=8, bytes_by_type={"Q4_K": 8}),
)
DETAILS = ModelDetails(
    summary=SUMMARY,
    path="/m.gguf",
    license="apache-2.0",
    layer_count=2,
    embedding_length=2560,
    head_count=32,
    key_value_head_count=8,
    vocabulary_size=151_936,
    kv_bytes_per_token=147_456,
    chat_template="{{ messages }}",
    tensor_types={"Q4_K": 2},
    names=("qwen",),
    file_capabilities=("chat", "tools"),
    bytes_by_type={"Q4_K": 780, "Q6_K": 200, "F32": 2},
    parts=PARTS,
)


def lines(details: ModelDetails) -> dict[str, str]:
    return {name: value for group in described(details) for name, value in group}


def changed(**fields: object) -> dict[str, str]:
    return lines(msgspec.structs.replace(DETAILS, **fields))


def test_the_mix_is_told_in_shares_of_bytes() -> None:
    assert mix({"Q4_K": 780, "Q6_K": 200, "F32": 2}) == "Q4_K 79 %, Q6_K 20 %, F32 below 1 %"
    assert mix({"F16": 12}) == "F16"


def test_what_each_layer_takes_and_what_lies_outside() -> None:
    shown = lines(DETAILS)
    assert shown["each layer"] == "50.0 MB to 60.0 MB"
    assert shown["outside layers"] == "token_embd 300.0 MB"
    assert shown["quantization"] == "Q4_K_M: Q4_K 79 %, Q6_K 20 %, F32 below 1 %"
    assert changed(parts=PARTS[:2])["each layer"] == "50.0 MB"


def test_it_says_whether_its_file_or_its_owner_decided() -> None:
    assert lines(DETAILS)["can"] == "chat, tools (says its file)"
    assert "made for" not in lines(DETAILS)["context"]
    mine = changed(summary=msgspec.structs.replace(SUMMARY, capabilities=("chat",), pinned=True), context_tokens=8192)
    assert mine["can"] == "chat (set by you; its file says chat, tools)"
    assert "made for 8,192 (set by you)" in mine["context"]
    assert "set by you" in mine["pinned"]


def test_lines_that_say_nothing_are_left_out() -> None:
    assert not {"experts", "pinned", "also called", "not yet"} & lines(DETAILS).keys()
    special = changed(
        names=("qwen", "q"),
        expert_count=128,
        experts_used=8,
        active_parameter_count=400_000_000,
        summary=msgspec.structs.replace(SUMMARY, capabilities=("chat", "vision")),
    )
    assert special["also called"] == "q"
    assert special["experts"] == "128, of which 8 work on a token"
    assert special["parameters"] == "4,000,000,000, 400,000,000 at work"
    assert special["not yet"].startswith("vision: ")


def test_only_what_its_makers_recommend_is_called_a_recommendation() -> None:
    assert lines(DETAILS)["sampling"] == "no recommendation"
    shown = changed(sampling=Sampling(temperature=0.6, top_k=20))
    assert shown["sampling"] == "temperature 0.6, top k 20"


def test_the_table_of_layers_has_hashes_where_they_are_known(capsys: pytest.CaptureFixture[str]) -> None:
    print_layers(PARTS)
    assert "BLAKE3" not in capsys.readouterr().out
    print_layers([msgspec.structs.replace(part, group_id="cd" * 32) for part in PARTS])
    title, first, *_ = capsys.readouterr().out.splitlines()
    assert title.split() == ["PART", "SIZE", "PARAMETERS", "TYPES", "BLAKE3"]
    assert first.split() == ["token_embd", "300.0", "MB", "9", "Q6_K", "cd" * 8]
