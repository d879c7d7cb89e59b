"""What a mode forbids is refused in one place: every kind of message, every standing, every mode."""

from itertools import product
from typing import get_args

import pytest

from crofter.network.kinds import Who
from crofter.network.plan import Layer, Mode, may_use, refusal
from crofter.network.wire import KINDS
from crofter.trust import Standing

MODES: tuple[Mode, ...] = get_args(Mode)
STANDINGS: tuple[Standing, ...] = get_args(Standing)
ASKERS: tuple[Who, ...] = get_args(Who)


def allowed(mode: Mode, who: Who, standing: Standing, *, near: bool = True) -> bool:
    return refusal(mode, who, standing, near=near) is None


@pytest.mark.parametrize("who", ASKERS)
def test_nothing_passes_while_off_or_with_a_blocked_node(who: Who) -> None:
    assert not any(allowed("off", who, standing) for standing in STANDINGS)
    assert not any(allowed(mode, who, "blocked") for mode in MODES)


def test_offline_stays_on_the_local_network() -> None:
    for who, standing in product(ASKERS, STANDINGS):
        assert not allowed("offline", who, standing, near=False)
        assert allowed("offline", who, standing) == allowed("private", who, standing, near=False)


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "off"])
def test_who_may_ask(mode: Mode) -> None:
    for standing in ("stranger", "pending", "trusted"):
        assert allowed(mode, "anyone", standing)
        assert allowed(mode, "public", standing) == (mode == "public" or standing == "trusted")
        assert allowed(mode, "trusted", standing) == (standing == "trusted")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_of_message_in_every_mode(kind: object) -> None:
    """What strangers get in a mode that is not public is written down here, kind by kind: a new one has to be added knowingly."""
    for_strangers = {
        "ping",
        "pair",
        "pair-code",
        "pair-proof",
        "join",
        "pool-join",
        "pool-ask",
        "pool-news",
        "pool-leave",
    }
    [row] = [row for row in KINDS if row is kind]
    for mode in ("private", "lan", "offline"):
        assert allowed(mode, row.who, "stranger") == (row.name in for_strangers)


def test_table_is_sound() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        assert 0 < len(kind.name) <= 32
        assert 0 < kind.most_bytes <= 16 * 2**20
        assert kind.per_minute > 0


def test_layers_of_each_mode() -> None:
    layers: tuple[Layer, ...] = get_args(Layer)
    assert not any(may_use("off", layer) for layer in layers)
    assert all(may_use("public", layer) for layer in layers)
    for layer in ("dht", "gossip"):
        assert [mode for mode in MODES if may_use(mode, layer)] == ["public"]
    assert [mode for mode in MODES if may_use(mode, "mdns")] == ["lan", "offline", "public"]
    assert not may_use("offline", "relays")
    assert not may_use("offline", "exchange")
