"""The prefix cache finds what is shared, keeps its bound and forgets the least recently used."""

import numpy as np

from crofter.engine.worker.prefix import BLOCK_TOKENS, PrefixCache, block_hashes


def tokens(length: int, *, seed: int = 0) -> list[int]:
    return np.random.default_rng(seed).integers(0, 1000, length).tolist()


def state(size: int = 100) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.zeros(size, np.uint8)


def find(cache: PrefixCache, prompt: list[int], salt: bytes = b"") -> int:
    found = cache.find(np.asarray(prompt, np.int32), salt)
    return 0 if found is None else found[1]


def test_the_longest_shared_beginning_is_found_beyond_whole_blocks() -> None:
    cache = PrefixCache(1000, whole_only=False)
    first = tokens(100)
    cache.add(first, b"", state())
    assert find(cache, first[:70] + tokens(30, seed=1)) == 70
    assert find(cache, first) == 100
    assert find(cache, tokens(100, seed=2)) == 0


def test_less_than_a_block_is_not_kept_or_found() -> None:
    cache = PrefixCache(1000, whole_only=False)
    assert cache.add(tokens(BLOCK_TOKENS - 1), b"", state()) is None
    cache.add(tokens(100), b"", state())
    assert find(cache, tokens(100)[: BLOCK_TOKENS - 1]) == 0


def test_another_salt_shares_nothing() -> None:
    cache = PrefixCache(1000, whole_only=False)
    cache.add(tokens(100), b"adapter", state())
    assert find(cache, tokens(100)) == 0
    assert find(cache, tokens(100), b"adapter") == 100


def test_the_least_recently_used_goes_first() -> None:
    cache = PrefixCache(250, whole_only=False)
    cache.add(tokens(64, seed=1), b"", state())
    cache.add(tokens(64, seed=2), b"", state())
    find(cache, tokens(64, seed=1))
    cache.add(tokens(64, seed=3), b"", state())
    assert [find(cache, tokens(64, seed=seed)) for seed in (1, 2, 3)] == [64, 0, 64]
    assert cache.used_bytes == 200


def test_a_state_larger_than_the_bound_is_not_kept() -> None:
    cache = PrefixCache(99, whole_only=False)
    assert cache.add(tokens(64), b"", state()) is None
    assert cache.used_bytes == 0


def test_a_longer_prefix_replaces_what_it_contains() -> None:
    cache = PrefixCache(1000, whole_only=False)
    cache.add(tokens(200)[:64], b"", state())
    cache.add(tokens(200), b"", state())
    assert len(cache) == 1
    assert cache.holds(tokens(200)[:64], b"")


def test_a_recurrent_state_is_used_whole_or_not_at_all() -> None:
    cache = PrefixCache(1000, whole_only=True)
    first = tokens(100)
    cache.add(first, b"", state())
    cache.add(first[:64], b"", state())
    assert find(cache, first[:90] + tokens(20, seed=5)) == 64
    assert find(cache, first + tokens(20, seed=5)) == 100


def test_a_live_prefix_is_found_until_it_is_removed() -> None:
    cache = PrefixCache(0, whole_only=False)
    live = cache.add(tokens(64), b"", None, sequence=3)
    assert live is not None
    assert find(cache, tokens(64)) == 64
    assert not cache.holds(tokens(64), b"")
    cache.remove(live)
    cache.remove(live)
    assert find(cache, tokens(64)) == 0


def test_hashes_form_a_chain() -> None:
    first = np.asarray(tokens(96), np.int32)
    second = first.copy()
    second[0] += 1
    assert len(block_hashes(first, b"")) == 3
    assert not set(block_hashes(first, b"")) & set(block_hashes(second, b""))
    assert block_hashes(first[:64], b"") == block_hashes(first, b"")[:2]
