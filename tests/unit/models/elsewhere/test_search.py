import json
from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.models.elsewhere import Found, Places, find_models
from tests.unit.models.elsewhere.stores import OllamaStore, companion, small, split


class Machine:
    """A user's home with what other programs put there."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.own = root / "own"
        self.scratch = root / "scratch"
        self.ollama = OllamaStore(self.home / ".ollama" / "models")
        self.lmstudio = self.home / ".lmstudio" / "models"
        self.places = Places(home=self.home, hub_cache=self.home / "hub", ollama_models=self.ollama.root)

    def find(self, *sources: str | Path) -> Found:
        return find_models([str(source) for source in sources], self.places, self.own, "0.3.36")

    def refused(self, *sources: str | Path) -> CrofterError:
        with pytest.raises(CrofterError) as caught:
            self.find(*sources)
        return caught.value


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def names(found: Found) -> dict[str, str]:
    return {model.name: model.program for model in found.models}


def test_everything_that_other_programs_hold_is_found(machine: Machine) -> None:
    machine.ollama.model(machine.scratch)
    small(machine.lmstudio / "publisher" / "Tiny-GGUF" / "Tiny-Q8_0.gguf", seed=1)
    blobs = machine.home / "hub" / "models--org--Cached" / "blobs"
    blob = small(blobs / ("c" * 64), seed=2)
    for revision in ("one", "two"):
        snapshot = blobs.parent / "snapshots" / revision
        snapshot.mkdir(parents=True)
        (snapshot / "Cached-Q4_0.gguf").symlink_to(f"../../blobs/{blob.name}")
    found = machine.find()
    assert names(found) == {"llama3.2:3b": "ollama", "tiny:q8_0": "lm-studio", "cached:q4_0": "hugging-face"}
    assert len(found.models) == 3
    assert found.remarks == ()
    assert {model.quantization for model in found.models} == {"F32"}
    cached = next(model for model in found.models if model.name == "cached:q4_0")
    assert cached.parts[0].name == "Cached-Q4_0.gguf"


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    places = Places(home=tmp_path / "nobody", hub_cache=tmp_path / "none", ollama_models=tmp_path / "no")
    assert find_models([], places, tmp_path / "own", "0") == Found(models=(), remarks=())


def test_lm_studios_folder_may_be_somewhere_else(machine: Machine, tmp_path: Path) -> None:
    small(tmp_path / "disk" / "publisher" / "a" / "moved.gguf")
    (machine.home / ".lmstudio").mkdir(exist_ok=True)
    settings = machine.home / ".lmstudio" / "settings.json"
    settings.write_text(json.dumps({"downloadsFolder": str(tmp_path / "disk"), "other": [1]}))
    small(tmp_path / "elsewhere" / "models" / "publisher" / "b" / "pointed.gguf", seed=1)
    (machine.home / ".lmstudio-home-pointer").write_text(f"{tmp_path / 'elsewhere'}\n")
    assert set(names(machine.find())) == {"moved", "pointed"}
    settings.write_text('{"downloadsFolder": ')
    found = machine.find()
    assert set(names(found)) == {"pointed"}
    assert "settings.json is damaged" in found.remarks[0]


def test_a_name_is_taken_as_its_program_writes_it(machine: Machine) -> None:
    blob = machine.ollama.model(machine.scratch)
    machine.ollama.model(machine.scratch, "registry.ollama.ai/library/llama3.2/latest")
    for name in ("llama3.2:3b", "Llama3.2:3B", "llama3.2", "llama3.2:latest"):
        assert machine.find(name).models[0].parts == (blob,)
    assert set(names(machine.find())) == {"llama3.2:3b", "llama3.2"}


def test_an_unknown_name_says_what_is_near(machine: Machine) -> None:
    machine.ollama.model(machine.scratch)
    machine.ollama.manifest(None, "registry.ollama.ai/library/huge/cloud")
    error = machine.refused("llama3.2:1b")
    assert error.code is ErrorCode.MODEL_NOT_FOUND
    assert "Did you mean llama3.2:3b?" in error.message
    assert "Did you mean llama3.2:3b?" in machine.refused("llama").message
    assert "runs in its cloud" in machine.refused("huge:cloud").message
    assert "`crofter import` lists" in machine.refused("zzz").message


def test_a_name_of_two_models_is_asked_back(machine: Machine) -> None:
    paths = [small(machine.lmstudio / publisher / "m" / "tiny.gguf", seed=seed) for seed, publisher in enumerate("ab")]
    error = machine.refused("tiny")
    assert error.code is ErrorCode.CONFLICT
    assert all(str(path) in error.message for path in paths)
    assert machine.find(paths[1]).models[0].parts == (paths[1],)


def test_a_folder_gives_its_models_and_a_word_on_the_rest(machine: Machine, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    small(folder / "a.gguf")
    split(folder / "b")
    companion(folder / "style-lora.gguf", "llama", "adapter")
    (folder / "broken.gguf").write_bytes(b"GGUF" + bytes(50))
    found = machine.find(folder)
    assert set(names(found)) == {"a", "big:q8_0"}
    assert any("LoRA adapter" in remark for remark in found.remarks)
    assert any("broken.gguf" in remark for remark in found.remarks)
    assert set(names(machine.find(folder / "a.gguf", folder / "b"))) == {"a", "big:q8_0"}


def test_a_folder_without_models_says_why(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert "no model that can be imported" in machine.refused(tmp_path / "mine").message
    split(tmp_path / "mine")[0].unlink()
    assert "Big-Q8_0-00001-of-00003.gguf" in machine.refused(tmp_path / "mine").message


def test_a_store_of_ollama_may_be_named_by_its_folder_and_a_blob_by_its_path(machine: Machine, tmp_path: Path) -> None:
    store = OllamaStore(tmp_path / "old-disk")
    blob = store.model(machine.scratch, "registry.ollama.ai/library/phi/2b")
    assert names(machine.find(store.root)) == {"phi:2b": "ollama"}
    assert names(machine.find(blob)) == {"tiny-test": "file"}


def test_what_crofter_has_itself_is_not_found_again(machine: Machine) -> None:
    mine = small(machine.own / "x.gguf")
    assert "own storage" in machine.refused(mine).message
    small(machine.own.parent / "other.gguf")
    assert set(names(machine.find(machine.own.parent))) == {"other"}


@pytest.mark.parametrize("source", ["/no/such/file.gguf", "/no/such/folder"])
def test_a_path_to_nothing_is_said_so(machine: Machine, source: str) -> None:
    assert machine.refused(source).code is ErrorCode.MODEL_NOT_FOUND
