"""What nodes say to each other about where others are. Records go as the bytes that their nodes signed."""

from typing import Annotated

import msgspec
from msgspec import Meta

from crofter.network.records import MAXIMUM_RECORD_BYTES

from .routing import KEY_BYTES
from .rumours import MAXIMUM_RUMOUR_BYTES, RUMOUR_ID_BYTES

MOST_RECORDS = 16
MOST_PUSHED = 16
MOST_OFFERED = 64

_Content = Annotated[bytes, Meta(max_length=MAXIMUM_RECORD_BYTES)]
_Key = Annotated[bytes, Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]
_Rumour = Annotated[bytes, Meta(max_length=MAXIMUM_RUMOUR_BYTES)]
_Name = Annotated[bytes, Meta(min_length=RUMOUR_ID_BYTES, max_length=RUMOUR_ID_BYTES)]


class PeersWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Who else is there?"""

    own: _Content = b""
    """The asker's own record, so that it can be found from here."""


class PeersOffered(msgspec.Struct, frozen=True, kw_only=True):
    """Some of those reached from here lately."""

    own: _Content = b""
    """The answerer's own record."""
    records: Annotated[tuple[_Content, ...], Meta(max_length=MOST_RECORDS)] = ()


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Rumours, and the names of others that are to be had here."""

    rumours: Annotated[tuple[_Rumour, ...], Meta(max_length=MOST_PUSHED)] = ()
    have: Annotated[tuple[_Name, ...], Meta(max_length=MOST_OFFERED)] = ()


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Of those offered, the ones that the other lacks."""

    names: Annotated[tuple[_Name, ...], Meta(max_length=MOST_PUSHED)] = ()


class Find(msgspec.Struct, frozen=True, kw_only=True):
    """Who is near this key, and who provides it?"""

    key: _Key
    own: _Content = b""
    """The asker's own record, so that it can be found from here."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Records of both."""

    nearest: Annotated[tuple[_Content, ...], Meta(max_length=MOST_RECORDS)] = ()
    providers: Annotated[tuple[_Content, ...], Meta(max_length=MOST_RECORDS)] = ()


class Provide(msgspec.Struct, frozen=True, kw_only=True):
    """The asker provides what this key stands for; his own record says where he is."""

    key: _Key
    own: _Content


class Provided(msgspec.Struct, frozen=True, kw_only=True):
    """Whether it was kept."""

    kept: bool = False
