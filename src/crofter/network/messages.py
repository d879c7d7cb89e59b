"""What is said between nodes without any other room: whether they are there, and a word from one owner to the other.

Unknown fields are passed over, so that newer nodes may say more; what is missing has its default.
"""

from typing import Annotated

import msgspec

LONGEST_TEXT_CHARACTERS = 4_000
_MESSAGE_ID_BYTES = 16


class Ping(msgspec.Struct, frozen=True, kw_only=True):
    """Are you there?"""


class Pong(msgspec.Struct, frozen=True, kw_only=True):
    """Yes."""

    version: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """Of the node's Crofter; empty for those it does not trust."""
    seen_at: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """The address that the asker's packets come from, as seen there; empty if unknown."""


class TextMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A word to the owner of the other node."""

    message_id: Annotated[bytes, msgspec.Meta(min_length=_MESSAGE_ID_BYTES, max_length=_MESSAGE_ID_BYTES)]
    """Random: the same message sent again is kept once."""
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TEXT_CHARACTERS)]


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """It is kept, for its owner to read."""
