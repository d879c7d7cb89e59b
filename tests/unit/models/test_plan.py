from pathlib import Path

import msgspec
import pytest

from crofter.core import ModelFile, ModelId
from crofter.models import fit

MIB = 1 << 20
MODEL = ModelFile(
    model_id=ModelId("aa"),
    name="model",
    path=Path("model.gguf"),
    size_bytes=1000 * MIB,
    architecture="llama",
    layer_count=1,
    context_length=4096,
    kv_bytes_per_token=MIB // 4,
)


@pytest.mark.parametrize(
    ("available_mib", "wanted", "kv_mib", "fits", "largest"),
    [
        (1199, 1, 0.25, False, 0),
        (1200, 1, 0.25, False, 0),
        (1300, 400, 100, True, 400),
        (1300, 401, 100.25, False, 400),
        (9000, 2048, 512, True, 4096),
        (9000, 100_000, 1024, True, 4096),
    ],
)
def test_fit(available_mib: int, wanted: int, kv_mib: float, fits: bool, largest: int) -> None:
    found = fit(MODEL, available_mib * MIB, wanted)
    assert (found.weights_bytes, found.kv_bytes, found.fits, found.largest_context) == (
        1000 * MIB,
        int(kv_mib * MIB),
        fits,
        largest,
    )


def test_a_model_without_keys_and_values_needs_only_its_weights() -> None:
    model = msgspec.structs.replace(MODEL, kv_bytes_per_token=0)
    assert fit(model, 1200 * MIB, 4096).fits
    assert fit(model, 1200 * MIB, 4096).largest_context == 4096
    assert fit(model, 1199 * MIB, 4096).largest_context == 0
