from pathlib import Path

import pytest

from crofter.core import NodeId
from crofter.store import Database, MessageRecord, MessageRecords


@pytest.fixture
def messages(tmp_path: Path) -> MessageRecords:
    return MessageRecords(Database.open(tmp_path / "node.db", bytes(32)))


def message(number: int, peer: int = 1) -> MessageRecord:
    return MessageRecord(
        node_id=NodeId(peer.to_bytes(32)),
        message_id=number.to_bytes(16),
        text=f"{peer}:{number}",
        received_at=1000.0 + number,
    )


def test_newest_come_back_oldest_first(messages: MessageRecords) -> None:
    for number in range(5):
        messages.add(message(number))
    assert messages.newest(3) == [message(2), message(3), message(4)]


def test_message_that_comes_again_is_kept_once(messages: MessageRecords) -> None:
    for each in (message(1), message(1), message(1, peer=2)):
        messages.add(each)
    assert [kept.text for kept in messages.newest(9)] == ["1:1", "2:1"]


def test_one_node_cannot_push_out_the_others(messages: MessageRecords) -> None:
    messages.add(message(0, peer=2))
    for number in range(230):
        messages.add(message(number))
    kept = messages.newest(2_000)
    assert len(kept) == 201
    assert kept[0] == message(0, peer=2)
    assert kept[1] == message(30)


def test_all_together_are_bounded(messages: MessageRecords) -> None:
    for peer in range(1, 8):
        for number in range(150):
            messages.add(message(number + 1000 * peer, peer))
    assert len(messages.newest(2_000)) == 1_000
