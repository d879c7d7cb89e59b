import pytest

from crofter.models.hub.variants import RepositoryFile, is_companion, quantization_of, variants


def files(*paths: str) -> list[RepositoryFile]:
    return [RepositoryFile(path=path, size_bytes=100 + index, sha256="0" * 64) for index, path in enumerate(paths)]


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("Qwen3-4B-Q4_K_M.gguf", "Q4_K_M"),
        ("qwen2.5-coder-7b-instruct-q4_k_m.gguf", "Q4_K_M"),
        ("Llama-3-8B-Instruct-v0.4.Q3_K_L.gguf", "Q3_K_L"),
        ("gemma-4-E4B-it-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("BF16/model-BF16-00001-of-00004.gguf", "BF16"),
        ("nomic-embed-text-v1.5.f16.gguf", "F16"),
        ("model-fp16.gguf", "F16"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("model.IQ2_XXS.gguf", "IQ2_XXS"),
        ("model-TQ1_0.gguf", "TQ1_0"),
        ("Q4_0/q8-quality-Q6_K.gguf", "Q6_K"),
        ("model-Q4_0_4_8.gguf", "Q4_0_4_8"),
        ("ggml-model.gguf", ""),
        ("unique4.gguf", ""),
    ],
)
def test_the_name_tells_the_quantization(path: str, label: str) -> None:
    assert quantization_of(path) == label


def test_what_is_no_model_by_itself_is_left_out_unless_asked_for() -> None:
    listing = files("a-Q4_K_M.gguf", "mmproj-a-f16.gguf", "imatrix_unsloth.gguf", "README.md", "a.safetensors")
    assert [each.quantization for each in variants(listing)] == ["Q4_K_M"]
    assert len(variants(listing, companions=True)) == 3
    assert not is_companion("explorations-Q4_0.gguf")


def test_a_split_model_is_one_variant_with_its_parts_in_order() -> None:
    listing = files("m-Q8_0-00002-of-00003.gguf", "m-Q8_0-00003-of-00003.gguf", "m-Q8_0-00001-of-00003.gguf")
    (whole,) = variants(listing)
    assert whole.split
    assert whole.size_bytes == 303
    assert [file.path[7:12] for file in whole.files] == ["00001", "00002", "00003"]


def test_a_split_model_with_a_missing_part_is_not_offered() -> None:
    assert variants(files("m-Q8_0-00001-of-00003.gguf", "m-Q8_0-00003-of-00003.gguf")) == []


def test_variants_come_smallest_first_and_rank_by_quality() -> None:
    found = variants(
        files("m-Q2_K.gguf", "m-IQ4_XS.gguf", "m-Q4_K_M.gguf", "m-UD-Q4_K_XL.gguf", "m-Q8_0.gguf", "m-F32.gguf")
    )
    assert [each.rank for each in found] == sorted(each.rank for each in found)
    assert variants(files("m.gguf"))[0].rank == -1
    assert variants(files("m.gguf"))[0].shown == "m.gguf"
