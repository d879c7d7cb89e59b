import pytest
from hypothesis import given
from hypothesis import strategies as st

from crofter.core import CrofterError, ErrorCode, shown_size
from crofter.models.hub.choose import Room, choose, fits_memory
from crofter.models.hub.variants import RepositoryFile, variants

GB = 10**9
FOUR_BILLION = {"Q2_K": 1.7, "Q3_K_M": 2.1, "IQ4_XS": 2.3, "Q4_K_S": 2.4, "Q4_K_M": 2.5, "Q5_K_M": 2.9, "Q6_K": 3.3,
                "Q8_0": 4.3, "BF16": 8.1}  # fmt: skip


def repository(sizes: dict[str, float], name: str = "model") -> list[RepositoryFile]:
    return [
        RepositoryFile(path=f"{name}-{label}.gguf", size_bytes=int(size * GB), sha256="0" * 64)
        for label, size in sizes.items()
    ]


def room(memory: float, disk: float = 500) -> Room:
    return Room(memory_bytes=int(memory * GB), disk_bytes=int(disk * GB))


def chosen(sizes: dict[str, float], memory: float, disk: float = 500) -> str:
    return choose(variants(repository(sizes)), room(memory, disk)).variant.quantization


@pytest.mark.parametrize(
    ("memory", "label"),
    [
        (64, "Q8_0"),
        (32, "Q8_0"),
        (16, "Q4_K_M"),
        (8, "Q4_K_M"),
        (4.6, "Q4_K_M"),
        (4.4, "IQ4_XS"),
        (4.2, "Q3_K_M"),
        (3.8, "Q2_K"),
    ],
)
def test_the_balanced_one_is_usual_better_where_memory_is_ample_smaller_where_it_is_short(
    memory: float, label: str
) -> None:
    assert chosen(FOUR_BILLION, memory) == label


def test_the_reason_is_one_sentence_with_sizes() -> None:
    choice = choose(variants(repository(FOUR_BILLION)), room(16))
    assert choice.reason == (
        "Q4_K_M (2.5 GB): the usual balance of quality and size, and it fits into this machine's 16.0 GB of memory."
    )
    assert "ample" in choose(variants(repository(FOUR_BILLION)), room(64)).reason
    assert "the best that fits" in choose(variants(repository(FOUR_BILLION)), room(4.2)).reason


def test_without_a_middle_one_the_smallest_that_loses_nothing_is_taken() -> None:
    assert chosen({"Q8_0": 4.3, "BF16": 8.1}, 12) == "Q8_0"
    assert chosen({"F16": 0.3}, 8) == "F16"
    assert "only one offered" in choose(variants(repository({"MYSTERY": 2})), room(16)).reason


def test_none_that_fits_is_an_error_that_names_the_smallest() -> None:
    with pytest.raises(CrofterError, match=r"Q2_K, is 1\.7 GB .*--quantization Q2_K") as caught:
        chosen(FOUR_BILLION, 3)
    assert caught.value.code is ErrorCode.OUT_OF_MEMORY


def test_too_little_disk_takes_a_smaller_one_or_says_what_is_missing() -> None:
    assert chosen(FOUR_BILLION, 16, disk=2.7) == "Q3_K_M"
    with pytest.raises(CrofterError, match=r"Q2_K needs 1\.7 GB and 500\.0 MB can be used") as caught:
        chosen(FOUR_BILLION, 16, disk=1)
    assert caught.value.code is ErrorCode.DISK_FULL


def test_what_is_asked_for_is_given_also_when_it_is_too_large_for_memory() -> None:
    found = variants(repository(FOUR_BILLION))
    assert choose(found, room(16), quantization="Q6_K").variant.quantization == "Q6_K"
    choice = choose(found, room(4), quantization="BF16")
    assert "but it needs about 9.2 GB" in choice.reason
    assert choice.reason.endswith("Q2_K (1.7 GB) of the same repository fits.")
    assert "the same repository" not in choose(found, room(16), quantization="Q6_K").reason
    assert "Nothing in the repository is small enough" in choose(found, room(2.5), quantization="Q2_K").reason
    assert choose(found, room(16), file="model-Q2_K.gguf").variant.quantization == "Q2_K"
    with pytest.raises(CrofterError) as caught:
        choose(found, room(16, disk=2), quantization="Q6_K")
    assert caught.value.code is ErrorCode.DISK_FULL


def test_a_file_is_found_by_its_bare_name_and_by_any_part() -> None:
    parts = [
        RepositoryFile(path=f"Q8_0/m-Q8_0-0000{part}-of-00002.gguf", size_bytes=GB, sha256="0" * 64) for part in (1, 2)
    ]
    found = variants([*parts, *repository({"Q4_K_M": 1})])
    assert choose(found, room(16), file="m-q8_0-00002-of-00002.gguf").variant.size_bytes == 2 * GB
    assert choose(found, room(16), file="Q8_0/m-Q8_0-00001-of-00002.gguf").variant.split


def test_what_is_not_there_is_answered_with_what_is() -> None:
    with pytest.raises(CrofterError, match=r"It has Q2_K \(1\.7 GB\)") as caught:
        choose(variants(repository(FOUR_BILLION)), room(16), quantization="Q5_0")
    assert caught.value.code is ErrorCode.MODEL_NOT_FOUND
    with pytest.raises(CrofterError, match="no GGUF") as caught:
        choose([], room(16))
    assert caught.value.code is ErrorCode.MODEL_NOT_FOUND


def test_two_models_in_one_repository_are_told_apart_by_file_only() -> None:
    found = variants([*repository({"Q4_K_M": 2}, "base"), *repository({"Q4_K_M": 2.1}, "instruct")])
    for asked in ({}, {"quantization": "Q4_K_M"}):
        with pytest.raises(CrofterError, match=r"base-Q4_K_M\.gguf, instruct-Q4_K_M\.gguf") as caught:
            choose(found, room(16), **asked)
        assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert choose(found, room(16), file="base-Q4_K_M.gguf").variant.size_bytes == 2 * GB


@given(
    st.dictionaries(st.sampled_from([*FOUR_BILLION, "ODD"]), st.floats(0.01, 200), min_size=1),
    st.floats(1, 600),
    st.floats(0.1, 600),
)
def test_a_choice_always_fits_memory_and_disk(sizes: dict[str, float], memory: float, disk: float) -> None:
    try:
        choice = choose(variants(repository(sizes)), room(memory, disk))
    except CrofterError as error:
        if error.code not in {ErrorCode.OUT_OF_MEMORY, ErrorCode.DISK_FULL}:
            raise
        return
    assert fits_memory(choice.variant.size_bytes, room(memory, disk))


@pytest.mark.parametrize(("size", "text"), [(5, "5 bytes"), (1500, "1.5 kB"), (2_497_280_256, "2.5 GB")])
def test_sizes_are_short(size: int, text: str) -> None:
    assert shown_size(size) == text
