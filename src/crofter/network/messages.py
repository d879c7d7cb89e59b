"""What is said between nodes without any other room: whether they are there, and a word from one owner to the other.

Unknown fields are passed over, so that newer nodes may say more; what is missing has its default.
"""

import msgspec

LONGEST_TEXT_CHARACTERS = 4_000


class Ping(msgspec.Struct, frozen=True, kw_only=True):
    """Are you there?"""


class Pong(msgspec.Struct, frozen=True, kw_only=True):
    """Yes."""

    version: str = msgspec.field(name="v")
    """Of the node's Crofter."""
    seen_at: str = ""
    """The address that the asker's packets come from, as seen there; empty if unknown."""
