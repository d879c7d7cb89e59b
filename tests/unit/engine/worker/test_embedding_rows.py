"""Embeddings read from a file are those that llama.cpp would look up."""

from pathlib import Path

import gguf
import msgspec
import numpy as np
import pytest

from crofter.core import CrofterError, EmbeddingTable, ErrorCode
from crofter.engine.worker.embedding_rows import EmbeddingRows

_TOKENS = [3, 61, 3, 0]
_VALUES = np.random.default_rng(0).standard_normal((64, 512)).astype(np.float32)


def table(path: Path, kind: gguf.GGMLQuantizationType) -> EmbeddingTable:
    stored = gguf.quants.quantize(_VALUES, kind).tobytes()
    path.write_bytes(b"before" + stored)
    return EmbeddingTable(
        path=str(path), offset=6, type_number=int(kind), row_bytes=len(stored) // 64, row_count=64, width=512
    )


@pytest.mark.parametrize("name", ["F32", "F16", "BF16", "Q4_0", "Q5_1", "Q8_0"])
def test_rows_are_read_bit_for_bit(tmp_path: Path, name: str) -> None:
    kind = gguf.GGMLQuantizationType[name]
    given = table(tmp_path / "rows", kind)
    expected = gguf.quants.dequantize(gguf.quants.quantize(_VALUES, kind), kind)[_TOKENS]
    assert np.array_equal(EmbeddingRows(given).of(_TOKENS), expected)
    scaled = msgspec.structs.replace(given, scale=0.3)
    assert np.array_equal(EmbeddingRows(scaled).of(_TOKENS), expected * np.float32(0.3))


@pytest.mark.parametrize(
    "change",
    [
        {"type_number": 4},
        {"type_number": 4000},
        {"type_number": -1},
        {"row_bytes": 9},
        {"row_count": 65},
        {"width": 500},
    ],
)
def test_a_table_that_is_not_there_is_refused(tmp_path: Path, change: dict[str, int]) -> None:
    given = table(tmp_path / "rows", gguf.GGMLQuantizationType.Q8_0)
    with pytest.raises(CrofterError) as caught:
        EmbeddingRows(msgspec.structs.replace(given, **change))
    assert caught.value.code is ErrorCode.MODEL_INVALID
