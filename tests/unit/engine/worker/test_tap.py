"""The tap, compiled and not."""

from pathlib import Path

import numpy as np
import pytest

from crofter.core import CrofterError, ErrorCode, ModelFile
from crofter.engine import EngineSettings, machine_now
from crofter.engine.plan import plan_load
from crofter.engine.worker import compiled
from crofter.engine.worker.context import Context
from crofter.engine.worker.library import Model, start_library
from crofter.engine.worker.tap import Tap

_ROWS = 5


def tapped(tiny_model: ModelFile, tensor: str, build_folder: str) -> tuple[Tap, np.ndarray]:
    """What the first five rows give at a tensor of a whole model."""
    load = plan_load(tiny_model, machine_now(), EngineSettings(), None)
    start_library()
    model = Model(load)
    tap = Tap(tensor, model.embedding_length, 16, build_folder)
    context = Context(model, load, tap=tap)
    tap.start()
    values = np.random.default_rng(0).standard_normal((_ROWS, model.embedding_length)).astype(np.float32)
    positions = np.arange(_ROWS, dtype=np.int32)[None]
    code = context.decode_rows(values, positions, np.zeros(_ROWS, np.int32), np.ones(_ROWS, np.bool_))
    assert code == 0
    return tap, tap.rows(np.ones(_ROWS, np.bool_)).copy()


def test_compiled_and_interpreted_take_the_same_rows(tiny_model: ModelFile, tmp_path: Path) -> None:
    native, compiled_rows = tapped(tiny_model, "l_out-1", str(tmp_path))
    python, rows = tapped(tiny_model, "l_out-1", "")
    assert (native.native, python.native) == (True, False)
    assert np.array_equal(compiled_rows, rows)
    assert not np.array_equal(rows[0], rows[1])


@pytest.mark.parametrize("compiles", [True, False])
def test_a_tensor_that_never_comes_is_noticed(tiny_model: ModelFile, tmp_path: Path, *, compiles: bool) -> None:
    with pytest.raises(CrofterError, match="0 rows instead of 5") as caught:
        tapped(tiny_model, "l_out-9", str(tmp_path) if compiles else "")
    assert caught.value.code is ErrorCode.WORKER_FAILED


def test_more_rows_than_there_is_room_for_are_not_written_but_noticed(tiny_model: ModelFile, tmp_path: Path) -> None:
    with pytest.raises(CrofterError, match="10 rows instead of 5"):
        # The gate's result is twice as wide as the model.
        tapped(tiny_model, "ffn_gate-1", str(tmp_path))


def test_a_library_is_compiled_once_for_the_same_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "int answer(void) { return 42; }"
    made = compiled.compiled(source, tmp_path)
    assert made is not None
    monkeypatch.setattr(compiled, "_compile", pytest.fail)
    assert compiled.compiled(source, tmp_path) == made
    assert [path.name for path in tmp_path.iterdir()] == [made.name]


def test_what_does_not_compile_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiled.compiled("this is not C", tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("PATH", str(tmp_path))
    assert compiled.compiled("int answer(void) { return 42; }", tmp_path) is None


def test_a_library_that_others_may_write_is_not_loaded(tmp_path: Path) -> None:
    source = "int answer(void) { return 42; }"
    made = compiled.compiled(source, tmp_path)
    assert made is not None
    made.chmod(0o666)
    assert compiled.compiled(source, tmp_path) is None
