"""Nothing is opened that was not asked for."""

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.network.iroh.sockets import socket_plans


def test_both_families_are_tried_together_and_then_each() -> None:
    assert list(socket_plans(("127.0.0.1:1", "[::1]:2"))) == [
        ("127.0.0.1:1", "[::1]:2"),
        ("127.0.0.1:1",),
        ("[::1]:2",),
    ]


def test_family_nobody_asked_for_gets_loopback() -> None:
    assert list(socket_plans(("192.0.2.1:4433",))) == [("192.0.2.1:4433", "[::1]:0"), ("192.0.2.1:4433",)]
    assert next(socket_plans(("[2001:db8::1]:4433",))) == ("[2001:db8::1]:4433", "127.0.0.1:0")


def test_chosen_address_is_never_given_up_for_another() -> None:
    for plan in socket_plans(("192.0.2.1:4433", "[::1]:0")):
        assert "192.0.2.1:4433" in plan
    assert list(socket_plans(("0.0.0.0:1", "[::]:1"))) == [("0.0.0.0:1", "[::]:1"), ("0.0.0.0:1",), ("[::]:1",)]


@pytest.mark.parametrize("address", ["", "127.0.0.1", "localhost:1", "127.0.0.1:x", "127.0.0.1:65536", "::1"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(CrofterError) as caught:
        list(socket_plans((address,)))
    assert caught.value.code is ErrorCode.CONFIG_INVALID
