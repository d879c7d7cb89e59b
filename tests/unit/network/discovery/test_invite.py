"""An invite is taken as it was written, by whom it leads to, in time; anything else is refused with what to do."""

import base64

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crofter.core import CrofterError, ErrorCode
from crofter.network import network_tag
from crofter.network.discovery import Invite, read_invite, write_invite
from crofter.network.discovery.invite import START
from crofter.trust import LONGEST_INVITE_SECONDS
from tests.unit.network.discovery.conftest import NOW, identity, signed

SECRET = bytes(range(32))
TAG = network_tag(SECRET)


def invite(number: int = 1, secret: bytes = SECRET, expires_at: int = int(NOW) + 3600) -> Invite:
    return Invite(
        inviter=signed(number, tag=network_tag(secret)),
        network_secret=secret,
        token=bytes([7]) * 16,
        expires_at=expires_at,
    )


def text() -> str:
    return write_invite(identity(1), invite())


def body_text(signer: int, *fields: object) -> str:
    body = msgspec.msgpack.encode(fields)
    return START + base64.urlsafe_b64encode(identity(signer).sign("invite", body) + body).decode().rstrip("=")


def refused(written: str, saying: str, now: float = NOW) -> None:
    with pytest.raises(CrofterError, match=saying) as caught:
        read_invite(written, now)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert caught.value.parameter == "invite"


def test_an_invite_comes_back_as_it_was_written_also_from_a_mail() -> None:
    assert read_invite(text(), NOW) == invite()
    assert read_invite(f" {text()[:40]}\r\n{text()[40:]}\n", NOW) == invite()
    open_network = invite(secret=b"")
    assert read_invite(write_invite(identity(1), open_network), NOW) == open_network


def test_it_fits_a_qr_code_of_a_terminal() -> None:
    assert len(text()) < 600


def test_it_holds_until_it_expires_and_not_for_ever() -> None:
    refused(text(), "out of date", now=NOW + 3600)
    refused(write_invite(identity(1), invite(expires_at=int(NOW) + 2 * LONGEST_INVITE_SECONDS)), "longer than")


def test_its_record_may_be_older_than_records_may_be_among_strangers() -> None:
    late = NOW + 5 * 24 * 3600
    assert read_invite(write_invite(identity(1), invite(expires_at=int(late) + 1)), late).inviter == signed(1, tag=TAG)


def test_nobody_invites_to_another_node() -> None:
    with pytest.raises(ValueError, match="signed by the node"):
        write_invite(identity(2), invite(1))
    forged = body_text(2, 1, signed(1, tag=TAG).content, SECRET, bytes(16), int(NOW) + 60)
    refused(forged, "not signed by the node")


def test_the_record_belongs_to_the_network_it_names() -> None:
    refused(body_text(1, 1, signed(1, tag=TAG).content, bytes(32), bytes(16), int(NOW) + 60), "another network")


@pytest.mark.parametrize(
    "fields",
    [
        (2, signed(1, tag=TAG).content, SECRET, bytes(16), int(NOW) + 60),
        (1, b"no record", SECRET, bytes(16), int(NOW) + 60),
        (1, signed(1, tag=TAG).content, SECRET[:5], bytes(16), int(NOW) + 60),
        (1, signed(1, tag=TAG).content, SECRET, bytes(15), int(NOW) + 60),
        (1, signed(1, tag=TAG).content, SECRET, bytes(16), int(NOW) + 60, "more"),
        (1, signed(1, tag=TAG).content, SECRET, bytes(16)),
    ],
    ids=["version", "record", "secret", "token", "more", "less"],
)
def test_what_is_not_exactly_an_invite_is_refused(fields: tuple[object, ...]) -> None:
    refused(body_text(1, *fields), "not a whole invite")


@pytest.mark.parametrize(
    "written", ["", "hello", START, START + "ä", START + "A" * 3000, START + "A", START + "====", "http://x"]
)
def test_other_texts_are_refused(written: str) -> None:
    refused(written, "invite")


@settings(deadline=None)
@given(st.integers(0), st.sampled_from("ABCxyz019-_+/= é"))
def test_one_changed_character_is_noticed(position: int, character: str) -> None:
    whole = text()
    at = position % len(whole)
    changed = whole[:at] + character + whole[at + 1 :]
    if "".join(changed.split()) != whole:
        refused(changed, "invite")


def test_secret_and_token_stay_out_of_logs() -> None:
    assert SECRET.hex() not in repr(invite())
    assert "token" not in repr(invite())
