"""Images and sounds in requests: taken out of every dialect's form of them, so that what is left is text with markers in it."""

import binascii
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Literal, TypeGuard

import anyio
import msgspec

from crofter.core import ChatPrompt, CrofterError, ErrorCode, MediaPart, Prompt

MOST_PARTS = 64
"""Of one request."""
MOST_FETCHED_BYTES = 64_000_000
"""By one request, all parts together."""
MOST_FETCHING_SECONDS = 60.0
"""The same."""
_DATA_URL = re.compile(r"data:(?P<type>[a-z]+/[a-z0-9.+-]+)?(?:;[a-z0-9=.+-]+)*;base64,", re.IGNORECASE)
_LONGEST_START = 200
_KINDS = {"image": "an image", "audio": "a sound"}

Kind = Literal["image", "audio"]
FetchMedia = Callable[[str, str], Awaitable[bytes]]
"""The file at an address. The second argument is the field to name in errors. Raises FORBIDDEN unless the node's owner allows it."""


async def no_fetching(_url: str, place: str) -> bytes:
    """The fetcher of a node that fetches nothing."""
    raise CrofterError(
        ErrorCode.FORBIDDEN,
        f"{place} is an address, and this node does not fetch what others name; send the file itself (data:…;base64,…), or let it: "
        "`crofter config set api.fetch_media_urls true`",
        parameter=place,
    )


class Attachments:
    """What one request brings, in order. Whoever reads a message puts the markers where the parts stood."""

    def __init__(self) -> None:
        self.parts: list[MediaPart] = []

    def url(self, kind: Kind, url: str | None, place: str) -> str:
        """Take a part given as an address, which may hold the file itself; returns its marker. Raises INVALID_REQUEST or UNSUPPORTED."""
        start = _DATA_URL.match(url or "", endpos=_LONGEST_START)
        if url and start is not None:
            named = start["type"]
            if named is not None and named.partition("/")[0].lower() not in {kind, "application"}:
                raise _invalid(place, f"is {named}, and {_KINDS[kind]} is expected")
            return self.encoded(kind, url[start.end() :], place)
        if not url or not url.startswith(("https://", "http://")):
            raise _invalid(place, "must be data:…;base64,… or an address that begins with https://")
        return self._add(kind, place, url=url)

    def encoded(self, kind: Kind, data: str | None, place: str) -> str:
        """Take a part given in base64; returns its marker. Raises INVALID_REQUEST."""
        try:
            file = binascii.a2b_base64("".join((data or "").split()), strict_mode=True)
        except (binascii.Error, ValueError) as error:
            raise _invalid(place, f"holds {_KINDS[kind]} that is not valid base64: {error}") from error
        if not file:
            raise _invalid(place, f"holds {_KINDS[kind]} that is empty")
        return self._add(kind, place, data=file)

    def _add(self, kind: Kind, place: str, *, data: bytes = b"", url: str = "") -> str:
        number = len(self.parts)
        if number == MOST_PARTS:
            raise CrofterError(
                ErrorCode.INVALID_REQUEST,
                f"{place}: a request may have {MOST_PARTS} images and sounds",
                parameter=place,
            )
        marker = f"<{kind}-{secrets.token_hex(8)}-{number}>"
        self.parts.append(MediaPart(kind=kind, data=data, url=url, marker=marker, place=place))
        return marker


def names_media(prompt: Prompt) -> TypeGuard[ChatPrompt]:
    """Whether something in the prompt is still to be fetched."""
    return isinstance(prompt, ChatPrompt) and any(part.url for part in prompt.media)


async def with_media(prompt: ChatPrompt, fetch: FetchMedia) -> ChatPrompt:
    """The prompt with what it names fetched. Raises what `fetch` raises, REQUEST_TOO_LARGE, TIMED_OUT."""
    left_bytes = MOST_FETCHED_BYTES
    media: list[MediaPart] = []
    place = ""
    try:
        with anyio.fail_after(MOST_FETCHING_SECONDS):
            for part in prompt.media:
                if not part.url:
                    media.append(part)
                    continue
                place = part.place
                media.append(msgspec.structs.replace(part, data=await fetch(part.url, place), url=""))
                left_bytes -= len(media[-1].data)
                if left_bytes < 0:
                    raise _too_large(place)
    except TimeoutError:
        message = f"{place}: what this request names was not there within {MOST_FETCHING_SECONDS:g} seconds"
        raise CrofterError(ErrorCode.TIMED_OUT, message, parameter=place) from None
    return msgspec.structs.replace(prompt, media=tuple(media))


def _too_large(place: str) -> CrofterError:
    message = f"{place}: what this request names is more than {MOST_FETCHED_BYTES:,} bytes"
    return CrofterError(ErrorCode.REQUEST_TOO_LARGE, message, parameter=place)


def _invalid(place: str, problem: str) -> CrofterError:
    return CrofterError(ErrorCode.INVALID_REQUEST, f"{place} {problem}", parameter=place)
