from pathlib import Path

import pytest

from crofter.api import FoundModels, ImportRequest, ModelSearch, ModelSummary
from crofter.core import CrofterError, ErrorCode
from crofter.models import ModelRegistry
from crofter.node import Home
from crofter.node.config import import_environment
from crofter.node.importing import Imports
from crofter.store import Database, ModelRecords
from tests.unit.models.elsewhere.stores import OllamaStore, companion, small, split

pytestmark = pytest.mark.anyio


class Machine:
    """A node's part that imports, and a user with an Ollama."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = Home(root / "node")
        self.home.prepare()
        records = ModelRecords(Database.open(self.home.database_file, bytes(32)))
        self.registry = ModelRegistry(records, self.home.models_folder)
        self.imports = Imports(self.registry, self.home)
        self.ollama = OllamaStore(root / "user" / ".ollama" / "models")

    async def find(self, *sources: str) -> FoundModels:
        search = ModelSearch(
            sources=sources,
            home=str(self.root / "user"),
            ollama_models=str(self.ollama.root),
            hub_cache=str(self.root / "hub"),
        )
        return await self.imports.find(search)

    async def add(self, request: ImportRequest) -> ModelSummary:
        steps = [step async for step in self.imports.add(request)]
        assert steps[-1].model is not None
        return steps[-1].model

    def has_files(self, parts: tuple[str, ...]) -> bool:
        return all(Path(part).is_file() for part in parts)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


async def test_what_is_found_can_be_imported_and_is_known_as_installed_then(machine: Machine) -> None:
    blob = machine.ollama.model(machine.root)
    found = (await machine.find()).models[0]
    assert (found.name, found.parts, found.installed, found.linked) == ("llama3.2:3b", (str(blob),), "", False)
    model = await machine.add(ImportRequest(parts=found.parts, usual_name=found.name))
    assert (model.name, model.linked) == ("llama3.2:3b", True)
    again = (await machine.find("llama3.2:3b")).models[0]
    assert (again.installed, again.linked) == ("llama3.2:3b", True)


async def test_a_copy_is_crofters_own_and_is_recognised_by_its_header(machine: Machine) -> None:
    blob = machine.ollama.model(machine.root)
    model = await machine.add(ImportRequest(parts=(str(blob),), usual_name="llama3.2:3b", copy=True))
    assert (model.name, model.linked) == ("llama3.2:3b", False)
    blob.unlink()
    assert machine.registry.resolve("llama3.2:3b").file.path.is_relative_to(machine.home.models_folder)
    other = small(machine.root / "other.gguf")
    found = (await machine.find(str(other))).models[0]
    assert (found.installed, found.linked) == ("llama3.2:3b", False)


async def test_a_split_model_with_its_vision_part_is_linked_and_may_be_copied(machine: Machine) -> None:
    parts = tuple(map(str, split(machine.root / "files")))
    projector = str(companion(machine.root / "files" / "mmproj-F16.gguf"))
    found = (await machine.find(parts[2])).models[0]
    assert (found.parts, found.projector) == (parts, projector)
    await machine.add(ImportRequest(parts=found.parts, projector=found.projector, usual_name=found.name))
    linked = machine.registry.resolve(found.name)
    assert (linked.file.path, linked.projector) == (Path(parts[0]), Path(projector))
    machine.registry.remove(found.name)
    copied = await machine.add(ImportRequest(parts=found.parts, usual_name=found.name, copy=True))
    assert (copied.model_id, copied.linked) == (linked.file.model_id, False)
    assert machine.has_files(parts)


async def test_the_nodes_own_storage_is_not_imported(machine: Machine) -> None:
    own = small(machine.home.models_folder / "x.gguf")
    with pytest.raises(CrofterError, match="own storage"):
        await machine.find(str(own))


@pytest.mark.parametrize("parts", [(), ("relative.gguf",), ("/x.gguf", "y.gguf")])
async def test_only_absolute_paths_are_imported(machine: Machine, parts: tuple[str, ...]) -> None:
    with pytest.raises(CrofterError) as refused:
        await machine.add(ImportRequest(parts=parts))
    assert refused.value.code is ErrorCode.INVALID_REQUEST


def test_other_programs_variables_are_read_as_they_read_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert import_environment({}) == {
        "home": "/home/me",
        "ollama_models": "",
        "hub_cache": "/home/me/.cache/huggingface/hub",
    }
    assert import_environment({"XDG_CACHE_HOME": "/c", "OLLAMA_MODELS": "/o"})["hub_cache"] == "/c/huggingface/hub"
    assert import_environment({"XDG_CACHE_HOME": "/c", "HF_HOME": "/h"})["hub_cache"] == "/h/hub"
    assert import_environment({"HF_HOME": "/h", "HF_HUB_CACHE": "/hub"})["hub_cache"] == "/hub"
