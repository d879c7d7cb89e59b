"""One way to read and write where a node is, and how far away that is."""

from ipaddress import ip_address

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.network import NetworkSettings
from crofter.network.addresses import (
    checked_address,
    host_of,
    is_dialable,
    is_near,
    is_relay_of_strangers,
    is_same_host,
    listening_address,
    within_reach,
)

NEAR = ["127.0.0.1:1", "192.168.1.5:7412", "[fe80::1%eth0]:7412", "[::1]:7412", "10.1.2.3:4"]
NO_ADDRESS = ["", "x:1", "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:-1", "2001:db8::1:1", "[192.0.2.1]:1"]


@pytest.mark.parametrize("address", NEAR)
def test_near(address: str) -> None:
    assert is_near(address)


@pytest.mark.parametrize("address", ["8.8.8.8:1", "[2600::1]:7412", "https://relay.example", "", "0.0.0.0:1", "x:1"])
def test_not_near(address: str) -> None:
    assert not is_near(address)


@pytest.mark.parametrize("text", NO_ADDRESS)
def test_what_is_no_address_is_refused_with_how_to_write_one(text: str) -> None:
    assert not is_dialable(text)
    for read, code in (
        (checked_address, ErrorCode.INVALID_REQUEST),
        (listening_address, ErrorCode.CONFIG_INVALID),
        (lambda address: NetworkSettings(listen=(address,)), ErrorCode.CONFIG_INVALID),
    ):
        with pytest.raises(CrofterError) as caught:
            read(text)
        assert caught.value.code is code
        assert "[2001:db8::1]:7412" in caught.value.message


def test_an_owner_may_listen_where_nobody_can_dial() -> None:
    assert listening_address("0.0.0.0:0") == "0.0.0.0:0"
    with pytest.raises(CrofterError):
        checked_address("192.0.2.1:0")


def test_addresses_of_owners_are_kept_in_the_one_form() -> None:
    assert checked_address(" [2001:DB8:0::1]:7412 ") == "[2001:db8::1]:7412"
    assert host_of("[2001:db8::1]:7412") == ip_address("2001:db8::1")
    assert not is_dialable("[2001:DB8::1]:7412")


def test_hosts_are_compared_without_their_ports() -> None:
    assert is_same_host("192.0.2.1:9", ["192.0.2.2:1", "192.0.2.1:1"])
    assert not is_same_host("192.0.2.3:1", ["192.0.2.1:1"])
    assert not is_same_host("", ["192.0.2.1:1"])


def test_packets_go_no_further_than_the_reach() -> None:
    reached = {
        reach: [address for address in (*NEAR, "8.8.8.8:1") if within_reach(address, reach)]
        for reach in ("machine", "lan", "internet")
    }
    assert reached == {
        "machine": ["127.0.0.1:1", "[::1]:7412"],
        "lan": ["192.168.1.5:7412", "10.1.2.3:4"],
        "internet": ["192.168.1.5:7412", "10.1.2.3:4", "8.8.8.8:1"],
    }


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:80", "http://192.168.0.1/", "http://router", "http://nas.local:1", "http://[::1]/"]
)
def test_no_stranger_names_a_relay_at_home(url: str) -> None:
    assert not is_relay_of_strangers(url)


@pytest.mark.parametrize("url", ["http://1.1.1.1:7412", "https://relay.example.org/", "http://[2600::1]:80"])
def test_relays_elsewhere_may_be_named_by_anybody(url: str) -> None:
    assert is_relay_of_strangers(url)
