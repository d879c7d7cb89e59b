"""`crofter import` through a real node, of what another program holds in the user's home."""

import json
from pathlib import Path

import pytest

from tests.e2e.commands import Commands
from tests.gguf_files import write_tiny_llama
from tests.unit.models.elsewhere.stores import OllamaStore, split


@pytest.fixture
def store(tmp_path: Path) -> OllamaStore:
    return OllamaStore(tmp_path / "ollama")


@pytest.fixture
def node(fresh: Commands, store: OllamaStore, tmp_path: Path) -> Commands:
    (tmp_path / "user").mkdir()
    for name in ("XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE"):
        fresh.environment.pop(name, None)
    fresh.environment |= {"HOME": str(tmp_path / "user"), "OLLAMA_MODELS": str(store.root)}
    return fresh


def test_a_model_of_ollama_is_listed_imported_used_and_left_alone(
    node: Commands, store: OllamaStore, tmp_path: Path
) -> None:
    content = write_tiny_llama(tmp_path / "scratch.gguf").read_bytes()
    digest = store.blob(content)
    store.manifest({"model": digest})
    store.manifest(None, "registry.ollama.ai/library/huge/cloud")
    listed = node.run("import")
    assert "llama3.2:3b" in listed.stdout
    assert "Ollama" in listed.stdout
    assert "huge:cloud of Ollama runs in its cloud" in listed.stderr
    assert "crofter import NAME" in listed.stderr
    assert node.json("import")["models"][0]["installed"] == ""
    assert [model["name"] for model in node.json("import", "llama3.2:3b")] == ["llama3.2:3b"]
    assert not list((node.home / "models").rglob("*.gguf"))
    answer = node.json("ask", "Hi", "--model", "llama3.2:3b", "--max-tokens", "3")
    assert answer["usage"]["completion_tokens"] >= 1
    assert "nothing new" in node.run("import", "--all").stderr
    assert "only linked" in node.run("rm", "llama3.2:3b").stderr
    assert store.path(digest).read_bytes() == content
    assert {model["name"] for model in node.json("ls")} == {"seedling"}


def test_a_model_that_ollama_has_removed_is_said_so(node: Commands, store: OllamaStore, tmp_path: Path) -> None:
    blob = store.model(tmp_path)
    node.run("import", "--all")
    blob.unlink()
    refused = node.run("ask", "Hi", "--model", "llama3.2:3b", code=1)
    assert "another program keeps it" in refused.stderr
    assert "crofter rm llama3.2:3b" in refused.stderr
    node.run("rm", "llama3.2:3b")
    assert {model["name"] for model in node.json("ls")} == {"seedling"}


def test_a_split_model_is_linked_by_any_part_and_answers(node: Commands, tmp_path: Path) -> None:
    parts = split(tmp_path / "files")
    assert node.json("import", str(parts[1]), "--name", "big")[0]["linked"]
    assert node.json("ask", "Hi", "--model", "big", "--max-tokens", "3")["usage"]["completion_tokens"] >= 1
    node.run("rm", "big")
    assert all(part.is_file() for part in parts)
    parts[0].unlink()
    assert parts[0].name in node.run("import", str(parts[1]), code=1).stderr


def test_what_cannot_be_imported_is_refused_in_words(node: Commands, tmp_path: Path) -> None:
    folder = tmp_path / "hf-model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(bytes(100))
    (folder / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}))
    assert "convert_hf_to_gguf.py" in node.run("import", str(folder), code=1).stderr
    assert "There is no file" in node.run("import", "./missing.gguf", code=1).stderr
    assert "No program here has" in node.run("import", "nonesuch:7b", code=1).stderr
