from pathlib import Path

import msgspec
import pytest

from crofter.core import CrofterError, ErrorCode, ModelFile, SliceFile
from crofter.engine import CutProof, ProofJob, blueprint, prove
from crofter.models import Family, write_family_metadata
from tests.slice_files import ends_of, layers_of

LIMIT_SECONDS = 60


@pytest.fixture(scope="module")
def halves(tiny_model: ModelFile, tmp_path_factory: pytest.TempPathFactory) -> tuple[SliceFile, SliceFile]:
    folder = tmp_path_factory.mktemp("halves")
    return layers_of(tiny_model, folder, 0, 1), layers_of(tiny_model, folder, 1, 2)


def job(model: ModelFile, folder: Path, *cuts: tuple[SliceFile, ...]) -> ProofJob:
    return ProofJob(whole=model.path, cuts=cuts, ends=ends_of(model, folder))


def test_each_cut_is_judged_by_itself(
    tiny_model: ModelFile, halves: tuple[SliceFile, SliceFile], tmp_path: Path
) -> None:
    first, second = halves
    scaled = msgspec.structs.replace(second, input_scale=1.5)
    misnamed = msgspec.structs.replace(second, hidden_tensor="nothing")
    right, wrong, silent = prove(job(tiny_model, tmp_path, halves, (first, scaled), (first, misnamed)), LIMIT_SECONDS)
    assert right == CutProof(rollback="truncation", exports=True, mixed=True)
    assert wrong.sigmas > 0.02
    assert silent.error.startswith("the slice gave 0 rows instead of 1")


def test_a_process_that_dies_costs_its_cut_only(
    tiny_model: ModelFile, halves: tuple[SliceFile, SliceFile], tmp_path: Path
) -> None:
    # llama.cpp asserts that there are layers.
    keys: dict[str, object] = {"context_length": 64, "embedding_length": 32, "block_count": 0}
    own = {"general.architecture": "llama"} | {f"llama.{key}": value for key, value in keys.items()}
    write_family_metadata(Family(name="llama", keys=own), tmp_path / "none.gguf")  # pyright: ignore[reportArgumentType]
    fatal = msgspec.structs.replace(halves[0], path=tmp_path / "none.gguf")
    died, right = prove(job(tiny_model, tmp_path, (fatal, halves[1]), halves), LIMIT_SECONDS)
    assert died.error.startswith("llama.cpp ended its process: ")
    assert "GGML_ASSERT" in died.error
    assert not right.error


def test_llama_cpp_says_which_tensors_a_model_has(tmp_path: Path) -> None:
    keys = {"context_length": 64, "embedding_length": 32, "block_count": 1, "feed_forward_length": 48, "vocab_size": 16}
    keys |= {"attention.head_count": 2}
    own: dict[str, object] = {f"qwen3.{key}": value for key, value in keys.items()}
    own |= {"qwen3.attention.layer_norm_rms_epsilon": 1e-5, "tokenizer.ggml.model": "no_vocab"}
    made = Family(name="qwen3", keys={"general.architecture": "qwen3"} | own)  # pyright: ignore[reportArgumentType]
    write_family_metadata(made, tmp_path / "metadata.gguf")
    tensors = dict(blueprint(tmp_path / "metadata.gguf"))
    assert tensors["blk.0.ffn_up.weight"] == (32, 48)
    assert tensors["token_embd.weight"] == (32, 16)

    del own["qwen3.embedding_length"]
    write_family_metadata(
        msgspec.structs.replace(made, keys={"general.architecture": "qwen3"} | own), tmp_path / "metadata.gguf"
    )
    with pytest.raises(CrofterError) as caught:
        blueprint(tmp_path / "metadata.gguf")
    assert caught.value.code == ErrorCode.MODEL_LOAD_FAILED
    assert "qwen3.embedding_length" in caught.value.message
