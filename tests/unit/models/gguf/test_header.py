import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crofter.core import CrofterError, ErrorCode
from crofter.models import Array, Header
from crofter.models.facts.model_facts import read_facts
from crofter.models.gguf import header, reader
from crofter.models.gguf.header import read_header
from tests.gguf_files import write_tiny_llama
from tests.unit.models.gguf import raw_gguf as raw

GOOD_PAIRS = (
    raw.text("general.architecture", "llama"),
    raw.scalar("an.integer", raw.INT32, -7),
    raw.scalar("a.float", raw.FLOAT32, 0.5),
    raw.scalar("a.flag", raw.BOOLEAN, True),
    raw.array("some.numbers", raw.UINT32, 3, struct.pack("<3I", 1, 2, 3)),
    raw.array("some.strings", raw.STRING, 2, raw.string("one") + raw.string("two")),
)


def read(tmp_path: Path, content: bytes) -> Header:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    return read_header(path)


def reason(tmp_path: Path, content: bytes) -> str:
    with pytest.raises(CrofterError) as caught:
        read(tmp_path, content)
    assert caught.value.code is ErrorCode.MODEL_INVALID
    return caught.value.message


@pytest.mark.parametrize("version", [2, 3])
def test_every_part_of_a_good_file_is_read(tmp_path: Path, version: int) -> None:
    tensors = [raw.tensor("first", (32, 2), 8, 96), raw.tensor("second", (4, 3), 0, 0)]
    found = read(tmp_path, raw.gguf(GOOD_PAIRS, tensors, 96 + 68, version=version))
    assert {key: value for key, value in found.metadata.items() if key != "some.strings"} == {
        "general.architecture": "llama",
        "an.integer": -7,
        "a.float": 0.5,
        "a.flag": True,
        "some.numbers": (1, 2, 3),
    }
    strings = found.metadata["some.strings"]
    assert isinstance(strings, Array)
    assert (strings.value_type, strings.count) == (raw.STRING, 2)
    assert list(found.strings("some.strings")) == [b"one", b"two"]
    assert found.array_length("some.strings") == 2
    assert found.array_length("some.numbers") == 3
    first, second = found.tensors
    assert (first.name, first.shape, first.type.name, first.size_bytes) == ("first", (32, 2), "Q8_0", 68)
    assert (second.name, second.shape, second.type.name, second.size_bytes) == ("second", (4, 3), "F32", 48)
    assert first.offset + 68 == found.size_bytes
    assert second.offset == first.offset - 96


def test_it_agrees_with_the_gguf_package(tmp_path: Path) -> None:
    from gguf import GGUFReader

    path = write_tiny_llama(tmp_path / "tiny.gguf")
    ours = {tensor.name: (tensor.offset, tensor.size_bytes, tensor.shape) for tensor in read_header(path).tensors}
    theirs = {
        tensor.name: (int(tensor.data_offset), int(tensor.n_bytes), tuple(int(each) for each in tensor.shape))
        for tensor in GGUFReader(path).tensors
    }
    assert ours == theirs


def test_tensor_types_agree_with_the_gguf_package() -> None:
    from gguf import GGML_QUANT_SIZES

    from crofter.models.gguf.tables import TENSOR_TYPES

    assert {number: (kind.name, kind.block_elements, kind.block_bytes) for number, kind in TENSOR_TYPES.items()} == {
        int(kind): (kind.name, *sizes)
        for kind, sizes in GGML_QUANT_SIZES.items()
        if kind.name not in {"Q8_1", "Q8_K"}  # only ever in memory
    }


def test_an_alignment_of_its_own_is_used(tmp_path: Path) -> None:
    pairs = [raw.scalar("general.alignment", raw.UINT32, 64)]
    found = read(tmp_path, raw.gguf(pairs, [raw.tensor("a"), raw.tensor("b", offset=64)], 96, alignment=64))
    assert [tensor.offset % 64 for tensor in found.tensors] == [0, 0]


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(CrofterError) as caught:
        read_header(tmp_path / "absent.gguf")
    assert caught.value.code is ErrorCode.MODEL_NOT_FOUND
    with pytest.raises(CrofterError, match="not a file") as caught:
        read_header(tmp_path)
    assert caught.value.code is ErrorCode.MODEL_INVALID


