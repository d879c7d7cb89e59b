"""The table keeps who has long answered, many near and few far, and lets no subnet take it over."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from crofter.network import SignedRecord
from crofter.network.discovery.routing import (
    BUCKET_SIZE,
    FAILS,
    MOST_OF_SUBNET,
    RoutingTable,
    closest,
    distance,
    node_key,
    subnet_of,
)
from tests.unit.network.discovery.conftest import NOW, node, signed


def at(number: int, address: str) -> SignedRecord:
    whole = signed(number)
    return msgspec.structs.replace(whole, record=msgspec.structs.replace(whole.record, addresses=(address,)))


@settings(deadline=None)
@given(st.lists(st.integers(2, 400), max_size=120), st.integers(1, 400))
def test_the_closest_are_the_closest_of_all_it_holds_and_no_bucket_overflows(met: list[int], target: int) -> None:
    table = RoutingTable(node(1))
    for number in met:
        table.offer(signed(number))
    key = node_key(node(target))
    held = [contact.signed for contact in table.contacts()]
    by_hand = sorted(held, key=lambda each: distance(node_key(each.record.node_id), key))
    assert table.closest(key) == by_hand[:BUCKET_SIZE] == closest(held, key, BUCKET_SIZE)
    assert all(len(bucket) <= BUCKET_SIZE for bucket in table._buckets.values())
    assert {contact.node_id for contact in table.contacts()} <= {node(number) for number in met}


def full() -> tuple[RoutingTable, int]:
    """A table whose farthest bucket is full, and somebody for whom there is no room in it."""
    table = RoutingTable(node(1))
    refused = next(number for number in range(2, 200) if not table.offer(signed(number)))
    return table, refused


def test_who_has_long_answered_stays_when_newcomers_flood_it() -> None:
    table, refused = full()
    before = {contact.node_id for contact in table.contacts()}
    for number in range(refused, 1_000):
        table.offer(signed(number))
    assert before <= {contact.node_id for contact in table.contacts()}
    assert len(table.contacts()) < 12 * BUCKET_SIZE


def test_who_fails_makes_room_and_goes_when_it_fails_again() -> None:
    table, refused = full()
    index = table._index(node(refused))
    failing = next(contact.node_id for contact in table.contacts() if table._index(contact.node_id) == index)
    table.failed(failing)
    assert failing in {contact.node_id for contact in table.contacts()}
    assert table.offer(signed(refused))
    assert failing not in {contact.node_id for contact in table.contacts()}
    for _ in range(FAILS):
        table.failed(node(refused))
    assert node(refused) not in {contact.node_id for contact in table.contacts()}


def test_an_answer_wipes_a_failure_out_and_brings_the_newest_record() -> None:
    table = RoutingTable(node(1))
    table.offer(signed(2))
    table.failed(node(2))
    table.offer(signed(2, at=NOW + 1))
    assert [(contact.signed, contact.fails) for contact in table.contacts()] == [(signed(2, at=NOW + 1), 0)]


def test_a_node_is_never_in_its_own_table() -> None:
    table = RoutingTable(node(1))
    assert not table.offer(signed(1))
    assert table.contacts() == []


def test_a_flood_of_ids_from_one_subnet_gets_few_places() -> None:
    table = RoutingTable(node(1))
    for number in range(2, 500):
        table.offer(at(number, f"8.8.8.{number % 200 + 1}:{number}"))
    assert len(table.contacts()) <= MOST_OF_SUBNET
    assert table.offer(at(600, "9.9.9.9:1"))


def test_subnets_are_of_the_open_network() -> None:
    assert subnet_of(at(2, "8.8.8.1:1")) == subnet_of(at(3, "8.8.8.200:2")) != subnet_of(at(4, "8.8.9.1:1"))
    assert subnet_of(at(2, "[2606:4700:1:2::1]:1")) == subnet_of(at(3, "[2606:4700:1:3::1]:1"))
    assert subnet_of(at(2, "[2606:4700:1:2::1]:1")) != subnet_of(at(3, "[2606:4700:2:2::1]:1"))
    assert subnet_of(at(2, "192.168.1.1:1")) is None
