"""What models a provider offers: asked for only when its owner says so."""

import msgspec

from .faults import malformed
from .line import Line

_MOST_LIST_BYTES = 16 << 20
_MOST_MODELS = 5_000
_LONGEST_NAME = 256
_PAGE = 1000


class _Listed(msgspec.Struct):
    id: str = ""


class _Page(msgspec.Struct):
    data: list[_Listed] | None = None


_decoder: msgspec.json.Decoder[_Page | list[_Listed]] = msgspec.json.Decoder(_Page | list[_Listed])
"""Together answers with a bare list."""


async def listed_models(line: Line) -> tuple[str, ...]:
    """The names, each once, in the provider's order. Raises what `Line.fetched` raises, PROVIDER_FAILED for another reply."""
    path = f"/models?limit={_PAGE}" if line.provider.kind.wire == "anthropic" else "/models"
    body = await line.fetched("GET", path, most_bytes=_MOST_LIST_BYTES)
    try:
        reply = _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise malformed(line.provider) from error
    found = reply if isinstance(reply, list) else reply.data or []
    names = dict.fromkeys(model.id for model in found if 0 < len(model.id) <= _LONGEST_NAME and model.id.isprintable())
    return tuple(names)[:_MOST_MODELS]