NESTED = raw.array("nested", raw.ARRAY, 1, struct.pack("<IQ", raw.UINT32, 0))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "ends too early"),
        (b"GG", "ends too early"),
        (b"PK\3\4" + bytes(40), "does not begin with GGUF"),
        (raw.gguf(version=1), "version 1"),
        (raw.gguf(version=0), "version 0"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
        (raw.gguf(key_count=1 << 63), "keys"),
        (raw.gguf(tensor_count=(1 << 64) - 1), "tensors"),
        (raw.gguf(key_count=60_000), "do not fit"),
        (raw.gguf([raw.text("a", "x"), raw.text("a", "y")]), "occurs twice"),
        (raw.gguf([struct.pack("<Q", 1 << 62)]), "longer than"),
        (raw.gguf([raw.string("a") + struct.pack("<IQ", raw.STRING, (1 << 64) - 1)]), "longer than"),
        (raw.gguf([raw.string("a") + struct.pack("<IQ", raw.STRING, 1 << 20)]), "ends too early"),
        (raw.gguf([raw.string("a") + struct.pack("<I", 13) + bytes(64)]), "value type 13"),
        (raw.gguf([raw.string(b"\xff\xfe") + struct.pack("<II", raw.UINT32, 1)]), "UTF-8"),
        (raw.gguf([raw.array("a", raw.STRING, 1 << 40, b"")], data_bytes=64), "do not fit"),
        (raw.gguf([raw.array("a", raw.UINT32, 1 << 63, b"")], data_bytes=64), "ends too early"),
        (raw.gguf([raw.array("a", 99, 1, bytes(64))]), "value type 99"),
        (raw.gguf([NESTED]), "array of arrays"),
        (raw.gguf([raw.scalar("general.alignment", raw.UINT32, 48)]), "power of two"),
        (raw.gguf([raw.scalar("general.alignment", raw.UINT32, 0)]), "power of two"),
        (raw.gguf([raw.text("general.alignment", "32")]), "power of two"),
        (raw.gguf([], [raw.tensor("a"), raw.tensor("a", offset=32)], 64), "occurs twice"),
        (raw.gguf([], [raw.tensor("a" * 64)], 64), "longer than"),
        (raw.gguf([], [raw.tensor("a", ())], 64), "dimensions"),
        (raw.gguf([], [raw.tensor("a", (1, 1, 1, 1, 1))], 64), "dimensions"),
        (raw.gguf([], [raw.tensor("a", (0,))], 64), "impossible shape"),
        (raw.gguf([], [raw.tensor("a", (1 << 32, 1 << 32))], 64), "impossible shape"),
        (raw.gguf([], [raw.tensor("a", (33,), 8)], 64), "impossible shape"),
        (raw.gguf([], [raw.tensor("a", (8,), 4)], 64), "type 4"),
        (raw.gguf([], [raw.tensor("a", offset=4)], 64), "not aligned"),
        (raw.gguf([], [raw.tensor("a", (9,)), raw.tensor("b", offset=32)], 64), "overlaps"),
        (raw.gguf([], [raw.tensor("a", offset=(1 << 64) - 32)], 64), "incomplete download"),
        (raw.gguf([], [raw.tensor("a", (17,))], 64), "incomplete download"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in reason(tmp_path, content)


def test_a_header_with_too_many_entries_is_refused_before_they_are_walked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MAXIMUM_ITEMS", 100)
    lists = [raw.array(f"list.{each}", raw.STRING, 40, bytes(8 * 40)) for each in range(3)]
    assert "more than 100 entries" in reason(tmp_path, raw.gguf(lists))


def test_a_header_that_never_ends_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAXIMUM_HEADER_BYTES", 1000)
    assert "larger than" in reason(tmp_path, raw.gguf([raw.array("a", raw.UINT32, 500, bytes(2000))]))


def test_values_are_typed_or_refused(tmp_path: Path) -> None:
    found = read(tmp_path, raw.gguf(GOOD_PAIRS))
    assert found.text("general.architecture") == "llama"
    assert found.text("absent", "default") == "default"
    assert found.integer("absent", 5) == 5
    for key in ("absent", "an.integer", "a.float", "a.flag", "general.architecture", "some.numbers"):
        with pytest.raises(CrofterError, match="whole number"):
            found.integer(key)
    with pytest.raises(CrofterError, match="string"):
        found.text("an.integer")
    assert list(found.strings("some.numbers")) == list(found.strings("absent")) == []
    assert found.array_length("an.integer") == 0


def test_long_arrays_stay_in_the_file(tmp_path: Path) -> None:
    found = read(tmp_path, raw.gguf([raw.array("scores", raw.FLOAT32, 5_000, bytes(20_000))]))
    assert found.array_length("scores") == 5_000
    assert isinstance(found.metadata["scores"], Array)


def judged(path: Path, content: bytes) -> None:
    """Whatever the bytes are: facts, or an explained refusal."""
    path.write_bytes(content)
    try:
        read_facts(path)
    except CrofterError as error:
        assert error.code is ErrorCode.MODEL_INVALID  # noqa: PT017 - success is an answer too


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=400), st.sampled_from([b"", b"GGUF\3\0\0\0", b"GGUF\3\0\0\0" + struct.pack("<QQ", 1, 2)]))
def test_garbage_is_refused_in_words(tmp_path: Path, content: bytes, start: bytes) -> None:
    judged(tmp_path / "model.gguf", start + content)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    whole = raw.gguf(GOOD_PAIRS, [raw.tensor("a"), raw.tensor("b", offset=32)], 64)
    read(tmp_path, whole)
    for length in range(len(whole)):
        reason(tmp_path, whole[:length])


def test_a_hostile_file_costs_no_more_memory_than_its_own_size(tmp_path: Path) -> None:
    pairs = [raw.array("a", raw.UINT64, (1 << 60), b""), raw.array("b", raw.STRING, (1 << 60), b"")]
    path = tmp_path / "model.gguf"
    for pair in pairs:
        path.write_bytes(raw.gguf([pair], data_bytes=1 << 16))
        tracemalloc.start()
        with pytest.raises(CrofterError):
            header.read_header(path)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak_bytes < 4 << 20
