"""Invites: one text that brings a new node into a network. Whoever holds it can use it, so it is short-lived and good for one.

`crofter-invite:` and base64url of a signature and a body in MessagePack, as in a record. The one who invites has signed it.
"""

import base64
import binascii
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from crofter.core import CrofterError, ErrorCode
from crofter.network.records import (
    MAXIMUM_RECORD_BYTES,
    SKEW_SECONDS,
    SignedRecord,
    network_tag,
    read_record,
)
from crofter.trust import INVITE_TOKEN_BYTES, LONGEST_INVITE_SECONDS, SIGNATURE_BYTES, Identity, is_signed

START = "crofter-invite:"
NETWORK_SECRET_BYTES = 32

_PURPOSE = "invite"
_LONGEST_TEXT = 2_000


class _Body(msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    version: Literal[1] = 1
    record: Annotated[bytes, Meta(max_length=MAXIMUM_RECORD_BYTES)]
    network_secret: Annotated[bytes, Meta(max_length=NETWORK_SECRET_BYTES)]
    token: Annotated[bytes, Meta(min_length=INVITE_TOKEN_BYTES, max_length=INVITE_TOKEN_BYTES)]
    expires_at: Annotated[int, Meta(ge=0, lt=1 << 53)]


class Invite(msgspec.Struct, frozen=True, kw_only=True):
    """What an invite says, with its signature checked. Its text form shows neither secret nor token in logs."""

    inviter: SignedRecord
    """Whom to ask. The record may be older than records may be among strangers: its addresses are hints all the same."""
    network_secret: bytes
    """32 bytes; empty for the open network."""
    token: bytes
    """16 random bytes, for whoever invited to know this invite by and to let nodes in with it."""
    expires_at: int
    """Unix seconds."""

    def __repr__(self) -> str:
        return f"Invite(of {self.inviter.record.node_id.hex()}, until {self.expires_at})"


def write_invite(identity: Identity, invite: Invite) -> str:
    """The text to hand over, by hand or as a QR code. Raises ValueError if it is not this node's own or breaks the bounds."""
    if invite.inviter.record.node_id != identity.node_id:
        raise ValueError("an invite is signed by the node it leads to")
    body = msgspec.msgpack.encode(
        _Body(
            record=invite.inviter.content,
            network_secret=invite.network_secret,
            token=invite.token,
            expires_at=invite.expires_at,
        )
    )
    text = START + base64.urlsafe_b64encode(identity.sign(_PURPOSE, body) + body).decode().rstrip("=")
    try:
        _checked(_content(text))
    except CrofterError as error:
        raise ValueError(error.message) from error
    return text


def read_invite(text: str, now: float) -> Invite:
    """The invite in a text; spaces and line breaks, which programs for mail put in, do not matter.

    Raises INVALID_REQUEST, saying what is wrong: mistyped or cut short, not signed by who it leads to, or out of date.
    """
    invite = _checked(_content("".join(text.split())))
    if invite.expires_at <= now:
        raise _refusal("this invite is out of date; ask for a new one")
    if invite.expires_at > now + LONGEST_INVITE_SECONDS + SKEW_SECONDS:
        raise _refusal("this invite would hold longer than an invite may; one of the two clocks is wrong")
    return invite


def _content(text: str) -> bytes:
    if not text.startswith(START) or len(text) > _LONGEST_TEXT:
        raise _refusal(f"an invite begins with {START} and has at most {_LONGEST_TEXT} characters")
    code = text.removeprefix(START)
    try:
        content = base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _damaged() from None
    # The last character has bits to spare, and the other alphabet is let through: one invite has one text.
    if base64.urlsafe_b64encode(content).decode().rstrip("=") != code:
        raise _damaged()
    return content


def _checked(content: bytes) -> Invite:
    signature, body = content[:SIGNATURE_BYTES], content[SIGNATURE_BYTES:]
    try:
        said = msgspec.msgpack.decode(body, type=_Body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise _damaged() from None
    inviter = read_record(said.record)
    if isinstance(inviter, str) or msgspec.msgpack.encode(said) != body:
        raise _damaged()
    if len(said.network_secret) not in (0, NETWORK_SECRET_BYTES):
        raise _damaged()
    if not is_signed(inviter.record.node_id, _PURPOSE, body, signature):
        raise _refusal("this invite was not signed by the node it leads to; do not use it")
    if inviter.record.network != network_tag(said.network_secret):
        raise _refusal("this invite leads to a node of another network than it names")
    return Invite(inviter=inviter, network_secret=said.network_secret, token=said.token, expires_at=said.expires_at)


def _damaged() -> CrofterError:
    return _refusal("this is not a whole invite; copy it again from its beginning to its end")


def _refusal(message: str) -> CrofterError:
    return CrofterError(ErrorCode.INVALID_REQUEST, f"{message}.", parameter="invite")
