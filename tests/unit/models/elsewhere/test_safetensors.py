import json
from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.models.elsewhere.safetensors import refuse_safetensors


def refusal(folder: Path, config: object = None) -> str:
    folder.mkdir(exist_ok=True)
    for number in (1, 2):
        with (folder / f"model-{number:05}-of-00002.safetensors").open("wb") as file:
            file.truncate(1_500_000_000)
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CrofterError) as caught:
        refuse_safetensors(folder, "0.3.36")
    assert caught.value.code is ErrorCode.UNSUPPORTED
    return caught.value.message


def test_a_known_architecture_comes_with_every_command(tmp_path: Path) -> None:
    text = refusal(tmp_path / "My Model", {"architectures": ["Qwen3ForCausalLM"], "vocab_size": 3})
    assert "Qwen3ForCausalLM, 2 of 2 files, 3.0 GB" in text
    assert "pip download --no-deps --no-binary :all: llama-cpp-python==0.3.36" in text
    assert f"convert_hf_to_gguf.py '{tmp_path / 'My Model'}' --outtype q8_0 --outfile 'My Model.gguf'" in text
    assert "crofter import 'My Model.gguf'" in text


def test_the_text_models_own_architecture_counts(tmp_path: Path) -> None:
    config = {"architectures": ["NobodyKnows"], "text_config": {"architectures": ["LlamaForCausalLM"]}}
    assert "knows this architecture" in refusal(tmp_path / "m", config)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"architectures": ["NobodyKnowsForCausalLM"]}, "does not know that architecture"),
        ({"architectures": ["\x1b[31mLlama"]}, "does not know that architecture"),
        ({}, "of no stated architecture"),
        ({"architectures": ["LlamaForCausalLM"], "quantization": {"group_size": 64, "bits": 4}}, "quantised with mlx"),
        ({"architectures": ["LlamaForCausalLM"], "quantization_config": {"quant_method": "awq"}}, "quantised with awq"),
        ({"architectures": 7}, "cannot be told"),
        (None, "cannot be told"),
    ],
)
def test_what_cannot_be_converted_is_said_without_commands(tmp_path: Path, config: object, words: str) -> None:
    text = refusal(tmp_path / "m", config)
    assert words in text
    assert "convert_hf_to_gguf" not in text
    assert text.replace("\n", "").isprintable()


def test_folders_without_safetensors_are_none_of_its_business(tmp_path: Path) -> None:
    refuse_safetensors(tmp_path, "0.3.36")
    refuse_safetensors(tmp_path / "nothing", "0.3.36")
