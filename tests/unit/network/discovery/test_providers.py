"""What others leave here is bounded by who, by what and in all, and goes with time."""

import pytest

from crofter.network.discovery import providers
from crofter.network.discovery.providers import MOST_KEYS_OF_ONE, MOST_OF_KEY, TTL_SECONDS, ProvidedKeys
from tests.unit.network.discovery.conftest import NOW, node


def key(number: int) -> bytes:
    return number.to_bytes(32)


def test_what_is_provided_is_found_until_its_hour_is_over() -> None:
    provided = ProvidedKeys()
    assert provided.provide(key(1), node(1), b"one", NOW)
    assert provided.provide(key(1), node(2), b"two", NOW + 10)
    assert provided.providers(key(1), NOW + 20) == [b"two", b"one"]
    assert provided.providers(key(1), NOW + TTL_SECONDS) == [b"two"]
    assert provided.provide(key(1), node(1), b"one again", NOW + TTL_SECONDS)
    assert provided.providers(key(1), NOW + TTL_SECONDS + 10) == [b"one again"]
    assert provided.providers(key(2), NOW) == []


def test_one_node_has_its_share_of_keys_and_one_key_of_nodes() -> None:
    provided = ProvidedKeys()
    assert [provided.provide(key(number), node(1), b"", NOW) for number in range(MOST_KEYS_OF_ONE)] == [
        True
    ] * MOST_KEYS_OF_ONE
    assert not provided.provide(key(999), node(1), b"", NOW)
    assert provided.provide(key(0), node(1), b"renewed", NOW)
    assert all(provided.provide(key(999), node(number), b"", NOW) for number in range(2, 2 + MOST_OF_KEY))
    assert not provided.provide(key(999), node(100), b"", NOW)


def test_the_whole_is_bounded_and_what_is_old_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "MOST_PROVIDED", 5)
    provided = ProvidedKeys()
    for number in range(1, 20):
        assert provided.provide(key(number), node(number), b"", NOW) == (number <= 5)
    assert len(provided) == 5
    assert provided.provide(key(50), node(50), b"", NOW + TTL_SECONDS)
    assert len(provided) == 1
