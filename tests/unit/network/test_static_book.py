import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.network import PeerAddress, StaticBook
from crofter.trust import Identity, readable_id

ONE, OTHER = Identity(bytes(32)).node_id, Identity(bytes([1]) * 32).node_id
ENTRY = f"{readable_id(ONE)}@192.0.2.1:7412@[2001:db8::1]:7412"


def test_entries_are_trusted_and_found() -> None:
    book = StaticBook([ENTRY])
    assert book.addresses_of(ONE) == PeerAddress(node_id=ONE, addresses=("192.0.2.1:7412", "[2001:db8::1]:7412"))
    assert (book.standing(ONE), book.standing(OTHER)) == ("trusted", "stranger")
    assert book.addresses_of(OTHER) is None


def test_entries_come_back_as_they_were_with_one_more() -> None:
    book = StaticBook([ENTRY])
    assert book.entries_with(PeerAddress(node_id=OTHER)) == (ENTRY, readable_id(OTHER))
    assert book.entries_with(PeerAddress(node_id=ONE)) == (readable_id(ONE),)


@pytest.mark.parametrize(
    "entry",
    ["", "nobody", f"{readable_id(ONE)}@host:1", f"{readable_id(ONE)}@192.0.2.1", f"{readable_id(ONE)}@1.2.3.4:0"],
)
def test_what_cannot_be_used_is_named_and_changes_nothing(entry: str) -> None:
    book = StaticBook([ENTRY])
    with pytest.raises(CrofterError) as caught:
        book.update([entry])
    assert (caught.value.code, caught.value.parameter) == (ErrorCode.CONFIG_INVALID, "network.peers")
    assert book.standing(ONE) == "trusted"
