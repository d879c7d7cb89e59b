"""What streams of providers come to when our readers have read them."""

import msgspec

from crofter.core import Chunk, CrofterError, ErrorCode, FinishReason, Usage
from crofter.providers.anthropic import AnthropicReader
from crofter.providers.dialect import AnswerReader
from crofter.providers.openai import OpenAIReader
from crofter.providers.sse import EventReader

Call = tuple[str, str]


class Told(msgspec.Struct, frozen=True):
    """What an answer comes to."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    reason: FinishReason | None = None
    usage: Usage | None = None


def withheld(reason: str) -> CrofterError:
    return CrofterError(ErrorCode.PROVIDER_REFUSED, reason)


def failed(error: object) -> CrofterError:
    return CrofterError(ErrorCode.PROVIDER_FAILED, str(error))


def reader_of(name: str, choices: int = 1) -> AnswerReader:
    return (
        AnthropicReader(withheld, failed) if name.startswith("anthropic") else OpenAIReader(choices, withheld, failed)
    )


def chunks_of(reader: AnswerReader, content: bytes, piece_bytes: int = 1 << 20) -> list[Chunk]:
    events, chunks = EventReader(), list[Chunk]()
    for start in range(0, len(content), piece_bytes):
        for data in events.feed(content[start : start + piece_bytes]):
            chunks.extend(reader.take(data))
    last = reader.finish()
    assert reader.ended
    assert last is not None
    return [*chunks, last]


def told(chunks: list[Chunk], choice: int = 0) -> Told:
    own = [chunk for chunk in chunks if chunk.choice == choice]
    names: list[str] = []
    arguments: list[str] = []
    for delta in (delta for chunk in own for delta in chunk.tool_calls):
        if delta.index == len(names):
            names.append(delta.name)
            arguments.append("")
        assert not delta.name or delta.name == names[delta.index]
        arguments[delta.index] += delta.arguments
    return Told(
        text="".join(chunk.text for chunk in own),
        reasoning="".join(chunk.reasoning for chunk in own),
        calls=tuple(zip(names, arguments, strict=True)),
        reason=own[-1].finish_reason,
        usage=chunks[-1].usage,
    )
