"""Rows of images and sounds in prompts: where they lie, and who may share them."""

import numpy as np
import pytest

from crofter.engine.worker.media import ReadingCache, Rows, Span, position_of, shared_length
from crofter.engine.worker.prefix import PrefixCache

State = np.ndarray[tuple[int], np.dtype[np.uint8]]


def rows(key: bytes, count: int, positions: int | None = None) -> Rows:
    offsets = np.arange(count, dtype=np.int32)[None]
    return Rows(
        key=key,
        values=np.zeros((count, 4), np.float32),
        positions=count if positions is None else positions,
        offsets=offsets,
        moving=np.ones_like(offsets),
        mutual=False,
    )


def prompt(*pieces: list[int] | Rows) -> tuple[list[int], tuple[Span, ...]]:
    tokens: list[int] = []
    spans: list[Span] = []
    for piece in pieces:
        if isinstance(piece, Rows):
            spans.append(Span(len(tokens), piece))
            tokens += piece.stand_ins()
        else:
            tokens += piece
    return tokens, tuple(spans)


def test_stand_ins_are_no_tokens_and_follow_from_the_key() -> None:
    one, other = rows(b"one", 40).stand_ins(), rows(b"other", 40).stand_ins()
    assert all(number < 0 for number in one + other)
    assert one == rows(b"one", 40).stand_ins()
    assert not set(one) & set(other)


def test_positions_go_on_after_images_that_take_fewer_than_rows() -> None:
    tokens, spans = prompt([1] * 5, rows(b"a", 12, positions=4), [2] * 3, rows(b"b", 6, positions=3), [3])
    assert [position_of(index, spans) for index in (0, 4, 5, 17, 19, 20, 26)] == [0, 4, 5, 9, 11, 12, 15]
    assert len(tokens) == 27


def test_equal_stand_ins_of_another_file_share_nothing() -> None:
    _, spans = prompt([1] * 4, rows(b"mine", 8), [2])
    assert shared_length(13, spans, {4: b"mine"}) == 13
    assert shared_length(13, spans, {4: b"forged"}) == 4
    assert shared_length(13, spans, {}) == 4
    assert shared_length(10, spans, {4: b"mine"}) == 4
    assert shared_length(3, spans, {4: b"mine"}) == 3


@pytest.mark.parametrize("seed", range(20))
def test_what_two_prompts_share_ends_where_their_texts_or_images_differ(seed: int) -> None:
    random = np.random.default_rng(seed)
    pool: list[list[int] | Rows] = [rows(bytes([number]), 20 + number) for number in range(3)]
    pool += [random.integers(0, 50, 24).tolist() for _ in range(3)]
    cache = PrefixCache(10_000, whole_only=False)
    known: list[list[int]] = []
    for _ in range(12):
        chosen = random.integers(0, len(pool), 6).tolist()
        tokens, spans = prompt(*(pool[number] for number in chosen))
        best = 0
        for other in known:
            same = 0
            while same < 6 and other[same] == chosen[same]:
                same += 1
            length = len(prompt(*(pool[number] for number in chosen[:same]))[0])
            if same < 6:
                mine, theirs = pool[chosen[same]], pool[other[same]]
                if not isinstance(mine, Rows) and not isinstance(theirs, Rows):
                    length += next((at for at in range(24) if mine[at] != theirs[at]), 24)
            best = max(best, length)
        found = cache.find(np.asarray(tokens, np.int32), b"", spans)
        assert (found[1] if found else 0) == (best if best >= 32 else 0)
        cache.add(tokens, b"", np.zeros(1, np.uint8), spans=spans)
        known.append(chosen)


def test_readings_are_kept_within_the_bound_the_least_recently_used_goes() -> None:
    one = rows(b"a", 100)
    size = one.values.nbytes + 2 * one.offsets.nbytes
    cache = ReadingCache(2 * size)
    for name in (b"a", b"b"):
        cache.put(name, (rows(name, 100),))
    assert cache.get(b"a") is not None
    cache.put(b"c", (rows(b"c", 100),))
    assert [cache.get(name) is not None for name in (b"a", b"b", b"c")] == [True, False, True]
    cache.put(b"huge", (rows(b"huge", 1000),))
    assert cache.get(b"huge") is None
