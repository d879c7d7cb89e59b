from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from crofter.engine import machine
from crofter.engine.values import LibraryFacts


def test_a_library_without_accelerators_is_not_even_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def unasked() -> LibraryFacts:
        raise AssertionError("asked")

    monkeypatch.setattr(machine, "library_facts", unasked)
    assert find_spec("llama_cpp") is not None
    assert machine.accelerator_free_bytes() == ()


def test_a_library_with_accelerators_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libggml-cuda.so").touch()
    facts = LibraryFacts(
        version="", system_info="", gpu_offload=True, devices=("CUDA0",), accelerator_free_bytes=(7, 8)
    )
    monkeypatch.setattr(machine, "find_spec", lambda _name: SimpleNamespace(submodule_search_locations=[str(tmp_path)]))
    monkeypatch.setattr(machine, "library_facts", lambda: facts)
    assert machine.accelerator_free_bytes() == (7, 8)
