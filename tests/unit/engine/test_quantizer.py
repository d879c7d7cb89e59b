"""Quantising, with the real library on a tiny model."""

from collections.abc import Callable
from pathlib import Path

import gguf
import psutil
import pytest

from crofter.core import CrofterError, ErrorCode, ModelFile
from crofter.engine import KINDS, QuantizeWish, checked_kind, quantize
from crofter.models import read_header
from tests.gguf_files import write_tiny_llama
from tests.unit.engine.conftest import model_file

PLENTY = 1 << 40


@pytest.fixture(scope="module")
def wide_model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    """Rows of 256, as most kinds want them."""
    return model_file(write_tiny_llama(tmp_path_factory.mktemp("models") / "wide.gguf", hidden=256))


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    def made(model: ModelFile, kind: str, *, requantize: bool = False, most_bytes: int = PLENTY) -> Path:
        target = tmp_path / "target.gguf"
        wish = QuantizeWish(kind, target, requantize, most_bytes)
        quantize(model, wish, tmp_path / "quantize.log", lambda _done, _total: None)
        return target

    return made


def types_of(path: Path) -> set[str]:
    return {tensor.type.name for tensor in read_header(path).tensors}


def test_the_usual_kind_mixes_types_and_says_so_in_the_file(make: Callable[..., Path], wide_model: ModelFile) -> None:
    made = make(wide_model, "Q4_K_M")
    assert types_of(made) == {"F32", "Q4_K", "Q6_K"}
    assert read_header(made).integer("general.file_type") == KINDS["Q4_K_M"].number
    assert made.stat().st_size < wide_model.size_bytes / 4


def test_all_parts_of_a_split_model_are_read(make: Callable[..., Path], wide_model: ModelFile, tmp_path: Path) -> None:
    def split(writer: gguf.GGUFWriter) -> None:
        writer.split_max_tensors = 8

    write_tiny_llama(tmp_path / "part.gguf", hidden=256, edit=split)
    parts = sorted(tmp_path.glob("part-*.gguf"))
    assert len(parts) == 3
    made = make(model_file(parts[0]), "Q4_K_M").read_bytes()
    assert made == make(wide_model, "Q4_K_M").read_bytes()


def test_rows_that_no_kind_of_256_divides_fall_back(make: Callable[..., Path], tiny_model: ModelFile) -> None:
    assert "Q4_K" not in types_of(make(tiny_model, "Q4_K_M"))


def test_what_is_quantised_already_is_refused_until_told(make: Callable[..., Path], wide_model: ModelFile) -> None:
    smaller = model_file(make(wide_model, "Q8_0").rename(wide_model.path.with_name("q8.gguf")))
    with pytest.raises(CrofterError, match="requantize") as refused:
        make(smaller, "Q4_0")
    assert refused.value.code is ErrorCode.INVALID_REQUEST
    assert "Q4_0" in types_of(make(smaller, "Q4_0", requantize=True))


def test_a_result_larger_than_the_source_is_refused(make: Callable[..., Path], wide_model: ModelFile) -> None:
    smaller = model_file(make(wide_model, "Q4_0").rename(wide_model.path.with_name("q4.gguf")))
    with pytest.raises(CrofterError, match="no better"):
        make(smaller, "Q8_0", requantize=True)


def test_too_little_room_is_known_before_anything_is_written(
    make: Callable[..., Path], wide_model: ModelFile, tmp_path: Path
) -> None:
    with pytest.raises(CrofterError) as refused:
        make(wide_model, "Q8_0", most_bytes=100_000)
    assert refused.value.code is ErrorCode.DISK_FULL
    assert not (tmp_path / "target.gguf").exists()


def test_a_file_that_llama_cpp_refuses_is_an_error_with_its_words(make: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "no.gguf").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(CrofterError, match="could not quantise") as failed:
        make(model_file(tmp_path / "no.gguf"), "Q8_0")
    assert failed.value.code is ErrorCode.WORKER_FAILED


def test_an_exception_from_the_progress_ends_the_process(wide_model: ModelFile, tmp_path: Path) -> None:
    wish = QuantizeWish("IQ3_S", tmp_path / "target.gguf", requantize=False, most_bytes=PLENTY)
    before = psutil.Process().children()
    told: list[int] = []

    def stop(_done_bytes: int, total_bytes: int) -> None:
        told.append(total_bytes)
        raise CrofterError(ErrorCode.CANCELLED, "enough")

    with pytest.raises(CrofterError, match="enough"):
        quantize(wide_model, wish, tmp_path / "quantize.log", stop)
    assert 0 < told[0] < wide_model.size_bytes
    assert psutil.Process().children() == before


def test_kinds_are_known_in_any_case() -> None:
    assert checked_kind("q4-k-m") == "Q4_K_M"


@pytest.mark.slow
def test_every_kind_is_made_without_an_importance_matrix(make: Callable[..., Path], wide_model: ModelFile) -> None:
    sizes = {kind: make(wide_model, kind).stat().st_size for kind in KINDS}
    assert min(sizes, key=sizes.__getitem__) == "Q2_K"


def test_an_unknown_kind_lists_those_there_are() -> None:
    with pytest.raises(CrofterError, match="Did you mean Q4_K_M") as refused:
        checked_kind("Q4_KM")
    assert all(kind in refused.value.message for kind in KINDS)


@pytest.mark.parametrize("kind", ["IQ1_S", "IQ2_M", "Q2_K_S", "IQ3_XXS"])
def test_a_kind_that_needs_an_importance_matrix_says_so(kind: str) -> None:
    with pytest.raises(CrofterError, match="importance matrix") as refused:
        checked_kind(kind)
    assert refused.value.code is ErrorCode.UNSUPPORTED
