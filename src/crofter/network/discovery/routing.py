"""Kademlia's table of other nodes (Maymounkov and Mazieres, 2002): many that are near by XOR, few that are far. Pure.

Keys are SHA-256 of node ids. Old contacts are kept before new ones, and few of one subnet are taken, so that a flood of invented ids
from one place cannot take the table over. Only nodes that have answered, or come from where they say they are, are offered to it.
"""

import hashlib
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from crofter.core import NodeId
from crofter.network.addresses import host_of
from crofter.network.records import SignedRecord

BUCKET_SIZE = 16
KEY_BYTES = 32
MOST_OF_SUBNET_IN_BUCKET = 2
MOST_OF_SUBNET = 10
FAILS = 2


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """A node in the table."""

    signed: SignedRecord
    fails: int = 0

    @property
    def node_id(self) -> NodeId:
        return self.signed.record.node_id


class RoutingTable:
    """The contacts of one node, oldest first in each bucket; at most 16 for each length of common prefix."""

    def __init__(self, own_id: NodeId) -> None:
        self._own_key = node_key(own_id)
        self._buckets: dict[int, dict[NodeId, Contact]] = {}

    def offer(self, signed: SignedRecord) -> bool:
        """A node is there: remember it if there is room. A known one gets its new record and counts as living."""
        node_id = signed.record.node_id
        index = self._index(node_id)
        if not index:
            return False
        bucket = self._buckets.setdefault(index, {})
        if node_id in bucket:
            bucket[node_id] = Contact(signed=signed)
            return True
        if not self._diverse(bucket, signed):
            return False
        if len(bucket) >= BUCKET_SIZE:
            failing = next((each.node_id for each in bucket.values() if each.fails), None)
            if failing is None:
                return False
            del bucket[failing]
        bucket[node_id] = Contact(signed=signed)
        return True

    def has(self, node_id: NodeId, content: bytes) -> bool:
        """Whether exactly this record is in it."""
        contact = self._buckets.get(self._index(node_id), {}).get(node_id)
        return contact is not None and contact.signed.content == content

    def failed(self, node_id: NodeId) -> None:
        """A node has not answered: it makes room for others, and goes when it happens again."""
        bucket = self._buckets.get(self._index(node_id), {})
        contact = bucket.get(node_id)
        if contact is None:
            return
        if contact.fails + 1 >= FAILS:
            del bucket[node_id]
        else:
            bucket[node_id] = Contact(signed=contact.signed, fails=contact.fails + 1)

    def closest(self, key: bytes, most: int = BUCKET_SIZE) -> list[SignedRecord]:
        """The contacts nearest to a key, nearest first."""
        return closest((contact.signed for contact in self.contacts()), key, most)

    def contacts(self) -> list[Contact]:
        """All of them."""
        return [contact for bucket in self._buckets.values() for contact in bucket.values()]

    def _index(self, node_id: NodeId) -> int:
        """The bucket: how many bits of the distance matter; 0 for this node itself."""
        return distance(node_key(node_id), self._own_key).bit_length()

    def _diverse(self, bucket: dict[NodeId, Contact], signed: SignedRecord) -> bool:
        subnet = subnet_of(signed)
        if subnet is None:
            return True
        near = sum(subnet_of(contact.signed) == subnet for contact in bucket.values())
        everywhere = sum(subnet_of(contact.signed) == subnet for contact in self.contacts())
        return near < MOST_OF_SUBNET_IN_BUCKET and everywhere < MOST_OF_SUBNET


@lru_cache(maxsize=4_096)
def node_key(node_id: NodeId) -> bytes:
    """Where a node stands, and under which key its record is to be found."""
    return hashlib.sha256(node_id).digest()


def distance(one: bytes, other: bytes) -> int:
    """XOR, as a number."""
    return int.from_bytes(one) ^ int.from_bytes(other)


def closest(records: Iterable[SignedRecord], key: bytes, most: int) -> list[SignedRecord]:
    """Those nearest to a key, nearest first."""
    return sorted(records, key=lambda signed: distance(node_key(signed.record.node_id), key))[:most]


def subnet_of(signed: SignedRecord) -> str | None:
    """The network of the first address that is not of a home or this machine: /24, or /48 of IPv6. None: at home anybody may be many."""
    return next((subnet for address in signed.record.addresses if (subnet := _subnet(address)) is not None), None)


@lru_cache(maxsize=4_096)
def _subnet(address: str) -> str | None:
    ip = host_of(address)
    return f"{ip.version}:{int(ip) >> (8 if ip.version == 4 else 80):x}" if ip.is_global else None
