from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.models.elsewhere.candidates import Candidate, Findings, look
from crofter.models.elsewhere.folders import file_candidate, folder_candidates, name_of
from tests.unit.models.elsewhere.stores import companion, small, split


def found(folder: Path) -> tuple[dict[str, Candidate], list[str]]:
    findings = Findings()
    folder_candidates(folder, "file", findings)
    return {each.name: each for each in findings.candidates}, findings.remarks


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Qwen3-4B-Q4_K_M.gguf", "qwen3-4b:q4_k_m"),
        ("Qwen3-4B-UD-Q4_K_XL-00002-of-00003.gguf", "qwen3-4b:ud-q4_k_xl"),
        ("my model.gguf", "my-model"),
        ("Q4_K_M.gguf", "q4_k_m"),
        ("m\x1b[31m.gguf", "m-31m"),
    ],
)
def test_a_model_is_called_after_its_file(file: str, name: str) -> None:
    assert name_of(Path(file)) == name


def test_every_part_of_a_split_model_means_all_of_it(tmp_path: Path) -> None:
    parts = split(tmp_path)
    assert len(parts) == 3
    for part in parts:
        assert file_candidate(part).parts == tuple(parts)
    model = look(file_candidate(parts[1]))
    assert model.name == "big:q8_0"
    assert model.size_bytes == sum(part.stat().st_size for part in parts)
    whole = look(file_candidate(small(tmp_path / "whole" / "w.gguf", name="Big")))
    assert model.parameter_count == whole.parameter_count
    assert model.quantization == whole.quantization == "F32"


def test_missing_parts_are_named(tmp_path: Path) -> None:
    parts = split(tmp_path)
    parts[1].unlink()
    with pytest.raises(CrofterError, match=parts[1].name) as caught:
        file_candidate(parts[0])
    assert caught.value.code is ErrorCode.MODEL_INVALID
    small(tmp_path / "other.gguf")
    models, remarks = found(tmp_path)
    assert list(models) == ["other"]
    assert len(remarks) == 1
    assert parts[1].name in remarks[0]


def test_a_part_under_another_name_says_how_parts_are_called(tmp_path: Path) -> None:
    lone = split(tmp_path)[0].rename(tmp_path / "lone.gguf")
    with pytest.raises(CrofterError, match="NAME-00001-of-00003"):
        look(file_candidate(lone))


def test_a_folder_gives_each_model_in_it_and_below(tmp_path: Path) -> None:
    small(tmp_path / "One-F32.gguf")
    split(tmp_path / "deep" / "er")
    (tmp_path / "notes.txt").write_text("not a model")
    small(tmp_path / ".hidden" / "no.gguf")
    models, remarks = found(tmp_path)
    assert set(models) == {"one:f32", "big:q8_0"}
    assert len(models["big:q8_0"].parts) == 3
    assert remarks == []


def test_a_vision_part_goes_to_its_model_and_to_no_other(tmp_path: Path) -> None:
    small(tmp_path / "gemma-3-4b-it-Q4_K_M.gguf")
    small(tmp_path / "gemma-3-4b-it-Q8_0.gguf")
    companion(tmp_path / "mmproj-F32.gguf")
    sixteen = companion(tmp_path / "mmproj-F16.gguf")
    models, _ = found(tmp_path)
    assert {each.projector for each in models.values()} == {sixteen}
    assert file_candidate(tmp_path / "gemma-3-4b-it-Q8_0.gguf").projector == sixteen
    small(tmp_path / "llama-3.2-1b-Q8_0.gguf")
    models, remarks = found(tmp_path)
    assert {each.projector for each in models.values()} == {None}
    assert "clearly its own" in remarks[0]
    named = companion(tmp_path / "mmproj-gemma-3-4b-it-f16.gguf")
    models, _ = found(tmp_path)
    assert models["gemma-3-4b-it:q8_0"].projector == named
    assert models["llama-3.2-1b:q8_0"].projector is None


@pytest.mark.parametrize(("kind", "word"), [("adapter", "LoRA"), ("imatrix", "importance"), ("weird", "not a model")])
def test_what_belongs_to_a_model_is_none(tmp_path: Path, kind: str, word: str) -> None:
    path = companion(tmp_path / "x.gguf", "llama", kind)
    with pytest.raises(CrofterError, match=word):
        look(file_candidate(path))


def test_a_vision_part_that_is_a_model_is_refused(tmp_path: Path) -> None:
    small(tmp_path / "a.gguf")
    small(tmp_path / "mmproj-a.gguf", seed=1)
    with pytest.raises(CrofterError, match="vision part"):
        look(file_candidate(tmp_path / "a.gguf"))


def test_links_out_of_the_folder_loops_and_unprintable_names_are_left_out(tmp_path: Path) -> None:
    outside = small(tmp_path / "outside.gguf")
    folder = tmp_path / "folder"
    small(folder / "in.gguf")
    (folder / "again.gguf").symlink_to("in.gguf")
    (folder / "out.gguf").symlink_to(outside)
    (folder / "loop.gguf").symlink_to("loop.gguf")
    (folder / "gone.gguf").symlink_to("nowhere")
    (folder / "up").symlink_to(folder)
    small(folder / "bell\x07.gguf")
    models, remarks = found(folder)
    assert set(models) == {"in", "again"}
    assert len(remarks) == 4
    assert all(remark.isprintable() for remark in remarks)


def test_a_part_that_is_a_link_out_of_the_folder_spoils_the_model(tmp_path: Path) -> None:
    parts = split(tmp_path / "in")
    moved = parts[2].rename(tmp_path / "moved.gguf")
    parts[2].symlink_to(moved)
    models, remarks = found(tmp_path / "in")
    assert models == {}
    assert "leads out" in remarks[0]
