"""Ten thousand damaged files: each is read or refused in words, and costs no more memory than a whole one."""

import random
import struct
import tracemalloc
from collections.abc import Generator
from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.models.facts.model_facts import read_facts
from crofter.models.gguf.header import read_header
from tests.gguf_files import write_tiny_llama
from tests.unit.models.gguf import raw_gguf as raw

EXTREMES = (
    *(struct.pack("<Q", value) for value in (0, 1, 1 << 31, (1 << 31) - 1, 1 << 32, 1 << 60, 1 << 63, (1 << 64) - 1)),
    *(struct.pack("<I", value) for value in (0, 1, 4, 8, 9, 13, 0xFFFFFFFF)),
)
PEAK_BYTES = 6 << 20
"""The reader's window, and what the header of a whole file takes many times over."""


def corpus(folder: Path) -> list[bytes]:
    """Small files that have everything a header can have."""
    tiny = write_tiny_llama(folder / "tiny.gguf", hidden=16, heads=2, kv_heads=1, layers=1)
    embedding = write_tiny_llama(folder / "embedding.gguf", hidden=16, heads=2, kv_heads=1, layers=1, pooling_type=1)
    pairs = [
        raw.text("general.architecture", "llama"),
        raw.scalar("general.alignment", raw.UINT32, 64),
        raw.array("some.numbers", raw.UINT32, 3, struct.pack("<3I", 1, 2, 3)),
        raw.array("some.strings", raw.STRING, 2, raw.string("one") + raw.string("two")),
    ]
    synthetic = raw.gguf(pairs, [raw.tensor("a"), raw.tensor("b", offset=64)], 128)
    return [tiny.read_bytes(), embedding.read_bytes(), synthetic]


def mutants(whole: bytes, header_bytes: int, count: int, chance: random.Random) -> Generator[bytes]:
    """Bits flipped, numbers made extreme, pieces repeated, moved or cut out, files cut short; mostly in the header."""
    for _ in range(count):
        mutant = bytearray(whole)
        for _ in range(chance.choice([1, 1, 1, 2, 4, 20])):
            at = chance.randrange(min(header_bytes, len(mutant)) or 1)
            other = chance.randrange(min(header_bytes, len(mutant)) or 1)
            length = chance.choice([1, 4, 8, 40])
            match chance.randrange(6):
                case 0 | 1:
                    mutant[at : at + 1] = bytes([mutant[at] ^ 1 << chance.randrange(8)]) if mutant else b""
                case 2 | 3:
                    value = chance.choice(EXTREMES)
                    mutant[at : at + len(value)] = value
                case 4:
                    mutant[at:at] = mutant[other : other + length]
                case _:
                    del mutant[at : at + length]
        if chance.random() < 0.2:
            del mutant[chance.randrange(len(mutant) + 1) :]
        yield bytes(mutant)


def judge(folder: Path, count: int, seed: int) -> int:
    """Reads `count` mutants of each file; returns how many were refused."""
    refused = 0
    path = folder / "mutant.gguf"
    for number, whole in enumerate(corpus(folder)):
        path.write_bytes(whole)
        header_bytes = min(tensor.offset for tensor in read_header(path).tensors)
        tracemalloc.start()
        for mutant in mutants(whole, header_bytes, count, random.Random(seed + number)):
            path.write_bytes(mutant)
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            try:
                read_facts(path)
            except CrofterError as error:
                refused += 1
                assert error.code is ErrorCode.MODEL_INVALID  # noqa: PT017 - being read is an answer too
            assert tracemalloc.get_traced_memory()[1] - before < PEAK_BYTES + len(mutant)
        tracemalloc.stop()
    return refused


def test_ten_thousand_mutants_are_read_or_refused_in_words(tmp_path: Path) -> None:
    # Most damage is seen; what changes only a name or a number that nobody needs is not damage.
    assert 6_000 < judge(tmp_path, 3_400, seed=1) < 10_200


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 900, 100))
def test_a_hundred_thousand_more(tmp_path: Path, seed: int) -> None:
    # In eight parts: on a busy machine one would take longer than any single test may.
    assert judge(tmp_path, 4_250, seed)
