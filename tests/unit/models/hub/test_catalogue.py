import re
from pathlib import PurePosixPath
from typing import get_args

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.models.hub.catalogue import Task, built_in_catalogue, find_entry, recommended
from crofter.models.hub.choose import Room, fits_memory
from crofter.models.hub.license import restricts_use
from crofter.models.hub.reference import CatalogueName, parse
from crofter.models.hub.variants import RepositoryFile, quantization_of
from crofter.models.projectors import is_projector

ENTRIES = built_in_catalogue()
GB = 10**9


def test_every_entry_can_be_asked_for_by_its_name() -> None:
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES) >= 8
    for entry in ENTRIES:
        assert parse(entry.name) == CatalogueName(entry.name)
        assert find_entry(ENTRIES, CatalogueName(entry.name), 0) is entry
        assert parse(entry.repository) == entry.reference


def test_the_entries_are_free_to_use_and_name_files_of_their_own_kind() -> None:
    for entry in ENTRIES:
        assert not restricts_use(entry.license)
        for name, sha256 in entry.sha256.items():
            file = RepositoryFile(path=f"folder/{name}", size_bytes=1)
            assert entry.pin(file) == sha256
            assert entry.contains(file) is (name != entry.projector)
            assert is_projector(PurePosixPath(name)) is (name == entry.projector)
            assert name == entry.projector or quantization_of(name) == entry.quantization
            assert re.fullmatch("[0-9a-f]{64}", sha256)
        assert not entry.contains(RepositoryFile(path="other-model-Q4_K_M.gguf", size_bytes=1))
        assert entry.pin(RepositoryFile(path="unknown.gguf", size_bytes=1)) == ""


def test_what_the_catalogue_has_for_seeing_has_a_vision_part_whose_hash_is_known() -> None:
    for entry in ENTRIES:
        assert bool(entry.projector) is (entry.task == "vision")
        assert not entry.projector or len(entry.sha256) == 2
        assert set(entry.sha256) >= ({entry.projector} if entry.projector else set())


def test_every_entry_fits_the_memory_it_is_recommended_for() -> None:
    for entry in ENTRIES:
        room = Room(memory_bytes=int(entry.from_memory_gb * GB), disk_bytes=10**15)
        if entry.from_memory_gb >= 3:
            assert fits_memory(entry.size_bytes, room), entry.name


@pytest.mark.parametrize(
    ("wanted", "memory_gb", "name"),
    [
        ("chat", 1, "qwen3:0.6b"),
        ("chat", 8.2, "qwen3:4b"),
        ("qwen3", 16.5, "qwen3:8b"),
        ("chat", 64, "qwen3:30b-a3b"),
        ("code", 8, "qwen2.5-coder:1.5b"),
        ("code", 32, "qwen2.5-coder:7b"),
        ("embedding", 2, "nomic-embed-text:v1.5"),
        ("embedding", 16, "qwen3-embedding:0.6b"),
        ("qwen3-embedding", 16, "qwen3-embedding:0.6b"),
        ("vision", 2, "smolvlm2:500m"),
        ("vision", 16, "qwen3-vl:4b"),
    ],
)
def test_a_task_or_a_family_means_the_one_for_this_machine(wanted: str, memory_gb: float, name: str) -> None:
    assert find_entry(ENTRIES, CatalogueName(wanted), int(memory_gb * GB)).name == name


def test_every_task_has_a_choice_for_every_machine() -> None:
    for task in get_args(Task):
        group = [entry for entry in ENTRIES if entry.task == task]
        sizes = [recommended(group, memory * GB).size_bytes for memory in (0, 4, 8, 16, 24, 32, 128)]
        assert sizes == sorted(sizes)


def test_an_unknown_name_is_told_what_is_near() -> None:
    with pytest.raises(CrofterError, match=r"Did you mean qwen3:4b") as caught:
        find_entry(ENTRIES, CatalogueName("qwen3:4"), 0)
    assert caught.value.code is ErrorCode.MODEL_NOT_FOUND
    with pytest.raises(CrofterError, match="crofter pull --list"):
        find_entry(ENTRIES, CatalogueName("zzz"), 0)
