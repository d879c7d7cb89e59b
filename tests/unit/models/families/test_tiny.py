from pathlib import Path

from crofter.models import Family, known_families, read_header, write_family_metadata, write_family_model
from crofter.models.families.tiny import TensorShape

LAYER: list[TensorShape] = [
    ("blk.0.attn_q.weight", (128, 128)),
    ("blk.0.attn_q.bias", (128,)),
    ("blk.0.attn_q.scale", (1,)),
    ("blk.0.ffn_gate_up_exps.weight", (128, 128, 4)),
]


def family(**fields: object) -> Family:
    keys = {"general.architecture": "llama", "llama.block_count": 1, "llama.embedding_length": 128}
    return Family(name="llama", keys=keys | fields.pop("more", {}), **fields)  # pyright: ignore[reportArgumentType, reportOperatorIssue, reportCallIssue]


def written(tmp_path: Path, made: Family) -> dict[str, tuple[tuple[int, ...], str]]:
    write_family_model(made, LAYER, tmp_path / "tiny.gguf")
    return {tensor.name: (tensor.shape, tensor.type.name) for tensor in read_header(tmp_path / "tiny.gguf").tensors}


def test_every_family_is_metadata_that_can_be_read(tmp_path: Path) -> None:
    for made in known_families().values():
        write_family_metadata(made, tmp_path / "metadata.gguf")
        header = read_header(tmp_path / "metadata.gguf")
        assert header.text("general.architecture") == made.architecture
        assert header.integer(f"{made.architecture}.block_count") > 1


def test_the_same_family_is_the_same_file(tmp_path: Path) -> None:
    for name in ("one.gguf", "two.gguf"):
        write_family_model(family(), LAYER, tmp_path / name)
    assert (tmp_path / "one.gguf").read_bytes() == (tmp_path / "two.gguf").read_bytes()


def test_matrices_have_the_encoding_and_the_rest_is_single_precision(tmp_path: Path) -> None:
    tensors = written(tmp_path, family(encoding="Q8_0"))
    assert tensors["blk.0.attn_q.weight"] == ((128, 128), "Q8_0")
    assert tensors["blk.0.attn_q.bias"] == ((128,), "F32")


def test_experts_have_their_two_matrices_apart_and_no_scales(tmp_path: Path) -> None:
    tensors = written(tmp_path, family())
    assert tensors["blk.0.ffn_gate_exps.weight"] == tensors["blk.0.ffn_up_exps.weight"] == ((128, 64, 4), "F16")
    assert not any("gate_up" in name or name.endswith(".scale") for name in tensors)


def test_what_a_family_is_without_is_left_out(tmp_path: Path) -> None:
    assert "blk.0.attn_q.bias" not in written(tmp_path, family(without=("attn_q.bias",)))


def test_a_block_that_predicts_further_ahead_is_added(tmp_path: Path) -> None:
    made = family(more={"llama.block_count": 2, "llama.nextn_predict_layers": 1})
    write_family_metadata(made, tmp_path / "metadata.gguf")
    assert read_header(tmp_path / "metadata.gguf").integer("llama.block_count") == 1
    tensors = written(tmp_path, made)
    assert tensors["blk.1.attn_q.weight"] == tensors["blk.0.attn_q.weight"]
    assert tensors["blk.1.nextn.eh_proj.weight"] == ((256, 128), "F16")
