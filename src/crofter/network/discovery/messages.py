"""What nodes say to each other about where others are. Records go as the bytes that their nodes signed."""

from typing import Annotated

import msgspec
from msgspec import Meta

from crofter.network.records import MAXIMUM_RECORD_BYTES

MOST_RECORDS = 16

_Content = Annotated[bytes, Meta(max_length=MAXIMUM_RECORD_BYTES)]


class PeersWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Who else is there?"""

    own: _Content = b""
    """The asker's own record, so that it can be found from here."""


class PeersOffered(msgspec.Struct, frozen=True, kw_only=True):
    """Some of those reached from here lately."""

    own: _Content = b""
    """The answerer's own record."""
    records: Annotated[tuple[_Content, ...], Meta(max_length=MOST_RECORDS)] = ()
